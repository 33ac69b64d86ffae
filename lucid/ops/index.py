"""Indexing: reading and writing parts of a tensor.

A key is taken apart in two steps, as torch does: ints, slices, None and Ellipsis first, which are
one slice of the array; then the index arrays that are left. `lucid.ops.bounds` says which indices
are checked.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd import laziness
from lucid.autograd.tape import Traced
from lucid.ops.autocast import autocasts
from lucid.ops.bounds import checked, in_range
from lucid.ops.cast import check_dtype, clone, constant_like
from lucid.ops.entries import add_at, add_slice, put, put_slice, take, take_slice
from lucid.ops.shape import expand, permute, reshape
from lucid.ops.where import where


def getitem(x, key):
    """x[key], for ints, slices, None, Ellipsis, index arrays and bool masks, in any mixture.

    Repeated indices add up in the gradient. Unlike torch, a slice may have a negative step; and
    the result never shares memory with x: assigning to it leaves x as it was.

    Raises:
        IndexError: an index out of range, or a mask of the wrong shape. An index tensor that a
            GPU is still computing is limited to the range instead, here as in all operations that
            take one; inside `lucid.debug()` it is checked too.

    >>> import lucid
    >>> x = lucid.arange(6).reshape(2, 3)
    >>> x[:, [2, 0]].tolist()
    [[2, 0], [5, 3]]
    >>> x[x > 2].tolist()
    [3, 4, 5]
    """
    basic, places = _plan(x.shape, key)
    part = x if _is_whole(basic) else take_slice(x, key=basic)
    if not places:
        return part if part is not x else clone(x)
    front, merged, axis, index = _merge(part, places)
    return take(reshape(permute(part, front), merged), index=index, axis=axis)


def setitem(x, key, value):
    """A tensor like x, with x[key] replaced by `value`, which broadcasts and takes x's dtype.

    Gradients flow to what is left of x and to the value.

    >>> lucid.setitem(lucid.zeros(4), slice(1, 3), 5.0)
    Tensor([0., 5., 5., 0.], grad=None)
    """
    value = constant_like(value, x)
    mask = key if isinstance(key, Traced) else None
    if mask is not None and mask.dtype == mx.bool_ and value.array.size == 1:
        _check_mask(x.shape, 0, mask.shape)  # no need to know how many elements there are
        ones = (1,) * (x.ndim - mask.ndim)
        return where(reshape(mask, *mask.shape, *ones), reshape(value, ()), x)
    return _written(x, key, value, put_slice, put)


@autocasts
def index_put(input, indices, values, accumulate=False):
    """`input` with `values` put, or added with `accumulate`, where the `indices` point.

    Args:
        indices: a tuple of integer or bool tensors, or None for a whole dimension, one for each
            of the first dimensions: the key of `input[indices]`.

    Raises:
        IndexError: an index out of range.
        TypeError: indices that are not a tuple.

    >>> import lucid
    >>> lucid.zeros(3).index_put((lucid.tensor([0, 0, 2]),), lucid.ones(3), accumulate=True)
    Tensor([2., 0., 1.], grad=None)
    """
    if not isinstance(indices, tuple | list):
        raise TypeError(
            f"index_put expects a tuple of index tensors, got {type(indices).__name__}; "
            "write (index,) for one"
        )
    check_dtype("index_put", "values", values, input)
    key = tuple(slice(None) if k is None else k for k in indices)
    if accumulate:
        return _written(input, key, values, add_slice, add_at)
    return setitem(input, key, values)


def _written(x, key, value, into_slice, into_places):
    basic, places = _plan(x.shape, key)
    if not places:
        return into_slice(x, _spread(value, x.array[basic].shape), key=basic)
    part = x if _is_whole(basic) else take_slice(x, key=basic)
    front, merged, axis, index = _merge(part, places)
    flat = reshape(permute(part, front), merged)
    target = (*merged[:axis], *index.shape, *merged[axis + 1 :])
    flat = into_places(flat, _spread(value, target), index=index, axis=axis)
    back = [front.index(i) for i in range(part.ndim)]
    part = permute(reshape(flat, [part.shape[i] for i in front]), back)
    return part if _is_whole(basic) else put_slice(x, part, key=basic)


# Taking a key apart ---------------------------------------------------------------------------

Places = list[tuple[int, mx.array]]  # (axis after the slice, integers to take along it)


def _plan(shape: tuple[int, ...], key: Any) -> tuple[tuple, Places]:
    """The key as one slice, and the index arrays for the axes of what that leaves."""
    items = [_item(k) for k in (key if isinstance(key, tuple) else (key,))]
    used = sum(_consumed(k) for k in items)
    if used > len(shape):
        raise IndexError(f"too many indices: {used} for a tensor of shape {shape}")
    dots = [i for i, k in enumerate(items) if k is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can only have a single Ellipsis (...)")
    at = dots[0] if dots else len(items)
    items[at : at + 1] = [slice(None)] * (len(shape) - used)
    basic: list[Any] = []
    places: Places = []
    axis = after = 0  # in x, and in what the slice leaves of it
    for k in items:
        if k is None:
            basic.append(None)
        elif isinstance(k, int):
            basic.append(in_range(k, shape[axis], axis))
        elif isinstance(k, slice):
            basic.append(_normal(k, shape[axis]))
        elif k.ndim == 0 and k.dtype in (mx.bool_, np.bool_):  # x[True] is x[None], x[False] empty
            basic.append(None)
            places.append((after, mx.zeros(int(k.item()), mx.int32)))
        elif k.dtype in (mx.bool_, np.bool_):
            _check_mask(shape, axis, k.shape)
            for j, indices in enumerate(_positions(k)):
                basic.append(slice(None))
                places.append((after + j, mx.array(indices.astype(np.int32))))
        else:
            basic.append(slice(None))
            places.append((after, checked("indexing", k, shape[axis], axis)))
        axis += _consumed(k)
        after += 0 if isinstance(k, int) else max(1, _consumed(k))
    return tuple(basic), places


def _item(k: Any) -> Any:
    """One element of a key as None, Ellipsis, an int, a slice, or an array to index with."""
    if k is None or k is Ellipsis or isinstance(k, slice):
        return k
    if isinstance(k, Traced):
        array = k.array
        if mx.issubdtype(array.dtype, mx.integer):
            if array.ndim == 0 and not laziness.is_tracing():
                return operator.index(array.tolist())  # type: ignore[arg-type]  # as in torch, it takes its dimension away
            return k
        if array.dtype == mx.bool_:
            return k
    elif isinstance(k, bool | np.bool_):
        return np.array(k)
    elif hasattr(k, "__index__") and getattr(k, "ndim", 0) == 0 and not isinstance(k, mx.array):
        return operator.index(k)
    elif isinstance(k, list | tuple | range):
        k = np.array(k)
        k = k if k.size else k.astype(np.int64)
    if isinstance(k, mx.array) and not mx.issubdtype(k.dtype, mx.inexact):
        return k
    if isinstance(k, np.ndarray) and k.dtype.kind in "biu":
        return k
    what = f"of dtype {k.dtype}" if hasattr(k, "dtype") else type(k).__name__
    raise IndexError(
        "only ints, slices, None, Ellipsis, and integer or bool tensors, arrays and lists can be "
        f"an index, got {what}"
    )


def _consumed(k: Any) -> int:
    """How many axes of x one element of a key speaks for."""
    if k is None or k is Ellipsis:
        return 0
    is_mask = not isinstance(k, int | slice) and k.dtype in (mx.bool_, np.bool_)
    return k.ndim if is_mask else 1


def _normal(k: slice, n: int) -> slice:
    start, stop, step = k.indices(n)
    count = len(range(start, stop, step))
    if count == 0:
        return slice(0, 0)
    if count == n and step == 1:
        return slice(None)
    return slice(start, stop if stop >= 0 else None, step)


def _is_whole(basic: Sequence[Any]) -> bool:
    return all(isinstance(k, slice) and k == slice(None) for k in basic)


def _check_mask(shape: tuple[int, ...], axis: int, mask: tuple[int, ...]) -> None:
    if shape[axis : axis + len(mask)] != mask:
        raise IndexError(
            f"a bool mask of shape {mask} does not fit dimensions {axis} to "
            f"{axis + len(mask) - 1} of a tensor of shape {shape}; the sizes must be equal"
        )


def _positions(mask: Any) -> tuple[np.ndarray, ...]:
    """Where a mask is True. How many places that are cannot be known while MLX traces."""
    if laziness.is_tracing():
        raise RuntimeError(
            "the shape of x[mask] depends on values, which a traced function cannot; "
            "use lucid.where(mask, x, 0)"
        )
    return np.nonzero(np.array(mask))


def _merge(part: Any, places: Places) -> tuple[list[int], tuple[int, ...], int, mx.array]:
    """Several index arrays as one, along one axis.

    Returns:
        the order of the axes that brings the indexed ones together, the shape with them joined,
        the joined axis, and the index into it. As in torch, the dimensions of the index come
        first in the result if the indexed axes do not lie side by side.
    """
    axes = [a for a, _ in places]
    try:
        broadcast = mx.broadcast_arrays(*(i for _, i in places))
    except ValueError as error:
        shapes = ", ".join(str(i.shape) for _, i in places)
        raise IndexError(f"index arrays of shapes {shapes} do not broadcast") from error
    together = axes == list(range(axes[0], axes[0] + len(axes)))
    axis = axes[0] if together else 0
    rest = [a for a in range(part.ndim) if a not in axes]
    order = [*rest[:axis], *axes, *rest[axis:]]
    shape = part.shape
    index, joined = broadcast[0], shape[axes[0]]
    if math.prod(shape[a] for a in axes) >= 1 << 31:
        index = index.astype(mx.int64)
    for a, i in zip(axes[1:], broadcast[1:], strict=True):
        index, joined = index * shape[a] + i, joined * shape[a]
    merged = (*(shape[a] for a in rest[:axis]), joined, *(shape[a] for a in rest[axis:]))
    return order, merged, axis, index


def _spread(value: Any, shape: tuple[int, ...]) -> Any:
    """A value broadcast to the place that it is assigned to; extra leading ones are dropped."""
    own = value.shape
    while len(own) > len(shape) and own[0] == 1:
        own = own[1:]
    fits = len(own) <= len(shape) and all(
        a in (1, b) for a, b in zip(own[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise ValueError(f"cannot assign a value of shape {value.shape} to a part of shape {shape}")
    if own != value.shape:
        value = reshape(value, own)
    return value if own == shape else expand(value, shape)
