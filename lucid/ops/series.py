"""Sums that functions which MLX lacks are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx


def polynomial(coefficients: Sequence[Any], x: mx.array) -> mx.array:
    """c[0] + c[1] x + c[2] x**2 + ..., numbers or arrays, by Horner's rule."""
    y = coefficients[-1] + mx.zeros_like(x)
    for c in coefficients[-2::-1]:
        y = y * x + c
    return y


def chebyshev(coefficients: Sequence[float], x: mx.array) -> mx.array:
    """c[0] + c[1] T_1(x) + c[2] T_2(x) + ... for x in [-1, 1] (Clenshaw, 1955).

    In float32 it stops where the rest is below its rounding.
    """
    enough = 1e-9 if x.dtype == mx.float32 else 0.0
    kept = [c for c in coefficients if abs(c) > enough * abs(coefficients[0])]
    above = last = mx.zeros_like(x)
    for c in kept[:0:-1]:
        above, last = 2 * x * above - last + c, above
    return x * above - last + kept[0]
