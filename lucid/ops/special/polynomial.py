"""Orthogonal polynomials of degree n, by their recurrences (Abramowitz and Stegun, 22.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd import laziness
from lucid.ops.op import op
from lucid.ops.rules import rounded_once


def _polynomial(name: str, first: Callable, following: Callable, doc: str) -> Any:
    """The function (x, n) of a family.

    Args:
        first: the polynomial of degree 1 of x; that of degree 0 is 1.
        following: the one of degree k + 1 of (x, k, the one of degree k, the one before it).
        doc: the formula, and an example.
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
    function.__doc__ = doc
    return op(broadcasts=True)(rounded_once(function))


def _highest(n: mx.array) -> int:
    """The largest degree, for which the degrees are evaluated."""
    if laziness.is_tracing():
        raise RuntimeError("the degree of a polynomial must be known, which a traced n is not")
    if n.size == 0:
        return 0
    highest = np.array(mx.max(n).astype(mx.float32)).item()
    if not highest <= 1e4:
        raise ValueError(f"a polynomial's degree must be a number up to 10000, got {highest}")
    return max(int(highest), 0)


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

chebyshev_polynomial_t = _polynomial(
    "chebyshev_polynomial_t",
    _FIRST["t"],
    _chebyshev,
    """The Chebyshev polynomial of degree n and the first kind; 0 for n < 0.

    It is cos(n a) for x = cos(a).

    >>> lucid.special.chebyshev_polynomial_t(lucid.tensor(0.75), 2).item()
    0.125
    """,
)
chebyshev_polynomial_u = _polynomial(
    "chebyshev_polynomial_u",
    _FIRST["u"],
    _chebyshev,
    """The Chebyshev polynomial of degree n and the second kind; 0 for n < 0.

    It is sin((n + 1) a) / sin(a) for x = cos(a).

    >>> lucid.special.chebyshev_polynomial_u(lucid.tensor(0.75), 2).item()
    1.25
    """,
)
chebyshev_polynomial_v = _polynomial(
    "chebyshev_polynomial_v",
    _FIRST["v"],
    _chebyshev,
    """The Chebyshev polynomial of degree n and the third kind; 0 for n < 0.

    It is cos((n + 1/2) a) / cos(a/2) for x = cos(a).

    >>> lucid.special.chebyshev_polynomial_v(lucid.tensor(0.75), 2).item()
    -0.25
    """,
)
chebyshev_polynomial_w = _polynomial(
    "chebyshev_polynomial_w",
    _FIRST["w"],
    _chebyshev,
    """The Chebyshev polynomial of degree n and the fourth kind; 0 for n < 0.

    It is sin((n + 1/2) a) / sin(a/2) for x = cos(a).

    >>> lucid.special.chebyshev_polynomial_w(lucid.tensor(0.75), 2).item()
    2.75
    """,
)
shifted_chebyshev_polynomial_t = _polynomial(
    "shifted_chebyshev_polynomial_t",
    *_shifted(_FIRST["t"]),
    """`chebyshev_polynomial_t` at 2 x - 1: the one for x from 0 to 1.

    >>> lucid.special.shifted_chebyshev_polynomial_t(lucid.tensor(0.75), 2).item()
    -0.5
    """,
)
shifted_chebyshev_polynomial_u = _polynomial(
    "shifted_chebyshev_polynomial_u",
    *_shifted(_FIRST["u"]),
    """`chebyshev_polynomial_u` at 2 x - 1: the one for x from 0 to 1.

    >>> lucid.special.shifted_chebyshev_polynomial_u(lucid.tensor(0.75), 2).item()
    0.0
    """,
)
shifted_chebyshev_polynomial_v = _polynomial(
    "shifted_chebyshev_polynomial_v",
    *_shifted(_FIRST["v"]),
    """`chebyshev_polynomial_v` at 2 x - 1: the one for x from 0 to 1.

    >>> lucid.special.shifted_chebyshev_polynomial_v(lucid.tensor(0.75), 2).item()
    -1.0
    """,
)
shifted_chebyshev_polynomial_w = _polynomial(
    "shifted_chebyshev_polynomial_w",
    *_shifted(_FIRST["w"]),
    """`chebyshev_polynomial_w` at 2 x - 1: the one for x from 0 to 1.

    >>> lucid.special.shifted_chebyshev_polynomial_w(lucid.tensor(0.75), 2).item()
    1.0
    """,
)
hermite_polynomial_h = _polynomial(
    "hermite_polynomial_h",
    lambda x: 2 * x,
    lambda x, k, last, before: 2 * (x * last - k * before),
    """The physicists' Hermite polynomial of degree n; 0 for n < 0.

    It is (-1)**n e**(x * x) times the nth derivative of e**(-x * x).

    >>> lucid.special.hermite_polynomial_h(lucid.tensor(0.75), 2).item()
    0.25
    """,
)
hermite_polynomial_he = _polynomial(
    "hermite_polynomial_he",
    lambda x: x,
    lambda x, k, last, before: x * last - k * before,
    """The probabilists' Hermite polynomial of degree n; 0 for n < 0.

    It is (-1)**n e**(x * x / 2) times the nth derivative of e**(-x * x / 2).

    >>> lucid.special.hermite_polynomial_he(lucid.tensor(0.75), 2).item()
    -0.4375
    """,
)
laguerre_polynomial_l = _polynomial(
    "laguerre_polynomial_l",
    lambda x: 1 - x,
    lambda x, k, last, before: ((2 * k + 1 - x) * last - k * before) / (k + 1),
    """The Laguerre polynomial of degree n; 0 for n < 0.

    It is e**x / n! times the nth derivative of e**-x * x**n.

    >>> lucid.special.laguerre_polynomial_l(lucid.tensor(0.75), 2).item()
    -0.21875
    """,
)
legendre_polynomial_p = _polynomial(
    "legendre_polynomial_p",
    lambda x: x,
    lambda x, k, last, before: ((2 * k + 1) * x * last - k * before) / (k + 1),
    """The Legendre polynomial of degree n; 0 for n < 0.

    It is 1 / (2**n n!) times the nth derivative of (x * x - 1)**n.

    >>> lucid.special.legendre_polynomial_p(lucid.tensor(0.75), 2).item()
    0.34375
    """,
)
