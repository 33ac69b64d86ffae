"""Functions that MLX 0.32 computes in float32 even on float64 arrays, in full precision.

Called with any other dtype they are MLX's own. float64 exists on the CPU only, for checking
gradients and references, so these may be slow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx


def _unless_float64(function: Callable) -> Callable[[Callable], Callable]:
    """MLX's `function`, except on float64, where the decorated one runs."""

    def choose(precise: Callable) -> Callable:
        def chosen(x: mx.array, **settings: Any) -> mx.array:
            return (precise if x.dtype == mx.float64 else function)(x, **settings)

        return chosen

    return choose


@mx.custom_function
def _power_of_e(x):
    return mx.power(math.e, x)


@_power_of_e.vjp
def _power_of_e_vjp(x, g, y):  # MLX's own derivatives of a power are wrong from the third on
    return g * _power_of_e(x)


@_unless_float64(mx.exp)
def exp(x):
    return _power_of_e(x)


@_unless_float64(mx.sin)
def sin(x):
    t = mx.tan(0.5 * x)
    return 2 * t / (1 + t * t)


@_unless_float64(mx.cos)
def cos(x):
    t = mx.tan(0.5 * x)
    return (1 - t) * (1 + t) / (1 + t * t)


@_unless_float64(mx.sigmoid)
def sigmoid(x):
    return 1 / (1 + exp(-x))


@_unless_float64(mx.erf)
def erf(x):
    # 2/sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)): all of one sign
    a = mx.clip(x, -6.0, 6.0)
    term = total = a
    for n in range(1, 130):
        term = term * (a * a) * (2 / (2 * n + 1))
        total = total + term
    return 2 / math.sqrt(math.pi) * exp(-a * a) * total


@_unless_float64(mx.softmax)
def softmax(x, axis):
    e = exp(x - mx.max(x, axis=axis, keepdims=True))
    return e / mx.sum(e, axis=axis, keepdims=True)


@_unless_float64(mx.logsumexp)
def logsumexp(x, axis, keepdims):
    top = mx.max(x, axis=axis, keepdims=True)
    top = mx.where(mx.isfinite(top), top, mx.zeros_like(top))
    y = mx.log(mx.sum(exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else mx.squeeze(y, axis)


@_unless_float64(lambda x: mx.logaddexp(x, mx.zeros_like(x)))
def softplus(x):
    return mx.maximum(x, 0) + mx.log1p(exp(-mx.abs(x)))
