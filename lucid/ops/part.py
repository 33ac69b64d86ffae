"""Parts of a tensor: slices along one dimension, windows, and tensors with such a part replaced."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd.tape import Traced
from lucid.kernels.memory import check_size
from lucid.ops.bounds import checked
from lucid.ops.entries import put_slice, take
from lucid.ops.frame import frame
from lucid.ops.index import getitem
from lucid.ops.op import op
from lucid.ops.reduce import axes_of
from lucid.ops.shape import flatten, movedim, reshape, unsqueeze


def _axis(name: str, x: Any, dim: int) -> int:
    if x.ndim == 0:
        raise IndexError(f"{name} expects 1 dimension or more, got a 0-dimensional tensor")
    return axes_of(x.ndim, dim)[0]


def select(input, dim, index):
    """The slice of `input` at one index of `dim`, without that dimension.

    Raises:
        IndexError: an index out of range.

    >>> lucid.select(lucid.tensor([[1, 2], [3, 4]]), 1, -1)
    Tensor([2, 4], grad=None)
    """
    axis = _axis("select", input, dim)
    return getitem(input, (slice(None),) * axis + (int(index),))


def narrow(input, dim, start, length):
    """`length` slices of `input` along `dim`, from `start` on.

    Raises:
        IndexError: a start out of range.
        ValueError: more slices than there are.

    >>> import lucid
    >>> lucid.arange(5).narrow(0, 1, 2).tolist()
    [1, 2]
    """
    axis, start = _axis("narrow", input, dim), _scalar("narrow", start)
    n = input.shape[axis]
    first = start + n if start < 0 else start
    if not -n <= start <= n:
        raise IndexError(f"start {start} is out of range for dimension {axis} of size {n}")
    if length < 0 or first + length > n:
        raise ValueError(
            f"narrow cannot take {length} from {start} on in dimension {axis} of size {n}"
        )
    return getitem(input, (slice(None),) * axis + (slice(first, first + length),))


def _scalar(name: str, start: Any) -> int:
    array = start.array if isinstance(start, Traced) else None
    if array is not None and (array.ndim or not mx.issubdtype(array.dtype, mx.integer)):
        raise ValueError(f"{name} expects an int or a 0-dimensional integer tensor as start")
    return int(start)


def select_scatter(input, src, dim, index):
    """`input` with the slice at one index of `dim` replaced by `src`.

    Raises:
        IndexError: an index out of range.
        ValueError: src has not the shape of that slice.

    >>> lucid.select_scatter(lucid.zeros(2, 2), lucid.tensor([1.0, 2.0]), 0, 1)
    Tensor([[0., 0.],
            [1., 2.]], grad=None)
    """
    axis = _axis("select_scatter", input, dim)
    expected = (*input.shape[:axis], *input.shape[axis + 1 :])
    if src.shape != expected:
        raise ValueError(f"select_scatter expects src of shape {expected}, got {src.shape}")
    n = input.shape[axis]
    if not -n <= index < n:
        raise IndexError(f"index {index} is out of range for dimension {axis} of size {n}")
    index %= n
    return _put(input, unsqueeze(src, axis), axis, slice(index, index + 1, 1))


def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """`input` with the slices start:end:step along `dim` replaced by `src`.

    Raises:
        ValueError: a step below 1, or src has not the shape of those slices.

    >>> import lucid
    >>> lucid.zeros(4).slice_scatter(lucid.ones(2), start=1, end=3)
    Tensor([0., 1., 1., 0.], grad=None)
    """
    axis = _axis("slice_scatter", input, dim)
    if step < 1:
        raise ValueError(f"slice_scatter expects a step of at least 1, got {step}")
    n = input.shape[axis]
    places = range(*slice(start, end, step).indices(n))
    expected = (*input.shape[:axis], len(places), *input.shape[axis + 1 :])
    if src.shape != expected:
        raise ValueError(f"slice_scatter expects src of shape {expected}, got {src.shape}")
    return _put(input, src, axis, slice(places.start, places.stop, step))


def _put(x: Any, src: Any, axis: int, part: slice) -> Any:
    return put_slice(x, src.to(x.dtype), key=(slice(None),) * axis + (part,))


def unfold_copy(input, dimension, size, step):
    """Windows of `size` elements along a dimension, each `step` after the one before, as a new
    last dimension: the method `x.unfold(dimension, size, step)`.

    Shapes: (..., L, ...) -> (..., T, ..., size) with T = floor((L - size)/step) + 1.

    Raises:
        ValueError: a size beyond that of the dimension, or a step below 1.

    >>> import lucid
    >>> lucid.arange(5).unfold(0, 3, 2).tolist()
    [[0, 1, 2], [2, 3, 4]]
    """
    (axis,) = axes_of(input.ndim, dimension) or (0,)
    n = input.shape[axis] if input.ndim else 1
    if size < 0 or step < 1 or size > n:
        raise ValueError(
            f"unfold expects a size from 0 to {n}, the size of dimension {axis}, and a step of at "
            f"least 1, got size={size} and step={step}"
        )
    if input.ndim == 0:
        return reshape(input, 1) if size else getitem(reshape(input, 1), slice(0))
    if size == 0:
        shape = (*input.shape[:axis], n // step + 1, *input.shape[axis + 1 :], 0)
        return reshape(getitem(flatten(input), slice(0)), shape)
    return movedim(frame(movedim(input, axis, -1), size=size, hop=step), -2, axis)


def as_strided(input, size, stride, storage_offset=None):
    """The elements of the flattened `input` at storage_offset + sum of index * stride.

    Arrays are immutable, so this is a gather, not another view of the memory.

    Raises:
        IndexError: an element outside `input`.

    >>> import lucid
    >>> lucid.arange(4).as_strided((3, 2), (1, 1)).tolist()
    [[0, 1], [1, 2], [2, 3]]
    """
    offset, count = storage_offset or 0, input.numel()
    if len(size) != len(stride) or min((*size, *stride), default=0) < 0:
        raise ValueError(f"expects as many sizes as strides, none below 0, got {size} and {stride}")
    low = offset if all(size) else 0
    high = low + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if all(size) and not 0 <= low <= high < count:
        raise IndexError(
            f"sizes {tuple(size)}, strides {tuple(stride)} and offset {offset} reach element "
            f"{high if low >= 0 else low} of a tensor of {count}"
        )
    check_size("as_strided", tuple(size), mx.int64)
    places = np.full((), offset, np.int64)
    for n, step in zip(size, stride, strict=True):
        places = places[..., None] + np.arange(n) * step
    index = mx.array(places, mx.int64 if count >= 1 << 31 else mx.int32)
    return take(flatten(input), index=index, axis=0)


def unravel_index(indices, shape):
    """Indices into the flattened tensor as one index for each dimension of `shape`.

    Raises:
        TypeError: indices that are not integers.
        ValueError: a negative size.

    >>> import lucid
    >>> [i.tolist() for i in lucid.unravel_index(lucid.tensor([5]), (2, 3))]
    [[1], [2]]
    """
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if mx.issubdtype(indices.dtype, mx.inexact) or indices.dtype == mx.bool_:
        raise TypeError(f"unravel_index expects integers, got {indices.dtype}")
    if any(n < 0 for n in shape):
        raise ValueError(f"unravel_index expects sizes of at least 0, got {shape}")
    total = math.prod(shape)
    found, rest = [], _bounded(indices, total=total)
    for n in reversed(shape):
        rest, place = _split_off(rest, n=max(n, 1))
        found.append(place)
    return tuple(reversed(found))


@op
def _bounded(indices, /, *, total):
    return checked("unravel_index", indices, total, 0).astype(mx.int64), None


@op
def _split_off(indices, /, *, n):
    return (indices // n, indices % n), None
