"""Losses, element by element or sample by sample; `nn.functional` reduces them."""

from __future__ import annotations

import mlx.core as mx

from lucid._sums import sum_over
from lucid.kernels.elementwise import kept
from lucid.ops import precise
from lucid.ops.fused import fused
from lucid.ops.op import op
from lucid.ops.samplewise import Which, alike, within


def _wide(x: mx.array) -> mx.array:
    """In float32 at least: a sum of many halves would be coarse."""
    return x.astype(mx.float32) if x.dtype in (mx.float16, mx.bfloat16) else x


def _by_sample(x, /, *others, axis):
    return Which([True, *[True] * len(others)]) if within(x, axis) else None


@op(samples=_by_sample)
def soft_cross_entropy(logits, target, /, *, axis):
    """-sum(target * log_softmax(logits)) over the classes, which lie along `axis`.

    Any weighting, smoothing and ignoring is in `target`, of the shape of logits: what belongs to
    each class. A target of 0 contributes 0, also where the logit is -inf.
    """
    x, q = _wide(logits), _wide(target)
    if x.size == 0:
        shape = [n for i, n in enumerate(x.shape) if i != axis]
        return mx.zeros(shape, x.dtype), lambda g: (mx.zeros_like(x), mx.zeros_like(q))
    shifted = x - precise.largest(x, axis)
    exponentials = precise.exp(shifted)
    normaliser = sum_over(exponentials, (axis,), keepdims=True)
    logp = shifted - mx.log(normaliser)
    loss = -sum_over(kept(q != 0, q * logp), (axis,))

    def rule(g):
        g = mx.expand_dims(g, axis)
        p = exponentials / normaliser
        return g * (p * sum_over(q, (axis,), keepdims=True) - q), -g * logp

    return loss, rule


@op(samples=_by_sample)
def cross_entropy(logits, classes, weights, /, *, axis):
    """-log_softmax(logits) at one class of those along `axis`, times a weight.

    Shapes: classes (ints within bounds) and weights are those of logits without `axis`. A weight
    of 0 gives 0, whatever the logits.
    """
    x, places = _wide(logits), mx.expand_dims(classes, axis)
    if x.size == 0:
        return weights, lambda g: (mx.zeros_like(x), None, None)
    shifted = x - precise.largest(x, axis)
    exponentials = precise.exp(shifted)
    normaliser = sum_over(exponentials, (axis,), keepdims=True)
    logp = _at(shifted, places, axis) - mx.log(normaliser.squeeze(axis))

    def rule(g):
        g = mx.expand_dims(g * weights, axis)
        slope = exponentials * (g / normaliser)
        there = mx.take_along_axis(slope, places, axis) - g
        return mx.put_along_axis(slope, places, there, axis), None, None

    return kept(weights != 0, -weights * logp), rule


@op(samples=_by_sample)
def picked(x, classes, weights, /, *, axis):
    """x at one class of those along `axis`, times a weight: classes and weights as above."""
    places = mx.expand_dims(classes, axis)

    def rule(g):
        g = mx.expand_dims(g * weights, axis).astype(x.dtype)
        return mx.put_along_axis(mx.zeros_like(x), places, g, axis), None, None

    return kept(weights != 0, weights * _at(_wide(x), places, axis)), rule


def _at(x, places, axis):
    return mx.take_along_axis(x, places, axis).squeeze(axis)


@op(samples=alike)
def huber(x, y, /, *, delta):
    """d**2 / 2 where |d| < delta, else delta * (|d| - delta / 2), for d = x - y (Huber, 1964)."""
    d = _wide(x) - _wide(y)
    delta = mx.array(delta, d.dtype)

    def rule(g):
        slope = _huber_back(g, d, delta)
        return slope, -slope

    return _huber(d, delta), rule


@fused
def _huber(d, delta):
    a = mx.abs(d)
    near = mx.minimum(a, delta)
    return near * (a - 0.5 * near)


@fused
def _huber_back(g, d, delta):
    return g * mx.maximum(mx.minimum(d, delta), -delta)


@op(broadcasts=True)
def binary_cross_entropy_with_logits(x, target, pos_weight, /):
    """-(pos_weight * t * log(s) + (1 - t) * log(1 - s)) for s = sigmoid(x), without overflow."""
    x, t = _wide(x), _wide(target)
    p = 1 if pos_weight is None else _wide(pos_weight)
    softplus = precise.softplus(-x)  # -log(sigmoid(x))
    factor = 1 + (p - 1) * t
    loss = (1 - t) * x + factor * softplus

    def rule(g):
        dx = g * (1 - t + factor * (precise.sigmoid(x) - 1))
        dt = g * ((p - 1) * softplus - x)
        return dx, dt, None if pos_weight is None else g * t * softplus

    return loss, rule


@op(broadcasts=True)
def binary_cross_entropy(p, target, /):
    """-(t * log(p) + (1 - t) * log(1 - p)); each logarithm is at least -100, as in torch."""
    x, t = _wide(p), _wide(target)
    low = mx.array(-100.0, x.dtype)
    yes, no = mx.maximum(mx.log(x), low), mx.maximum(mx.log1p(-x), low)

    def rule(g):
        return g * (x - t) / mx.maximum(x * (1 - x), 1e-12), g * (no - yes)

    return (t - 1) * no - t * yes, rule
