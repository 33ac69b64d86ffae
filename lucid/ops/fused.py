"""Formulas of elementwise operations that run in one pass over the memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import mlx.core as mx

# On Linux MLX runs g++ for half a second on each formula, once per machine. Below this size the
# operations one by one take 20 us each.
_WORTH = 1 << 16


def fused(formula: Callable[..., Any]) -> Callable[..., Any]:
    """The formula, compiled where its first array is large or lies on a GPU.

    The numbers in it should be arrays, or the integers 0, 1 and 2: MLX writes seven digits of a
    constant into what it compiles.
    """
    compiled = mx.compile(formula)

    @functools.wraps(formula)
    def run(x: mx.array, *rest: mx.array) -> Any:
        large = x.size >= _WORTH or mx.default_device() != mx.Device(mx.cpu)
        return (compiled if large else formula)(x, *rest)

    return run
