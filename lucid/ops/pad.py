"""Padding, with the arguments of `torch.nn.functional.pad`."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid._sums import sum_over
from lucid.ops.entries import wide
from lucid.ops.index import getitem
from lucid.ops.op import op
from lucid.ops.samplewise import first, within

MODES = ("constant", "reflect", "replicate", "circular")


def pad(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    """`input` with its last dimensions made longer, or shorter by negative numbers.

    Args:
        pad: before and after the last dimension, then before and after the one before it, ...
        mode: "constant"; "reflect" (mirrored, without the edge); "replicate" (the edge); or
            "circular" (the other end).
        value: what "constant" fills with; default 0.

    Raises:
        ValueError: an unknown mode, an odd number of sizes, or a pad that the mode cannot fill.

    >>> import lucid
    >>> lucid.pad(lucid.tensor([1.0, 2.0, 3.0]), (2, 1), mode="reflect")
    Tensor([3., 2., 1., 2., 3., 2.], grad=None)
    """
    if mode not in MODES:
        raise ValueError(f"pad mode must be one of {', '.join(MODES)}, got {mode!r}")
    widths = (pad, pad) if isinstance(pad, int) else tuple(pad)
    if any(isinstance(n, bool) or not hasattr(n, "__index__") for n in widths):
        raise TypeError(f"pad expects ints, got {widths}")
    if len(widths) % 2 or len(widths) > 2 * input.ndim:
        raise ValueError(
            f"pad expects (before, after) for up to {input.ndim} dimensions, the last one first, "
            f"got {len(widths)} numbers"
        )
    sides = [(0, 0)] * (input.ndim - len(widths) // 2)
    sides += [(int(widths[i]), int(widths[i + 1])) for i in range(len(widths) - 2, -1, -2)]
    _check(input.shape, sides, mode)
    longer = [(max(0, lo), max(0, hi)) for lo, hi in sides]
    shorter = [(max(0, -lo), max(0, -hi)) for lo, hi in sides]
    if mode == "constant":
        return _padded(_cut(input, shorter), sides=longer, value=0 if value is None else value)
    if mode == "circular":  # what comes round is what was left
        return _mirrored_all(_cut(input, shorter), longer, mode)
    return _cut(_mirrored_all(input, longer, mode), shorter)


def _check(shape: tuple[int, ...], sides: list[tuple[int, int]], mode: str) -> None:
    for axis, (n, (lo, hi)) in enumerate(zip(shape, sides, strict=True)):
        left = n + min(lo, 0) + min(hi, 0)
        if n + lo + hi < 0 or (left < 0 and mode in ("constant", "circular")):
            raise ValueError(f"pad ({lo}, {hi}) cuts off more than dimension {axis} of size {n}")
        most = {"reflect": n - 1, "circular": left, "replicate": 1 << 31 if n else 0}
        if mode != "constant" and max(lo, hi) > max(most[mode], 0):
            raise ValueError(
                f"{mode} pad ({lo}, {hi}) is too long for dimension {axis} of size {n}; "
                f"at most {max(most[mode], 0)}"
            )


def _cut(x: Any, sides: list[tuple[int, int]]) -> Any:
    if not any(lo or hi for lo, hi in sides):
        return x
    return getitem(x, tuple(slice(lo, n - hi) for n, (lo, hi) in zip(x.shape, sides, strict=True)))


def _mirrored_all(x: Any, sides: list[tuple[int, int]], mode: str) -> Any:
    for axis, (lo, hi) in enumerate(sides):
        if lo or hi:
            x = _mirrored(x, axis=axis, lo=lo, hi=hi, mode=mode)
    return x


def _inside(x, /, *, sides, value):
    return first(x) if sides and tuple(sides[0]) == (0, 0) else None


@op(linear=True, samples=_inside)
def _padded(x, /, *, sides, value):
    inner = tuple(slice(lo, lo + n) for n, (lo, _) in zip(x.shape, sides, strict=True))
    return mx.pad(x, sides, constant_values=mx.array(value, x.dtype)), lambda g: g[inner]


def _along_axis(x, /, *, axis, **_):
    return within(x, axis)


@op(linear=True, samples=_along_axis)
def _mirrored(x, /, *, axis, lo, hi, mode):
    n = x.shape[axis]
    before, after = {
        "reflect": (slice(lo, 0, -1), slice(n - 2, n - 2 - hi if n - 2 - hi >= 0 else None, -1)),
        "circular": (slice(n - lo, n), slice(hi)),
        "replicate": (slice(1), slice(n - 1, n)),
    }[mode]

    def key(part: slice) -> tuple[slice, ...]:
        return (slice(None),) * axis + (part,)

    def edge(part: slice, length: int) -> mx.array:
        piece = x[key(part)]
        return mx.repeat(piece, length, axis=axis) if mode == "replicate" else piece

    def rule(g):
        g = wide(g)
        y = mx.array(g[key(slice(lo, lo + n))])
        for part, of in ((before, g[key(slice(lo))]), (after, g[key(slice(lo + n, None))])):
            if of.size:
                of = sum_over(of, (axis,), keepdims=True) if mode == "replicate" else of
                y[key(part)] = y[key(part)] + of
        return y

    return mx.concatenate([edge(before, lo), x, edge(after, hi)], axis=axis), rule
