"""Variance, covariance and the statistics of counted values."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from lucid.autograd.tape import Traced
from lucid.ops.cast import astype
from lucid.ops.complex import conj, real
from lucid.ops.diagonal import diagonal
from lucid.ops.elementary import sqrt
from lucid.ops.linalg import matmul
from lucid.ops.math import clamp, mul, sub
from lucid.ops.op import op
from lucid.ops.reduce import all_axes, mean, reduced_shape, spread, sum, total
from lucid.ops.rules import rounded_once
from lucid.ops.samplewise import within
from lucid.ops.shape import reshape, squeeze, transpose, unsqueeze
from lucid.ops.spelling import numpy_names


@op(samples=within)
@rounded_once(integers=True)
def var(x, /, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """The variance over `dim`: the sum of (x - mean)**2, divided by n - correction.

    Args:
        unbiased: False is a correction of 0, True one of 1.

    Raises:
        TypeError: integers or bools.

    >>> lucid.var(lucid.tensor([1.0, 2.0, 6.0]))
    Tensor(7., grad=None)
    """
    return _moments(x, dim, unbiased, keepdim, correction)


@op(samples=within)
@rounded_once(integers=True)
def std(x, /, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """The standard deviation over `dim`: the square root of `var`.

    Raises:
        TypeError: integers or bools.

    >>> lucid.std(lucid.tensor([1.0, 2.0, 3.0]))
    Tensor(1., grad=None)
    """
    variance, spread = _moments(x, dim, unbiased, keepdim, correction)
    y = mx.sqrt(variance)

    def rule(g):  # 0 where all values are equal, as in torch
        flat = y == 0
        return spread(mx.where(flat, mx.zeros_like(g), 0.5 * g / mx.where(flat, 1.0, y)))

    return y, rule


def _moments(x: mx.array, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> Any:
    if not mx.issubdtype(x.dtype, mx.inexact):
        raise TypeError(f"expected a floating point tensor, got {x.dtype}; use x.float()")
    if isinstance(dim, bool):  # torch.var(x, unbiased)
        dim, unbiased = None, dim
    axes, shape = all_axes(x.ndim, dim), x.shape
    correction = (1 if unbiased else 0) if correction is None else correction
    count = math.prod(shape[a] for a in axes)
    freedom = max(count - correction, 0)
    if count == 0:
        nan = mx.full(reduced_shape(shape, axes, keepdim), float("nan"), mx.real(x).dtype)
        return nan, lambda g: mx.full(shape, float("nan"), g.dtype)
    centred = x - total(x, axes, True) * (1 / count)
    squares = mx.square(mx.abs(centred)) if x.dtype == mx.complex64 else centred * centred
    y = total(squares, axes, keepdim) * (1 / freedom if freedom else math.inf)

    def pull(g):
        return spread(g, shape, axes) * centred * (2 / freedom if freedom else math.nan)

    return y, pull


@numpy_names
def var_mean(input, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """(var, mean) over `dim`.

    >>> lucid.var_mean(lucid.tensor([1.0, 2.0, 3.0]))
    (Tensor(1., grad=None), Tensor(2., grad=None))
    """
    return _with_mean(var, input, dim, unbiased, keepdim, correction)


@numpy_names
def std_mean(input, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """(std, mean) over `dim`.

    >>> lucid.std_mean(lucid.tensor([1.0, 2.0, 3.0]))
    (Tensor(1., grad=None), Tensor(2., grad=None))
    """
    return _with_mean(std, input, dim, unbiased, keepdim, correction)


def _with_mean(spread_of, x, dim, unbiased, keepdim, correction):
    found = spread_of(x, dim, unbiased, keepdim, correction=correction)
    return found, mean(x, None if isinstance(dim, bool) else dim, keepdim)


def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariance of the rows: variables in rows, observations in columns.

    Args:
        correction: what is taken from the number of observations in the divisor.
        fweights: how often each observation occurs, integers.
        aweights: how much each observation counts.

    Raises:
        TypeError: bools.
        ValueError: more than 2 dimensions.

    >>> import lucid
    >>> lucid.cov(lucid.tensor([[0.0, 2.0], [1.0, 5.0]])).tolist()
    [[2.0, 4.0], [4.0, 8.0]]
    """
    if input.ndim > 2:
        raise ValueError(f"cov expects at most 2 dimensions, got shape {input.shape}")
    if input.dtype == mx.bool_:
        raise TypeError("cov expects numbers, got bool")
    x = input if mx.issubdtype(input.dtype, mx.inexact) else astype(input, mx.float32)
    x = x if x.ndim == 2 else reshape(x, (1, -1))
    observations = x.shape[1]
    weights = _weights(observations, fweights, aweights)
    if weights is None:
        centred, norm_of = sub(x, mean(x, 1, True)), observations - correction
        weighted = centred
    else:
        whole = sum(weights)
        centred = sub(x, sum(mul(x, weights), 1, True) / whole)
        weighted = mul(centred, weights)
        norm_of = whole - correction
        if aweights is not None:
            norm_of = whole - correction * sum(mul(weights, aweights)) / whole
    found = matmul(weighted, conj(transpose(centred, 0, 1)))
    norm_of = clamp(norm_of, 0) if isinstance(norm_of, Traced) else max(norm_of, 0)
    found = found / norm_of if isinstance(norm_of, Traced) or norm_of else found * math.nan
    return squeeze(found)


def _weights(observations: int, fweights: Any, aweights: Any) -> Any:
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        if given.shape != (observations,):
            raise ValueError(f"{name} must be of shape ({observations},), got {given.shape}")
        if (given.numpy() < 0).any():
            raise ValueError(f"{name} must not be negative")
    if fweights is not None and mx.issubdtype(fweights.dtype, mx.inexact):
        raise TypeError(f"fweights must be integers, got {fweights.dtype}")
    if aweights is not None and not mx.issubdtype(aweights.dtype, mx.inexact):
        raise TypeError(f"aweights must be floating point, got {aweights.dtype}")
    if fweights is None or aweights is None:
        return fweights if aweights is None else aweights
    return mul(fweights, aweights)


def corrcoef(input):
    """The correlation of the rows: covariances divided by both standard deviations.

    Raises:
        ValueError: more than 2 dimensions.

    >>> import lucid
    >>> lucid.corrcoef(lucid.tensor([[0.0, 2.0, 4.0], [3.0, 2.0, 1.0]])).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    if input.ndim > 2:
        raise ValueError(f"corrcoef expects at most 2 dimensions, got shape {input.shape}")
    c = cov(input)
    if c.ndim == 0:
        return c / c
    deviations = sqrt(real(diagonal(c)))
    found = c / unsqueeze(deviations, 1) / unsqueeze(deviations, 0)
    return found if found.dtype == mx.complex64 else clamp(found, -1, 1)
