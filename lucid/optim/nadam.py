"""NAdam."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import mlx.core as mx

from lucid.optim.formula import Formula
from lucid.tensor import Tensor


class NAdam(Formula):
    """Adam with Nesterov's momentum.

    With mu(t) = b1 (1 - 0.5 * 0.96**(t * momentum_decay)) and M(t) = mu(1) ... mu(t):
    p = p - lr ((1 - mu(t)) g / (1 - M(t)) + mu(t+1) m / (1 - M(t+1))) / (sqrt(v / (1 - b2**t))
    + eps). Dozat, "Incorporating Nesterov momentum into Adam" (2016).

    Args:
        params: Tensors, or groups of them.
        lr: learning rate.
        betas: decay of the two running means, both in [0, 1).
        eps: added to the root, against a division by zero.
        weight_decay: L2 penalty, added to the gradient.
        momentum_decay: how fast the momentum grows to its full value.
        decoupled_weight_decay: shrink the weights instead, as `AdamW` does.
        maximize: go up instead of down.
        kernels: torch's `foreach` and `capturable`, which change no result.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([1.0], requires_grad=True)
    >>> optimizer = lucid.optim.NAdam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 2)
    0.89
    """

    _ranges: ClassVar[dict[str, Any]] = {"momentum_decay": {}}
    _counts: ClassVar[dict[str, Any]] = {"mu_product": 1.0}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
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
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, kernels)

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, float]:
        (beta1, beta2), step = group["betas"], count["step"]
        mu, following = (
            beta1 * (1 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (step, step + 1)
        )
        count["mu_product"] = product = count["mu_product"] * mu
        return {
            "new": 1 - beta1,
            "old_square": beta2,
            "new_square": 1 - beta2,
            "correction": math.sqrt(1 - beta2**step),
            "eps": group["eps"],
            "gradient_lr": -group["lr"] * (1 - mu) / (1 - product),
            "mean_lr": -group["lr"] * following / (1 - product * following),
        }

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean = mean + n["new"] * (gradient - mean)
        square = n["old_square"] * square + n["new_square"] * gradient * gradient
        change = n["gradient_lr"] * gradient + n["mean_lr"] * mean
        p = p + change / (mx.sqrt(square) / n["correction"] + n["eps"])
        return p, {"exp_avg": mean, "exp_avg_sq": square}
