"""Elementary functions as formulas that mx.compile vectorises, for large arrays on a CPU.

MLX calls the C library for each value there, and takes 20 to 30 times as long as a copy. On Linux
mx.compile has g++ build a loop, which it vectorises if the formula keeps to these rules, found in
what g++ reports and measured:

- No floor, no maximum of two arrays (it looks for NaN), no mx.where between constants or between
  values that are computed for it alone: all of these become branches. A limit is `_limited`.
- Not deeper than 11 operations, for there mx.compile begins a new loop with its own pass over the
  memory: so polynomials are evaluated in pairs and not in one chain.

The fits are to the smallest largest relative error, by reweighted least squares.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid._device import on_cpu
from lucid.kernels.batching import is_mapping

LARGE = 1 << 15  # smaller arrays take less time than the checks and launches save


def pays(x: mx.array) -> bool:
    """Whether a formula, compiled on its own, is faster than MLX's own function of x."""
    return x.size >= LARGE and vectorises(x)


def vectorises(x: mx.array) -> bool:
    """Whether a formula of x, inside something compiled, is faster than MLX's own function."""
    return x.dtype == mx.float32 and on_cpu() and compiles()


@functools.cache
def compiles() -> bool:
    """Whether mx.compile compiles: without a C++ compiler, on Linux, it does nothing, silently."""
    calls = []

    @mx.compile
    def probe(x):
        calls.append(x)
        return x + 1

    for _ in range(3):  # MLX traces the first function of a process twice
        probe(mx.array(0.0))
    return len(calls) < 3


def _formula(plain: Callable, slope: Callable) -> Callable[[Callable], Callable]:
    """Decorates a formula of one array: the function is `plain` wherever that is as fast.

    `slope(x, y)` is the derivative where the function's value is y: a formula's own derivative
    would be that of its rounding, wrong.
    """

    def decorate(formula: Callable) -> Callable:
        custom: Any = mx.custom_function(formula)
        custom.vjp(lambda x, g, y: g * slope(x, y))

        def chosen(x: mx.array) -> Any:
            return custom(mx.contiguous(x)) if pays(x) else plain(x)

        return chosen

    return decorate


# Choices -----------------------------------------------------------------------------------------

# A loop over bools branches, and on signs at random takes ten times as long as a copy: 4.7 ms for
# 2^20 values, where a mask of bits takes 0.4.


@mx.compile
def _masked(condition, x):
    return x & -condition.astype(mx.int32)


@mx.compile
def _mixed(condition, x, y):
    return y ^ ((x ^ y) & -condition.astype(mx.int32))


def _bits(x: mx.array) -> mx.array:
    return mx.contiguous(x).view(mx.int32)


@mx.custom_function
def _kept(condition, x):
    return _masked(mx.contiguous(condition), _bits(x)).view(mx.float32)


@_kept.vjp
def _kept_vjp(primals, g, y):
    return mx.zeros_like(primals[0]), kept(primals[0], g)


@mx.custom_function
def _chosen(condition, x, y):
    return _mixed(mx.contiguous(condition), _bits(x), _bits(y)).view(mx.float32)


@_chosen.vjp
def _chosen_vjp(primals, g, z):
    condition = primals[0]
    return mx.zeros_like(condition), kept(condition, g), kept(mx.logical_not(condition), g)


def _masks(condition: mx.array, x: mx.array) -> bool:
    # mx.vmap of & and ^ where one side is not mapped is wrong in MLX 0.32, and may end the process
    return condition.dtype == mx.bool_ and pays(x) and not is_mapping()


def kept(condition: mx.array, x: mx.array) -> Any:
    """x where the condition, an array of bools, holds, else 0: also where x is not finite."""
    if condition.shape != x.shape or not _masks(condition, x):
        return mx.where(condition, x, mx.zeros_like(x))
    return _kept(condition, x)


def where(condition: mx.array, x: Any, y: Any) -> Any:
    """`mx.where`."""
    arrays = isinstance(x, mx.array) and isinstance(y, mx.array)
    same = arrays and condition.shape == x.shape == y.shape and x.dtype == y.dtype
    if not same or not _masks(condition, x):
        return mx.where(condition, x, y)
    return _chosen(condition, x, y)


# Polynomials -------------------------------------------------------------------------------------


def _polynomial(coefficients: Sequence[float], x: mx.array) -> Any:
    """c[0] + c[1] x + ..., in pairs: a third as deep as in a chain (Estrin, 1960)."""
    terms: list[Any] = list(coefficients)
    while len(terms) > 1:
        pairs = zip(terms[::2], terms[1::2], strict=False)
        odd = terms[-1:] if len(terms) % 2 else []
        terms = [high * x + low for low, high in pairs] + odd
        x = x * x
    return terms[0]


def _limited(x: mx.array, limit: float) -> mx.array:
    """x limited to [-limit, limit]; NaN stays."""
    return mx.where(mx.abs(x) > limit, limit * mx.sign(x), x)


# e**x --------------------------------------------------------------------------------------------

# Adding and subtracting it rounds to a multiple of 2**23, where |x| < 2**45: to an exponent's place
# among the bits of a float32.
_ROUND = 1.5 * 2.0**46
_PLACE = 2.0**23
# 2 log(2) in two parts, both positive so that -0 stays; products of the first with integers up to
# 2**13 are exact
_HIGH, _LOW = 1.3857421875, 2 * math.log(2) - 1.3857421875
# (e**r - 1 - r) / r**2, so that e**r is right up to 2e-8 where |r| < log(2)
_EXP = (0.5000003456, 0.1666661428, 0.04166127702, 0.008336098372, 0.0014104295, 0.0001961181441)


def _parts(x: mx.array, factor: float, limit: float) -> tuple[mx.array, mx.array]:
    """r and the bits of s, where e**(factor * x) = e**r s**2, |r| < log(2), s a power of 2.

    Squared, since the exponents of e**x have a larger range than those of a float32. That r is
    computed from the bits makes one loop of both.
    """
    x = _limited(x, limit)
    n = x * (factor * _PLACE / (2 * math.log(2))) + _ROUND
    bits = (n - (_ROUND - 127 * _PLACE)).astype(mx.int32)
    n = bits.astype(mx.float32) - 127 * _PLACE
    rest = (x if factor == 1 else factor * x) - n * (_HIGH / _PLACE)
    return rest - n * (_LOW / _PLACE), bits


def _far(r: mx.array) -> mx.array:
    """The terms of e**r from r**4 on."""
    square = r * r
    return square * square * ((_EXP[2] + _EXP[3] * r) + square * (_EXP[4] + _EXP[5] * r))


def _exponential(r: mx.array) -> mx.array:
    """e**r."""
    return 1 + ((r + r * r * (_EXP[0] + _EXP[1] * r)) + _far(r))


def _less_one(r: mx.array) -> mx.array:
    """e**r - 1, which keeps the sign of a zero."""
    return r * (1 + r * (_EXP[0] + _EXP[1] * r)) - (0 - _far(r))


def _of_exponential(finish: Callable, factor: float = 1.0, limit: float = 104.0) -> Callable:
    """The formula finish(r, s), where e**(factor * x) = e**r s**2 and |x| < limit.

    Two loops, for bits become a float32 between them.
    """
    first = mx.compile(lambda x: _parts(x, factor, limit))
    second = mx.compile(finish)

    def formula(x: mx.array) -> mx.array:
        r, bits = first(x)
        return second(r, bits.view(mx.float32))

    return formula


def _tanh_of_parts(r: mx.array, s: mx.array) -> mx.array:
    square = s * s
    e = _less_one(r) * square
    return (e - (1 - square)) / (e + (1 + square))


def _less_one_of_parts(r: mx.array, s: mx.array) -> mx.array:
    # s * s may overflow where e**x does not; a difference keeps the sign of a zero
    return (_less_one(r) * s - (1 / s - s)) * s


_exp = _of_exponential(lambda r, s: _exponential(r) * s * s)
_sigmoid = _of_exponential(lambda r, s: 1 / (1 + _exponential(r) * (s * s)), -1.0)
_tanh = _of_exponential(_tanh_of_parts, 2.0, 10.0)

exp = _formula(mx.exp, lambda x, y: y)(_exp)
expm1 = _formula(mx.expm1, lambda x, y: y + 1)(_of_exponential(_less_one_of_parts))
sigmoid = _formula(mx.sigmoid, lambda x, y: y * (1 - y))(_sigmoid)
tanh = _formula(mx.tanh, lambda x, y: 1 - y * y)(_tanh)

# Rational functions ------------------------------------------------------------------------------

# erf(x) is x P(x^2) / Q(x^2) up to 2e-7 where |x| < 3.8569: a little small, for no value may be
# rounded beyond 1
_ERF = ((1.128378982, 0.1879000733, 0.05248000887, 0.003674029931, 0.0002856764796,
         2.108255462e-06),
        (1.0, 0.4998550035, 0.1131299463, 0.01478509461, 0.0011455241,
         3.873175621e-05))  # fmt: skip


@_formula(mx.erf, lambda x, y: 2 / math.sqrt(math.pi) * exp(-x * x))
@mx.compile
def erf(x):
    """The error function."""
    x = _limited(x, 3.856909)
    square = x * x
    return x * _polynomial(_ERF[0], square) / _polynomial(_ERF[1], square)


# tanh(x) is K x (z^2 + a z + b)(z^2 + c z + d) / ((z^2 + e z + f)(z^2 + g z + h)) with z = x^2, up
# to 4e-7 where |x| < 8.4, and 1 beyond
_END, _K = 8.4, 0.017589035
_ABOVE = ((50.509914, 401.1514), (1428.2054, 172408.1))
_BELOW = ((24.746334, 54.971195), (384.17682, 22129.56))


def shallow_tanh(x: mx.array, k: float = 1.0, times: Any = 1.0) -> mx.array:
    """times * tanh(k x), to be compiled with what comes before and after it: two operations.

    It is nine deep, whatever k, a power of 2, and `times` are.
    """
    x = _limited(x, _END / k)
    z, y = x * x, x * (k * _K * times)
    (a, b), (c, d), (e, f), (g, h) = ((p / k**2, q / k**4) for p, q in (*_ABOVE, *_BELOW))
    above = ((z + a) * (y * z) + y * b) * ((z + c) * z + d)
    return above / (((z + e) * z + f) * ((z + g) * z + h))


# Others ------------------------------------------------------------------------------------------

# log(1 + u) is u P(u) / Q(u) up to 1e-9 where 0 <= u <= 1
_LOG1P = ((0.9999999991, 1.066218495, 0.2381575467, 0.00341728275),
          (1.0, 1.566218365, 0.6879363223, 0.07528729331))  # fmt: skip


@mx.compile
def _softplus_of(x: mx.array, u: mx.array) -> mx.array:
    """max(x, 0) + log(1 + u)."""
    above = mx.maximum(x, mx.array(0.0))
    return above + u * _polynomial(_LOG1P[0], u) / _polynomial(_LOG1P[1], u)


_exp_of_minus = _of_exponential(lambda r, s: _exponential(r) * s * s, -1.0)


@_formula(lambda x: mx.logaddexp(x, mx.zeros_like(x)), lambda x, y: sigmoid(x))
def softplus(x):
    """log(1 + e**x)."""
    return _softplus_of(x, _exp_of_minus(mx.abs(x)))


# sin(r) is r (1 - r^2 / pi^2) P(r^2) up to 4e-9 where |r| < pi
_SINE = (0.9999999959, -0.06534545624, 0.001712422038, -2.489285383e-05, 2.300040062e-07,
         -1.306478372e-09)  # fmt: skip


@mx.compile
def _within_a_period(x: mx.array) -> mx.array:
    """x less a multiple of 2 pi, computed in float64."""
    wide, big = x.astype(mx.float64), mx.array(1.5 * 2.0**52, mx.float64)
    periods = (wide * mx.array(0.5 / math.pi, mx.float64) + big) - big
    return (wide - periods * mx.array(2 * math.pi, mx.float64)).astype(mx.float32)


@mx.compile
def _sine_of_period(r: mx.array) -> mx.array:
    r = _limited(r, math.pi)
    square = r * r
    return r * (1 - square * (1 / math.pi**2)) * _polynomial(_SINE, square)


def _periodic(x: mx.array) -> mx.array:
    return _sine_of_period(_within_a_period(x))


sine = _formula(mx.sin, lambda x, y: mx.cos(x))(_periodic)
