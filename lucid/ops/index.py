"""Indexing: reading and writing parts of a tensor.

A key is taken apart in two steps, as torch does: ints, slices, None and Ellipsis first, which are
one slice of the array; then the index arrays that are left. MLX reads whatever lies in memory for
an index out of range, so every index is checked here before it reaches an operation.
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
from lucid.ops.cast import clone, constant_like
from lucid.ops.math import where
from lucid.ops.op import op
from lucid.ops.shape import expand, permute, reshape


def getitem(x, key):
    """x[key], for ints, slices, None, Ellipsis, index arrays and bool masks, in any mixture.

    Repeated indices add up in the gradient. Unlike torch, a slice may have a negative step; and
    the result never shares memory with x: assigning to it leaves x as it was.

    Raises:
        IndexError: an index out of range, or a mask of the wrong shape.

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
    """
    value = constant_like(value, x)
    mask = key if isinstance(key, Traced) else None
    if mask is not None and mask.dtype == mx.bool_ and value.array.size == 1:
        _check_mask(x.shape, 0, mask.shape)  # no need to know how many elements there are
        ones = (1,) * (x.ndim - mask.ndim)
        return where(reshape(mask, *mask.shape, *ones), reshape(value, ()), x)
    basic, places = _plan(x.shape, key)
    if not places:
        return _put_slice(x, _spread(value, x.array[basic].shape), key=basic)
    part = x if _is_whole(basic) else take_slice(x, key=basic)
    front, merged, axis, index = _merge(part, places)
    flat = reshape(permute(part, front), merged)
    target = (*merged[:axis], *index.shape, *merged[axis + 1 :])
    flat = _put(flat, _spread(value, target), index=index, axis=axis)
    back = [front.index(i) for i in range(part.ndim)]
    part = permute(reshape(flat, [part.shape[i] for i in front]), back)
    return part if _is_whole(basic) else _put_slice(x, part, key=basic)


def masked_fill(x, mask, value):
    """x with `value` wherever the bool `mask`, which broadcasts, is True.

    >>> import lucid
    >>> lucid.ones(3).masked_fill(lucid.tensor([True, False, False]), 5.0)
    Tensor([5., 1., 1.], grad=None)
    """
    dtype = getattr(mask, "dtype", type(mask).__name__)
    if not isinstance(mask, Traced) or dtype != mx.bool_:
        raise TypeError(f"masked_fill expects a Tensor of bools as its mask, got {dtype}")
    return where(mask, constant_like(value, x), x)


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
            basic.append(_in_range(k, shape[axis], axis))
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
            places.append((after, checked(k, shape[axis], axis)))
        axis += _consumed(k)
        after += 0 if isinstance(k, int) else max(1, _consumed(k))
    return tuple(basic), places


def _item(k: Any) -> Any:
    """One element of a key as None, Ellipsis, an int, a slice, or an array to index with."""
    if k is None or k is Ellipsis or isinstance(k, slice):
        return k
    if isinstance(k, Traced):
        k = k.array
        if k.ndim == 0 and mx.issubdtype(k.dtype, mx.integer) and not laziness.is_tracing():
            return int(k.item())  # as in torch, it takes its dimension away
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


def _in_range(k: int, n: int, axis: int) -> int:
    if not -n <= k < n:
        raise IndexError(f"index {k} is out of range for dimension {axis} of size {n}")
    return k % n


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


def checked(index: Any, n: int, axis: int) -> mx.array:
    """An index array with every entry from 0 to n - 1; negative ones count from the end."""
    index = _item(index)
    if not isinstance(index, mx.array):
        index = mx.array(np.asarray(index, dtype=np.int64), mx.int64)
    if index.dtype == mx.bool_:
        raise IndexError("an index must be of integers here, got bool")
    if index.size == 0:
        return index.astype(mx.int32)
    if laziness.is_tracing():
        index = mx.clip(index.astype(mx.int64), -n, n - 1)
    else:
        low, high = (int(k) for k in np.array(mx.stack([mx.min(index), mx.max(index)])))
        _in_range(low, n, axis), _in_range(high, n, axis)
        if low >= 0:
            return index.astype(mx.int32 if n <= 1 << 31 else mx.int64)
    index = index.astype(mx.int32 if n <= 1 << 31 else mx.int64)
    return mx.where(index < 0, index + n, index)


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


# The rules ------------------------------------------------------------------------------------


@op(linear=True)
def take_slice(x, /, *, key):
    """x[key] for a key of ints, slices, None and Ellipsis."""
    shape = x.shape

    def rule(g):
        zeros = mx.zeros(shape, g.dtype)
        if g.size:
            zeros[key] = g
        return zeros

    return x[key], rule


@op(linear=True)
def _put_slice(x, value, /, *, key):
    """x with x[key] = value."""
    y, shape = mx.array(x), value.shape
    if value.size == 0:
        return y, lambda g: (g, mx.zeros(shape, g.dtype))
    y[key] = value

    def rule(g):
        rest = mx.array(g)
        rest[key] = mx.zeros(shape, g.dtype)
        return rest, g[key]

    return y, rule


@op(linear=True)
def take(x, /, *, index, axis):
    """The entries of x along `axis` that `index`, of any shape, names."""
    shape = x.shape
    rule = lambda g: _scatter(mx.zeros(shape, g.dtype), g, index, axis, add=True)  # noqa: E731
    if x.size == 0 or index.size == 0:
        return mx.zeros((*shape[:axis], *index.shape, *shape[axis + 1 :]), x.dtype), rule
    return mx.take(x, index, axis=axis), rule


@op(linear=True)
def _put(x, value, /, *, index, axis):
    """x with the entries along `axis` that `index` names replaced; the last of several wins."""
    shape = value.shape

    def rule(g):
        zeros = mx.zeros(shape, g.dtype)
        if zeros.size == 0:
            return g, zeros
        return _scatter(g, zeros, index, axis, add=False), mx.take(g, index, axis=axis)

    return _scatter(x, value, index, axis, add=False), rule


def _scatter(x: mx.array, value: mx.array, index: mx.array, axis: int, *, add: bool) -> mx.array:
    """x with `value` put or added at `index` along `axis`."""
    if value.size == 0:
        return x
    rows = mx.moveaxis(x, axis, 0)
    places = list(range(axis, axis + index.ndim))
    value = mx.transpose(value, places + [a for a in range(value.ndim) if a not in places])
    if add:
        rows = rows.at[index].add(value)
    else:
        rows = mx.array(rows)
        rows[index] = value
    return mx.moveaxis(rows, 0, axis)
