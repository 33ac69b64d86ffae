"""Comparisons and logic: results are bool and have no derivative."""

from __future__ import annotations

import mlx.core as mx

from lucid.ops.op import op


@op
def eq(x, y, /):
    """x == y, elementwise."""
    return mx.equal(x, y), None


@op
def ne(x, y, /):
    """x != y, elementwise."""
    return mx.not_equal(x, y), None


@op
def lt(x, y, /):
    """x < y, elementwise."""
    return mx.less(x, y), None


@op
def le(x, y, /):
    """x <= y, elementwise."""
    return mx.less_equal(x, y), None


@op
def gt(x, y, /):
    """x > y, elementwise."""
    return mx.greater(x, y), None


@op
def ge(x, y, /):
    """x >= y, elementwise."""
    return mx.greater_equal(x, y), None


@op
def isnan(x, /):
    """True where x is NaN."""
    return mx.isnan(x), None


@op
def isfinite(x, /):
    """True where x is neither infinite nor NaN."""
    return mx.isfinite(x), None


@op
def logical_not(x, /):
    """True where x is zero or False."""
    return mx.logical_not(x), None


@op
def logical_and(x, y, /):
    """True where both are nonzero."""
    return mx.logical_and(x, y), None


@op
def logical_or(x, y, /):
    """True where either is nonzero."""
    return mx.logical_or(x, y), None
