"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import mlx.core as mx

from lucid.optim.formula import Formula
from lucid.tensor import Tensor


class RMSprop(Formula):
    """Gradients divided by the root of a running mean of their squares.

    v = alpha v + (1 - alpha) g**2; p = p - lr g / (sqrt(v) + eps). `centered` subtracts the
    square of the mean gradient from v (Graves, "Generating sequences with recurrent neural
    networks", 2013). Tieleman and Hinton, "Lecture 6.5: rmsprop" (2012); as in torch, and unlike
    in TensorFlow, eps is outside the root.

    Args:
        params: Tensors, or groups of them.
        lr: learning rate.
        alpha: decay of the mean of squares.
        eps: added to the root, against a division by zero.
        weight_decay: L2 penalty, added to the gradient.
        momentum: of the divided gradients.
        centered: divide by the standard deviation.
        maximize: go up instead of down.
        kernels: torch's `foreach` and `capturable`, which change no result.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([1.0], requires_grad=True)
    >>> optimizer = lucid.optim.RMSprop([w], lr=0.01)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)
    0.9
    """

    _ranges: ClassVar[dict[str, Any]] = {"alpha": {}}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
        **kernels: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        super().__init__(params, defaults, kernels)

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        names = ["square_avg"]
        names += ["momentum_buffer"] if group["momentum"] else []
        names += ["grad_avg"] if group["centered"] else []
        return tuple(names)

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, float]:
        n = {
            "lr": -group["lr"],
            "old_square": group["alpha"],
            "new": 1 - group["alpha"],
            "eps": group["eps"],
        }
        if group["momentum"]:
            n["momentum"] = group["momentum"]
        return n

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        square = n["old_square"] * state["square_avg"] + n["new"] * gradient * gradient
        new = {"square_avg": square}
        if "grad_avg" in state:
            mean = state["grad_avg"]
            mean = new["grad_avg"] = mean + n["new"] * (gradient - mean)
            square = square - mean * mean
        change = gradient / (mx.sqrt(square) + n["eps"])
        if "momentum" in n:
            change = new["momentum_buffer"] = n["momentum"] * state["momentum_buffer"] + change
        return p + n["lr"] * change, new
