"""Factors in the form in which LAPACK packs them: LU with pivots, QR as reflections."""

from __future__ import annotations

from typing import Any, NamedTuple

import mlx.core as mx

from lucid.ops.complex import conj
from lucid.ops.diagonal import tril, triu
from lucid.ops.linalg import check, spectral
from lucid.ops.linalg.decomposition import PLU, ordered_lu, permutation
from lucid.ops.linalg.product import adjoint, matmul
from lucid.ops.linalg.solve import solved
from lucid.ops.math import add, mul, sub
from lucid.ops.op import op
from lucid.ops.pad import pad
from lucid.ops.shape import unsqueeze


class Packed(NamedTuple):
    LU: Any
    pivots: Any


class PackedInfo(NamedTuple):
    LU: Any
    pivots: Any
    info: Any


class Reflections(NamedTuple):
    a: Any
    tau: Any


@op
def _pivots(order, /, *, count):
    """Which row, from 1, step j of the elimination swapped with row j.

    `order` says where each row came to lie.
    """
    if order.size == 0:
        return mx.zeros((*order.shape[:-1], count), mx.int32), None
    rows = mx.arange(order.shape[-1], dtype=mx.int32)
    order = order.astype(mx.int32)
    swaps = []
    for j in range(count):
        found = mx.argmax(order == j, axis=-1, keepdims=True).astype(mx.int32)
        swap = mx.where(rows == j, found, mx.where(rows == found, j, rows))
        order = mx.take_along_axis(order, swap, axis=-1)
        swaps.append(found + 1)
    none = mx.zeros((*order.shape[:-1], 0), mx.int32)
    return mx.concatenate([none, *swaps], axis=-1), None


@op
def _order(pivots, /, *, size):
    """Where each of `size` rows comes to lie: what `_pivots` was made of."""
    rows = mx.arange(size, dtype=mx.int32)
    order = mx.broadcast_to(rows, (*pivots.shape[:-1], size))
    for j in range(pivots.shape[-1]):
        found = pivots[..., j : j + 1].astype(mx.int32) - 1
        swap = mx.where(rows == j, found, mx.where(rows == found, j, rows))
        order = mx.take_along_axis(order, swap, axis=-1)
    return (mx.argsort(order, axis=-1) if size and pivots.size else order).astype(mx.uint32), None


def lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False) -> PackedInfo:
    """`lu_factor` and, per matrix, 0 or the number of the first pivot that is 0.

    Raises:
        NotImplementedError: pivot=False.
        LinAlgError: with `check_errors`, a pivot that is 0.

    >>> lucid.linalg.lu_factor_ex(lucid.tensor([[1.0, 2.0], [0.0, 0.0]])).info
    Tensor(2, grad=None, dtype=int32)
    """
    check.matrices("lu_factor", A)
    if not pivot:
        raise NotImplementedError("lu_factor: MLX has LU with pivots only; use pivot=True")
    n, m = A.shape[-2:]
    k = min(n, m)
    order, lower, upper = ordered_lu(A)
    packed = add(pad(tril(lower, -1), (0, m - k)), pad(upper, (0, 0, 0, n - k)))
    info = check.first(mx.diagonal(upper.array, axis1=-2, axis2=-1) == 0)
    if check_errors:
        check.succeeded("lu_factor", info, check.SINGULAR)
    return PackedInfo(packed, _pivots(order, count=k), A._wrap(info, A.device))


def lu_factor(A: Any, pivot: bool = True) -> Packed:
    """L without its diagonal of ones and U in one matrix, and the rows swapped, counted from 1.

    Shapes: (..., n, m) -> (..., n, m) and (..., min(n, m)).

    Raises:
        NotImplementedError: pivot=False.

    >>> import lucid
    >>> packed, pivots = lucid.linalg.lu_factor(lucid.tensor([[0.0, 2.0], [4.0, 8.0]]))
    >>> packed.tolist(), pivots.tolist()
    ([[4.0, 8.0], [0.0, 2.0]], [2, 2])
    """
    return Packed(*lu_factor_ex(A, pivot=pivot)[:2])


def old_lu(A: Any, pivot: bool = True, get_infos: bool = False) -> Any:
    """`linalg.lu_factor` under torch's older name; with `get_infos` also `lu_factor_ex`'s info.

    >>> packed, pivots = lucid.lu(lucid.tensor([[0.0, 2.0], [4.0, 8.0]]))
    >>> packed.tolist(), pivots.tolist()
    ([[4.0, 8.0], [0.0, 2.0]], [2, 2])
    """
    result = lu_factor_ex(A, pivot=pivot, check_errors=not get_infos)
    return result if get_infos else Packed(*result[:2])


def _unpacked(LU: Any) -> tuple[Any, Any]:
    n, m = LU.shape[-2:]
    k = min(n, m)
    ones = LU._wrap(mx.eye(n, k, dtype=LU.dtype), LU.device)
    return add(tril(LU[..., :k], -1), ones), triu(LU[..., :k, :])


def lu_unpack(
    LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True
) -> PLU:
    """P, L and U of `lu_factor`'s result; empty tensors for what is not asked for.

    Raises:
        TypeError: pivots that are not int32.

    >>> p, l, u = lucid.lu_unpack(*lucid.linalg.lu_factor(lucid.tensor([[0.0, 2.0], [4.0, 8.0]])))
    >>> p @ l @ u
    Tensor([[0., 2.],
            [4., 8.]], grad=None)
    """
    check.matrices("lu_unpack", LU_data)
    if LU_pivots.dtype != mx.int32:
        raise TypeError(f"lu_unpack: expects int32 pivots, got {LU_pivots.dtype}")
    none = LU_data._wrap(mx.zeros((0,), LU_data.dtype), LU_data.device)
    lower, upper = _unpacked(LU_data) if unpack_data else (none, none)
    order = _order(LU_pivots, size=LU_data.shape[-2])
    P = permutation(order, dtype=LU_data.dtype) if unpack_pivots else none
    return PLU(P, lower, upper)


def lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False) -> Any:
    """X with A X = B for the A of `lu_factor`.

    Args:
        left: False: X A = B.
        adjoint: of A^H instead.

    >>> A, B = lucid.tensor([[0.0, 2.0], [4.0, 8.0]]), lucid.tensor([[2.0], [12.0]])
    >>> lucid.linalg.lu_solve(*lucid.linalg.lu_factor(A), B)
    Tensor([[1.],
            [1.]], grad=None)
    """
    check.squares("lu_solve", LU)
    check.matrices("lu_solve", LU, B)
    if not left:
        return _adjoint(lu_solve(LU, pivots, _adjoint(B), adjoint=not adjoint))
    P, lower, upper = lu_unpack(LU, pivots)
    if adjoint:
        half = solved("lu_solve", _adjoint(upper), B, True)
        return matmul(P, solved("lu_solve", _adjoint(lower), half, True))
    half = solved("lu_solve", lower, matmul(_adjoint(P), B), True)
    return solved("lu_solve", upper, half, True)


_adjoint = adjoint  # whose name is that of lu_solve's argument


def old_lu_solve(input: Any, LU_data: Any, LU_pivots: Any) -> Any:
    """`linalg.lu_solve` under torch's older name and order: X with A X = input.

    >>> A, B = lucid.tensor([[0.0, 2.0], [4.0, 8.0]]), lucid.tensor([[2.0], [12.0]])
    >>> lucid.lu_solve(B, *lucid.linalg.lu_factor(A))
    Tensor([[1.],
            [1.]], grad=None)
    """
    return lu_solve(LU_data, LU_pivots, input)


@op
def _geqrf(x, /):
    with mx.stream(mx.cpu):
        return spectral.reflections(x), None


def geqrf(input: Any) -> Reflections:
    """QR as reflections, see `linalg.householder_product`: R, and below it their columns.

    Shapes: (..., n, m) -> (..., n, m) and (..., min(n, m)).

    >>> a, tau = lucid.geqrf(lucid.randn(5, 3))
    >>> a.shape, tau.shape
    ((5, 3), (3,))
    """
    check.matrices("geqrf", input)
    return Reflections(*_geqrf(input))


def _reflected(A: Any, tau: Any, x: Any, adjoint: bool) -> Any:
    """Q x, or Q^H x, for Q the product of I - tau v v^H over the columns v."""
    n, k = A.shape[-2], tau.shape[-1]
    ones = A._wrap(mx.eye(n, k, dtype=A.dtype), A.device)
    columns = add(tril(A[..., :k], -1), ones)
    tau = conj(tau) if adjoint and tau.dtype == mx.complex64 else tau
    for j in range(k) if adjoint else reversed(range(k)):
        v = columns[..., j : j + 1]
        factor = unsqueeze(tau[..., j : j + 1], -1)
        x = sub(x, mul(factor, matmul(v, matmul(_adjoint(v), x))))
    return x


def householder_product(input: Any, tau: Any) -> Any:
    """The first m columns of the product of the reflections I - tau v v^H.

    The columns v are below the diagonal of `input`, (..., n, m) with n >= m, and have a 1 on it.

    Raises:
        TypeError: different dtypes.
        ValueError: shapes that do not fit.

    >>> import lucid
    >>> a, tau = lucid.geqrf(lucid.tensor([[3.0], [4.0]]))
    >>> lucid.linalg.householder_product(a, tau).abs()
    Tensor([[0.6],
            [0.8]], grad=None)
    """
    check.matrices("householder_product", input)
    n, m = input.shape[-2:]
    if n < m or tau.shape[-1] > m or tau.shape[:-1] != input.shape[:-2]:
        raise ValueError(
            f"householder_product: expects (..., n, m) with n >= m and tau (..., k) with k <= m, "
            f"got {input.shape} and {tau.shape}"
        )
    if tau.dtype != input.dtype:
        raise TypeError(f"householder_product: one dtype, got {input.dtype} and {tau.dtype}")
    eye = mx.broadcast_to(mx.eye(n, m, dtype=input.dtype), input.shape)
    return _reflected(input, tau, input._wrap(eye, input.device), False)


def ormqr(input: Any, input2: Any, input3: Any, left: bool = True, transpose: bool = False) -> Any:
    """Q input3, or with left=False input3 Q, for the Q of `geqrf`'s result (input, input2).

    With `transpose` Q^H takes the place of Q.

    Raises:
        ValueError: shapes that do not fit.

    >>> a, tau = lucid.geqrf(lucid.tensor([[3.0], [4.0]]))
    >>> lucid.ormqr(a, tau, lucid.tensor([[3.0], [4.0]]), transpose=True).abs().round(decimals=4)
    Tensor([[5.],
            [0.]], grad=None)
    """
    check.matrices("ormqr", input, input3)
    size = input3.shape[-2 if left else -1]
    if size != input.shape[-2] or input2.shape[-1] > min(input.shape[-2:]):
        raise ValueError(
            f"ormqr: reflections of {input.shape} with tau {input2.shape} do not fit "
            f"{input3.shape}, left={left}"
        )
    if left:
        return _reflected(input, input2, input3, transpose)
    return _adjoint(_reflected(input, input2, _adjoint(input3), not transpose))
