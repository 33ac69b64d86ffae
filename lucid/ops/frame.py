"""Windows of a signal, and their overlap-add: each is the other's gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import mlx.core as mx

from lucid.kernels import batching
from lucid.ops.op import op
from lucid.ops.reduce import axes_of
from lucid.ops.samplewise import last, within


@op(linear=True, samples=last)
def frame(x, /, *, size, hop, dilation=1, dim=-1):
    """Overlapping pieces of the axis `dim`, each `hop` after the one before; the elements of a
    piece lie `dilation` apart.

    Shapes: (..., L, *rest) -> (..., T, size, *rest), T = (L - dilation*(size - 1) - 1)//hop + 1.

    Raises:
        ValueError: a signal shorter than a frame.

    >>> import lucid
    >>> lucid.ops.frame(lucid.arange(5), size=3, hop=2).tolist()
    [[0, 1, 2], [2, 3, 4]]
    """
    _check(size, hop, dilation)
    if x.ndim == 0:
        raise ValueError(f"a signal of length 0 has no frame of size {size}")
    (axis,) = axes_of(x.ndim, dim)
    length, reach = x.shape[axis], dilation * (size - 1) + 1
    if length < reach:
        raise ValueError(f"a signal of length {length} has no frame of size {reach}")
    rest = (length - reach) % hop

    def rule(g):
        y = add_frames(g, hop, dilation, axis)
        return mx.pad(y, [(0, rest if a == axis else 0) for a in range(y.ndim)])

    return cut_frames(x, size, hop, dilation, axis), rule


@op(linear=True, samples=partial(within, dim=-2))
def overlap_add(frames, /, *, hop, dilation=1, dim=-2):
    """The sum of frames laid `hop` apart: the transpose of `frame`. `dim` counts the frames, and
    the axis after it the elements of each.

    Shapes: (..., T, size, *rest) -> (..., (T - 1)*hop + dilation*(size - 1) + 1, *rest).

    Raises:
        ValueError: no frames.

    >>> import lucid
    >>> lucid.ops.overlap_add(lucid.ones(2, 3), hop=2).tolist()
    [1.0, 1.0, 2.0, 1.0, 1.0]
    """
    axis = dim % frames.ndim if frames.ndim > 1 else 0
    if frames.ndim < axis + 2 or frames.shape[axis] == 0:
        raise ValueError(f"expects frames of shape (..., T, size) with T > 0, got {frames.shape}")
    size = frames.shape[axis + 1]
    _check(size, hop, dilation)
    y = add_frames(frames, hop, dilation, axis)
    return y, lambda g: cut_frames(g, size, hop, dilation, axis)


def _check(size: int, hop: int, dilation: int) -> None:
    if size < 1 or hop < 1 or dilation < 1:
        raise ValueError(
            "expects size, hop and dilation of at least 1, got "
            f"size={size}, hop={hop} and dilation={dilation}"
        )


def cut_frames(x: mx.array, size: int, hop: int, dilation: int, axis: int) -> mx.array:
    """`frame` of an array; `axis` counts from the front."""
    batch, length, rest = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    count = (length - dilation * (size - 1) - 1) // hop + 1
    if x.size == 0:
        return mx.zeros((*batch, count, size, *rest), x.dtype)
    if batching.is_mapping():  # MLX cannot map over as_strided
        places = mx.arange(count)[:, None] * hop + mx.arange(size) * dilation
        return mx.take(x, places, axis=axis)
    strides = [math.prod(x.shape[a + 1 :]) for a in range(x.ndim)]  # as_strided sees x in rows
    step = strides[axis]
    return mx.as_strided(
        mx.contiguous(x),  # a gradient that was broadcast is refused, when it is evaluated
        (*batch, count, size, *rest),
        (*strides[:axis], hop * step, dilation * step, *strides[axis + 1 :]),
    )


def add_frames(frames: mx.array, hop: int, dilation: int, axis: int) -> mx.array:
    """`overlap_add` of an array; `axis` counts from the front.

    Frames are cut into blocks of `hop`: block j of frame t lands on block t + j of the signal.
    """
    batch, rest = frames.shape[:axis], frames.shape[axis + 2 :]
    count, size = frames.shape[axis : axis + 2]
    rows, width = math.prod(batch), math.prod(rest)
    length = (count - 1) * hop + dilation * (size - 1) + 1
    frames = frames.reshape(rows, count, size, width)
    if dilation > 1:
        y = add_strided([frames[:, :, k] for k in range(size)], 1, length, hop, dilation)
        return y.reshape(*batch, length, *rest)
    blocks = -(-size // hop)
    if size < blocks * hop:
        frames = mx.pad(frames, [(0, 0), (0, 0), (0, blocks * hop - size), (0, 0)])
    frames = frames.reshape(rows, count, blocks, hop * width)
    y = add_strided([frames[:, :, j] for j in range(blocks)], 1, count + blocks - 1, 1, 1)
    y = y.reshape(rows, (count + blocks - 1) * hop, width)
    return y[:, :length].reshape(*batch, length, *rest)


def add_strided(
    parts: Sequence[mx.array], axis: int, length: int, hop: int, dilation: int
) -> mx.array:
    """Element t of parts[k] added at t*hop + k*dilation of zeros along `axis`."""
    first, count = parts[0], parts[0].shape[axis]
    if (len(parts), length, hop) == (1, count, 1):
        return first
    y = mx.zeros((*first.shape[:axis], length, *first.shape[axis + 1 :]), first.dtype)
    phases = set()  # parts of different phases never meet
    for k, part in enumerate(parts):
        start = k * dilation
        key = (slice(None),) * axis + (slice(start, start + (count - 1) * hop + 1, hop),)
        y[key] = y[key] + part if start % hop in phases else part
        phases.add(start % hop)
    return y
