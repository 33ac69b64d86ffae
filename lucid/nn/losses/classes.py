"""Losses of a classifier whose classes exclude each other."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx
import numpy as np

from lucid import ops
from lucid.autograd import laziness
from lucid.nn.losses.reduction import reduced
from lucid.ops import loss
from lucid.ops.autocast import autocasts
from lucid.ops.device import on_device
from lucid.ops.reduce import total
from lucid.tensor import Tensor


@autocasts
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log(softmax(input)) at the target class.

    Shapes: input (N, C), (N, C, L, ...) or (C,); target without the C, of ints, or of the shape
    of input with a probability for each class.

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
    axis = _class_axis(name, input, target, weight)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must be from 0 to 1, got {label_smoothing}")
    classes = input.shape[axis]
    if target.is_floating_point():
        if ignore_index >= 0:
            raise ValueError(
                f"{name}: class probabilities have no index to ignore, got ignore_index "
                f"{ignore_index}; give such a sample the weight 0"
            )
        if target.shape != input.shape:
            raise ValueError(
                f"{name}: targets of dtype {target.dtype} are class probabilities, of the shape of "
                f"input, {input.shape}; got {target.shape}. Class indices must be ints"
            )
        spread = target * (1 - label_smoothing) + label_smoothing / classes
        if weight is not None:
            spread = spread * weight.reshape(_along(axis, input.ndim, classes))
        losses = loss.soft_cross_entropy(input, spread, axis=axis)
        count = input.numel() // classes
        return _divided(name, losses, float(count), reduction, input.dtype)
    with on_device(input.device):
        indices, weights = _index_targets(name, input, target, weight, ignore_index, axis)
        if label_smoothing:
            row = _along(axis, input.ndim, classes)
            hot = mx.expand_dims(indices, axis) == mx.arange(classes).reshape(row)
            spread = hot.astype(weights.dtype) * (1 - label_smoothing)
            spread = spread * mx.expand_dims(weights, axis)
            valid = mx.expand_dims(target.array != ignore_index, axis).astype(weights.dtype)
            every = valid if weight is None else valid * weight.array.reshape(row)
            spread = spread + every * (label_smoothing / classes)
    if label_smoothing:
        losses = loss.soft_cross_entropy(input, spread, axis=axis)
    else:
        losses = loss.cross_entropy(input, indices, weights, axis=axis)
    return _divided(name, losses, weights, reduction, input.dtype)


@autocasts
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-input at the target class, for log-probabilities input. Arguments as `cross_entropy`.

    Shapes: input (N, C), (N, C, L, ...) or (C,); target without the C, of ints.

    Raises:
        IndexError: a target class outside 0 to C - 1.
        ValueError: shapes that do not agree; an unknown reduction.
        TypeError: targets that are no ints.

    >>> import lucid
    >>> logp = lucid.tensor([[-1.0, -2.0], [-3.0, -4.0]])
    >>> lucid.nn.functional.nll_loss(logp, lucid.tensor([0, 1]), reduction="none")
    Tensor([1., 4.], grad=None)
    """
    axis = _class_axis("nll_loss", input, target, weight)
    with on_device(input.device):
        indices, weights = _index_targets("nll_loss", input, target, weight, ignore_index, axis)
    losses = -loss.picked(input, indices, weights, axis=axis)
    return _divided("nll_loss", losses, weights, reduction, input.dtype)


def _divided(name: str, losses: Tensor, weights: Any, reduction: str, dtype: Any) -> Tensor:
    """Reduce; the mean is weighted, `weights` being their array or their sum."""
    if reduction != "mean":
        return reduced(name, losses, reduction, dtype)
    if isinstance(weights, mx.array):
        weights = total(weights, tuple(range(weights.ndim)))
    weights = mx.array(weights)
    nothing = weights == 0  # the mean of nothing is NaN, but it moves no parameter
    mean = ops.sum(losses) / mx.where(nothing, 1, weights) + mx.where(nothing, math.nan, 0)
    return mean if mean.dtype == dtype else mean.to(dtype)


def _class_axis(name: str, input: Any, target: Any, weight: Any) -> int:
    for t in (input, target):
        if not isinstance(t, Tensor):
            raise TypeError(f"{name} expects Tensors, got {type(t).__name__}")
    if not input.is_floating_point():
        raise TypeError(f"{name} expects floating point scores, got {input.dtype}")
    if input.ndim == 0:
        raise ValueError(f"{name} expects input of shape (C,), (N, C) or (N, C, ...), got ()")
    axis = 0 if input.ndim == 1 else 1
    if input.shape[axis] == 0:
        raise ValueError(f"{name} needs at least one class, got input of shape {input.shape}")
    if weight is not None and weight.shape != (input.shape[axis],):
        raise ValueError(
            f"{name}: weight must have one value per class, shape ({input.shape[axis]},), "
            f"got {weight.shape}"
        )
    return axis


def _index_targets(
    name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, axis: int
) -> tuple[mx.array, mx.array]:
    """The class of each target, 0 for those that are ignored, and its weight, then 0.

    A class that is out of range, which cannot be refused while MLX traces, has weight NaN.
    """
    if target.is_floating_point() or target.dtype == mx.bool_:
        raise TypeError(f"{name} expects targets of an int dtype, got {target.dtype}")
    expected = tuple(n for i, n in enumerate(input.shape) if i != axis)
    if target.shape != expected:
        raise ValueError(
            f"{name}: scores of shape {input.shape} need class indices of shape {expected}, "
            f"got {target.shape}"
        )
    classes = input.shape[axis]
    check_classes(name, target, classes, ignore_index)
    indices = target.array
    known = mx.logical_and(indices >= 0, indices < classes)
    indices = mx.where(known, indices, 0)
    dtype = mx.float32 if input.dtype in (mx.float16, mx.bfloat16) else input.dtype
    one = mx.array(1, dtype)
    each = one if weight is None else weight.array.astype(dtype)[indices]
    weights = mx.where(known, each, mx.array(math.nan, dtype))
    return indices, mx.where(target.array != ignore_index, weights, mx.array(0, dtype))


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
