"""Shape: the same elements under other dimensions."""

from __future__ import annotations

import math
import operator
from typing import Any

import mlx.core as mx

from lucid._sums import sum_over
from lucid.autograd.tape import Traced, sum_to
from lucid.ops.dtypes import dtype_of, name_of
from lucid.ops.op import op
from lucid.ops.reduce import axes_of
from lucid.ops.samplewise import expanded, reshaped, transposed


def sizes(args: tuple[Any, ...], named: Any = None) -> tuple[int, ...]:
    """Ints given one by one, as one tuple, or by keyword: f(2, 3), f((2, 3)), f(size=(2, 3))."""
    if named is not None:
        args = (named,) if hasattr(named, "__index__") else tuple(named)
    if len(args) == 1 and isinstance(args[0], tuple | list):
        args = tuple(args[0])
    if any(isinstance(n, bool) or not hasattr(n, "__index__") for n in args):
        raise TypeError(f"sizes must be ints, got {args!r}")
    return tuple(operator.index(n) for n in args)


# Other dimensions ------------------------------------------------------------------------------


@op(linear=True)
def reshape(x, /, *size, shape=None):
    """The same elements in another shape; one size may be -1 (found from the others).

    Raises:
        ValueError: another number of elements.

    >>> import lucid
    >>> lucid.arange(6).reshape(2, -1).shape
    (2, 3)
    """
    before, after = x.shape, sizes(size, shape)
    if x.size == 0 and -1 in after:  # MLX cannot find the size that is left
        others = math.prod(n for n in after if n != -1)
        if others == 0:
            raise ValueError(f"the size -1 could be anything in {after}: there are no elements")
        after = tuple(0 if n == -1 else n for n in after)
    return reshaped(x, after), lambda g: reshaped(g, before)


@op(linear=True)
def flatten(x, /, start_dim=0, end_dim=-1):
    """Dimensions start_dim to end_dim joined into one.

    Raises:
        ValueError: start_dim after end_dim.

    >>> lucid.zeros(2, 3, 4).flatten(1).shape
    (2, 12)
    """
    before = x.shape
    if x.ndim == 0:
        axes_of(0, start_dim), axes_of(0, end_dim)
        return x.reshape(1), lambda g: g.reshape(before)
    (start,), (end,) = axes_of(x.ndim, start_dim), axes_of(x.ndim, end_dim)
    if start > end:
        raise ValueError(f"start_dim {start_dim} comes after end_dim {end_dim}")
    joined = math.prod(before[start : end + 1])
    after = (*before[:start], joined, *before[end + 1 :])
    return reshaped(x, after), lambda g: reshaped(g, before)


def ravel(input):
    """All elements in one dimension.

    >>> lucid.tensor([[1, 2], [3, 4]]).ravel()
    Tensor([1, 2, 3, 4], grad=None)
    """
    return reshape(input, input.numel())


def unflatten(input, dim, sizes):
    """Dimension `dim` taken apart into `sizes`, one of which may be -1.

    Raises:
        ValueError: sizes whose product is not that of the dimension.

    >>> import lucid
    >>> lucid.ones(2, 6).unflatten(1, (3, -1)).shape
    (2, 3, 2)
    """
    (axis,) = axes_of(input.ndim, dim) or (0,)
    parts = [operator.index(n) for n in sizes]
    before = input.shape[axis : axis + 1]
    known = -math.prod(parts) if -1 in parts else math.prod(parts)
    whole = math.prod(before) if before else 1
    if not parts or (known != whole if -1 not in parts else known <= 0 or whole % known):
        raise ValueError(f"unflatten cannot make {tuple(parts)} of a dimension of size {whole}")
    parts = [whole // known if n == -1 else n for n in parts]
    return reshape(input, (*input.shape[:axis], *parts, *input.shape[axis + 1 :]))


def view(input, *shape, size=None, dtype=None):
    """`input` in another shape; or, of a dtype, its bytes read as numbers of that.

    >>> import lucid
    >>> lucid.tensor([1.0]).view(lucid.int32).tolist()
    [1065353216]
    """
    if dtype is None and len(shape) == 1 and isinstance(shape[0], mx.Dtype | str):
        dtype = shape[0]
    if dtype is not None:
        return _reinterpret(input, dtype=dtype_of(dtype))
    return reshape(input, sizes(shape, size))


@op
def _reinterpret(x, /, *, dtype):
    if x.dtype.size != dtype.size:
        last = x.shape[-1] * x.dtype.size if x.ndim else x.dtype.size
        if not x.ndim or last % dtype.size:
            raise ValueError(f"the bytes of shape {x.shape} cannot be read as {name_of(dtype)}")
    return mx.view(x, dtype), None


def view_as(input, other):
    """`input` in the shape of `other`.

    >>> lucid.arange(4).reshape_as(lucid.zeros(2, 2))
    Tensor([[0, 1],
            [2, 3]], grad=None)
    """
    return reshape(input, other.shape)


reshape_as = view_as


@op(linear=True)
def unsqueeze(x, /, dim):
    """A dimension of size 1 inserted at `dim`.

    >>> lucid.zeros(2, 3).unsqueeze(1).shape
    (2, 1, 3)
    """
    before = x.shape
    (axis,) = axes_of(x.ndim + 1, dim)
    after = (*before[:axis], 1, *before[axis:])
    return reshaped(x, after), lambda g: reshaped(g, before)


@op(linear=True)
def squeeze(x, /, dim=None):
    """Dimensions of size 1 removed: all of them, or those in `dim`.

    >>> lucid.zeros(2, 1, 3).squeeze(1).shape
    (2, 3)
    """
    before = x.shape
    axes = [a for a in axes_of(x.ndim, dim) if before[a] == 1]
    after = [n for i, n in enumerate(before) if i not in axes]
    return reshaped(x, after), lambda g: reshaped(g, before)


def atleast_1d(*tensors):
    """Each of the tensors with one dimension or more; one tensor comes back alone.

    >>> lucid.atleast_1d(lucid.tensor(3.0))
    Tensor([3.], grad=None)
    """
    return _each(tensors, lambda x: reshape(x, 1) if x.ndim == 0 else x)


def atleast_2d(*tensors):
    """Each of the tensors with two dimensions or more: (L,) becomes (1, L).

    >>> lucid.atleast_2d(lucid.tensor([1.0, 2.0]))
    Tensor([[1., 2.]], grad=None)
    """
    return _each(tensors, lambda x: reshape(x, 1, -1) if x.ndim < 2 else x)


def atleast_3d(*tensors):
    """Each of the tensors with three dimensions or more: (L,) becomes (1, L, 1).

    >>> lucid.atleast_3d(lucid.tensor([1.0, 2.0])).shape
    (1, 2, 1)
    """

    def three(x: Any) -> Any:
        shape = {0: (1, 1, 1), 1: (1, *x.shape, 1), 2: (*x.shape, 1)}.get(x.ndim)
        return x if shape is None else reshape(x, shape)

    return _each(tensors, three)


def _each(tensors: Any, change: Any) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], Traced):
        return change(tensors[0])
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    return tuple(change(x) for x in given)


# Their order ----------------------------------------------------------------------------------


@op(linear=True)
def permute(x, /, *order, dims=None):
    """The dimensions in another order.

    Raises:
        ValueError: not all of the dimensions.

    >>> lucid.zeros(2, 3, 4).permute(2, 0, 1).shape
    (4, 2, 3)
    """
    given = sizes(order, dims)
    axes = axes_of(x.ndim, given)
    if len(given) != x.ndim:
        raise ValueError(f"permute needs all {x.ndim} dimensions, got {given}")
    back = tuple(axes.index(i) for i in range(x.ndim))
    return transposed(x, axes), lambda g: transposed(g, back)


@op(linear=True)
def transpose(x, /, dim0, dim1):
    """Two dimensions exchanged.

    >>> lucid.zeros(2, 3, 4).transpose(0, 2).shape
    (4, 3, 2)
    """
    if x.ndim == 0:
        axes_of(0, dim0), axes_of(0, dim1)
        return x, lambda g: g
    (a,), (b,) = axes_of(x.ndim, dim0), axes_of(x.ndim, dim1)
    order = list(range(x.ndim))
    order[a], order[b] = b, a
    return transposed(x, order), lambda g: transposed(g, order)


swapaxes = swapdims = transpose


def t(input):
    """A matrix transposed; a vector or a number as it is.

    Raises:
        ValueError: more than 2 dimensions.

    >>> lucid.tensor([[1, 2], [3, 4]]).t()
    Tensor([[1, 3],
            [2, 4]], grad=None)
    """
    if input.ndim > 2:
        raise ValueError(f"t expects at most 2 dimensions, got shape {input.shape}; use x.mT")
    return transpose(input, 0, -1)


def movedim(input, source, destination):
    """Dimensions moved from `source` to `destination` (ints or tuples), the rest in order.

    Raises:
        ValueError: not as many sources as destinations.

    >>> import lucid
    >>> lucid.ones(2, 3, 4).movedim(0, -1).shape
    (3, 4, 2)
    """
    old, new = axes_of(input.ndim, source), axes_of(input.ndim, destination)
    if len(old) != len(new):
        raise ValueError(
            f"movedim expects as many sources as destinations, got {source} and {destination}"
        )
    rest = iter([a for a in range(input.ndim) if a not in old])
    moved = dict(zip(new, old, strict=True))
    return permute(input, [moved[a] if a in moved else next(rest) for a in range(input.ndim)])


moveaxis = movedim


# Broadcasting ---------------------------------------------------------------------------------


@op(linear=True)
def expand(x, /, *shape, size=None):
    """Dimensions of size 1 repeated, without copying; -1 keeps a size.

    Raises:
        ValueError: a shape that it does not broadcast to.

    >>> lucid.tensor([[1], [2]]).expand(-1, 3)
    Tensor([[1, 1, 1],
            [2, 2, 2]], grad=None)
    """
    target, before = sizes(shape, size), x.shape
    offset = len(target) - len(before)
    if offset < 0:
        raise ValueError(f"expand cannot drop dimensions: from {before} to {target}")
    target = tuple(
        before[i - offset] if n == -1 and i >= offset else n for i, n in enumerate(target)
    )
    from_axes = tuple(range(offset))
    repeated = tuple(i + offset for i, n in enumerate(before) if n == 1 != target[i + offset])

    def rule(g):
        if g.size == 0:
            return mx.zeros(before, g.dtype)
        return reshaped(sum_over(g, from_axes + repeated), before) if from_axes + repeated else g

    return expanded(x, target), rule


def broadcast_to(input, size):
    """`input` in a shape that it broadcasts to.

    >>> lucid.broadcast_to(lucid.tensor([1, 2]), (2, 2))
    Tensor([[1, 2],
            [1, 2]], grad=None)
    """
    return expand(input, tuple(size))


def expand_as(input, other):
    """`input` expanded to the shape of `other`.

    >>> lucid.tensor([1, 2]).expand_as(lucid.zeros(2, 2))
    Tensor([[1, 2],
            [1, 2]], grad=None)
    """
    return expand(input, other.shape)


def broadcast_shapes(*shapes):
    """The shape that all of `shapes` broadcast to.

    Raises:
        ValueError: shapes that do not broadcast.

    >>> import lucid
    >>> lucid.broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    given = [sizes((shape,)) for shape in shapes]
    longest = max((len(shape) for shape in given), default=0)
    padded = [(1,) * (longest - len(shape)) + shape for shape in given]
    result = tuple(next((n for n in column if n != 1), 1) for column in zip(*padded, strict=True))
    if any(
        n not in (1, size) or n < 0
        for shape in padded
        for n, size in zip(shape, result, strict=True)
    ):
        raise ValueError(f"shapes {', '.join(map(str, given))} do not broadcast")
    return result


def broadcast_tensors(*tensors):
    """The tensors expanded to the shape that all of them broadcast to.

    >>> [x.shape for x in lucid.broadcast_tensors(lucid.zeros(3, 1), lucid.zeros(2))]
    [(3, 2), (3, 2)]
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    shape = broadcast_shapes(*(x.shape for x in given))
    return tuple(expand(x, shape) for x in given)


@op(linear=True)
def sum_to_size(x, /, *shape, size=None):
    """The sum over the dimensions along which `size` was broadcast to the shape of x.

    Raises:
        ValueError: a size that does not broadcast to the shape of the tensor.

    >>> import lucid
    >>> lucid.ones(2, 3).sum_to_size(1, 3)
    Tensor([[2., 2., 2.]], grad=None)
    """
    target, before = sizes(shape, size), x.shape
    own = before[len(before) - len(target) :]
    if len(target) > len(before) or any(n not in (1, b) for n, b in zip(target, own, strict=True)):
        raise ValueError(f"size {target} does not broadcast to the shape {before}")
    if not mx.issubdtype(x.dtype, mx.inexact) and (target != before or x.ndim == 0):
        x = x.astype(mx.int64)
    return sum_to(x, target), lambda g: mx.broadcast_to(g, before)
