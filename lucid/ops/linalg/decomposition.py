"""Factors of matrices: Cholesky, QR, LU, eigenvalues, singular values."""

from __future__ import annotations

from typing import Any, NamedTuple

import mlx.core as mx

from lucid.ops.autocast import autocasts
from lucid.ops.linalg import check, primitive, spectral
from lucid.ops.linalg.primitive import diagonal
from lucid.ops.linalg.product import adjoint
from lucid.ops.op import op


class CholeskyInfo(NamedTuple):
    L: Any
    info: Any


class QR(NamedTuple):
    Q: Any
    R: Any


class PLU(NamedTuple):
    P: Any
    L: Any
    U: Any


class Eigen(NamedTuple):
    eigenvalues: Any
    eigenvectors: Any


class SVD(NamedTuple):
    U: Any
    S: Any
    Vh: Any


class OldSVD(NamedTuple):
    U: Any
    S: Any
    V: Any


@op
def _cholesky(A, /, *, upper):
    return spectral.cholesky_op(primitive.adjoint(A) if upper else A)


def cholesky_ex(input: Any, *, upper: bool = False, check_errors: bool = False) -> CholeskyInfo:
    """`cholesky` and, per matrix, 0 or the order of the first minor that is not positive.

    Raises:
        LinAlgError: with `check_errors`, a matrix that is not positive definite.

    >>> lucid.linalg.cholesky_ex(lucid.tensor([[4.0, 0.0], [0.0, -1.0]])).info
    Tensor(2, grad=None, dtype=int32)
    """
    check.squares("cholesky", input)
    lower = _cholesky(input, upper=upper)
    info = check.first(~(mx.real(diagonal(lower.array)) > 0))
    if check_errors:
        check.succeeded("cholesky", info, check.NOT_POSITIVE)
    factor = adjoint(lower) if upper else lower
    return CholeskyInfo(factor, input._wrap(info, input.device))


@autocasts
def cholesky(input: Any, upper: bool = False) -> Any:
    """The lower triangular L with `input` = L L^H, or U = L^H.

    Only one triangle of `input` is read: that which is asked for.

    Shapes: (..., n, n) -> (..., n, n).

    Raises:
        LinAlgError: a matrix that is not positive definite.
        ValueError: not square.

    >>> import lucid
    >>> lucid.linalg.cholesky(lucid.tensor([[4.0, 2.0], [2.0, 5.0]])).tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    return cholesky_ex(input, upper=upper, check_errors=True).L


@op
def _qr(A, /):
    return spectral.qr_op(A)


@op
def _qr_complete(A, /):
    n, m = A.shape[-2:]
    if 0 in A.shape:
        q = mx.broadcast_to(mx.eye(n, dtype=A.dtype), (*A.shape[:-1], n))
        return (q, mx.zeros(A.shape, A.dtype)), None
    # zeros beyond the m columns: their reflections make Q square
    wide = mx.concatenate([A, mx.zeros((*A.shape[:-1], n - m), A.dtype)], axis=-1)
    q, r = spectral.qr(wide)
    return (q, r[..., :m]), None


@autocasts
def qr(A: Any, mode: str = "reduced") -> QR:
    """A = Q R with orthonormal columns in Q and R upper triangular.

    Args:
        mode: "reduced": Q is (..., n, k), k = min(n, m); "complete": Q is square, and without a
            derivative where n > m; "r": R alone, Q is empty.

    Raises:
        ValueError: another `mode`.

    >>> import lucid
    >>> q, r = lucid.linalg.qr(lucid.randn(5, 3))
    >>> q.shape, r.shape
    ((5, 3), (3, 3))
    """
    check.matrices("qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f'qr: mode must be "reduced", "complete" or "r", got {mode!r}')
    if mode == "complete" and A.shape[-2] > A.shape[-1]:
        return QR(*_qr_complete(A))
    q, r = _qr(A)
    return QR(A._wrap(mx.zeros((0,), A.dtype), A.device), r) if mode == "r" else QR(q, r)


@autocasts(like="qr")
def old_qr(input: Any, some: bool = True) -> QR:
    """`linalg.qr` under torch's older name and settings.

    >>> q, r = lucid.qr(lucid.randn(5, 3), some=False)
    >>> q.shape, r.shape
    ((5, 5), (5, 3))
    """
    return qr(input, "reduced" if some else "complete")


@op
def ordered_lu(A, /):
    """(order, L, U) with A[i] = (L U)[order[i]]."""
    return primitive.lu_op(A)


@op
def permutation(order, /, dtype):
    """The matrix P with (P y)[i] = y[order[i]]."""
    columns = mx.arange(order.shape[-1], dtype=order.dtype)
    return (order[..., None] == columns).astype(dtype), None


def lu(A: Any, *, pivot: bool = True) -> PLU:
    """A = P L U: a permutation, a unit lower and an upper triangular matrix.

    Shapes: (..., n, m) -> (..., n, n), (..., n, k) and (..., k, m) with k = min(n, m).

    Raises:
        NotImplementedError: pivot=False.

    >>> import lucid
    >>> p, l, u = lucid.linalg.lu(lucid.tensor([[0.0, 2.0], [4.0, 8.0]]))
    >>> (p @ l @ u).tolist()
    [[0.0, 2.0], [4.0, 8.0]]
    """
    check.matrices("lu", A)
    if not pivot:
        raise NotImplementedError("lu: MLX has LU with pivots only; use pivot=True")
    order, lower, upper = ordered_lu(A)
    return PLU(permutation(order, dtype=A.dtype), lower, upper)


@op
def _eigh(A, /, *, upper):
    return spectral.eigh_op(primitive.adjoint(A) if upper else A)


@autocasts
def eigh(input: Any, UPLO: str = "L") -> Eigen:
    """Eigenvalues, ascending, and orthonormal eigenvectors of Hermitian matrices.

    Only one triangle is read: the lower, or with UPLO="U" the upper one. The derivatives of the
    eigenvectors exist where the eigenvalues differ.

    Shapes: (..., n, n) -> (..., n) and (..., n, n), whose columns are the vectors.

    Raises:
        ValueError: another `UPLO`.

    >>> import lucid
    >>> lucid.linalg.eigh(lucid.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues.tolist()
    [1.0, 3.0]
    """
    check.squares("eigh", input)
    if UPLO.upper() not in ("L", "U"):
        raise ValueError(f'eigh: UPLO must be "L" or "U", got {UPLO!r}')
    check.finite("eigh", input)
    return Eigen(*_eigh(input, upper=UPLO.upper() == "U"))


def eigvalsh(input: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of Hermitian matrices, ascending: (..., n, n) -> (..., n).

    Only one triangle is read: the lower, or with UPLO="U" the upper one.

    >>> lucid.linalg.eigvalsh(lucid.tensor([[2.0, 1.0], [1.0, 2.0]]))
    Tensor([1., 3.], grad=None)
    """
    return eigh(input, UPLO).eigenvalues


@op
def _eig(A, /):
    return spectral.eig_op(A)


def eig(input: Any) -> Eigen:
    """Eigenvalues and eigenvectors, complex64, of square matrices.

    Shapes: (..., n, n) -> (..., n) and (..., n, n), whose columns are the vectors.

    >>> import lucid
    >>> lucid.linalg.eigvals(lucid.tensor([[0.0, -1.0], [1.0, 0.0]])).tolist()
    [1j, -1j]
    """
    check.squares("eig", input)
    check.finite("eig", input)
    return Eigen(*_eig(input))


def eigvals(input: Any) -> Any:
    """The eigenvalues of square matrices, complex64: (..., n, n) -> (..., n).

    >>> lucid.linalg.eigvals(lucid.tensor([[0.0, -1.0], [1.0, 0.0]])).abs()
    Tensor([1., 1.], grad=None)
    """
    return eig(input).eigenvalues


@op
def _svd(A, /):
    return spectral.svd_op(A)


@op
def _full_svd(A, /):
    return spectral.full_svd_op(A)


@autocasts
def svd(A: Any, full_matrices: bool = True) -> SVD:
    """A = U diag(S) V^H with S descending; `Vh` is V^H.

    With `full_matrices` U and V are square, and no gradient flows through what the reduced ones
    lack. The derivatives of U and V exist where the singular values differ.

    Shapes: (..., n, m) -> (..., n, k), (..., k) and (..., k, m), k = min(n, m), if reduced.

    >>> import lucid
    >>> u, s, vh = lucid.linalg.svd(lucid.eye(3, 2), full_matrices=False)
    >>> u.shape, s.tolist(), vh.shape
    ((3, 2), [1.0, 1.0], (2, 2))
    """
    check.matrices("svd", A)
    check.finite("svd", A)
    square = A.shape[-1] == A.shape[-2]
    return SVD(*(_full_svd(A) if full_matrices and not square else _svd(A)))


def svdvals(A: Any) -> Any:
    """The singular values, descending: (..., n, m) -> (..., min(n, m)).

    >>> lucid.linalg.svdvals(lucid.tensor([[3.0, 0.0], [0.0, 4.0]]))
    Tensor([4., 3.], grad=None)
    """
    return svd(A, full_matrices=False).S


@autocasts(like="svd")
def old_svd(input: Any, some: bool = True, compute_uv: bool = True) -> OldSVD:
    """`linalg.svd` under torch's older name: V instead of V^H, reduced by default.

    >>> u, s, v = lucid.svd(lucid.randn(5, 3))
    >>> u.shape, s.shape, v.shape
    ((5, 3), (3,), (3, 3))
    """
    u, s, vh = svd(input, full_matrices=not some)
    if not compute_uv:
        n, m = input.shape[-2:]
        u, v = (input.new_zeros(*input.shape[:-2], k, k) for k in (n, m))
        return OldSVD(u, s, v)
    return OldSVD(u, s, adjoint(vh))
