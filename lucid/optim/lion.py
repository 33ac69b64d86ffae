"""Lion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import mlx.core as mx

from lucid.optim.formula import Formula
from lucid.tensor import Tensor


class Lion(Formula):
    """Lion: the sign of a momentum. One array of state per parameter.

    p = p - lr (sign(b1 m + (1 - b1) g) + weight_decay p); m = b2 m + (1 - b2) g. Chen et al.,
    "Symbolic discovery of optimization algorithms" (2023): with a rate 3 to 10 times smaller,
    and a weight decay as many times larger, than those of `AdamW`.

    Args:
        params: Tensors, or groups of them.
        lr: learning rate: how far each coordinate goes.
        betas: decay of the momentum that gives the direction, and of the one kept; in [0, 1).
        weight_decay: shrinks the weights, as in `AdamW`.
        maximize: go up instead of down.
        kernels: torch's `foreach`, `fused` and `capturable`, which change no result.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([1.0, -50.0], requires_grad=True)
    >>> optimizer = lucid.optim.Lion([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    Tensor([  0.9, -49.9], grad=None)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **kernels: Any,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults, kernels)

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("exp_avg",)

    def _decay(self, group: dict[str, Any]) -> dict[str, float]:
        return {"shrink": 1 - group["lr"] * group["weight_decay"]}

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, float]:
        beta1, beta2 = group["betas"]
        return {"lr": -group["lr"], "new": 1 - beta1, "kept": 1 - beta2}

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        mean = state["exp_avg"]
        direction = mx.sign(mean + n["new"] * (gradient - mean))
        return p + n["lr"] * direction, {"exp_avg": mean + n["kept"] * (gradient - mean)}
