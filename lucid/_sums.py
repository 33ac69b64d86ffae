"""Long sums, in parts and as products with ones.

MLX adds up on the CPU value after value, on one core, halves in half precision: 2^25 float32
numbers of 0.1 come out 40 % too small. So a long sum is taken of the sums of its parts: 1e-5, and
of 2^22 numbers in 1.4 ms instead of 2.4. For many rows the product with ones is a BLAS call, which
adds in parts of its own: 0.17 ms for the rows of (2, 512, 1000), where MLX takes 0.57.
"""

from __future__ import annotations

import functools
from functools import partial
from math import prod

import mlx.core as mx

from lucid import _shards
from lucid._device import on_cpu

_WORTH = 1 << 14  # elements; below, the sum is as quick
_LONG = 32
_FEW_ROWS = 1 << 9  # below, their sum is as quick
_CHAIN = 1 << 12  # values that may be added up one after the other,
_SHORT = 1 << 9  # and where it costs next to nothing
_PART = 128


def row_sums(x: mx.array) -> mx.array:
    """The sums over the last dimension of a nonempty array, kept as a size of 1."""
    length = x.shape[-1]
    if length == 1:
        return x
    if length > _CHAIN or not on_cpu():
        return sum_over(x, (x.ndim - 1,), keepdims=True)
    return _product_with_ones(x)


def _product_with_ones(x: mx.array) -> mx.array:
    length = x.shape[-1]
    return (x.reshape(-1, length) @ _ones(length, x.dtype)).reshape(*x.shape[:-1], 1)


@functools.lru_cache(256)
def _ones(length: int, dtype: mx.Dtype) -> mx.array:
    """A column, made once: evaluating two primitives takes as long as many a sum."""
    return mx.array([[1.0]] * length, dtype)


def row_dots(x: mx.array, y: mx.array) -> mx.array:
    """`row_sums` of x * y, which is not written down on a CPU: products of four rows at a time
    take 0.20 ms for (2, 512, 1000), where multiplying and summing takes 0.57."""
    length = x.shape[-1]
    if length > _CHAIN and length % 1024 == 0:  # shorter rows, the sums of which are summed
        parts = (*x.shape[:-1], -1, 1024)
        return row_sums(row_dots(x.reshape(parts), y.reshape(parts)).squeeze(-1))
    if length > _CHAIN or x.size % (4 * length) or not on_cpu():
        return row_sums(x * y)
    shape = (-1, 4, length)
    products = x.reshape(shape) @ y.reshape(shape).swapaxes(1, 2)
    diagonals = products.reshape(-1, 16)[:, ::5]  # mx.diagonal is a gather, and ten primitives
    return diagonals.reshape(*x.shape[:-1], 1)


def column_sums(x: mx.array) -> mx.array:
    """The sums over the first dimension of a nonempty matrix: as products with ones 1.5 ms for
    (2**20, 4), where MLX takes 2.5."""
    rows = len(x)
    if rows <= _FEW_ROWS or not on_cpu():
        return x.sum(axis=0)
    if rows <= _CHAIN:
        return (mx.ones((1, rows), x.dtype) @ x)[0]
    x, rest = divided(x, 0, rows - rows % _CHAIN)
    products = mx.ones((1, _CHAIN), x.dtype) @ mx.unflatten(x, 0, (-1, _CHAIN))
    total = sum_over(products.squeeze(1), (0,))
    return total + column_sums(rest) if len(rest) else total


def sum_of_squares(x: mx.array) -> mx.array:
    """The sum of x * x of a real array, over all of it."""
    if x.size == 0:
        return mx.zeros((), x.dtype)
    return sum_over(x * x, tuple(range(x.ndim)))


def running_sum(x: mx.array, axis: int, *, reverse: bool = False) -> mx.array:
    """`mx.cumsum` of a nonempty array; of a long one of its parts, each on what its end is."""
    if not is_coarse(x, (axis,)):
        return mx.cumsum(x, axis=axis, reverse=reverse)
    length = x.shape[axis]
    part = _part_of(length)
    missing = -length % part
    if missing:
        x = mx.pad(x, [(0, missing if a == axis else 0) for a in range(x.ndim)])
    x = mx.unflatten(x, axis, (-1, part))
    inside = mx.cumsum(x, axis=axis + 1, reverse=reverse)
    ends = sum_over(x, (axis + 1,), keepdims=True)
    before = mx.cumsum(ends, axis=axis, reverse=reverse, inclusive=False)
    sums = (inside + before).flatten(axis, axis + 1)
    return divided(sums, axis, length)[0] if missing else sums


@functools.cache
def _part_of(length: int) -> int:
    """How long the parts of a running sum are: not to be padded, if that can be."""
    return next((n for n in range(_CHAIN, _PART, -1) if length % n == 0), _CHAIN)


def sum_over(x: mx.array, axes: tuple[int, ...], *, keepdims: bool = False) -> mx.array:
    """`mx.sum` of a nonempty array, on the CPU quicker and more accurate where it is long."""
    if x.dtype in (mx.float16, mx.bfloat16) and on_cpu():
        return sum_over(x.astype(mx.float32), axes, keepdims=keepdims).astype(x.dtype)
    if x.size <= _CHAIN:
        return x.sum(axis=axes, keepdims=keepdims)
    if axes and _shards.pays(x):
        of_shard = partial(sum_over, axes=axes, keepdims=keepdims)
        sums = _shards.each([partial(of_shard, part) for part in _shards.cut(x)])
        return _shards.added(sums) if 0 in axes else _shards.join(sums)
    last = x.ndim - 1
    if last in axes and _is_quicker(x):
        x = _product_with_ones(x)
    if is_coarse(x, axes):
        x = _shortened(x, axes)
    return x.sum(axis=axes, keepdims=keepdims)


def _shortened(x: mx.array, axes: tuple[int, ...]) -> mx.array:
    """An array with the same sum over `axes`, along which it has few elements."""
    while prod([x.shape[a] for a in axes]) > _SHORT:
        axis = max(axes, key=lambda a: x.shape[a])
        rest = x.shape[axis] % _PART
        if x.shape[axis] <= _PART:
            x = x.sum(axis=axis, keepdims=True)
        elif rest == 0:
            x = _sums_of_parts(x, axis)
        else:
            x, end = divided(x, axis, x.shape[axis] - rest)
            x = mx.concatenate([_sums_of_parts(x, axis), end.sum(axis, keepdims=True)], axis)
    return x


def divided(x: mx.array, axis: int, at: int) -> tuple[mx.array, mx.array]:
    """What lies before `at` along an axis, and the rest.

    Not by mx.split: mx.compile dies of two that are equal.
    """
    first, rest = ((slice(None),) * axis + (place,) for place in (slice(at), slice(at, None)))
    return x[first], x[rest]


def _sums_of_parts(x: mx.array, axis: int) -> mx.array:
    """Of neighbours: parts of what lies apart would be quicker, except in a transposed array."""
    return mx.unflatten(x, axis, (-1, _PART)).sum(axis + 1)


def _is_quicker(x: mx.array) -> bool:
    length = x.shape[-1]
    return (
        x.size >= max(_WORTH, 8 * length)
        and length >= _LONG
        and x.dtype in (mx.float32, mx.float64)
        and on_cpu()
    )


def is_coarse(x: mx.array, axes: tuple[int, ...]) -> bool:
    """Whether MLX adds up so many values over `axes` that digits get lost."""
    long = prod([x.shape[a] for a in axes]) > _CHAIN
    return long and x.dtype in (mx.float32, mx.complex64) and on_cpu()
