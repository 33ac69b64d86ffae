"""Formulas of elementwise operations that run in one pass over the memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from lucid.kernels.elementwise import LARGE


def fused(formula: Callable[..., Any]) -> Callable[..., Any]:
    """The formula, compiled where its first array is large, or lies on a GPU.

    On Linux MLX runs g++ for half a second on each formula, once per machine. And it writes seven
    digits of a constant into what it compiles: enough for float32 only.
    """
    compiled = mx.compile(formula)

    @functools.wraps(formula)
    def run(x: mx.array, *rest: mx.array) -> Any:
        on_gpu = mx.default_device() != mx.Device(mx.cpu)
        pays = x.dtype == mx.float32 and x.size >= LARGE
        return (compiled if on_gpu or pays else formula)(x, *rest)

    return run
