"""Reductions that pass over NaN. Those of order are in `lucid.ops.quantile`."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.ops.compare import isnan, logical_not
from lucid.ops.division import div
from lucid.ops.reduce import sum
from lucid.ops.spelling import numpy_names
from lucid.ops.where import where


@numpy_names
def nansum(input, dim=None, keepdim=False, *, dtype=None):
    """The sum over `dim` of what is not NaN.

    >>> import lucid
    >>> lucid.nansum(lucid.tensor([1.0, lucid.nan, 3.0])).item()
    4.0
    """
    _refuse_complex("nansum", input)
    return sum(where(isnan(input), 0, input), dim, keepdim, dtype=dtype)


@numpy_names
def nanmean(input, dim=None, keepdim=False, *, dtype=None):
    """The mean over `dim` of what is not NaN; NaN where all is.

    Raises:
        TypeError: integers or bools.

    >>> lucid.nanmean(lucid.tensor([1.0, lucid.nan, 3.0]))
    Tensor(2., grad=None)
    """
    _refuse_complex("nanmean", input)
    if not mx.issubdtype(input.dtype, mx.inexact):
        raise TypeError(f"nanmean expects a floating point tensor, got {input.dtype}")
    counts = sum(logical_not(isnan(input)), dim, keepdim)
    return div(nansum(input, dim, keepdim, dtype=dtype), counts)


def _refuse_complex(name: str, x: Any) -> None:
    if x.dtype == mx.complex64:
        raise TypeError(f"{name} expects real numbers, got complex64")
