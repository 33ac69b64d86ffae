"""Padding, with the arguments of `torch.nn.functional.pad`."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.ops.index import getitem
from lucid.ops.op import op

MODES = ("constant", "reflect", "replicate", "circular")


def pad(x: Any, pad: Any, mode: str = "constant", value: float = 0.0) -> Any:
    """x with its last dimensions made longer, or shorter by negative numbers.

    Args:
        pad: before and after the last dimension, then before and after the one before it, ...
        mode: "constant"; "reflect" (mirrored, without the edge); "replicate" (the edge); or
            "circular" (the other end).
        value: what "constant" fills with.

    Raises:
        ValueError: an unknown mode, an odd number of sizes, or a pad that the mode cannot fill.

    >>> import lucid
    >>> lucid.pad(lucid.tensor([1.0, 2.0, 3.0]), (2, 1), mode="reflect")
    Tensor([3., 2., 1., 2., 3., 2.], grad=None)
    """
    if mode not in MODES:
        raise ValueError(f"pad mode must be one of {', '.join(MODES)}, got {mode!r}")
    widths = (pad, pad) if isinstance(pad, int) else tuple(pad)
    if any(isinstance(n, bool) or not isinstance(n, int) for n in widths):
        raise TypeError(f"pad expects ints, got {widths}")
    if len(widths) % 2 or len(widths) > 2 * x.ndim:
        raise ValueError(
            f"pad expects (before, after) for up to {x.ndim} dimensions, the last one first, "
            f"got {len(widths)} numbers"
        )
    sides = [(0, 0)] * (x.ndim - len(widths) // 2)
    sides += [(widths[i], widths[i + 1]) for i in range(len(widths) - 2, -1, -2)]
    _check(x.shape, sides, mode)
    if min(widths, default=0) < 0:
        x = getitem(x, tuple(slice(max(0, -lo), n - max(0, -hi)) for n, (lo, hi) in
                             zip(x.shape, sides, strict=True)))  # fmt: skip
        sides = [(max(0, lo), max(0, hi)) for lo, hi in sides]
    if mode == "constant":
        return _padded(x, sides=sides, value=value)
    for axis, (lo, hi) in enumerate(sides):
        if lo or hi:
            x = _mirrored(x, axis=axis, lo=lo, hi=hi, mode=mode)
    return x


def _check(shape: tuple[int, ...], sides: list[tuple[int, int]], mode: str) -> None:
    for axis, (n, (lo, hi)) in enumerate(zip(shape, sides, strict=True)):
        if n + min(lo, 0) + min(hi, 0) < 0 or n + lo + hi < 0:
            raise ValueError(f"pad ({lo}, {hi}) cuts off more than dimension {axis} of size {n}")
        left = n + min(lo, 0) + min(hi, 0)
        most = {"reflect": left - 1, "circular": left, "replicate": 1 << 31 if left else 0}
        if mode != "constant" and max(lo, hi) > max(most[mode], 0):
            raise ValueError(
                f"{mode} pad ({lo}, {hi}) is too long for dimension {axis} of size {n}; "
                f"at most {max(most[mode], 0)}"
            )


@op(linear=True)
def _padded(x, /, *, sides, value):
    inner = tuple(slice(lo, lo + n) for n, (lo, _) in zip(x.shape, sides, strict=True))
    return mx.pad(x, sides, constant_values=mx.array(value, x.dtype)), lambda g: g[inner]


@op(linear=True)
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
        y = mx.array(g[key(slice(lo, lo + n))])
        for part, of in ((before, g[key(slice(lo))]), (after, g[key(slice(lo + n, None))])):
            if of.size:
                of = of.sum(axis=axis, keepdims=True) if mode == "replicate" else of
                y[key(part)] = y[key(part)] + of
        return y

    return mx.concatenate([edge(before, lo), x, edge(after, hi)], axis=axis), rule
