"""Elements in another order along dimensions, or several times."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from lucid import _shards
from lucid.autograd.tape import Traced
from lucid.ops.gather import index_select
from lucid.ops.op import op
from lucid.ops.reduce import axes_of
from lucid.ops.samplewise import within
from lucid.ops.shape import expand, flatten, reshape, sizes, transpose, unsqueeze


@op(linear=True)
def flip(x, /, *axes, dims=None):
    """The order reversed along the given dimensions.

    >>> lucid.flip(lucid.tensor([[1, 2], [3, 4]]), (0, 1))
    Tensor([[4, 3],
            [2, 1]], grad=None)
    """
    wanted = axes_of(x.ndim, sizes(axes, dims))
    index = tuple(slice(None, None, -1) if i in wanted else slice(None) for i in range(x.ndim))

    def turned(a):
        return a[index] if 0 in wanted else _shards.mapped(lambda part: part[index], a)

    return turned(x), turned


def fliplr(input):
    """The order of the columns (dimension 1) reversed.

    Raises:
        ValueError: less than 2 dimensions.

    >>> lucid.fliplr(lucid.tensor([[1, 2], [3, 4]]))
    Tensor([[2, 1],
            [4, 3]], grad=None)
    """
    if input.ndim < 2:
        raise ValueError(f"fliplr expects 2 dimensions or more, got shape {input.shape}")
    return flip(input, 1)


def flipud(input):
    """The order of the rows (dimension 0) reversed.

    Raises:
        ValueError: a 0-dimensional tensor.

    >>> lucid.flipud(lucid.tensor([[1, 2], [3, 4]]))
    Tensor([[3, 4],
            [1, 2]], grad=None)
    """
    if input.ndim < 1:
        raise ValueError("flipud expects 1 dimension or more, got a 0-dimensional tensor")
    return flip(input, 0)


def rot90(input, k=1, dims=(0, 1)):
    """A plane turned by 90 degrees `k` times, from the first of `dims` to the second.

    Raises:
        ValueError: not two dims.

    >>> import lucid
    >>> lucid.tensor([[1, 2], [3, 4]]).rot90().tolist()
    [[2, 4], [1, 3]]
    """
    if len(dims) != 2:
        raise ValueError(f"rot90 turns a plane of two dims, got {dims!r}")
    a, b = axes_of(input.ndim, tuple(dims))
    if k % 4 == 0:
        return flip(input, ())
    if k % 4 == 2:
        return flip(input, a, b)
    return transpose(flip(input, b if k % 4 == 1 else a), a, b)


def _over_dims(x, /, shifts=None, dims=None):
    return within(x, dims)


@op(linear=True, samples=_over_dims)
def roll(x, /, shifts, dims=None):
    """Elements moved along `dims`, those pushed out at the end coming back at the start.

    Raises:
        ValueError: not one shift for each of `dims`, or without them not a single one.

    >>> lucid.roll(lucid.tensor([1, 2, 3, 4]), 1)
    Tensor([4, 1, 2, 3], grad=None)
    """
    steps = sizes((shifts,))
    if dims is None or dims == ():
        if len(steps) != 1:
            raise ValueError(f"roll without dims expects one shift, got {shifts!r}")
        axes = None
    else:
        axes = tuple(a for d in sizes((dims,)) for a in axes_of(x.ndim, d))
        if len(axes) != len(steps):
            raise ValueError(f"roll expects a shift for each dim, got {shifts!r} and {dims!r}")
    if x.size == 0 or x.ndim == 0:
        return x, lambda g: g
    if axes is None:
        step = steps[0] % x.size  # MLX takes no shift past 32 bits
        return mx.roll(x, step), lambda g: mx.roll(g, -step)
    steps = tuple(s % x.shape[a] for s, a in zip(steps, axes, strict=True))
    back = tuple(-s for s in steps)
    return mx.roll(x, steps, axes), lambda g: mx.roll(g, back, axes)


def tile(input, *reps, dims=None):
    """`input` repeated as a whole, `reps` times along each of its last dimensions.

    Raises:
        ValueError: a negative count.

    >>> import lucid
    >>> lucid.arange(2).tile(2, 2).tolist()
    [[0, 1, 0, 1], [0, 1, 0, 1]]
    """
    counts = sizes(reps, dims)
    if min(counts, default=0) < 0:
        raise ValueError(f"cannot repeat a negative number of times: {counts}")
    ndim = max(len(counts), input.ndim)
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - input.ndim) + input.shape
    apart = reshape(input, [n for size in shape for n in (1, size)])
    spread = expand(apart, [n for pair in zip(counts, shape, strict=True) for n in pair])
    return reshape(spread, [c * n for c, n in zip(counts, shape, strict=True)])


def repeat(input, *counts, repeats=None):
    """As `tile`, with a count for every dimension.

    Raises:
        ValueError: fewer counts than dimensions, or a negative one.

    >>> lucid.tensor([1, 2]).repeat(2, 2)
    Tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]], grad=None)
    """
    given = sizes(counts, repeats)
    if len(given) < input.ndim:
        raise ValueError(
            f"repeat expects a count for each of the {input.ndim} dimensions, got {given}"
        )
    return tile(input, given)


def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element repeated in place, along `dim` (None: flattened).

    Args:
        repeats: a number of times, or a 1-D integer tensor of one for each element. Alone,
            `repeat_interleave(repeats)` gives each index as often as its count says.
        output_size: ignored; torch can avoid a synchronisation with it.

    Raises:
        ValueError: a negative number of times.

    >>> import lucid
    >>> lucid.arange(2).repeat_interleave(2).tolist()
    [0, 0, 1, 1]
    >>> lucid.repeat_interleave(lucid.tensor([1, 0, 2])).tolist()
    [0, 2, 2]
    """
    if repeats is None:
        return _wrapped(input, _interleaved(input, input.numel()))
    if dim is None:
        input, dim = flatten(input), 0
    (axis,) = axes_of(input.ndim, dim) or (0,)
    if input.ndim == 0:
        input = reshape(input, 1)
    if isinstance(repeats, Traced | tuple | list) or hasattr(repeats, "shape"):
        return index_select(input, axis, _interleaved(repeats, input.shape[axis]))
    if isinstance(repeats, bool) or not isinstance(repeats, int) or repeats < 0:
        raise ValueError(f"repeat_interleave expects a number of times >= 0, got {repeats!r}")
    shape = input.shape
    apart = expand(unsqueeze(input, axis + 1), (*shape[: axis + 1], repeats, *shape[axis + 1 :]))
    return reshape(apart, (*shape[:axis], shape[axis] * repeats, *shape[axis + 1 :]))


def _interleaved(repeats: Any, n: int) -> np.ndarray:
    """0, 1, ... n - 1, each as often as `repeats` says."""
    counts = np.asarray(repeats)
    if counts.dtype.kind not in "iu" or counts.ndim > 1 or counts.size not in (1, n):
        raise ValueError(
            f"repeat_interleave expects {n} integers, one for each element, got "
            f"{counts.dtype} of shape {counts.shape}"
        )
    if counts.size and counts.min() < 0:
        raise ValueError(f"cannot repeat a negative number of times: {counts.min()}")
    return np.repeat(np.arange(n), counts.reshape(-1) if counts.size == n else int(counts.item()))


def _wrapped(like: Any, values: np.ndarray) -> Any:
    return like._wrap(mx.array(values.astype(np.int64), mx.int64), like._device)
