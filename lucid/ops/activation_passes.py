"""The passes over the memory that activation functions and their rules consist of.

g++ makes a branch of a choice where one side is a constant or computed for it alone, and on signs
at random that is six times slower. So a choice is between arrays that are there anyway, or made of
max, min and sign.
"""

import mlx.core as mx

from lucid.ops.fused import fused


@fused
def where_positive(g, y):
    """g where y is positive, else 0; y, a maximum with 0, is nowhere negative. As in torch, g where
    y is NaN."""
    return mx.where(y, g, y)


@fused
def bent(x, slope):
    """x where positive, else slope * x."""
    return mx.maximum(x, 0) + slope * mx.minimum(x, 0)


@fused
def bent_back(g, x, slope):
    positive = mx.sign(mx.maximum(x, 0))
    return g * (positive + slope * (1 - positive))


@fused
def bent_weight(g, x):
    return g * mx.minimum(x, 0)


@fused
def elu(x, below, scale, alpha):
    """scale * x where positive, else scale * alpha * below, which is 0 where x is positive."""
    return scale * (mx.maximum(x, 0) + alpha * below)


@fused
def elu_back(g, x, below, scale, alpha, slope):
    positive = mx.sign(mx.maximum(x, 0))
    return g * (scale * positive + (1 - positive) * (slope * (alpha * below + alpha)))


@fused
def silu_back(g, x, s):
    return g * (s * (1 + x * (1 - s)))


@fused
def half_more(y):
    return 0.5 * (1 + y)


@fused
def gelu_back(g, x, phi, e):
    return g * (phi + x * (e * 0.3989422804014327))


@fused
def gelu_inner(x):
    return 0.7978845608028654 * (x + 0.044715 * x * x * x)


@fused
def gelu_of_tanh(x, t):
    return 0.5 * x * (1 + t)


@fused
def gelu_of_tanh_back(g, x, t):
    inner = 0.7978845608028654 * (1 + 0.134145 * x * x)
    return g * 0.5 * (1 + t + x * (1 - t * t) * inner)
