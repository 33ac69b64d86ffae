"""The losses of `nn.functional`: `lucid.ops.loss` with weighting, checks and reduction."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx
import numpy as np

from lucid import ops
from lucid.autograd import laziness
from lucid.nn.module import Module
from lucid.ops import loss
from lucid.ops.autocast import autocasts
from lucid.ops.device import on_device
from lucid.tensor import Tensor


def _reduced(name: str, losses: Tensor, reduction: str, dtype: Any) -> Tensor:
    if reduction == "mean":
        losses = ops.mean(losses)
    elif reduction == "sum":
        losses = ops.sum(losses)
    elif reduction != "none":
        raise _unknown_reduction(name, reduction)
    return losses if losses.dtype == dtype else losses.to(dtype)


def _unknown_reduction(name: str, reduction: Any) -> ValueError:
    return ValueError(f'{name}: reduction must be "mean", "sum" or "none", got {reduction!r}')


def _pair(name: str, x: Any, target: Any) -> None:
    for t in (x, target):
        if not isinstance(t, Tensor):
            raise TypeError(f"{name} expects two Tensors, got {type(t).__name__}")
    if x.shape != target.shape:
        raise ValueError(
            f"{name} expects input and target of one shape, got {x.shape} and {target.shape}; "
            "reshape one of them"
        )


@autocasts
def mse_loss(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """(x - target)**2.

    >>> import lucid
    >>> lucid.nn.functional.mse_loss(lucid.ones(3), lucid.zeros(3))
    Tensor(1., grad=None)
    """
    _pair("mse_loss", x, target)
    return _reduced("mse_loss", ops.square(x - target), reduction, x.dtype)


@autocasts
def l1_loss(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """|x - target|."""
    _pair("l1_loss", x, target)
    return _reduced("l1_loss", ops.abs(x - target), reduction, x.dtype)


@autocasts
def huber_loss(x: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """d**2 / 2 where |d| < delta, else delta * (|d| - delta / 2); d = x - target."""
    _pair("huber_loss", x, target)
    if not delta > 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    return _reduced("huber_loss", loss.huber(x, target, delta=delta), reduction, x.dtype)


@autocasts
def smooth_l1_loss(x: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """d**2 / (2 * beta) where |d| < beta, else |d| - beta / 2; d = x - target."""
    if beta == 0:
        return l1_loss(x, target, reduction)
    _pair("smooth_l1_loss", x, target)
    if not beta > 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    losses = loss.huber(x, target, delta=beta) / beta
    return _reduced("smooth_l1_loss", losses, reduction, x.dtype)


@autocasts
def binary_cross_entropy_with_logits(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-(pos_weight * t * log(sigmoid(x)) + (1 - t) * log(1 - sigmoid(x))), times weight.

    Args:
        x: logits.
        target: probabilities, of the shape of x.
        weight, pos_weight: broadcast against x.
    """
    _pair("binary_cross_entropy_with_logits", x, target)
    losses = loss.binary_cross_entropy_with_logits(x, target, pos_weight)
    losses = losses if weight is None else losses * weight
    return _reduced("binary_cross_entropy_with_logits", losses, reduction, x.dtype)


@autocasts
def cross_entropy(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log(softmax(x)) at the target class.

    Shapes: x (N, C), (N, C, L, ...) or (C,); target without the C, of ints, or of the shape of x
    with a probability for each class.

    Args:
        weight: (C,), a factor for each class; "mean" then divides by the weights' sum.
        ignore_index: targets that do not count.
        label_smoothing: the part of the target that is spread over all classes.

    Raises:
        IndexError: a target class outside 0 to C - 1.
        ValueError: shapes that do not agree.
        TypeError: targets of a wrong dtype.

    >>> import lucid
    >>> round(lucid.nn.functional.cross_entropy(lucid.zeros(2, 4), lucid.tensor([0, 3])).item(), 4)
    1.3863
    """
    name = "cross_entropy"
    axis = _class_axis(name, x, target, weight)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must be from 0 to 1, got {label_smoothing}")
    classes = x.shape[axis]
    if target.is_floating_point():
        if target.shape != x.shape:
            raise ValueError(
                f"{name}: targets of dtype {target.dtype} are class probabilities, of the shape of "
                f"x, {x.shape}; got {target.shape}. Class indices must be ints"
            )
        spread = target * (1 - label_smoothing) + label_smoothing / classes
        if weight is not None:
            spread = spread * weight.reshape(_along(axis, x.ndim, classes))
        losses = loss.soft_cross_entropy(x, spread, axis=axis)
        count = x.numel() // classes
        return _divided(name, losses, float(count), reduction, x.dtype)
    with on_device(x.device):
        spread, weights = _index_targets(name, x, target, weight, ignore_index, axis)
        if label_smoothing:
            every = mx.array(1.0) if weight is None else _classwise(weight, axis, x.ndim)
            valid = mx.expand_dims(target.array != ignore_index, axis)
            spread = (1 - label_smoothing) * spread
            spread = spread + (label_smoothing / classes) * every * valid
    losses = loss.soft_cross_entropy(x, spread, axis=axis)
    return _divided(name, losses, weights, reduction, x.dtype)


@autocasts
def nll_loss(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-x at the target class, for log-probabilities x. Arguments as `cross_entropy`."""
    axis = _class_axis("nll_loss", x, target, weight)
    with on_device(x.device):
        spread, weights = _index_targets("nll_loss", x, target, weight, ignore_index, axis)
    losses = -loss.weighted_sum(x, spread, axis=axis)
    return _divided("nll_loss", losses, weights, reduction, x.dtype)


def _divided(name: str, losses: Tensor, weights: Any, reduction: str, dtype: Any) -> Tensor:
    """Reduce; the mean is weighted, `weights` being their array or their sum."""
    if reduction != "mean":
        return _reduced(name, losses, reduction, dtype)
    if isinstance(weights, mx.array):
        weights = weights.sum() if weights.size else 0.0  # MLX's sum of nothing can hang
    weights = mx.array(weights)
    nothing = weights == 0  # the mean of nothing is NaN, but it moves no parameter
    mean = ops.sum(losses) / mx.where(nothing, 1, weights) + mx.where(nothing, math.nan, 0)
    return mean if mean.dtype == dtype else mean.to(dtype)


def _class_axis(name: str, x: Any, target: Any, weight: Any) -> int:
    for t in (x, target):
        if not isinstance(t, Tensor):
            raise TypeError(f"{name} expects Tensors, got {type(t).__name__}")
    if not x.is_floating_point():
        raise TypeError(f"{name} expects floating point scores, got {x.dtype}")
    if x.ndim == 0:
        raise ValueError(f"{name} expects x of shape (C,), (N, C) or (N, C, ...), got ()")
    axis = 0 if x.ndim == 1 else 1
    if x.shape[axis] == 0:
        raise ValueError(f"{name} needs at least one class, got x of shape {x.shape}")
    if weight is not None and weight.shape != (x.shape[axis],):
        raise ValueError(
            f"{name}: weight must have one value per class, shape ({x.shape[axis]},), "
            f"got {weight.shape}"
        )
    return axis


def _index_targets(
    name: str, x: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, axis: int
) -> tuple[mx.array, mx.array]:
    """The coefficient of each class, of the shape of x, and of each target."""
    if target.is_floating_point() or target.dtype == mx.bool_:
        raise TypeError(f"{name} expects targets of an int dtype, got {target.dtype}")
    expected = tuple(n for i, n in enumerate(x.shape) if i != axis)
    if target.shape != expected:
        raise ValueError(
            f"{name}: scores of shape {x.shape} need class indices of shape {expected}, "
            f"got {target.shape}"
        )
    classes = x.shape[axis]
    check_classes(name, target, classes, ignore_index)
    indices = mx.expand_dims(target.array, axis)
    numbers = mx.arange(classes).reshape(_along(axis, x.ndim, classes))
    hot = mx.logical_and(indices == numbers, indices != ignore_index)
    dtype = mx.float32 if x.dtype in (mx.float16, mx.bfloat16) else x.dtype
    if weight is None:
        return hot.astype(dtype), (target.array != ignore_index).astype(dtype)
    spread = hot * _classwise(weight, axis, x.ndim).astype(dtype)
    return spread, spread.sum(axis=axis) if spread.size else mx.zeros(expected, dtype)


def _classwise(weight: Tensor, axis: int, ndim: int) -> mx.array:
    return weight.array.reshape(_along(axis, ndim, weight.shape[0]))


def _along(axis: int, ndim: int, classes: int) -> tuple[int, ...]:
    return tuple(classes if i == axis else 1 for i in range(ndim))


def check_classes(name: str, target: Tensor, classes: int, ignore_index: int | None = None) -> None:
    """Refuse class indices that are out of range; while MLX traces they cannot be looked at."""
    if laziness.is_tracing() or target.numel() == 0:
        return
    values = np.array(target.array)
    wrong = (values < 0) | (values >= classes)
    if ignore_index is not None:
        wrong &= values != ignore_index
    if wrong.any():
        raise IndexError(
            f"{name}: target {values[wrong].flat[0]} is out of range for {classes} classes; "
            f"expected 0 to {classes - 1}"
        )


class _Loss(Module):
    """A loss with its reduction: "mean", "sum" or "none"."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise _unknown_reduction(type(self).__name__, reduction)
        self.reduction = reduction


class MSELoss(_Loss):
    """`mse_loss`."""

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return mse_loss(x, target, self.reduction)


class L1Loss(_Loss):
    """`l1_loss`."""

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return l1_loss(x, target, self.reduction)


class HuberLoss(_Loss):
    """`huber_loss`."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return huber_loss(x, target, self.reduction, self.delta)


class SmoothL1Loss(_Loss):
    """`smooth_l1_loss`."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return smooth_l1_loss(x, target, self.reduction, self.beta)


class BCEWithLogitsLoss(_Loss):
    """`binary_cross_entropy_with_logits`; the weights are buffers."""

    def __init__(
        self,
        weight: Tensor | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(
            x, target, self.weight, self.reduction, self.pos_weight
        )


class NLLLoss(_Loss):
    """`nll_loss`; the weight is a buffer."""

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return nll_loss(x, target, self.weight, self.ignore_index, self.reduction)


class CrossEntropyLoss(_Loss):
    """`cross_entropy`: the usual loss of a classifier; the weight is a buffer.

    >>> import lucid
    >>> loss = lucid.nn.CrossEntropyLoss()
    >>> round(loss(lucid.zeros(1, 2), lucid.tensor([1])).item(), 4)
    0.6931
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(
            x, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )
