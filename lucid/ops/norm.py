"""The vector norms, over any dimensions."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from lucid.ops import precise
from lucid.ops.op import op
from lucid.ops.reduce import all_axes, extreme, in_dtype, spread, total
from lucid.ops.rules import rounded_once
from lucid.ops.samplewise import within


def _over_dim(x, /, p=2, dim=None, *_, **__):
    return within(x, dim)


@op(samples=_over_dim)
@rounded_once(integers=True)
def p_norm(x, /, p=2, dim=None, keepdim=False, *, dtype=None):
    """The vector norm (sum |x|**p)**(1/p) over `dim`; p may be inf or -inf, "fro" is 2.

    The gradient at 0 is 0, as in torch.

    >>> import lucid
    >>> from lucid.ops.norm import p_norm
    >>> p_norm(lucid.tensor([3.0, 4.0])).item()
    5.0
    """
    x = in_dtype(x, dtype)
    if not mx.issubdtype(x.dtype, mx.inexact):
        raise TypeError(f"a norm expects a floating point tensor, got {x.dtype}; use x.float()")
    p = 2.0 if p is None or p == "fro" else float(p)
    axes, shape = all_axes(x.ndim, dim), x.shape
    size = mx.abs(x)
    if math.isinf(p):
        y, pull = extreme(mx.max if p > 0 else mx.min, size, dim, keepdim)
        return y, lambda g: pull(g) * _direction(x)
    if p == 0:
        return total((x != 0).astype(size.dtype), axes, keepdim), lambda g: mx.zeros_like(x)
    if p == 1:
        return total(size, axes, keepdim), lambda g: spread(g, shape, axes) * _direction(x)
    # zeros are taken out before the powers, whose derivatives there would be infinite
    none = size == 0
    powers = mx.where(none, mx.zeros_like(size), _power(mx.where(none, 1.0, size), p))
    sums = total(powers, axes, keepdim)
    empty = sums == 0
    if p < 0:  # 0**p is infinite, and the norm 0
        empty = empty | (total(none.astype(size.dtype), axes, keepdim) > 0)
    y = mx.where(empty, mx.zeros_like(sums), _power(mx.where(empty, 1.0, sums), 1 / p))

    def rule(g):
        ratio = mx.where(none, 1.0, size) / spread(mx.where(empty, 1.0, y), shape, axes)
        flat = none | spread(empty, shape, axes)
        slope = mx.where(flat, mx.zeros_like(size), _power(ratio, p - 1)) * _direction(x)
        return spread(g, shape, axes) * slope

    return y, rule


def _power(x: mx.array, p: float) -> Any:
    """x ** p, quick for the powers of the Euclidean norm."""
    quick = {0.5: mx.sqrt, 1.0: lambda a: a, 2.0: mx.square}.get(p)
    return quick(x) if quick else precise.power(x, mx.array(p, x.dtype))


def _direction(x: mx.array) -> mx.array:
    """x / |x|, and 0 at 0."""
    if x.dtype != mx.complex64:
        return mx.sign(x)
    size = mx.abs(x)
    return mx.where(size == 0, mx.zeros_like(x), x / mx.where(size == 0, 1.0, size))
