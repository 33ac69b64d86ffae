"""Writing by index: the scatter family along one dimension, index_add and its kind, put.

The elements of the scatter family are addressed in the flattened tensor, so that all of them are
one read or write at a 1-D index.
"""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from lucid.autograd.tape import Traced
from lucid.ops.autocast import autocasts
from lucid.ops.bounds import checked
from lucid.ops.cast import check_dtype, constant_like
from lucid.ops.device import on_device
from lucid.ops.division import div, floor_divide
from lucid.ops.entries import add_at, scattered
from lucid.ops.entries import put as put_at
from lucid.ops.gather import check_shape
from lucid.ops.math import mul
from lucid.ops.op import op
from lucid.ops.reduce import axes_of
from lucid.ops.shape import expand, flatten, reshape
from lucid.ops.where import where

REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")
_LEGACY = {"add": "sum", "multiply": "prod"}


def scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """`input` with `src`, a tensor or a number, written to the places that `index` names.

    y[index[i][j][k]][j][k] = src[i][j][k] for dim = 0, and so on: the reverse of `gather`. Which
    of several values for one place stays is not defined.

    Args:
        reduce: "add" or "multiply" instead of replacing.

    Raises:
        IndexError: an index out of range.
        ValueError: shapes that do not fit, or another `reduce`.

    >>> import lucid
    >>> lucid.zeros(3).scatter(0, lucid.tensor([2, 0]), lucid.tensor([5.0, 6.0]))
    Tensor([6., 0., 5.], grad=None)
    """
    src = value if src is None else src
    if src is None:
        raise TypeError("scatter expects src, a Tensor or a number")
    if reduce is not None and reduce not in _LEGACY:
        raise ValueError(f'scatter expects reduce="add" or "multiply", got {reduce!r}')
    flat, places = _places("scatter", input, dim, index)
    if isinstance(src, Traced):
        values = _values("scatter", input, index, src)
    else:
        values = expand(constant_like(src, input), places.shape)
    if reduce == "add":
        result = add_at(flat, values, index=places, axis=0)
    elif reduce == "multiply":
        result = _multiplied(flat, values, index=places)
    else:
        result = put_at(flat, values, index=places, axis=0)
    return reshape(result, input.shape)


@autocasts
def scatter_add(input, dim, index, src):
    """`input` with `src` added at the places that `index` names; several for one place add up.

    >>> import lucid
    >>> lucid.zeros(3).scatter_add(0, lucid.tensor([2, 2]), lucid.tensor([5.0, 6.0]))
    Tensor([ 0.,  0., 11.], grad=None)
    """
    flat, places = _places("scatter_add", input, dim, index)
    values = _values("scatter_add", input, index, src)
    return reshape(add_at(flat, values, index=places, axis=0), input.shape)


def scatter_reduce(input, dim, index, src, reduce, *, include_self=True):
    """`input` with all values of `src` that `index` sends to one place reduced there.

    Args:
        reduce: "sum", "prod", "mean", "amax" or "amin".
        include_self: the value of `input` takes part.

    Equal extremes share the gradient. The second derivative of a product is 0 where it has zeros,
    as in torch.

    Raises:
        IndexError: an index out of range.
        ValueError: shapes that do not fit, or another `reduce`.

    >>> import lucid
    >>> x, src = lucid.tensor([1.0, 9.0]), lucid.tensor([2.0, 4.0])
    >>> x.scatter_reduce(0, lucid.tensor([0, 0]), src, "amax")
    Tensor([4., 9.], grad=None)
    """
    if reduce not in REDUCTIONS:
        raise ValueError(f"scatter_reduce reduces by {', '.join(REDUCTIONS)}, got {reduce!r}")
    flat, places = _places("scatter_reduce", input, dim, index)
    values = _values("scatter_reduce", input, index, src)
    return reshape(_reduced(flat, values, places, reduce, include_self), input.shape)


def index_add(input, dim, index, source, *, alpha=1):
    """`input` with alpha * source added to the slices along `dim` that a 1-D `index` names.

    >>> import lucid
    >>> lucid.zeros(2).index_add(0, lucid.tensor([1, 1]), lucid.ones(2))
    Tensor([0., 2.], grad=None)
    """
    flat, axis, rows, source = _slices("index_add", input, dim, index, source)
    added = source if alpha == 1 else mul(source, alpha)
    return reshape(add_at(flat, added, index=rows, axis=axis), input.shape)


def index_copy(input, dim, index, source):
    """`input` with the slices along `dim` that a 1-D `index` names replaced by `source`.

    Raises:
        IndexError: an index out of range.
        ValueError: a source that does not fit.

    >>> lucid.index_copy(lucid.zeros(3), 0, lucid.tensor([2, 0]), lucid.tensor([5.0, 6.0]))
    Tensor([6., 0., 5.], grad=None)
    """
    flat, axis, rows, source = _slices("index_copy", input, dim, index, source)
    return reshape(put_at(flat, source, index=rows, axis=axis), input.shape)


def index_fill(input, dim, index, value):
    """`input` with a number in all slices along `dim` that a 1-D `index` names.

    Raises:
        IndexError: an index out of range.
        ValueError: a value of one dimension or more.

    >>> lucid.index_fill(lucid.zeros(3), 0, lucid.tensor([2, 0]), 5)
    Tensor([5., 0., 5.], grad=None)
    """
    value = constant_like(value, input)
    if value.ndim:
        raise ValueError(f"index_fill expects a number as its value, got shape {value.shape}")
    (axis,) = axes_of(input.ndim, dim) or (0,)
    shape = input.shape or (1,)
    rows = _one_dimensional("index_fill", index, shape[axis], axis, wraps=True)
    with on_device(input._device):
        hit = scattered(
            mx.zeros(shape[axis], mx.bool_), mx.ones(rows.shape, mx.bool_), rows, 0, "put"
        ).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return where(
        input._wrap(hit.reshape(hit.shape if input.ndim else ()), input._device), value, input
    )


def index_reduce(input, dim, index, source, reduce, *, include_self=True):
    """As `index_add`, with the slices reduced by "prod", "mean", "amax" or "amin".

    Raises:
        IndexError: an index out of range.
        ValueError: a source that does not fit, or another `reduce`.

    >>> source = lucid.tensor([5.0, 2.0, 8.0])
    >>> lucid.index_reduce(lucid.ones(2), 0, lucid.tensor([0, 0, 1]), source, "amax")
    Tensor([5., 8.], grad=None)
    """
    if reduce not in REDUCTIONS[1:]:
        raise ValueError(f"index_reduce reduces by {', '.join(REDUCTIONS[1:])}, got {reduce!r}")
    whole, axis, rows, source = _slices("index_reduce", input, dim, index, source)
    each = rows.reshape([-1 if i == axis else 1 for i in range(source.ndim)])
    places = _flat(whole.shape, axis, mx.broadcast_to(each, source.shape))
    result = _reduced(flatten(whole), flatten(source), places, reduce, include_self)
    return reshape(result, input.shape)


def put(input, index, source, accumulate=False):
    """`input` with the elements of `source` put, or added, at places of the flattened `input`.

    Raises:
        IndexError: an index out of range.
        ValueError: another number of indices than of source elements.

    >>> import lucid
    >>> lucid.zeros(2, 2).put(lucid.tensor([1, -1]), lucid.tensor([5.0, 6.0])).tolist()
    [[0.0, 5.0], [0.0, 6.0]]
    """
    check_dtype("put", "source", source, input)
    places = checked("put", index, input.numel(), 0).reshape(-1)
    if places.size != source.numel():
        raise ValueError(
            f"put expects as many indices as source elements, got {places.size} and "
            f"{source.numel()}"
        )
    write = add_at if accumulate else put_at
    written = write(flatten(input), flatten(source), index=places, axis=0)
    return reshape(written, input.shape)


# Places and values ----------------------------------------------------------------------------


def _places(name: str, input: Any, dim: int, index: Any) -> tuple[Any, mx.array]:
    """The flattened input, and where in it the elements of `index` point."""
    (axis,) = axes_of(input.ndim, dim) or (0,)
    shape = input.shape or (1,)
    indices = checked(name, index, shape[axis], axis, wraps=False)
    if indices.size == 0:
        return flatten(input), indices.reshape(-1)
    check_shape(name, input.shape, axis, indices.shape)
    return flatten(input), _flat(shape, axis, indices.reshape(indices.shape or (1,)))


def _flat(shape: tuple[int, ...], axis: int, index: mx.array) -> mx.array:
    """Places along `axis` as places in the flattened tensor, themselves flattened."""
    kind = mx.int32 if math.prod(shape) < 1 << 31 else mx.int64
    total, stride = mx.zeros(index.shape, kind), 1
    for a in reversed(range(len(shape))):
        along = mx.arange(index.shape[a], dtype=kind)
        along = along.reshape([-1 if i == a else 1 for i in range(index.ndim)])
        total = total + stride * (index.astype(kind) if a == axis else along)
        stride *= shape[a]
    return total.reshape(-1)


def _values(name: str, input: Any, index: Any, src: Any) -> Any:
    """The part of `src` that `index` covers, flattened."""
    check_dtype(name, "src", src, input)
    shape, own = index.shape or (1,), src.shape or (1,)
    if 0 in shape:
        return expand(constant_like(0, input), 0)
    if len(shape) != len(own) or any(a > b for a, b in zip(shape, own, strict=True)):
        raise ValueError(
            f"{name} expects a src at least as long as the index in every dimension, got "
            f"src {src.shape} and index {index.shape}"
        )
    part = reshape(src, own)[tuple(slice(n) for n in shape)] if shape != own else src
    return flatten(part)


def _one_dimensional(name: str, index: Any, n: int, axis: int, *, wraps: bool = False) -> mx.array:
    rows = checked(name, index, n, axis, wraps=wraps)
    if rows.ndim > 1:
        raise ValueError(f"{name} expects a 1-D index, got shape {rows.shape}")
    return rows.reshape(-1)


def _slices(
    name: str, input: Any, dim: int, index: Any, source: Any
) -> tuple[Any, int, mx.array, Any]:
    """Input and source with one dimension or more, the axis, and the rows along it."""
    (axis,) = axes_of(input.ndim, dim) or (0,)
    check_dtype(name, "source", source, input)
    shape, own = input.shape or (1,), source.shape or (1,)
    rows = _one_dimensional(name, index, shape[axis], axis)
    if own != (*shape[:axis], rows.size, *shape[axis + 1 :]):
        raise ValueError(
            f"{name} expects a source of shape {(*shape[:axis], rows.size, *shape[axis + 1 :])}, "
            f"the input's with the index's length along dim {axis}, got {source.shape}"
        )
    return reshape(input, shape), axis, rows, reshape(source, own)


# Reductions -----------------------------------------------------------------------------------


def _reduced(flat: Any, values: Any, places: mx.array, reduce: str, include_self: bool) -> Any:
    """1-D values combined with, or in place of, what stands at their places."""
    dtype = flat.dtype
    if not include_self:  # start from what changes nothing
        start = expand(constant_like(_neutral(reduce, dtype), flat), places.shape)
        flat = put_at(flat, start, index=places, axis=0)
    if reduce == "prod":
        return _multiplied(flat, values, index=places)
    if reduce in ("amax", "amin"):
        return _extreme(flat, values, index=places, largest=reduce == "amax")
    total = add_at(flat, values, index=places, axis=0)
    if reduce == "sum":
        return total
    with on_device(flat._device):
        count = mx.zeros(flat.shape, mx.int64) + include_self
        count = scattered(count, mx.ones(places.shape, mx.int64), places, 0, "add")
        count = mx.maximum(count, 1).astype(dtype)
    count = flat._wrap(count, flat._device)
    return div(total, count) if mx.issubdtype(dtype, mx.inexact) else floor_divide(total, count)


def _neutral(reduce: str, dtype: mx.Dtype) -> Any:
    if reduce in ("sum", "mean", "prod"):
        return int(reduce == "prod")
    if mx.issubdtype(dtype, mx.inexact):
        return -math.inf if reduce == "amax" else math.inf
    if dtype == mx.bool_:
        return reduce == "amin"
    return mx.iinfo(dtype).min if reduce == "amax" else mx.iinfo(dtype).max


@op
def _extreme(x, values, /, *, index, largest):
    """The largest (smallest) of what stands in 1-D x and what `index` sends there.

    Those that are equal share the gradient.
    """
    y = scattered(x, values, index, 0, "maximum" if largest else "minimum")

    def rule(g):
        stays = (x == y).astype(g.dtype)
        comes = (values == mx.take(y, index)).astype(g.dtype)
        share = g / scattered(stays, comes, index, 0, "add")
        return stays * share, comes * mx.take(share, index)

    return (y, rule) if values.size else (x, lambda g: (g, mx.zeros_like(values)))


@op
def _multiplied(x, values, /, *, index):
    """1-D x times all the values that `index` sends to each place."""

    def rule(g):
        return mx.vjp(lambda *a: _product(*a, index), [x, values], [g])[1]

    if not values.size:
        return x, lambda g: (g, mx.zeros_like(values))
    return _product(x, values, index), rule


@mx.custom_function
def _product(x, values, index):
    """The value of `_multiplied`, with a derivative: MLX has none of a scattered product."""
    return scattered(x, values, index, 0, "multiply")


@_product.vjp
def _product_vjp(primals, g, _):
    """A value's slope is the product of the others.

    Where one of them is 0 that cannot be had by dividing: a single zero's slope is the product of
    what is not 0, and two zeros make the slopes of all the others 0.
    """
    x, values, index = primals
    none, some = (x == 0), (values == 0)
    zeros = scattered(none.astype(mx.int32), some.astype(mx.int32), index, 0, "add")
    rest = _product(mx.where(none, 1, x), mx.where(some, 1, values), index)  # of what is not 0

    def slope(v, is_zero, zeros, rest, g):
        others = zeros - is_zero.astype(zeros.dtype)
        return mx.where(others == 0, g * rest / mx.where(is_zero, 1, v), 0)

    at = [mx.take(a, index) for a in (zeros, rest, g)]
    return slope(x, none, zeros, rest, g), slope(values, some, *at), mx.zeros_like(index)
