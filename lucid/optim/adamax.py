"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import mlx.core as mx

from lucid.optim.formula import Formula
from lucid.tensor import Tensor


class Adamax(Formula):
    """Adam with the largest recent gradient in place of the root of the mean square.

    u = max(b2 u, |g| + eps); p = p - lr m / (1 - b1**t) / u. Kingma and Ba, "Adam: a method for
    stochastic optimization" (2015), section 7.

    Args:
        params: Tensors, or groups of them.
        lr: learning rate.
        betas: decay of the mean and of the maximum, both in [0, 1).
        eps: added to the gradient's size, against a division by zero.
        weight_decay: L2 penalty, added to the gradient.
        maximize: go up instead of down.
        kernels: torch's `foreach` and `capturable`, which change no result.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([1.0], requires_grad=True)
    >>> optimizer = lucid.optim.Adamax([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)
    0.9
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **kernels: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, kernels)

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, float]:
        beta1, beta2 = group["betas"]
        return {
            "lr": -group["lr"] / (1 - beta1 ** count["step"]),
            "new": 1 - beta1,
            "old_size": beta2,
            "eps": group["eps"],
        }

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        mean = state["exp_avg"]
        mean = mean + n["new"] * (gradient - mean)
        size = mx.maximum(n["old_size"] * state["exp_inf"], mx.abs(gradient) + n["eps"])
        return p + n["lr"] * mean / size, {"exp_avg": mean, "exp_inf": size}
