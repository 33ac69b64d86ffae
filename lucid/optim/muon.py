"""Muon."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import mlx.core as mx

from lucid._sums import sum_of_squares
from lucid.optim.formula import Formula
from lucid.optim.optimizer import check_number
from lucid.tensor import Tensor

_SCALES = ("original", "match_rms_adamw")


class Muon(Formula):
    """Momentum whose matrix is made nearly orthogonal before each step. For matrices only.

    b = momentum b + (1 - momentum) g; u = g + momentum (b - g) with `nesterov`, else b;
    p = (1 - lr weight_decay) p - lr s O(u). O is `ns_steps` Newton-Schulz steps
    x = a x + (b y + c y y) x with y = x x^T, which bring all singular values near 1 (torch
    rounds them to bfloat16);
    s = sqrt(max(1, rows / columns)), or 0.2 sqrt(max(rows, columns)) to match the size of
    AdamW's steps. Jordan et al., "Muon: an optimizer for hidden layers in neural networks"
    (2024); Liu et al., "Muon is scalable for LLM training" (2025).

    Args:
        params: matrices; biases, norms, embeddings and convolutions need another optimizer.
        lr: learning rate.
        weight_decay: shrinks the weights, as in `AdamW`.
        momentum: decay of the running mean of the gradients.
        nesterov: look ahead.
        ns_coefficients: a, b, c.
        eps: the least norm that a matrix is divided by.
        ns_steps: Newton-Schulz steps, below 100.
        adjust_lr_fn: "original" (also None) or "match_rms_adamw", the scale s.

    Raises:
        ValueError: a parameter that is not a matrix, or an option out of range.

    >>> import lucid
    >>> w = lucid.zeros(2, 2, requires_grad=True)
    >>> optimizer = lucid.optim.Muon([w], lr=1.0)
    >>> (w * lucid.tensor([[3.0, 0.0], [0.0, 1.0]])).sum().backward()
    >>> optimizer.step()
    >>> w.detach().round()
    Tensor([[-1.,  0.],
            [ 0., -1.]], grad=None)
    """

    _ranges: ClassVar[dict[str, Any]] = {"ns_coefficients": ({"low": -math.inf},) * 3}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults, {})

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        if group["adjust_lr_fn"] not in (None, *_SCALES):
            raise ValueError(
                f"Muon expects adjust_lr_fn to be one of {_SCALES} or None, got "
                f"{group['adjust_lr_fn']!r}"
            )
        check_number("Muon", "ns_steps", group["ns_steps"], below=100)
        for p in group["params"]:
            if p.ndim != 2:
                raise ValueError(
                    f"Muon optimizes matrices, got a parameter of shape {p.shape}; "
                    "give those of other dimensions to AdamW"
                )

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("momentum_buffer",)

    def _decay(self, group: dict[str, Any]) -> dict[str, float]:
        return {"shrink": 1 - group["lr"] * group["weight_decay"]}

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, Any]:
        n = {"lr": -group["lr"], "new": 1 - group["momentum"], "eps": group["eps"]}
        if group["nesterov"]:
            n["ahead"] = group["momentum"]
        if group["adjust_lr_fn"] == "match_rms_adamw":
            n["match"] = 0.2
        # one row of coefficients per step
        return {**n, "steps": [list(group["ns_coefficients"])] * group["ns_steps"]}

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        buffer = state["momentum_buffer"]
        buffer = buffer + n["new"] * (gradient - buffer)
        update = gradient + n["ahead"] * (buffer - gradient) if "ahead" in n else buffer
        rows, columns = p.shape
        if "match" in n:
            scale = n["match"] * math.sqrt(max(rows, columns))
        else:
            scale = mx.array(math.sqrt(max(1, rows / columns)), p.dtype)
        change = _orthogonal(update, n["steps"], n["eps"])
        return p + n["lr"] * scale * change, {"momentum_buffer": buffer}


def _orthogonal(matrix: mx.array, steps: mx.array, eps: mx.array) -> mx.array:
    """A matrix with the same singular vectors and all singular values near 1."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / mx.maximum(mx.sqrt(sum_of_squares(x)), eps)
    for a, b, c in steps:
        y = x @ x.T
        x = a * x + (b * y + c * (y @ y)) @ x
    return x.T if tall else x
