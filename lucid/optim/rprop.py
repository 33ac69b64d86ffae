"""Resilient backpropagation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import mlx.core as mx

from lucid.optim.formula import Formula
from lucid.tensor import Tensor


class Rprop(Formula):
    """Steps whose size depends on the gradient's signs only. For whole data sets, not batches.

    Where a gradient keeps its sign the step grows by etas[1]; where it turns, the step shrinks
    by etas[0] and is left out once. Riedmiller and Braun, "A direct adaptive method for faster
    backpropagation learning: the RPROP algorithm" (1993).

    Args:
        params: Tensors, or groups of them.
        lr: size of the first step.
        etas: factors of a shrinking and of a growing step, below and above 1.
        step_sizes: the smallest and the largest step.
        maximize: go up instead of down.
        kernels: torch's `foreach` and `capturable`, which change no result.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([1.0], requires_grad=True)
    >>> optimizer = lucid.optim.Rprop([w], lr=0.1)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w**2).sum().backward()
    ...     optimizer.step()
    >>> round(w.item(), 4)
    0.78
    """

    _ranges: ClassVar[dict[str, Any]] = {
        "etas": ({"above": 0.0, "below": 1.0}, {"above": 1.0}),
        "step_sizes": ({}, {}),
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        maximize: bool = False,
        **kernels: Any,
    ) -> None:
        defaults = {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize}
        super().__init__(params, defaults, kernels)

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("prev", "step_size")

    def _first(self, name: str, group: dict[str, Any], p: Tensor, dtype: mx.Dtype) -> mx.array:
        return mx.full(p.shape, group["lr"] if name == "step_size" else 0.0, dtype)

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, float]:
        (shrink, grow), (low, high) = group["etas"], group["step_sizes"]
        return {"smaller": shrink, "larger": grow, "low": low, "high": high}

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        trend = gradient * state["prev"]
        factor = mx.where(trend > 0, n["larger"], mx.where(trend < 0, n["smaller"], 1.0))
        size = mx.minimum(mx.maximum(state["step_size"] * factor, n["low"]), n["high"])
        gradient = mx.where(trend < 0, 0.0, gradient)
        return p - mx.sign(gradient) * size, {"prev": gradient, "step_size": size}
