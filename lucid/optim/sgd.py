"""Stochastic gradient descent."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import mlx.core as mx

from lucid.optim.formula import Formula
from lucid.tensor import Tensor


class SGD(Formula):
    """Stochastic gradient descent, with momentum, Nesterov's too.

    With gradient g (plus `weight_decay` * p), buffer b and momentum m:
    b = g in the first step, then b = m b + (1 - dampening) g; p = p - lr b, or with `nesterov`
    p = p - lr (g + m b). Sutskever et al., "On the importance of initialization and momentum in
    deep learning" (2013), in torch's form, where lr multiplies the buffer.

    Args:
        params: Tensors, or groups of them.
        lr: learning rate.
        momentum: 0 is plain gradient descent.
        dampening: takes away from the gradient's share in the buffer.
        weight_decay: L2 penalty.
        nesterov: look ahead; needs momentum without dampening.
        maximize: go up instead of down.
        kernels: torch's `foreach` and `fused`, which change no result.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([1.0], requires_grad=True)
    >>> optimizer = lucid.optim.SGD([w], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w * w).sum().backward()
    ...     optimizer.step()
    >>> round(w.item(), 4)
    0.46
    """

    _ranges: ClassVar[dict[str, Any]] = {"dampening": {"low": -math.inf}}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        **kernels: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults, kernels)

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError(
                "nesterov needs a momentum above 0 and a dampening of 0, got "
                f"momentum={group['momentum']} and dampening={group['dampening']}"
            )

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] else ()

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, float]:
        n = {"lr": -group["lr"]}
        if group["momentum"]:
            n["momentum"] = group["momentum"]
            n["share"] = 1.0 if count["step"] == 1 else 1.0 - group["dampening"]
            if group["nesterov"]:
                n["nesterov"] = group["momentum"]
        return n

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        if "momentum" in n:
            buffer = n["momentum"] * state["momentum_buffer"] + n["share"] * gradient
            gradient = gradient + n["nesterov"] * buffer if "nesterov" in n else buffer
            state = {"momentum_buffer": buffer}
        return p + n["lr"] * gradient, state
