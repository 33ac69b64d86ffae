"""Functions of one matrix: determinant, powers, exponential, trace."""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import mlx.core as mx

from lucid.autograd import laziness
from lucid.kernels.memory import check_size
from lucid.ops.arrange import flip
from lucid.ops.autocast import autocasts
from lucid.ops.cast import astype
from lucid.ops.diagonal import diagonal
from lucid.ops.elementary import log
from lucid.ops.join import stack
from lucid.ops.linalg import check, primitive
from lucid.ops.linalg.product import matmul
from lucid.ops.linalg.solve import identity_like, inv
from lucid.ops.math import add, mul
from lucid.ops.op import op
from lucid.ops.reduce import sum
from lucid.ops.shape import unsqueeze
from lucid.ops.where import where


class SignLog(NamedTuple):
    sign: Any
    logabsdet: Any


@op
def _det(A, /):
    (value, regular), rule = primitive.determinant_op(A)
    return value * regular, lambda g: rule(g, mx.zeros_like(g))


@op
def _slogdet(A, /):
    return primitive.slogdet_op(A)


@autocasts
def det(A: Any) -> Any:
    """The determinants of square matrices.

    Shapes: (..., n, n) -> (...).

    Raises:
        ValueError: not square.

    >>> import lucid
    >>> round(lucid.linalg.det(lucid.tensor([[1.0, 2.0], [3.0, 4.0]])).item(), 4)
    -2.0
    """
    check.squares("det", A)
    return _det(A)


@autocasts
def slogdet(A: Any) -> SignLog:
    """The sign (complex: the phase) of the determinant and the logarithm of its size.

    Shapes: (..., n, n) -> twice (...).

    Raises:
        ValueError: not square.

    >>> sign, size = lucid.slogdet(lucid.tensor([[0.0, 2.0], [4.0, 0.0]]))
    >>> sign, size
    (Tensor(-1., grad=None), Tensor(2.0794, grad=None))
    """
    check.squares("slogdet", A)
    return SignLog(*_slogdet(A))


def logdet(input: Any) -> Any:
    """The logarithm of the determinant; NaN where that is negative.

    Shapes: (..., n, n) -> (...).

    Raises:
        ValueError: not square.

    >>> lucid.logdet(lucid.tensor([[2.0, 0.0], [0.0, 4.0]]))
    Tensor(2.0794, grad=None)
    """
    sign, size = slogdet(input)
    if input.dtype == mx.complex64:
        return add(log(sign), size)
    return where(sign == -1, math.nan, size)


def trace(input: Any) -> Any:
    """The sum of the diagonal of a matrix.

    Raises:
        ValueError: not 2 dimensions.

    >>> lucid.trace(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor(5., grad=None)
    """
    if input.ndim != 2:
        raise ValueError(f"trace: expects a matrix, got shape {input.shape}")
    return sum(diagonal(input))


def linalg_diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """`diagonal` of the last two dimensions unless told.

    >>> lucid.linalg.diagonal(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([1., 4.], grad=None)
    """
    return diagonal(A, offset, dim1, dim2)


def matrix_power(input: Any, n: int) -> Any:
    """A times itself, n factors; of the inverse for a negative n.

    Shapes: (..., n, n) -> (..., n, n).

    Raises:
        LinAlgError: a singular matrix and a negative n.
        ValueError: not square.

    >>> lucid.matrix_power(lucid.tensor([[1, 1], [0, 1]]), 5)
    Tensor([[1, 5],
            [0, 1]], grad=None)
    """
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise ValueError(
            f"matrix_power: expects square matrices (..., n, n), got shape {input.shape}"
        )
    if n == 0:
        return add(identity_like(input), mul(input, 0))
    factor, result = (input, None) if n > 0 else (inv(input), None)
    bits = abs(n)
    while bits:
        if bits & 1:
            result = factor if result is None else matmul(result, factor)
        bits >>= 1
        factor = matmul(factor, factor) if bits else factor
    return result


_TERMS = 18  # of the Taylor series: 1 / 18! is below the precision of float64


def matrix_exp(input: Any) -> Any:
    """The sum of A^k / k!, by scaling and squaring (Higham, "Functions of Matrices", 2008).

    Raises:
        TypeError: integers.
        ValueError: not square.

    >>> import lucid
    >>> lucid.linalg.matrix_exp(lucid.zeros(2, 2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise ValueError(
            f"matrix_exp: expects square matrices (..., n, n), got shape {input.shape}"
        )
    if not mx.issubdtype(input.dtype, mx.inexact):
        raise TypeError(f"matrix_exp: expects floating point matrices, got {input.dtype}")
    if input.dtype in (mx.float16, mx.bfloat16):
        return astype(matrix_exp(astype(input, mx.float32)), input.dtype)
    squarings = _squarings(input.array)
    one = identity_like(input)
    X = mul(input, 0.5**squarings)
    result = one
    for k in range(_TERMS, 0, -1):
        result = add(one, mul(matmul(X, result), 1 / k))
    for _ in range(squarings):
        result = matmul(result, result)
    return result


def _squarings(x: mx.array) -> int:
    """How often to halve x until the series is exact: until its norm is below 1, or 4 in single
    precision. Where it cannot be read, enough for a norm of 2**10."""
    if x.size == 0:
        return 0
    if laziness.is_tracing():
        return 8
    norm: Any = mx.max(mx.sum(mx.abs(x).astype(mx.float32), axis=-2)).item()
    enough = 0 if x.dtype == mx.float64 else 2
    return max(0, math.frexp(norm)[1] - enough) if math.isfinite(norm) else 0


def vander(x: Any, N: int | None = None) -> Any:
    """The powers 0 to N - 1 of the numbers in the last dimension, (..., n) -> (..., n, N).

    Raises:
        ValueError: N below 1.

    >>> import lucid
    >>> lucid.linalg.vander(lucid.tensor([2, 3])).tolist()
    [[1, 2], [1, 3]]
    """
    x = unsqueeze(x, 0) if x.ndim == 0 else x
    count = x.shape[-1] if N is None else N
    if count < 1:
        raise ValueError(f"vander: expects N above 0, got {count}")
    check_size("vander", (*x.shape, count), x.dtype)
    ones = x._wrap(mx.ones_like(x.array), x.device)
    powers = itertools.accumulate(itertools.repeat(x, count - 1), mul, initial=ones)
    return stack(list(powers), -1)


def old_vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """`linalg.vander` of a vector under torch's older name: the powers descend unless told.

    Raises:
        ValueError: not a vector.

    >>> lucid.vander(lucid.tensor([2, 3]), 3)
    Tensor([[4, 2, 1],
            [9, 3, 1]], grad=None)
    """
    if x.ndim != 1:
        raise ValueError(f"vander: expects a vector, got shape {x.shape}")
    powers = vander(x, N)
    return powers if increasing else flip(powers, -1)
