"""Formulas of elementwise operations that run in one pass over the memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from lucid._device import on_cpu
from lucid.kernels.elementwise import pays


def fused(formula: Callable[..., Any]) -> Callable[..., Any]:
    """The formula, compiled where its first array is large, or lies on a GPU.

    On Linux MLX runs g++ for half a second on each formula, once per machine. And it writes seven
    digits of a constant into what it compiles: enough for float32 only.
    """
    compiled = mx.compile(formula)

    @functools.wraps(formula)
    def run(x: mx.array, *rest: mx.array) -> Any:
        return (compiled if pays(x) or not on_cpu() else formula)(x, *rest)

    return run
