"""RAdam."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import mlx.core as mx

from lucid.optim.formula import Formula
from lucid.tensor import Tensor


class RAdam(Formula):
    """Rectified Adam: plain momentum until the second moment is known well enough.

    With rho_inf = 2 / (1 - b2) - 1 and rho = rho_inf - 2 t b2**t / (1 - b2**t):
    p = p - lr r m / (1 - b1**t) / (sqrt(v) + eps) sqrt(1 - b2**t) where rho > 5, and
    p = p - lr m / (1 - b1**t) before. r = sqrt((rho - 4)(rho - 2) rho_inf / ((rho_inf - 4)
    (rho_inf - 2) rho)). Liu et al., "On the variance of the adaptive learning rate and beyond"
    (2020).

    Args:
        params: Tensors, or groups of them.
        lr: learning rate.
        betas: decay of the two running means, both in [0, 1).
        eps: added to the root, against a division by zero.
        weight_decay: L2 penalty, added to the gradient.
        decoupled_weight_decay: shrink the weights instead, as `AdamW` does.
        maximize: go up instead of down.
        kernels: torch's `foreach` and `capturable`, which change no result.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([1.0], requires_grad=True)
    >>> optimizer = lucid.optim.RAdam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4)
    0.8
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **kernels: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, kernels)

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, float]:
        (beta1, beta2), step = group["betas"], count["step"]
        n = {
            "lr": -group["lr"] / (1 - beta1**step),
            "new": 1 - beta1,
            "old_square": beta2,
            "new_square": 1 - beta2,
        }
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / (1 - beta2**step)
        if length > 5:
            rectified = (length - 4) * (length - 2) * longest
            rectified /= (longest - 4) * (longest - 2) * length
            n["rectified"] = math.sqrt(rectified * (1 - beta2**step))
            n["eps"] = group["eps"]
        return n

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean = mean + n["new"] * (gradient - mean)
        square = n["old_square"] * square + n["new_square"] * gradient * gradient
        change = n["lr"] * mean
        if "rectified" in n:
            change = change * n["rectified"] / (mx.sqrt(square) + n["eps"])
        return p + change, {"exp_avg": mean, "exp_avg_sq": square}
