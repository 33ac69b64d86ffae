"""Frames of a signal, and their overlap-add: each is the other's gradient."""

from __future__ import annotations

import mlx.core as mx

from lucid.ops.op import op


@op(linear=True)
def frame(x, /, *, size, hop):
    """Overlapping pieces of the last axis, each `hop` after the one before.

    Shapes: (..., L) -> (..., T, size) with T = floor((L - size)/hop) + 1.

    >>> import lucid
    >>> lucid.ops.frame(lucid.arange(5), size=3, hop=2).tolist()
    [[0, 1, 2], [2, 3, 4]]
    """
    _check(size, hop)
    length = x.shape[-1] if x.ndim else 0
    if length < size:
        raise ValueError(f"a signal of length {length} has no frame of size {size}")
    count = (length - size) // hop + 1
    rest = length - (count - 1) * hop - size

    def rule(g):
        return mx.pad(_overlap_add(g, hop), [(0, 0)] * (g.ndim - 2) + [(0, rest)])

    return _frame(x, size, hop), rule


@op(linear=True)
def overlap_add(frames, /, *, hop):
    """The sum of frames laid `hop` apart: the transpose of `frame`.

    Shapes: (..., T, size) -> (..., (T - 1) * hop + size).

    >>> import lucid
    >>> lucid.ops.overlap_add(lucid.ones(2, 3), hop=2).tolist()
    [1.0, 1.0, 2.0, 1.0, 1.0]
    """
    if frames.ndim < 2 or frames.shape[-2] == 0:
        raise ValueError(f"expects frames of shape (..., T, size) with T > 0, got {frames.shape}")
    size = frames.shape[-1]
    _check(size, hop)
    return _overlap_add(frames, hop), lambda g: _frame(g, size, hop)


def _check(size: int, hop: int) -> None:
    if size < 1 or hop < 1:
        raise ValueError(f"expects size and hop of at least 1, got size={size} and hop={hop}")


def _frame(x: mx.array, size: int, hop: int) -> mx.array:
    *batch, length = x.shape
    count = (length - size) // hop + 1
    if x.size == 0:
        return mx.zeros((*batch, count, size), x.dtype)
    strides = [length] * len(batch)
    for axis in reversed(range(len(batch) - 1)):
        strides[axis] = strides[axis + 1] * batch[axis + 1]
    return mx.as_strided(x, (*batch, count, size), (*strides, hop, 1))


def _overlap_add(frames: mx.array, hop: int) -> mx.array:
    """Cut frames into blocks of `hop`: block j of frame t lands on block t + j of the signal."""
    *batch, count, size = frames.shape
    blocks = -(-size // hop)
    none = [(0, 0)] * len(batch)
    padded = mx.pad(frames, [*none, (0, 0), (0, blocks * hop - size)])
    padded = padded.reshape(*batch, count, blocks, hop)
    total = mx.zeros((*batch, count + blocks - 1, hop), frames.dtype)
    for j in range(blocks):
        total = total + mx.pad(padded[..., j, :], [*none, (j, blocks - 1 - j), (0, 0)])
    return total.reshape(*batch, -1 if total.size else total.shape[-2] * hop)[
        ..., : (count - 1) * hop + size
    ]
