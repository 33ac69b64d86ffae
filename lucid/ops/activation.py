"""Activation functions. Half precision is computed in float32 where a formula has many steps."""

from __future__ import annotations

import math

import mlx.core as mx

from lucid.autograd.tape import sum_to
from lucid.kernels import elementwise
from lucid.ops import activation_passes as passes
from lucid.ops import precise
from lucid.ops.autocast import autocasts
from lucid.ops.cast import in_float32
from lucid.ops.cut import chunk
from lucid.ops.device import on_device
from lucid.ops.elementary import sigmoid, tanh
from lucid.ops.keys import next_key
from lucid.ops.math import abs, mul
from lucid.ops.op import op
from lucid.ops.reduce import axes_of
from lucid.ops.rules import holomorphic, rounded_once
from lucid.ops.samplewise import alike, first
from lucid.ops.where import where

# Piecewise linear --------------------------------------------------------------------------------


@op(samples=first)
def relu(x, /):
    """max(x, 0).

    >>> import lucid
    >>> lucid.relu(lucid.tensor([-1.0, 2.0]))
    Tensor([0., 2.], grad=None)
    """
    y = mx.maximum(x, mx.array(0, x.dtype))
    return y, lambda g: passes.where_positive(g, y)


@op(samples=first)
@rounded_once
def leaky_relu(x, /, negative_slope=0.01):
    """x where positive, else negative_slope * x.

    >>> lucid.nn.functional.leaky_relu(lucid.tensor([-1.0, 2.0]), 0.1)
    Tensor([-0.1,  2. ], grad=None)
    """
    slope = mx.array(negative_slope, x.dtype)
    return passes.bent(x, slope), lambda g: passes.bent_back(g, x, slope)


def rrelu(input, lower=1 / 8, upper=1 / 3, training=False):
    """x where positive, else x times a slope (Xu et al., 2015).

    The slope is (lower + upper) / 2, in training one for each element, drawn between the two.

    Raises:
        ValueError: lower above upper, or not finite.

    >>> lucid.rrelu(lucid.tensor([-8.0, 2.0]), lower=0.25, upper=0.75)
    Tensor([-4.,  2.], grad=None)
    """
    if not 0 <= upper - lower < math.inf:
        raise ValueError(f"rrelu: lower={lower} must not be above upper={upper}, and both finite")
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    with on_device(input._device):
        slopes = mx.random.uniform(lower, upper, input.shape, key=next_key()).astype(input.dtype)
    return where(input > 0, input, mul(input, slopes))


@autocasts
@op(samples=first)
@rounded_once
def prelu(x, weight, /):
    """x where positive, else weight * x (He et al., 2015).

    Shapes: x (N, C, ...) and weight (C,), (1,) or (); x may also be of one dimension.

    Raises:
        ValueError: a weight of another shape.

    >>> lucid.prelu(lucid.tensor([-1.0, 2.0]), lucid.tensor(0.25))
    Tensor([-0.25,  2.  ], grad=None)
    """
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.ndim > 1 or weight.size not in (1, channels):
        raise ValueError(
            f"prelu expects a weight of shape (1,) or ({channels},) for x of shape "
            f"{x.shape}, got {weight.shape}"
        )
    # a single weight has no dimensions, so that loops read it once
    w = weight.reshape([-1 if i == 1 else 1 for i in range(x.ndim)] if weight.size > 1 else [])

    def rule(g):
        dw = sum_to(passes.bent_weight(g, x), w.shape)
        return passes.bent_back(g, x, w), dw.reshape(weight.shape)

    return passes.bent(x, w), rule


@op(samples=first)
def threshold(x, /, threshold, value):
    """x where above the threshold, else `value`.

    >>> lucid.threshold(lucid.tensor([0.5, 1.5]), 1.0, 9.0)
    Tensor([9. , 1.5], grad=None)
    """
    above = x > threshold
    return mx.where(above, x, mx.array(value, x.dtype)), lambda g: g * above


@op(samples=first)
def hardtanh(x, /, min_val=-1.0, max_val=1.0):
    """x limited to [min_val, max_val]; no gradient at the ends, unlike `clamp`.

    Raises:
        ValueError: min_val above max_val.

    >>> import lucid
    >>> lucid.nn.functional.hardtanh(lucid.tensor([-3.0, 0.5]))
    Tensor([-1. ,  0.5], grad=None)
    """
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val={min_val} must not be above max_val={max_val}")
    inside = mx.logical_and(x > min_val, x < max_val)
    limits = (mx.array(v, x.dtype) for v in (min_val, max_val))
    return mx.clip(x, *limits), lambda g: g * inside


@op(samples=first)
def hardshrink(x, /, lambd=0.5):
    """x, and 0 where |x| <= lambd.

    >>> lucid.hardshrink(lucid.tensor([-2.0, 0.3, 1.0]))
    Tensor([-2.,  0.,  1.], grad=None)
    """
    near = mx.logical_and(x >= -lambd, x <= lambd)
    return mx.where(near, mx.zeros_like(x), x), lambda g: g * mx.logical_not(near)


@op(samples=first)
def softshrink(x, /, lambd=0.5):
    """x moved towards 0 by lambd, and 0 where |x| <= lambd.

    Raises:
        ValueError: lambd below 0.

    >>> import lucid
    >>> lucid.nn.functional.softshrink(lucid.tensor([-3.0, 0.5]), 1.0)
    Tensor([-2.,  0.], grad=None)
    """
    if lambd < 0:
        raise ValueError(f"softshrink: lambd must be at least 0, got {lambd}")
    return x - mx.clip(x, -lambd, lambd), lambda g: g * (mx.abs(x) > lambd)


def relu6(input):
    """x limited to [0, 6].

    >>> import lucid
    >>> lucid.nn.functional.relu6(lucid.tensor([-1.0, 2.0, 9.0]))
    Tensor([0., 2., 6.], grad=None)
    """
    return hardtanh(input, 0, 6)


@in_float32
def hardsigmoid(input):
    """x / 6 + 1 / 2, limited to [0, 1].

    >>> import lucid
    >>> lucid.nn.functional.hardsigmoid(lucid.tensor([-3.0, 0.0, 3.0]))
    Tensor([0. , 0.5, 1. ], grad=None)
    """
    return hardtanh(input + 3, 0, 6) / 6


@in_float32
def hardswish(input):
    """x * hardsigmoid(x) (Howard et al., 2019).

    >>> import lucid
    >>> lucid.nn.functional.hardswish(lucid.tensor([0.0, 1.5, 3.0]))
    Tensor([0.   , 1.125, 3.   ], grad=None)
    """
    return input * hardsigmoid(input)


# Of exponentials ---------------------------------------------------------------------------------


@op(samples=first)
@rounded_once
def _elu(x, /, *, alpha, scale=1.0, input_scale=1.0):
    """scale * x where positive, else scale * alpha * (e**(input_scale * x) - 1)."""
    factors = [mx.array(a, x.dtype) for a in (scale, alpha, scale * input_scale)]
    below = precise.expm1(input_scale * mx.minimum(x, 0))
    return passes.elu(x, below, *factors[:2]), lambda g: passes.elu_back(g, x, below, *factors)


def elu(input, alpha=1.0):
    """x where positive, else alpha * (e**x - 1).

    >>> lucid.nn.functional.elu(lucid.tensor([-1.0, 2.0]))
    Tensor([-0.6321,  2.    ], grad=None)
    """
    return _elu(input, alpha=alpha)


def selu(input):
    """1.0507 * elu(x, 1.6733): keeps mean 0 and variance 1 (Klambauer et al., 2017).

    >>> lucid.selu(lucid.tensor([-1.0, 2.0]))
    Tensor([-1.1113,  2.1014], grad=None)
    """
    return _elu(input, alpha=1.6732632423543772, scale=1.0507009873554805)


def celu(input, alpha=1.0):
    """x where positive, else alpha * (e**(x / alpha) - 1) (Barron, 2017).

    Raises:
        ZeroDivisionError: an alpha of 0.

    >>> lucid.celu(lucid.tensor([-1.0, 2.0]), alpha=0.5)
    Tensor([-0.4323,  2.    ], grad=None)
    """
    if alpha == 0:
        raise ZeroDivisionError("celu divides by alpha, which must not be 0")
    return _elu(input, alpha=alpha, input_scale=1 / alpha)


@op(samples=first)
@rounded_once
@holomorphic
def silu(x, /):
    """x * sigmoid(x), also called swish (Ramachandran et al., 2017).

    >>> lucid.nn.functional.silu(lucid.tensor([-1.0, 2.0]))
    Tensor([-0.2689,  1.7616], grad=None)
    """
    s = precise.sigmoid(x)
    return x * s, lambda g: passes.silu_back(g, x, s)


@autocasts
@op(samples=first)
@rounded_once
def softplus(x, /, beta=1.0, threshold=20.0):
    """log(1 + e**(beta * x)) / beta, and x itself where beta * x passes the threshold.

    >>> lucid.nn.functional.softplus(lucid.tensor([0.0, 100.0]))
    Tensor([  0.6931, 100.    ], grad=None)
    """
    z = x * beta
    y = mx.where(z > threshold, x, precise.softplus(z) / beta)
    return y, lambda g: mx.where(z > threshold, g, g * precise.sigmoid(z))


@op(samples=first)
@rounded_once
def gelu(x, /, approximate="none"):
    """x * Phi(x), Phi the normal distribution (Hendrycks and Gimpel, 2016).

    `approximate` is "none" (the error function, torch's default) or "tanh".

    Raises:
        ValueError: another `approximate`.

    >>> lucid.nn.functional.gelu(lucid.tensor([-1.0, 2.0]))
    Tensor([-0.1587,  1.9545], grad=None)
    """
    if approximate == "none":
        phi = passes.half_more(precise.erf(x * 0.7071067811865476))
        return x * phi, lambda g: passes.gelu_back(g, x, phi, precise.exp(-0.5 * x * x))
    if approximate != "tanh":
        raise ValueError(f'approximate must be "none" or "tanh", got {approximate!r}')
    t = elementwise.tanh(passes.gelu_inner(x))
    return passes.gelu_of_tanh(x, t), lambda g: passes.gelu_of_tanh_back(g, x, t)


@in_float32
def mish(input):
    """x * tanh(softplus(x)) (Misra, 2019).

    >>> import lucid
    >>> lucid.nn.functional.mish(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 0.8651], grad=None)
    """
    return input * tanh(softplus(input))


@in_float32
def softsign(input):
    """x / (1 + |x|).

    >>> import lucid
    >>> lucid.nn.functional.softsign(lucid.tensor([-1.0, 3.0]))
    Tensor([-0.5 ,  0.75], grad=None)
    """
    return input / (1 + abs(input))


@in_float32
def tanhshrink(input):
    """x - tanh(x).

    >>> import lucid
    >>> lucid.nn.functional.tanhshrink(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 0.2384], grad=None)
    """
    return input - tanh(input)


def logsigmoid(input):
    """log(sigmoid(x)), without underflow.

    >>> import lucid
    >>> lucid.nn.functional.logsigmoid(lucid.tensor([-1000.0]))
    Tensor([-1000.], grad=None)
    """
    return -softplus(-input, threshold=math.inf)


def glu(input, dim=-1):
    """a * sigmoid(b), where a and b are the two halves of x along `dim` (Dauphin et al., 2017).

    Raises:
        ValueError: an odd size along `dim`.

    >>> import lucid
    >>> lucid.nn.functional.glu(lucid.ones(2, 6, 5), dim=1).shape
    (2, 3, 5)
    """
    if input.ndim == 0:
        raise ValueError("glu needs a dimension to halve, got a 0-dimensional tensor")
    (axis,) = axes_of(input.ndim, dim)
    if input.shape[axis] % 2:
        raise ValueError(f"glu expects an even size along dim {dim}, got x of shape {input.shape}")
    return _gated(input, axis)


@in_float32
def _gated(input, axis):
    a, b = chunk(input, 2, axis)
    return mul(a, sigmoid(b))


@op(samples=alike)
@rounded_once
def snake(x, alpha, beta, /):
    """x + sin(alpha * x)**2 / beta, the arrays broadcasting to x (Ziyin et al., 2020).

    >>> import lucid
    >>> from lucid.nn.functional import snake
    >>> snake(lucid.tensor([0.0, 1.5708]), lucid.ones(1), lucid.ones(1))
    Tensor([0.    , 2.5708], grad=None)
    """
    z = alpha * x
    sine = precise.sine_of_phase(z)
    ratio = sine / beta

    def rule(g):
        slope = precise.sine_of_phase(2 * z) / beta  # of sin(z)**2 / beta in z
        return (
            g * (1 + slope * alpha),
            sum_to(g * slope * x, alpha.shape),
            sum_to(-g * ratio * ratio, beta.shape),
        )

    return x + sine * ratio, rule
