"""Rounding and what goes with it. The derivative of a rounded value is 0."""

from __future__ import annotations

import mlx.core as mx

from lucid.ops.op import op


def _flat(g: mx.array) -> mx.array:
    return mx.zeros_like(g)


@op(linear=True)
def floor(x, /):
    """The largest integer not above x."""
    return mx.floor(x), _flat


@op(linear=True)
def ceil(x, /):
    """The smallest integer not below x."""
    return mx.ceil(x), _flat


@op(linear=True)
def trunc(x, /):
    """x without its digits after the point."""
    return mx.where(x < 0, mx.ceil(x), mx.floor(x)), _flat


@op(linear=True)
def round(x, /, *, decimals=0):
    """The nearest number of `decimals` digits after the point; halves go to the even one.

    >>> import lucid
    >>> lucid.round(lucid.tensor([0.5, 1.5, 2.7]))
    Tensor([0., 2., 3.], grad=None)
    """
    if decimals == 0:
        return mx.round(x), _flat
    return mx.round(x * 10.0**decimals) / 10.0**decimals, _flat


@op(linear=True)
def sign(x, /):
    """1, 0 or -1."""
    return mx.sign(x), _flat


@op
def nan_to_num(x, /, nan=0.0, posinf=None, neginf=None):
    """x with NaN and infinities replaced; infinities by the largest finite values unless told."""
    if not mx.issubdtype(x.dtype, mx.inexact):
        return x, None
    y = mx.where(mx.isnan(x), mx.array(nan, x.dtype), x)
    limits = mx.finfo(x.dtype)
    for infinity, given, limit in (("inf", posinf, limits.max), ("-inf", neginf, limits.min)):
        y = mx.where(x == float(infinity), mx.array(limit if given is None else given, x.dtype), y)
    return y, lambda g: mx.where(mx.isfinite(x), g, mx.zeros_like(g))
