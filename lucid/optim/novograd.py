"""NovoGrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import mlx.core as mx

from lucid._sums import sum_of_squares
from lucid.optim.formula import Formula
from lucid.tensor import Tensor


class NovoGrad(Formula):
    """NovoGrad: gradients divided by a running norm of the whole tensor.

    v = b2 v + (1 - b2) |g|**2, in the first step v = |g|**2; m = b1 m + (g / (sqrt(v) + eps) +
    weight_decay p); p = p - lr m. Ginsburg et al., "Stochastic gradient methods with layer-wise
    adaptive moments for training of deep networks" (2019), as NVIDIA trains QuartzNet with it.

    Args:
        params: Tensors, or groups of them.
        lr: learning rate.
        betas: decay of the momentum and of the squared norm, both in [0, 1).
        eps: added to the norm, against a division by zero.
        weight_decay: added to the divided gradient.
        grad_averaging: multiply what goes into the momentum by 1 - b1.
        amsgrad: never let the norm shrink.
        maximize: go up instead of down.
        kernels: torch's `foreach`, `fused` and `capturable`, which change no result.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([3.0, 4.0], requires_grad=True)
    >>> optimizer = lucid.optim.NovoGrad([w], lr=1.0)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    Tensor([2.4, 3.2], grad=None)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.95, 0.98),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        grad_averaging: bool = False,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **kernels: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "grad_averaging": grad_averaging,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, defaults, kernels)

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        names = ("exp_avg", "exp_avg_sq")
        return (*names, "max_exp_avg_sq") if group["amsgrad"] else names

    def _first(self, name: str, group: dict[str, Any], p: Tensor, dtype: mx.Dtype) -> mx.array:
        return mx.zeros(p.shape if name == "exp_avg" else (), dtype)

    def _decay(self, group: dict[str, Any]) -> dict[str, float]:
        return {"added": group["weight_decay"]}

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, float]:
        beta1, beta2 = group["betas"]
        n = {"lr": -group["lr"], "old": beta1, "old_square": beta2, "new_square": 1 - beta2}
        n["eps"] = group["eps"]
        if group["grad_averaging"]:
            n["new"] = 1 - beta1
        return n

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        norm, square = sum_of_squares(gradient), state["exp_avg_sq"]
        # as long as it is 0, there was no gradient yet
        square = mx.where(square == 0, norm, n["old_square"] * square + n["new_square"] * norm)
        new = {"exp_avg_sq": square}
        if "max_exp_avg_sq" in state:
            square = new["max_exp_avg_sq"] = mx.maximum(state["max_exp_avg_sq"], square)
        gradient = gradient / (mx.sqrt(square) + n["eps"])
        if "added" in n:
            gradient = gradient + n["added"] * p
        if "new" in n:
            gradient = n["new"] * gradient
        new["exp_avg"] = mean = n["old"] * state["exp_avg"] + gradient
        return p + n["lr"] * mean, new
