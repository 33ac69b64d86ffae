"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import mlx.core as mx

from lucid.optim.formula import Formula
from lucid.tensor import Tensor


class Adam(Formula):
    """Adam: steps of about lr in each coordinate, whatever the scale of its gradient.

    m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g**2;
    p = p - lr m / (1 - b1**t) / (sqrt(v / (1 - b2**t)) + eps).
    Kingma and Ba, "Adam: a method for stochastic optimization" (2015); `amsgrad` takes the
    largest v so far (Reddi et al., "On the convergence of Adam and beyond", 2018).

    Args:
        params: Tensors, or groups of them.
        lr: learning rate.
        betas: decay of the two running means, both in [0, 1).
        eps: added to the root, against a division by zero.
        weight_decay: L2 penalty, added to the gradient. `AdamW` shrinks the weights instead.
        amsgrad: never let the divisor shrink.
        maximize: go up instead of down.
        decoupled_weight_decay: shrink the weights, as `AdamW` does.
        kernels: torch's `foreach`, `fused` and `capturable`, which change no result.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([1.0, -50.0], requires_grad=True)
    >>> optimizer = lucid.optim.Adam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    Tensor([  0.9, -49.9], grad=None)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        **kernels: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults, kernels)

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        names = ("exp_avg", "exp_avg_sq")
        return (*names, "max_exp_avg_sq") if group["amsgrad"] else names

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, float]:
        (beta1, beta2), step = group["betas"], count["step"]
        return {
            "lr": -group["lr"] / (1 - beta1**step),
            "new": 1 - beta1,
            "old_square": beta2,
            "new_square": 1 - beta2,
            "correction": math.sqrt(1 - beta2**step),
            "eps": group["eps"],
        }

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean = mean + n["new"] * (gradient - mean)
        square = n["old_square"] * square + n["new_square"] * gradient * gradient
        new = {"exp_avg": mean, "exp_avg_sq": square}
        if "max_exp_avg_sq" in state:
            square = new["max_exp_avg_sq"] = mx.maximum(state["max_exp_avg_sq"], square)
        return p + n["lr"] * mean / (mx.sqrt(square) / n["correction"] + n["eps"]), new


class AdamW(Adam):
    """Adam with decoupled weight decay: each step first multiplies p by 1 - lr * weight_decay.

    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019). Arguments as `Adam`,
    but `weight_decay` is 0.01 unless given.

    >>> import lucid
    >>> w = lucid.tensor([1.0], requires_grad=True)
    >>> optimizer = lucid.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (0 * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)
    0.95
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **kernels: Any,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
            **kernels,
        )
