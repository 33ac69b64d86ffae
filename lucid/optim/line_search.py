"""A line search that meets the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import mlx.core as mx


class Point(NamedTuple):
    """A point on the line x + t d."""

    t: float
    loss: float
    gradient: mx.array
    slope: float  # the derivative of the loss by t


def strong_wolfe(
    probe: Callable[[float], Point],
    start: Point,
    t: float,
    reach: float,
    tolerance: float,
    most: int,
    sufficient: float = 1e-4,
    flat: float = 0.9,
) -> tuple[Point, int]:
    """A point with loss <= start.loss + sufficient * t * start.slope and |slope| <= flat * before.

    Nocedal and Wright, "Numerical optimization" (2006), algorithms 3.5 and 3.6, with the cubic
    interpolation and the safeguards of minFunc (Schmidt, 2005).

    Args:
        probe: evaluates a point.
        start: the point at t = 0, where the slope is negative.
        t: the first one tried.
        reach: the largest element of d.
        tolerance: done where the bracket is smaller.
        most: how many points are tried, besides the first one.
        sufficient: the share of the expected decrease that is enough.
        flat: the share of the slope that may be left.

    Returns:
        The point, and how many were evaluated.
    """

    def too_high(point: Point) -> bool:
        return point.loss > start.loss + sufficient * point.t * start.slope

    def is_flat(point: Point) -> bool:
        return abs(point.slope) <= -flat * start.slope

    # Forward, until a point lies behind a minimum.
    before, point, tried = start, probe(t), 0
    while tried < most:
        if too_high(point) or (tried > 1 and point.loss >= before.loss):
            break
        if is_flat(point):
            return point, tried + 1
        if point.slope >= 0:
            break
        nearest, farthest = point.t + 0.01 * (point.t - before.t), 10 * point.t
        before, point = point, probe(_minimum(before, point, nearest, farthest))
        tried += 1
    else:
        before = start

    # Then inward: the best end of the bracket, and the other one.
    best, other = (before, point) if before.loss <= point.loss else (point, before)
    slow = False
    while tried < most and abs(other.t - best.t) * reach >= tolerance:
        low, high = min(best.t, other.t), max(best.t, other.t)
        t = _minimum(best, other, low, high)
        # too near to an end, twice or exactly: step a tenth inward
        margin = 0.1 * (high - low)
        near = min(high - t, t - low) < margin
        if near and (slow or t >= high or t <= low):
            t = high - margin if abs(t - high) < abs(t - low) else low + margin
            near = False
        slow = near
        point = probe(t)
        tried += 1
        if too_high(point) or point.loss >= best.loss:
            best, other = (best, point) if best.loss <= point.loss else (point, best)
            continue
        if is_flat(point):
            return point, tried + 1
        if point.slope * (other.t - best.t) >= 0:
            other = best
        best = point
    return best, tried + 1


def _minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through two points and their slopes is least, within [low, high]."""
    if a.t > b.t:
        a, b = b, a
    t = math.nan
    if a.t < b.t:
        mean = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
        square = mean * mean - a.slope * b.slope
        root = math.sqrt(square) if square >= 0 else math.nan
        bottom = b.slope - a.slope + 2 * root
        if bottom != 0:
            t = b.t - (b.t - a.t) * (b.slope + root - mean) / bottom
    # no minimum, or values that are not finite
    return min(max(t, low), high) if math.isfinite(t) else (low + high) / 2
