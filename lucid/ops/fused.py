"""Formulas of elementwise operations that run in one pass over the memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from lucid._device import on_cpu
from lucid.kernels.elementwise import pays


def fused(formula: Any = None, *, only_on_gpu: bool = False) -> Callable[..., Any]:
    """The formula, compiled where its first array is large, or lies on a GPU.

    On Linux MLX runs g++ for half a second on each formula, once per machine. And it writes seven
    digits of a constant into what it compiles: enough for float32 only.

    `only_on_gpu` is for a new array and few operations with a value for each row. On a CPU these
    are quicker one by one: MLX's own loops vectorise such, and work in the memory of the array.
    """
    if formula is None:
        return functools.partial(fused, only_on_gpu=only_on_gpu)
    compiled = mx.compile(formula)

    @functools.wraps(formula)
    def run(x: mx.array, *rest: mx.array) -> Any:
        if not on_cpu():
            return compiled(x, *rest)
        if only_on_gpu or not pays(x):
            return formula(x, *rest)
        # of an array that was broadcast, as gradients of means are, single values would be read
        shape = x.shape
        return compiled(*[mx.contiguous(a) if a.shape == shape else a for a in (x, *rest)])

    return run
