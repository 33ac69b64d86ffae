"""Norms of vectors and matrices, condition numbers."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from lucid.ops.autocast import autocasts
from lucid.ops.cast import astype
from lucid.ops.division import div
from lucid.ops.linalg import check
from lucid.ops.linalg.decomposition import svdvals
from lucid.ops.linalg.solve import inv
from lucid.ops.math import abs, mul
from lucid.ops.norm import p_norm
from lucid.ops.reduce import amax, amin, axes_of, sum
from lucid.ops.shape import movedim, unsqueeze


def _inexact(name: str, x: Any, dtype: Any) -> Any:
    """x in the dtype that the norm is computed in."""
    x = x if dtype is None else astype(x, dtype)
    if not mx.issubdtype(x.dtype, mx.inexact):
        raise TypeError(f"{name}: expects a floating point tensor, got {x.dtype}; use x.float()")
    return x


@autocasts
def vector_norm(
    input: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """(sum |x|**ord)**(1/ord) over `dim`, all dimensions by default.

    inf and -inf give the largest and the smallest |x|, 0 counts what is not 0.

    Raises:
        ValueError: an `ord` that is not a number.

    >>> import lucid
    >>> lucid.linalg.vector_norm(lucid.tensor([3.0, -4.0])).item()
    5.0
    """
    if isinstance(ord, str | complex):
        raise ValueError(f"vector_norm: ord must be a number, got {ord!r}")
    x = _inexact("vector_norm", input, dtype)
    return p_norm(x, ord, dim, keepdim)


@autocasts
def matrix_norm(
    input: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """The norm of matrices, which lie in two dimensions.

    Args:
        ord: "fro": the root of the sum of squares; "nuc": the sum of the singular values; 2, -2:
            the largest, the smallest of them; inf, -inf: the largest, the smallest sum of |A| over
            a row; 1, -1: over a column.

    Raises:
        ValueError: another `ord`.

    >>> import lucid
    >>> lucid.linalg.matrix_norm(lucid.tensor([[1.0, 2.0], [3.0, -4.0]]), 1).item()
    6.0
    """
    input = _inexact("matrix_norm", input, dtype)
    rows, columns = _matrix_dims(input, dim)
    if ord == "fro":
        return p_norm(input, 2, (rows, columns), keepdim)
    if ord in ("nuc", 2, -2):
        values = svdvals(movedim(input, (rows, columns), (-2, -1)))
        least = {"nuc": sum, 2: amax, -2: amin}[ord](values, -1)
        return _kept(least, sorted((rows, columns))) if keepdim else least
    if ord in (1, -1, math.inf, -math.inf):
        over, along = (rows, columns) if ord in (1, -1) else (columns, rows)
        sums = sum(abs(input), over, keepdim=True)
        result = (amax if ord > 0 else amin)(sums, along, keepdim=True)
        return result if keepdim else result.squeeze((rows, columns))
    raise ValueError(f'matrix_norm: ord is "fro", "nuc", 1, 2, inf or a negative, got {ord!r}')


def _matrix_dims(A: Any, dim: Any) -> tuple[int, int]:
    if len(dim) != 2 or A.ndim < 2:
        raise ValueError(f"matrix_norm: expects 2 dims of a matrix, got {dim} for shape {A.shape}")
    rows, columns = axes_of(A.ndim, tuple(dim))
    return rows, columns


def _kept(x: Any, axes: list[int]) -> Any:
    for axis in axes:
        x = unsqueeze(x, axis)
    return x


@autocasts
def norm(
    input: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """`vector_norm`, or `matrix_norm` for two dims, or for a matrix and an ord.

    Without an ord it is the root of the sum of squares of all numbers.

    Raises:
        ValueError: an `ord` that does not fit the dimensions.

    >>> lucid.linalg.norm(lucid.tensor([[3.0, 4.0], [5.0, 12.0]]), dim=1)
    Tensor([ 5., 13.], grad=None)
    """
    two = (isinstance(dim, tuple | list) and len(dim) == 2) or (dim is None and input.ndim == 2)
    if ord is not None and (isinstance(ord, str) or two):
        if dim is None and input.ndim != 2:
            raise ValueError(
                f"norm: ord={ord!r} needs a matrix or two dims, got shape {input.shape}"
            )
        return matrix_norm(input, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    if ord is not None and dim is None and input.ndim != 1:
        raise ValueError(
            f"norm: ord={ord} without dim expects 1 or 2 dimensions, got {input.shape}"
        )
    return vector_norm(input, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


def cond(input: Any, p: Any = None) -> Any:
    """The condition number |A| |A^-1| in the norm `p` of `matrix_norm`; 2 by default.

    >>> import lucid
    >>> lucid.linalg.cond(lucid.tensor([[1.0, 0.0], [0.0, 4.0]])).item()
    4.0
    """
    check.matrices("cond", input)
    if p in (None, 2, -2):
        values = svdvals(input)
        largest, smallest = values[..., 0], values[..., -1]
        return div(smallest, largest) if p == -2 else div(largest, smallest)
    check.squares("cond", input)
    return mul(matrix_norm(input, p), matrix_norm(inv(input), p))
