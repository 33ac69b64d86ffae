"""Losses of numbers: how far the input is from the target, element by element."""

from __future__ import annotations

import math
from typing import Any

from lucid import ops
from lucid.nn.losses.reduction import check_pair, check_tensors, reduced
from lucid.ops import loss
from lucid.ops.autocast import autocasts
from lucid.tensor import Tensor


@autocasts
def mse_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """(input - target)**2; with a weight of the same shape the mean is the weighted one.

    Raises:
        ValueError: shapes that differ; an unknown reduction.

    >>> import lucid
    >>> lucid.nn.functional.mse_loss(lucid.ones(3), lucid.zeros(3))
    Tensor(1., grad=None)
    """
    check_pair("mse_loss", input, target)
    losses = ops.square(input - target)
    return _weighted("mse_loss", losses, weight, reduction, input.dtype)


@autocasts
def l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """|input - target|; with a weight of the same shape the mean is the weighted one.

    Shapes: input, target and weight alike.

    Raises:
        ValueError: shapes that differ; an unknown reduction.

    >>> import lucid
    >>> lucid.nn.functional.l1_loss(lucid.tensor([1.0, -3.0]), lucid.zeros(2))
    Tensor(2., grad=None)
    """
    check_pair("l1_loss", input, target)
    return _weighted("l1_loss", ops.abs(input - target), weight, reduction, None)


def _weighted(
    name: str, losses: Tensor, weight: Tensor | None, reduction: str, dtype: Any
) -> Tensor:
    if weight is None:
        return reduced(name, losses, reduction, dtype)
    check_pair(name, losses, weight)
    if reduction == "mean":
        return ops.sum(losses * weight) / ops.sum(weight)
    return reduced(name, losses * weight, reduction, dtype)


@autocasts
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """d**2 / 2 where |d| < delta, else delta * (|d| - delta / 2); d = input - target (Huber, 1964).

    Shapes: input, target and weight alike.

    Raises:
        ValueError: shapes that differ; delta not above 0; an unknown reduction.

    >>> import lucid
    >>> x = lucid.tensor([1.0, 5.0])
    >>> lucid.nn.functional.huber_loss(x, lucid.zeros(2), reduction="none", delta=2.0)
    Tensor([0.5, 8. ], grad=None)
    """
    check_pair("huber_loss", input, target)
    check_delta("huber_loss", delta)
    losses = loss.huber(input, target, delta=delta)
    return _weighted("huber_loss", losses, weight, reduction, input.dtype)


def check_delta(name: str, delta: Any) -> None:
    """Raise where delta is not a positive number."""
    if not isinstance(delta, int | float):
        raise TypeError(f"{name}: delta must be a float or an int, got {delta!r}")
    if not delta > 0:
        raise ValueError(f"{name}: delta must be positive, got {delta}")


@autocasts
def smooth_l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """d**2 / (2 * beta) where |d| < beta, else |d| - beta / 2; d = input - target.

    From "Fast R-CNN" (Girshick, 2015). A beta of 0 gives `l1_loss`.

    Shapes: input and target alike.

    Raises:
        ValueError: shapes that differ; beta below 0; an unknown reduction.

    >>> import lucid
    >>> x = lucid.tensor([1.0, 5.0])
    >>> lucid.nn.functional.smooth_l1_loss(x, lucid.zeros(2), reduction="none", beta=2.0)
    Tensor([0.25, 4.  ], grad=None)
    """
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    check_pair("smooth_l1_loss", input, target)
    if not beta > 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    losses = loss.huber(input, target, delta=beta) / beta
    return reduced("smooth_l1_loss", losses, reduction, input.dtype)


@autocasts
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    *,
    reduction: str = "mean",
) -> Tensor:
    """-log of the Poisson probability of counts `target`, up to log(target!).

    exp(input) - target * input for `log_input`, else input - target * log(input + eps).

    Args:
        input: the rate, or its logarithm; broadcasts with target.
        full: add Stirling's approximation of log(target!) where the target is above 1.

    Raises:
        ValueError: an unknown reduction.

    >>> import lucid
    >>> lucid.nn.functional.poisson_nll_loss(lucid.tensor([0.0]), lucid.tensor([3.0]))
    Tensor(1., grad=None)
    """
    check_tensors("poisson_nll_loss", input, target)
    rate, log_rate = (ops.exp(input), input) if log_input else (input, ops.log(input + eps))
    losses = rate - target * log_rate
    if full:
        many = target > 1
        t = ops.where(many, target, 1.0)
        stirling = t * ops.log(t) - t + 0.5 * ops.log(2 * math.pi * t)
        losses = losses + ops.where(many, stirling, 0.0)
    return reduced("poisson_nll_loss", losses, reduction)


@autocasts
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    *,
    reduction: str = "mean",
) -> Tensor:
    """(log(var) + (input - target)**2 / var) / 2, var being at least eps (Nix and Weigend, 1994).

    Args:
        var: the variances: of the shape of input, or without its last dimension, or with 1 in
            place of one, or one number.
        full: add log(2 pi) / 2.
        eps: the least variance; no gradient flows through what it replaces.

    Raises:
        ValueError: a variance below 0, or of another shape.

    >>> import lucid
    >>> x, target = lucid.zeros(2), lucid.tensor([1.0, 3.0])
    >>> lucid.nn.functional.gaussian_nll_loss(x, target, var=1.0)
    Tensor(2.5, grad=None)
    """
    name = "gaussian_nll_loss"
    check_tensors(name, input, target)
    variance = var if isinstance(var, Tensor) else Tensor.full_like(input, var)
    if variance.shape == input.shape[:-1] and variance.shape != input.shape:
        variance = ops.unsqueeze(variance, -1)
    if variance.numel() != 1 and not _fits(variance.shape, input.shape):
        raise ValueError(
            f"{name}: var must have the shape of input, {input.shape}, or 1 in place of one of its "
            f"dimensions, got {variance.shape}"
        )
    if bool(ops.any(variance < 0)):
        raise ValueError(f"{name}: var must not be negative, got {ops.amin(variance).item()}")
    limited = variance + (ops.clamp(variance, min=eps) - variance).detach()
    losses = 0.5 * (ops.log(limited) + ops.square(input - target) / limited)
    losses = losses + 0.5 * math.log(2 * math.pi) if full else losses
    return reduced(name, losses, reduction)


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """The same shape, or 1 in place of one dimension."""
    if len(shape) != len(wanted):
        return False
    return [n for n, w in zip(shape, wanted, strict=True) if n != w] in ([], [1])
