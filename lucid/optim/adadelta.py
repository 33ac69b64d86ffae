"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import mlx.core as mx

from lucid.optim.formula import Formula
from lucid.tensor import Tensor


class Adadelta(Formula):
    """Steps in the unit of the parameter: needs no learning rate.

    v = rho v + (1 - rho) g**2; d = sqrt(u + eps) / sqrt(v + eps) g; u = rho u + (1 - rho) d**2;
    p = p - lr d. Zeiler, "ADADELTA: an adaptive learning rate method" (2012).

    Args:
        params: Tensors, or groups of them.
        lr: what the step is multiplied by.
        rho: decay of the two means of squares, from 0 to 1.
        eps: added under the roots.
        weight_decay: L2 penalty, added to the gradient.
        maximize: go up instead of down.
        kernels: torch's `foreach` and `capturable`, which change no result.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([1.0], requires_grad=True)
    >>> optimizer = lucid.optim.Adadelta([w])
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)
    0.9968
    """

    _ranges: ClassVar[dict[str, Any]] = {"rho": {"high": 1.0}}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **kernels: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, kernels)

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, float]:
        rho = group["rho"]
        return {"lr": -group["lr"], "old": rho, "new": 1 - rho, "eps": group["eps"]}

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        square = n["old"] * state["square_avg"] + n["new"] * gradient * gradient
        before = state["acc_delta"]
        delta = mx.sqrt(before + n["eps"]) / mx.sqrt(square + n["eps"]) * gradient
        deltas = n["old"] * before + n["new"] * delta * delta
        return p + n["lr"] * delta, {"square_avg": square, "acc_delta": deltas}
