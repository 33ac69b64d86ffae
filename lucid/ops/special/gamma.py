"""The logarithm of the gamma function and its derivatives, which MLX lacks.

Each is brought to large arguments by its recurrence and computed there by its asymptotic series;
negative arguments go through the reflection formulas (Abramowitz and Stegun, chapter 6).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.ops import precise
from lucid.ops.op import op
from lucid.ops.precise import with_derivative
from lucid.ops.rules import rounded_once
from lucid.ops.samplewise import first
from lucid.ops.series import polynomial

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_LARGE = 10  # from here on the asymptotic series have the precision of float64

# log gamma(2 + z) = z * (c[0] + c[1] z + ...): 1 - Euler's constant, (-1)**k (zeta(k) - 1) / k
_AT_TWO = (
    0.42278433509846713,
    0.3224670334241132,
    -0.0673523010531981,
    0.020580808427784546,
    -0.007385551028673986,
    0.0028905103307415234,
    -0.001192753911703261,
    0.0005096695247430425,
    -0.00022315475845357939,
    9.945751278180853e-05,
    -4.492623673813314e-05,
    2.050721277567069e-05,
    -9.439488275268397e-06,
    4.374866789907488e-06,
    -2.039215753801366e-06,
    9.55141213040742e-07,
    -4.492469198764566e-07,
    2.1207184805554665e-07,
    -1.0043224823968099e-07,
    4.7698101693639804e-08,
    -2.2711094608943164e-08,
    1.0838659214896955e-08,
    -5.183475041970047e-09,
    2.4836745438024785e-09,
    -1.1921401405860912e-09,
    5.731367241678862e-10,
    -2.7595228851242334e-10,
    1.330476437424449e-10,
    -6.4229645638381e-11,
)


def _to_circle(x: mx.array) -> mx.array:
    """x less its nearest integer, times pi: sines and tangents of pi x without rounding error."""
    return (x - mx.round(x)) * math.pi


def _cotangent(x: mx.array) -> mx.array:
    """cot(pi x), with full precision near its zeros too."""
    r = x - mx.round(x)
    near = mx.abs(r) < 0.25
    pole = 1 / mx.tan(math.pi * mx.where(near, r, 0.25))
    zero = mx.sign(r) * mx.tan(math.pi * (0.5 - mx.abs(r)))
    return mx.where(near, pole, zero)


def _is_pole(x: mx.array) -> mx.array:
    return (x <= 0) & (x == mx.floor(x))


def _log_gamma(x: mx.array) -> mx.array:
    pole = _is_pole(x) | mx.isinf(x)
    safe = mx.where(pole, mx.ones_like(x), x)
    positive = _positive_log_gamma(mx.where(safe < 0, 1 - safe, safe))
    sine = mx.abs(precise.sin(_to_circle(mx.where(safe < 0, safe, 0.5))))
    y = mx.where(safe < 0, mx.log(math.pi / sine) - positive, positive)
    return mx.where(pole, math.inf, y)


def _positive_log_gamma(x: mx.array) -> mx.array:
    y = mx.where(x < _LARGE, x, 2.0)
    product = mx.ones_like(x)
    for _ in range(_LARGE - 2):  # down to [1.5, 2.5) ...
        over = y >= 2.5
        y = mx.where(over, y - 1, y)
        product = mx.where(over, product * y, product)
    shift = mx.zeros_like(x)
    for _ in range(2):  # ... or up to it
        under = y < 1.5
        shift = shift - mx.where(under, mx.log(y), 0)
        y = mx.where(under, y + 1, y)
    z = y - 2
    near = z * polynomial(_AT_TWO, z) + mx.log(product) + shift
    large = mx.maximum(x, _LARGE)
    terms = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI, 1)]
    series = polynomial(terms, mx.square(1 / large)) / large
    far = (large - 0.5) * mx.log(large) - large + 0.5 * math.log(2 * math.pi) + series
    return mx.where(x < _LARGE, near, far)


def _psi(x: mx.array) -> mx.array:
    pole = _is_pole(x)
    safe = mx.where(pole, mx.ones_like(x), x)
    y, total = mx.where(safe < 0, 1 - safe, safe), mx.zeros_like(x)
    for _ in range(_LARGE):
        under = y < _LARGE
        total = total - mx.where(under, 1 / y, 0)
        y = mx.where(under, y + 1, y)
    terms = [-b / (2 * k) for k, b in enumerate(_BERNOULLI, 1)]
    square = mx.square(1 / y)
    total = total + mx.log(y) - 0.5 / y + square * polynomial(terms, square)
    reflected = total - math.pi * _cotangent(mx.where(safe < 0, safe, 0.5))
    value = mx.where(safe < 0, reflected, total)
    at_pole = mx.where(x == 0, -mx.reciprocal(x), math.nan)
    return mx.where(pole, at_pole, value)


def _hurwitz(s: Any, x: mx.array, shift: int) -> mx.array:
    """The sum over k >= 0 of (x + k)**-s for s > 1 and x + shift large (Euler and Maclaurin)."""
    total = mx.zeros_like(x)
    for k in range(shift):
        total = total + mx.power(x + k, -s)
    a = x + shift
    rise, terms = s, []
    for k, b in enumerate(_BERNOULLI, 1):
        terms.append(b / math.factorial(2 * k) * rise)
        rise = rise * (s + 2 * k - 1) * (s + 2 * k)
    tail = a / (s - 1) + 0.5 + polynomial(terms, mx.square(1 / a)) / a
    return total + mx.power(a, -s) * tail


@functools.cache
def _cotangent_derivative(n: int) -> tuple[float, ...]:
    """The nth derivative of cot as a polynomial in cot, from cot' = -(1 + cot**2)."""
    p = np.polynomial.Polynomial([0, 1])
    for _ in range(n):
        p = p.deriv() * np.polynomial.Polynomial([-1, 0, -1])
    return tuple(p.coef.tolist())


@functools.cache
def _polygamma(n: int):
    """The nth derivative of digamma, a function on arrays."""
    if n == 0:
        return with_derivative(_psi, lambda x: _polygamma(1)(x))
    sign = (-1) ** (n + 1)

    def value(x: mx.array) -> mx.array:
        pole = _is_pole(x)
        safe = mx.where(pole, mx.ones_like(x), x)
        negative = safe < 0
        positive = float(math.factorial(n)) * _hurwitz(
            n + 1, mx.where(negative, 1 - safe, safe), _LARGE + n
        )
        cotangent = _cotangent(mx.where(negative, safe, 0.5))
        wave = math.pi ** (n + 1) * polynomial(_cotangent_derivative(n), cotangent)
        y = mx.where(negative, -positive - wave, sign * positive)
        return mx.where(pole, sign * math.inf, y)

    return with_derivative(value, lambda x: _polygamma(n + 1)(x))


log_gamma: Callable = with_derivative(_log_gamma, lambda x: _polygamma(0)(x))


@op(samples=first)
@rounded_once
def lgamma(x, /):
    """log |gamma(x)|, where gamma(x) is the integral of t**(x - 1) e**-t from 0 to infinity.

    >>> import lucid
    >>> lucid.lgamma(lucid.tensor([1.0, 3.0, 5.0]))  # 0!, 2! and 4!
    Tensor([0.    , 0.6931, 3.1781], grad=None)
    """
    return log_gamma(x), lambda g: g * _polygamma(0)(x)


@op(samples=first)
@rounded_once
def digamma(x, /):
    """The derivative of lgamma, gamma'(x) / gamma(x).

    >>> lucid.digamma(lucid.tensor([1.0, 2.0]))
    Tensor([-0.5772,  0.4228], grad=None)
    """
    return _polygamma(0)(x), lambda g: g * _polygamma(1)(x)


@op(samples=first)
@rounded_once
def _nth_polygamma(x, /, *, n):
    return _polygamma(n)(x), lambda g: g * _polygamma(n + 1)(x)


def polygamma(n, input):
    """The nth derivative of digamma.

    Raises:
        ValueError: n below 0.

    >>> import lucid
    >>> lucid.polygamma(1, lucid.ones(1))  # pi**2 / 6
    Tensor([1.6449], grad=None)
    """
    if not 0 <= n <= 100:
        raise ValueError(f"polygamma expects n from 0 to 100, got {n}")
    return _nth_polygamma(input, n=n)


@op(samples=first)
@rounded_once
def mvlgamma(x, /, p):
    """The logarithm of the multivariate gamma function of dimension p (Muirhead, 1982).

    It is p (p - 1) / 4 * log(pi) + the sum of lgamma(x - j / 2) over j = 0 to p - 1.

    Raises:
        ValueError: p below 1.

    >>> lucid.mvlgamma(lucid.tensor([2.0, 3.0]), 2)
    Tensor([0.4516, 1.5502], grad=None)
    """
    if p < 1:
        raise ValueError(f"mvlgamma expects a dimension p >= 1, got {p}")
    parts = x[..., None] - 0.5 * mx.arange(p).astype(x.dtype)
    constant = p * (p - 1) / 4 * math.log(math.pi)
    y = mx.sum(log_gamma(parts), axis=-1) + constant
    return y, lambda g: g * mx.sum(_polygamma(0)(parts), axis=-1)


@op(broadcasts=True)
@rounded_once
def zeta(x, q, /):
    """The Hurwitz zeta function, the sum over k >= 0 of (q + k)**-x, for x > 1.

    Where q is negative, x must be whole, else it is NaN; it evaluates q to know how many terms it
    adds. There is no gradient in x, as in torch.

    >>> import lucid
    >>> lucid.special.zeta(lucid.tensor([2.0]), 1)  # pi**2 / 6
    Tensor([1.6449], grad=None)
    """
    lowest = mx.min(q).item() if q.size else 0.0
    shift = 2 * _LARGE + math.ceil(max(-lowest, 0)) if math.isfinite(lowest) else 2 * _LARGE

    def value(s: mx.array) -> mx.array:
        pole = (s == 1) | _is_pole(q)
        possible = (s > 1) & ((q > 0) | (s == mx.floor(s)))
        start = mx.where(possible & ~pole, q, mx.ones_like(q))
        y = _hurwitz(mx.where(possible & ~pole, s, 2.0), start, shift)
        return mx.where(s < 1, math.nan, mx.where(pole, math.inf, mx.where(possible, y, math.nan)))

    return value(x), lambda g: (None, -g * x * value(x + 1))
