"""Functions that MLX 0.32 computes in float32 even on float64 arrays, in full precision.

With any other dtype they are MLX's own, or of large arrays on a CPU those of
`lucid.kernels.elementwise`. float64 exists on the CPU only, for checking
gradients and references, so these may be slow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from lucid._sums import is_coarse, sum_over
from lucid.autograd.tape import sum_to
from lucid.kernels import elementwise
from lucid.ops.rules import conjugate
from lucid.ops.series import polynomial


def _unless_float64(
    function: Callable, *, complex_too: bool = True, large_too: bool = False
) -> Callable[[Callable], Callable]:
    """MLX's `function`, except on float64 (and complex64), where the decorated one runs.

    `large_too`: it also runs on large arrays, where e**x is a formula and MLX's is not, and over
    long axes, which MLX adds up coarsely.
    """
    dtypes = (mx.float64, mx.complex64) if complex_too else (mx.float64,)

    def choose(precise: Callable) -> Callable:
        def chosen(x: mx.array, **settings: Any) -> mx.array:
            own = x.dtype in dtypes
            if large_too and not own:
                own = elementwise.pays(x) or is_coarse(x, _axes(settings["axis"]))
            return (precise if own else function)(x, **settings)

        return chosen

    return choose


def _axes(axis: int | tuple[int, ...]) -> tuple[int, ...]:
    return axis if isinstance(axis, tuple) else (axis,)


def _sum(x: mx.array, axis: int | tuple[int, ...]) -> mx.array:
    return sum_over(x, tuple(a % x.ndim for a in _axes(axis)), keepdims=True)


def with_derivative(function: Callable, derivative: Callable) -> Callable:
    """The function of one array, differentiated by `derivative`, which may be such a one itself.

    What computes the function (a series, a fraction) need not be differentiated then.
    """
    custom = mx.custom_function(function)
    custom.vjp(lambda x, g, y: g * derivative(x))
    return custom


_power_of_e: Callable = with_derivative(lambda x: mx.power(math.e, x), lambda x: _power_of_e(x))


@mx.custom_function
def power(x, y):
    """x ** y of arrays of one dtype. MLX's own derivatives are wrong from the third on."""
    return mx.power(x, y)


@power.vjp
def _power_vjp(primals, g, z):
    x, y = primals
    return sum_to(power_in_base(g, x, y), x.shape), sum_to(power_in_exponent(g, x, y), y.shape)


def power_in_base(g, x, y):
    """The gradient of x ** y in x: 0 where y is 0, as in torch."""
    flat = y == 0
    slope = y * power(x, mx.where(flat, mx.ones_like(y), y - 1))
    return mx.where(flat, mx.zeros_like(g), g * conjugate(slope))


def power_in_exponent(g, x, y):
    """The gradient of x ** y in y: 0 where x is 0 and y is not negative, as in torch."""
    flat = (x == 0) & (mx.real(y) >= 0)
    slope = power(x, y) * mx.log(mx.where(flat, mx.ones_like(x), x))
    return mx.where(flat, mx.zeros_like(g), g * conjugate(slope))


@_unless_float64(elementwise.exp, complex_too=False)
def exp(x):
    return _power_of_e(x)


def expm1(x):
    """e**x - 1, of complex numbers too."""
    if x.dtype != mx.complex64:
        return elementwise.expm1(x)
    size, angle = mx.real(x), mx.imag(x)
    real = mx.expm1(size) * mx.cos(angle) - 2 * mx.square(mx.sin(0.5 * angle))
    return real + mx.exp(size) * mx.sin(angle) * mx.array(1j)


def _sine_by_tangent(x):
    t = mx.tan(0.5 * x)
    return 2 * t / (1 + t * t)


def _cosine_by_tangent(x):
    t = mx.tan(0.5 * x)
    return (1 - t) * (1 + t) / (1 + t * t)


# MLX would differentiate the tangent by a cosine in float32.
_sine: Callable = with_derivative(_sine_by_tangent, lambda x: _cosine(x))
_cosine: Callable = with_derivative(_cosine_by_tangent, lambda x: -_sine(x))
_tangent: Callable = with_derivative(mx.tan, lambda x: 1 + mx.square(_tangent(x)))
sin = _unless_float64(mx.sin, complex_too=False)(_sine)
cos = _unless_float64(mx.cos, complex_too=False)(_cosine)
# of angles that stand for a phase: beyond 1e9, where float32 knows none, any number in [-1, 1]
sine_of_phase = _unless_float64(elementwise.sine, complex_too=False)(_sine)
tan = _unless_float64(mx.tan, complex_too=False)(_tangent)


def sigmoid(x):
    if x.dtype not in (mx.float64, mx.complex64):
        return elementwise.sigmoid(x)
    return 1 / (1 + exp(-x))


@_unless_float64(elementwise.erf)
def erf(x):
    # 2/sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)): all of one sign
    a = mx.clip(x, -6.0, 6.0)
    term = total = a
    for n in range(1, 130):
        term = term * (a * a) * (2 / (2 * n + 1))
        total = total + term
    return 2 / math.sqrt(math.pi) * exp(-a * a) * total


def largest(x: mx.array, axis: int | tuple[int, ...]) -> mx.array:
    """mx.max, the axis kept: of long rows in two steps, of which the first vectorises."""
    last = _axes(axis) in ((-1,), (x.ndim - 1,))
    if not last or x.shape[-1] % 32 or x.shape[-1] < 256:
        return mx.max(x, axis=axis, keepdims=True)
    return mx.max(mx.unflatten(x, -1, (32, -1)).max(axis=-2), axis=-1, keepdims=True)


@_unless_float64(mx.softmax, large_too=True)
def softmax(x, axis):
    e = exp(x - largest(x, axis))
    return e / _sum(e, axis)


@_unless_float64(mx.logsumexp, large_too=True)
def logsumexp(x, axis, keepdims):
    top = largest(mx.real(x), axis)
    top = mx.where(mx.isfinite(top), top, mx.zeros_like(top))
    y = mx.log(_sum(exp(x - top), axis)) + top
    return y if keepdims else mx.squeeze(y, axis)


@_unless_float64(elementwise.softplus)
def softplus(x):
    return mx.maximum(x, 0) + mx.log1p(exp(-mx.abs(x)))


@mx.custom_function
def logaddexp(x, y):
    """log(e**x + e**y), in float64 and complex numbers too."""
    if x.dtype == mx.complex64:
        swap = mx.real(x) < mx.real(y)
        top, low = mx.where(swap, y, x), mx.where(swap, x, y)
    else:
        top, low = mx.maximum(x, y), mx.minimum(x, y)
    apart = mx.where(_one_infinity(x, y), mx.zeros_like(top), low - top)
    rest = exp(apart)
    return top + (mx.log(1 + rest) if x.dtype == mx.complex64 else mx.log1p(rest))


@logaddexp.vjp
def _logaddexp_vjp(primals, g, z):
    x, y = primals
    in_x, in_y = logaddexp_slopes(x, y)
    return sum_to(g * conjugate(in_x), x.shape), sum_to(g * conjugate(in_y), y.shape)


def logaddexp_slopes(x, y):
    """The derivatives of logaddexp: 1/2 each for two of the same infinity."""
    z, same = logaddexp(x, y), _one_infinity(x, y)
    return [mx.where(same, 0.5, exp(mx.where(same, mx.zeros_like(z), a - z))) for a in (x, y)]


def _one_infinity(x, y):
    """Where the difference of the two would be NaN."""
    return (x == y) & mx.isinf(x)


def sinc(x: mx.array) -> mx.array:
    """sin(pi x) / (pi x), and 1 at 0."""
    none = x == 0
    u = mx.where(none, mx.ones_like(x), x * math.pi)
    return mx.where(none, mx.ones_like(x), sin(u) / u)


def sinc_slope(x: mx.array) -> mx.array:
    """The derivative of `sinc`; where the closed form cancels, the Taylor series."""
    u = x * math.pi
    near = mx.abs(u) < 1
    v = mx.where(near, u, mx.zeros_like(u))
    taylor = [(-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(1, 11)]
    w = mx.where(near, mx.ones_like(u), u)
    return math.pi * mx.where(near, v * polynomial(taylor, v * v), (cos(w) - sin(w) / w) / w)


_BITS = {mx.float32: mx.int32, mx.float64: mx.int64, mx.float16: mx.int16, mx.bfloat16: mx.int16}


def nextafter(x: mx.array, y: mx.array) -> mx.array:
    """The number next to x in the direction of y: floats are in the order of their bits."""
    if x.dtype not in _BITS:
        raise TypeError(f"nextafter expects floating point numbers, got {x.dtype}")
    x, y = mx.broadcast_arrays(x, y)
    bits = mx.contiguous(x).view(_BITS[x.dtype])
    away = mx.where((y > x) == (x > 0), 1, -1).astype(bits.dtype)
    sign = mx.where(y > 0, 0, mx.iinfo(bits.dtype).min).astype(bits.dtype)
    moved = mx.where(x == 0, sign + 1, bits + away).view(x.dtype)
    return mx.where(mx.isnan(x) | mx.isnan(y), math.nan, mx.where(x == y, y, moved)).astype(x.dtype)
