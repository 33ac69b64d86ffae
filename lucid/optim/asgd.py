"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import mlx.core as mx

from lucid.optim.formula import Formula
from lucid.tensor import Tensor


class ASGD(Formula):
    """Stochastic gradient descent that also keeps the mean of the parameters, in state "ax".

    p = (1 - lambd eta) p - eta g with eta = lr / (1 + lambd lr t)**alpha of the step before; from
    step `t0` on, "ax" is the mean of the parameters. Polyak and Juditsky, "Acceleration of
    stochastic approximation by averaging" (1992).

    Args:
        params: Tensors, or groups of them.
        lr: learning rate.
        lambd: decay of the parameters.
        alpha: power of the rate's decay.
        t0: the step at which averaging starts.
        weight_decay: L2 penalty, added to the gradient.
        maximize: go up instead of down.
        kernels: torch's `foreach` and `capturable`, which change no result.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([1.0], requires_grad=True)
    >>> optimizer = lucid.optim.ASGD([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)
    0.8
    """

    _counts: ClassVar[dict[str, Any]] = {"eta": 0.0, "mu": 1.0}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **kernels: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, kernels)

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("ax",)

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, float]:
        lr, lambd, step = group["lr"], group["lambd"], count["step"]
        eta, mu = lr if step == 1 else count["eta"], count["mu"]
        count["eta"] = lr / (1 + lambd * lr * step) ** group["alpha"]
        count["mu"] = 1 / max(1.0, step - group["t0"])
        n = {"keep": 1 - lambd * eta, "lr": -eta}
        if mu != 1:
            n["mu"] = mu
        return n

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        p = n["keep"] * p + n["lr"] * gradient
        mean = state["ax"] + n["mu"] * (p - state["ax"]) if "mu" in n else p
        return p, {"ax": mean}
