"""Orthogonal polynomials of degree n, by their recurrences (Abramowitz and Stegun, 22.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd import laziness
from lucid.ops.op import op
from lucid.ops.rules import rounded_once


def _polynomial(name: str, first: Callable, following: Callable) -> Any:
    """The function (x, n) of a family.

    Args:
        first: the polynomial of degree 1 of x; that of degree 0 is 1.
        following: the one of degree k + 1 of (x, k, the one of degree k, the one before it).
    """

    def function(x, n, /):
        x, n = mx.broadcast_arrays(x, mx.where(n < 0, mx.ceil(n), mx.floor(n)))
        degree = _highest(n)

        def value(x: mx.array) -> mx.array:
            before, last = mx.ones_like(x), first(x)
            y = mx.where(n < 0, mx.zeros_like(x), before)
            for k in range(1, degree + 1):
                y = mx.where(n == k, last, y)
                before, last = last, following(x, k, last, before)
            return y

        return value(x), lambda g: (mx.vjp(value, [x], [g])[1][0], None)

    function.__name__ = name
    function.__doc__ = f"The {name.replace('_', ' ').capitalize()} of degree n at x; 0 for n < 0."
    return op(broadcasts=True)(rounded_once(function))


def _highest(n: mx.array) -> int:
    """The largest degree, for which the degrees are evaluated."""
    if laziness.is_tracing():
        raise RuntimeError("the degree of a polynomial must be known, which a traced n is not")
    return max(np.array(mx.max(n), np.int64).item(), 0) if n.size else 0


def _chebyshev(x, k, last, before):
    return 2 * x * last - before


def _shifted(first: Callable) -> tuple[Callable, Callable]:
    """First and following polynomials in 2 x - 1, on [0, 1]."""
    return (lambda x: first(2 * x - 1)), (lambda x, *rest: _chebyshev(2 * x - 1, *rest))


_FIRST = {
    "t": lambda x: x,
    "u": lambda x: 2 * x,
    "v": lambda x: 2 * x - 1,
    "w": lambda x: 2 * x + 1,
}

chebyshev_polynomial_t = _polynomial("chebyshev_polynomial_t", _FIRST["t"], _chebyshev)
chebyshev_polynomial_u = _polynomial("chebyshev_polynomial_u", _FIRST["u"], _chebyshev)
chebyshev_polynomial_v = _polynomial("chebyshev_polynomial_v", _FIRST["v"], _chebyshev)
chebyshev_polynomial_w = _polynomial("chebyshev_polynomial_w", _FIRST["w"], _chebyshev)
shifted_chebyshev_polynomial_t = _polynomial(
    "shifted_chebyshev_polynomial_t", *_shifted(_FIRST["t"])
)
shifted_chebyshev_polynomial_u = _polynomial(
    "shifted_chebyshev_polynomial_u", *_shifted(_FIRST["u"])
)
shifted_chebyshev_polynomial_v = _polynomial(
    "shifted_chebyshev_polynomial_v", *_shifted(_FIRST["v"])
)
shifted_chebyshev_polynomial_w = _polynomial(
    "shifted_chebyshev_polynomial_w", *_shifted(_FIRST["w"])
)
hermite_polynomial_h = _polynomial(
    "hermite_polynomial_h",
    lambda x: 2 * x,
    lambda x, k, last, before: 2 * (x * last - k * before),
)
hermite_polynomial_he = _polynomial(
    "hermite_polynomial_he", lambda x: x, lambda x, k, last, before: x * last - k * before
)
laguerre_polynomial_l = _polynomial(
    "laguerre_polynomial_l",
    lambda x: 1 - x,
    lambda x, k, last, before: ((2 * k + 1 - x) * last - k * before) / (k + 1),
)
legendre_polynomial_p = _polynomial(
    "legendre_polynomial_p",
    lambda x: x,
    lambda x, k, last, before: ((2 * k + 1) * x * last - k * before) / (k + 1),
)
