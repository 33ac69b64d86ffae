"""Activation functions."""

from __future__ import annotations

import mlx.core as mx

from lucid.autograd.tape import sum_to
from lucid.ops import precise
from lucid.ops.op import op
from lucid.ops.reduce import axes_of, floating, total


@op
def relu(x, /):
    """max(x, 0).

    >>> import lucid
    >>> lucid.relu(lucid.tensor([-1.0, 2.0]))
    Tensor([0., 2.], grad=None)
    """
    y = mx.maximum(x, mx.array(0, x.dtype))
    return y, lambda g: g * mx.sign(y)  # mx.where on signs at random is six times slower


@op
def leaky_relu(x, /, negative_slope=0.01):
    """x where positive, else negative_slope * x."""
    positive = mx.maximum(x, 0)
    y = positive + negative_slope * mx.minimum(x, 0)
    return y, lambda g: g * (negative_slope + (1 - negative_slope) * mx.sign(positive))


@op
def elu(x, /, alpha=1.0):
    """x where positive, else alpha * (e**x - 1)."""
    negative = alpha * mx.expm1(mx.minimum(x, 0))
    return mx.where(x > 0, x, negative), lambda g: mx.where(x > 0, g, g * (negative + alpha))


@op
def silu(x, /):
    """x * sigmoid(x), also called swish (Ramachandran et al., 2017)."""
    s = precise.sigmoid(x)
    return x * s, lambda g: g * (s * (1 + x * (1 - s)))


@op
def softplus(x, /, beta=1.0, threshold=20.0):
    """log(1 + e**(beta * x)) / beta, and x itself where beta * x passes the threshold."""
    z = x * beta
    y = mx.where(z > threshold, x, precise.softplus(z) / beta)
    return y, lambda g: mx.where(z > threshold, g, g * precise.sigmoid(z))


@op
def gelu(x, /, approximate="none"):
    """x * Phi(x), Phi the normal distribution (Hendrycks and Gimpel, 2016).

    `approximate` is "none" (the error function, torch's default) or "tanh".
    """
    if approximate == "none":
        phi = 0.5 * (1 + precise.erf(x * 0.7071067811865476))
        density = lambda: precise.exp(-0.5 * x * x) * 0.3989422804014327  # noqa: E731
        return x * phi, lambda g: g * (phi + x * density())
    if approximate != "tanh":
        raise ValueError(f'approximate must be "none" or "tanh", got {approximate!r}')
    t = mx.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))

    def rule(g):
        inner = 0.7978845608028654 * (1 + 0.134145 * x * x)
        return g * 0.5 * (1 + t + x * (1 - t * t) * inner)

    return 0.5 * x * (1 + t), rule


@op
def prelu(x, weight, /):
    """x where positive, else weight * x (He et al., 2015).

    Shapes: x (N, C, ...) and weight (C,) or (1,); x may also be of one dimension.
    """
    if weight.ndim > 1 or weight.size not in (1, x.shape[1] if x.ndim > 1 else 1):
        channels = x.shape[1] if x.ndim > 1 else 1
        raise ValueError(
            f"prelu expects a weight of shape (1,) or ({channels},) for x of shape "
            f"{x.shape}, got {weight.shape}"
        )
    w = weight.reshape(1, -1, *[1] * (x.ndim - 2)) if x.ndim > 1 else weight.reshape(-1)
    if weight.size == 1:
        w = weight.reshape([1] * x.ndim)

    positive, negative = mx.maximum(x, 0), mx.minimum(x, 0)

    def rule(g):
        slope = w + (1 - w) * mx.sign(positive)
        return g * slope, sum_to(g * negative, w.shape).reshape(weight.shape)

    return positive + w * negative, rule


@op
def softmax(x, /, dim=-1):
    """e**x divided by its sum along `dim`."""
    x, axes = floating(x), axes_of(x.ndim, dim)
    if x.size == 0 or x.ndim == 0:
        return mx.ones_like(x), lambda g: mx.zeros_like(g)
    y = precise.softmax(x, axis=axes)
    return y, lambda g: y * (g - total(g * y, axes, True))


@op
def log_softmax(x, /, dim=-1):
    """The logarithm of softmax, computed without overflow."""
    x, axes = floating(x), axes_of(x.ndim, dim)
    if x.size == 0 or x.ndim == 0:
        return mx.zeros_like(x), lambda g: mx.zeros_like(g)
    # subtracting the maximum first: logsumexp of large x would round the normaliser away
    centred = x - mx.max(x, axis=axes, keepdims=True)
    y = centred - precise.logsumexp(centred, axis=axes, keepdims=True)
    return y, lambda g: g - precise.exp(y) * total(g, axes, True)
