"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import mlx.core as mx

from lucid.optim.formula import Formula
from lucid.tensor import Tensor


class Adagrad(Formula):
    """Gradients divided by the root of the sum of all their squares so far.

    s = s + g**2; p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps). Duchi et al.,
    "Adaptive subgradient methods for online learning and stochastic optimization" (2011).

    Args:
        params: Tensors, or groups of them.
        lr: learning rate.
        lr_decay: how fast the rate falls with the steps.
        weight_decay: L2 penalty, added to the gradient.
        initial_accumulator_value: where the sum starts.
        eps: added to the root, against a division by zero.
        maximize: go up instead of down.
        kernels: torch's `foreach` and `fused`, which change no result.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([1.0], requires_grad=True)
    >>> optimizer = lucid.optim.Adagrad([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)
    0.9
    """

    _ranges: ClassVar[dict[str, Any]] = {"lr_decay": {}, "initial_accumulator_value": {}}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        **kernels: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "maximize": maximize,
        }
        super().__init__(params, defaults, kernels)

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("sum",)

    def _first(self, name: str, group: dict[str, Any], p: Tensor, dtype: mx.Dtype) -> mx.array:
        return mx.full(p.shape, group["initial_accumulator_value"], dtype)

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, float]:
        lr = group["lr"] / (1 + (count["step"] - 1) * group["lr_decay"])
        return {"lr": -lr, "eps": group["eps"]}

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        total = state["sum"] + gradient * gradient
        return p + n["lr"] * gradient / (mx.sqrt(total) + n["eps"]), {"sum": total}
