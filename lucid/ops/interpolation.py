"""Other sizes for the last dimensions: every mode is a sum of picked elements times weights.

The dimensions are resampled one after the other. Where an output element lies in the input, and
how that is rounded, is as in torch: in float32 for all but float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.ops.arrange import repeat_interleave
from lucid.ops.device import on_device
from lucid.ops.entries import take
from lucid.ops.math import add, mul
from lucid.ops.op import op
from lucid.ops.samplewise import last
from lucid.ops.shape import transpose

Taps = list[tuple[np.ndarray, np.ndarray | None]]  # indices, and weights unless all are 1


def nearest(size: int, out: int, scale: float | None, number: Any) -> Taps:
    """The element at or before each place."""
    return [(_floor(np.arange(out).astype(number) * _step(size, out, scale, number), size), None)]


def nearest_exact(size: int, out: int, scale: float | None, number: Any) -> Taps:
    """The element whose middle lies nearest, as in Pillow and scikit-image."""
    places = (np.arange(out).astype(number) + number(0.5)) * _step(size, out, scale, number)
    return [(_floor(places, size), None)]


def _floor(places: np.ndarray, size: int) -> np.ndarray:
    return np.minimum(np.floor(places).astype(np.int64), size - 1)


def linear(
    size: int, out: int, scale: float | None, number: Any, align_corners: bool = False
) -> Taps:
    """Between the two neighbours, in proportion."""
    places = np.maximum(_places(size, out, scale, number, align_corners), 0)
    left = _floor(places, size)
    share = np.clip(places - left.astype(number), 0, 1)
    return [(left, 1 - share), (np.minimum(left + 1, size - 1), share)]


def cubic(
    size: int, out: int, scale: float | None, number: Any, align_corners: bool = False
) -> Taps:
    """A cubic through four neighbours (Keys, 1981, with a = -0.75); past the ends lies the edge."""
    places = _places(size, out, scale, number, align_corners)
    left = np.floor(places)
    t, a = places - left, number(-0.75)
    weights = [_far(t + 1, a), _near(t, a), _near(1 - t, a), _far(2 - t, a)]
    return [(np.clip(left.astype(np.int64) + k - 1, 0, size - 1), w) for k, w in enumerate(weights)]


def _near(t: np.ndarray, a: Any) -> np.ndarray:
    return ((a + 2) * t - (a + 3)) * t * t + 1


def _far(t: np.ndarray, a: Any) -> np.ndarray:
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a


def _step(size: int, out: int, scale: float | None, number: Any) -> Any:
    """The distance of two output elements in the input."""
    return number(1 / scale) if scale else number(size) / number(out)


def _places(size: int, out: int, scale: float | None, number: Any, align_corners: bool) -> Any:
    """Where the middles of the output elements lie between those of the input."""
    t = np.arange(out).astype(number)
    if align_corners:
        return t * (number(size - 1) / number(out - 1) if out > 1 else number(0))
    step = np.float64(_step(size, out, scale, number))  # rounded once, as a fused multiply-add
    return (step * (t + 0.5) - 0.5).astype(number)


MODES: dict[str, Callable[..., Taps]] = {
    "nearest": nearest,
    "nearest-exact": nearest_exact,
    "linear": linear,
    "bilinear": linear,
    "trilinear": linear,
    "bicubic": cubic,
}


def resampled(x: Any, mode: str, out: list[int], scales: list[Any], **settings: Any) -> Any:
    """x with its last dimensions of sizes `out`."""
    number = np.float64 if x.dtype == mx.float64 else np.float32
    with on_device(x._device):
        for i, (size, scale) in enumerate(zip(out, scales, strict=True)):
            axis = x.ndim - len(out) + i
            if size in _exact(mode, x.shape[axis], len(out)):
                scale = None
            x = _summed(x, axis, MODES[mode](x.shape[axis], size, scale, number, **settings))
    return x


def _exact(mode: str, size: int, dimensions: int) -> tuple[int, ...]:
    """The new sizes for which torch leaves a scale_factor that gave them out of account."""
    if mode in ("linear", "bilinear", "trilinear"):
        return (size,)
    return (size, 2 * size) if mode == "nearest" and dimensions == 2 else ()


def _shifts(index: Any, weights: Any, size: int, times: int) -> list[int] | None:
    """By how much the picked elements lie before or after those that are enlarged, for each of
    `times` output elements, if that is the same all along, where their weights are not 0."""
    picked, middle = index.reshape(size, times), size // 2
    shifts = picked[middle] - middle
    same = picked == np.clip(np.arange(size)[:, None] + shifts, 0, size - 1)
    same |= weights.reshape(size, times) == 0
    return shifts.tolist() if same.all() else None


def _evened(weights: list[Any], shifts: list[Any]) -> list[Any]:
    """The weights where past an end all taps meet its element: alike, for 0 * infinity is NaN."""
    size = len(weights[0])
    places = [np.clip(np.arange(size)[:, None] + s, 0, size - 1) for s in shifts]
    alone = np.all([p == places[0] for p in places], axis=0)
    return [np.where(alone, sum(weights) / len(weights), w).astype(w.dtype) for w in weights]


@op(linear=True, samples=last)
def _interleaved(x, /, *, shifts, weights):
    """Element i * n + p is the sum over taps of weights[tap][p][i] * x[i + shifts[tap][p]], where
    p < n, and past the ends of x lies its first or last element."""
    L, n = x.shape[-1], len(shifts[0])
    reach = max(abs(s) for tap in shifts for s in tap)
    row = (*x.shape[:-1], reach)
    start, end = (mx.broadcast_to(edge, row) for edge in (x[..., :1], x[..., -1:]))
    padded = mx.concatenate([start, x, end], -1)
    taps = list(zip(shifts, weights, strict=True))

    def shares(p):
        """For each tap, where its elements lie in what is padded, and their weights."""
        return [(reach + s[p], mx.array(w[p], x.dtype)) for s, w in taps]

    def element(p):
        return sum(padded[..., at : at + L] * w for at, w in shares(p))

    def rule(g):
        g, sums = g.reshape(*g.shape[:-1], L, n), {}
        for p in range(n):
            part = mx.contiguous(g[..., p])
            for at, w in shares(p):
                sums[at] = sums[at] + part * w if at in sums else part * w
        wide = [(0, 0)] * (g.ndim - 2)
        y = sum(mx.pad(a, [*wide, (at, 2 * reach - at)]) for at, a in sums.items())
        inner = y[..., reach : reach + L]
        if reach:
            inner[..., :1] += y[..., :reach].sum(-1, keepdims=True)
            inner[..., -1:] += y[..., reach + L :].sum(-1, keepdims=True)
        return inner

    y = mx.stack([element(p) for p in range(n)], -1)
    return y.reshape(*x.shape[:-1], L * n), rule


def _summed(x: Any, axis: int, taps: Taps) -> Any:
    index, weights = taps[0]
    times, rest = divmod(len(index), x.shape[axis])
    if weights is None and not rest and (index == np.arange(len(index)) // times).all():
        return x if times == 1 else repeat_interleave(x, times, axis)
    size, few = x.shape[axis], not rest and times <= 8  # beyond, each part is too small
    shifts = [_shifts(*tap, size, times) for tap in taps] if few and weights is not None else [None]
    if None not in shifts:
        parts = [np.reshape(w, (-1, times)) for _, w in taps if w is not None]
        columns = [w.T for w in _evened(parts, shifts)]
        settings = {"shifts": shifts, "weights": columns}
        return transpose(_interleaved(transpose(x, axis, -1), **settings), axis, -1)
    rows = transpose(x, axis, 0)  # whole rows are picked much faster than single elements
    y = None
    for index, weights in taps:
        part = take(rows, index=mx.array(index), axis=0)
        if weights is not None:
            shares = mx.array(weights, x.dtype)
            part = mul(part, shares.reshape(-1, *[1] * (x.ndim - 1)))
        y = part if y is None else add(y, part)
    return transpose(y, axis, 0)
