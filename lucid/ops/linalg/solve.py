"""Inverses and systems of linear equations."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import mlx.core as mx

from lucid.ops.autocast import autocasts
from lucid.ops.cast import astype
from lucid.ops.diagonal import tril, triu
from lucid.ops.linalg import check, primitive, spectral
from lucid.ops.linalg.decomposition import svdvals
from lucid.ops.linalg.product import adjoint, matmul
from lucid.ops.math import add, mul, sub
from lucid.ops.op import op
from lucid.ops.reduce import sum
from lucid.ops.shape import expand, flatten, movedim, reshape, squeeze, unsqueeze


class Inverse(NamedTuple):
    inverse: Any
    info: Any


class Result(NamedTuple):
    result: Any
    info: Any


class LeastSquares(NamedTuple):
    solution: Any
    residuals: Any
    rank: Any
    singular_values: Any


class Triangular(NamedTuple):
    solution: Any
    cloned_coefficient: Any


@op
def _inverse(A, /):
    return primitive.inverse_op(A)


@op
def _solve(A, B, /):
    return primitive.solve_op(A, B)


def _pivots(name: str, A: Any, check_errors: bool) -> Any:
    info = check.zero_pivot(A.array)
    if check_errors:
        check.succeeded(name, info, check.SINGULAR)
    return A._wrap(info, A.device)


def identity_like(A: Any) -> Any:
    """The identity in the shape of A."""
    return A._wrap(mx.broadcast_to(mx.eye(A.shape[-1], dtype=A.dtype), A.shape), A.device)


def inv_ex(A: Any, *, check_errors: bool = False) -> Inverse:
    """`inv` and, per matrix, 0 or the number of the pivot that is 0.

    Raises:
        LinAlgError: with `check_errors`, a singular matrix.
        ValueError: not square.

    >>> lucid.linalg.inv_ex(lucid.tensor([[1.0, 2.0], [2.0, 4.0]])).info
    Tensor(2, grad=None, dtype=int32)
    """
    check.squares("inv", A)
    return Inverse(_inverse(A), _pivots("inv", A, check_errors))


@autocasts
def inv(A: Any) -> Any:
    """The inverse of square matrices, (..., n, n).

    Raises:
        LinAlgError: a singular matrix.
        ValueError: not square.

    >>> import lucid
    >>> lucid.linalg.inv(lucid.tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return inv_ex(A, check_errors=True).inverse


def _is_vector(A: Any, B: Any) -> bool:
    """Is B one vector per matrix of A? torch's rule."""
    return B.ndim == 1 or (B.ndim + 1 == A.ndim and B.shape == A.shape[:-1])


def solved(name: str, A: Any, B: Any, left: bool) -> Any:
    """A X = B, or X A = B, for whatever A."""
    check.squares(name, A)
    vector = left and _is_vector(A, B)
    B = unsqueeze(B, -1) if vector else B
    check.matrices(name, A, B)
    if A.shape[-1] != B.shape[-2 if left else -1]:
        raise ValueError(f"{name}: cannot solve A of {A.shape} for B of {B.shape}, left={left}")
    batch = mx.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    A, B = (expand(x, (*batch, *x.shape[-2:])) for x in (A, B))
    X = _solve(A, B) if left else adjoint(_solve(adjoint(A), adjoint(B)))
    return squeeze(X, -1) if vector else X


def solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False) -> Result:
    """`solve` and, per matrix, 0 or the number of the pivot that is 0.

    Raises:
        LinAlgError: with `check_errors`, a singular matrix.
        ValueError: shapes that do not fit.

    >>> lucid.linalg.solve_ex(lucid.eye(2) * 2, lucid.tensor([2.0, 4.0])).result
    Tensor([1., 2.], grad=None)
    """
    X = solved("solve", A, B, left)
    return Result(X, _pivots("solve", A, check_errors))


@autocasts
def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """X with A X = B, or X A = B with left=False; B may be one vector per matrix.

    Shapes: A (..., n, n), B (..., n, k), or (..., k, n) with left=False -> that of B.

    Raises:
        LinAlgError: a singular matrix.
        ValueError: shapes that do not fit.

    >>> import lucid
    >>> lucid.linalg.solve(lucid.eye(2) * 2, lucid.tensor([2.0, 4.0])).tolist()
    [1.0, 2.0]
    """
    return solve_ex(A, B, left=left, check_errors=True).result


def solve_triangular(
    input: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Any:
    """`solve` for a triangular `input`, of which the other triangle is not read.

    Args:
        upper: input is upper triangular.
        unitriangular: its diagonal is taken as ones.

    >>> A, B = lucid.tensor([[2.0, 0.0], [1.0, 1.0]]), lucid.tensor([[2.0], [3.0]])
    >>> lucid.linalg.solve_triangular(A, B, upper=False)
    Tensor([[1.],
            [2.]], grad=None)
    """
    check.squares("solve_triangular", input)
    cut, k = (triu, 1) if upper else (tril, -1)
    input = add(cut(input, k), identity_like(input)) if unitriangular else cut(input)
    check.matrices("solve_triangular", input, B)
    return solved("solve_triangular", input, B, left)


def triangular_solve(
    input: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Triangular:
    """`linalg.solve_triangular` under torch's older name: A first turned over with `transpose`.

    >>> A, B = lucid.tensor([[2.0, 0.0], [1.0, 1.0]]), lucid.tensor([[2.0], [3.0]])
    >>> lucid.triangular_solve(B, A, upper=False).solution
    Tensor([[1.],
            [2.]], grad=None)
    """
    check.matrices("triangular_solve", input, A)
    turned = A.transpose(-2, -1) if transpose else A
    upper = upper != transpose
    X = solve_triangular(turned, input, upper=upper, unitriangular=unitriangular)
    return Triangular(X, A)


def cholesky_solve(input: Any, input2: Any, upper: bool = False) -> Any:
    """X with A X = input, where A = L L^H, or U^H U with `upper`, for the factor `input2`.

    Shapes: input (..., n, k), input2 (..., n, n) -> (..., n, k).

    >>> L, B = lucid.tensor([[2.0, 0.0], [1.0, 1.0]]), lucid.tensor([[6.0], [4.0]])
    >>> lucid.cholesky_solve(B, L)
    Tensor([[1.],
            [1.]], grad=None)
    """
    check.matrices("cholesky_solve", input, input2)
    check.squares("cholesky_solve", input2)
    L = adjoint(triu(input2)) if upper else tril(input2)
    half = solved("cholesky_solve", L, input, True)
    return solved("cholesky_solve", adjoint(L), half, True)


def cholesky_inverse(input: Any, upper: bool = False) -> Any:
    """The inverse of A = L L^H, or U^H U with `upper`, for the factor `input`, (..., n, n).

    Raises:
        LinAlgError: a factor with a 0 on its diagonal.
        ValueError: not square.

    >>> lucid.cholesky_inverse(lucid.tensor([[2.0, 0.0], [0.0, 1.0]]))
    Tensor([[0.25, 0.  ],
            [0.  , 1.  ]], grad=None)
    """
    check.squares("cholesky_inverse", input)
    _pivots("cholesky_inverse", triu(input) if upper else tril(input), True)
    inverse = _inverse(adjoint(triu(input)) if upper else tril(input))
    return matmul(adjoint(inverse), inverse)


@op
def _pinv(A, cutoff, /, *, hermitian):
    return (spectral.hermitian_inverse_op if hermitian else spectral.pseudo_inverse_op)(A, cutoff)


def _sizes(name: str, A: Any, hermitian: bool) -> mx.array:
    """The singular values, of a Hermitian matrix by its eigenvalues."""
    (check.squares if hermitian else check.matrices)(name, A)
    check.finite(name, A)
    return mx.abs(spectral.eigh(A.array)[0]) if hermitian else spectral.svd(A.array)[1]


def _cutoff(A: Any, S: mx.array, atol: Any, rtol: Any) -> mx.array:
    """The singular values above this count: max(atol, rtol * the largest)."""
    number = lambda x: x.array if hasattr(x, "array") else x  # noqa: E731
    if rtol is None:
        given = atol is not None and (hasattr(atol, "array") or atol > 0)
        rtol = 0.0 if given else max(A.shape[-2:]) * mx.finfo(S.dtype).eps
    atol = 0.0 if atol is None else atol
    largest = mx.max(S, axis=-1) if S.shape[-1] and S.size else mx.zeros(S.shape[:-1], S.dtype)
    return mx.maximum(mx.array(number(atol), S.dtype), largest * mx.array(number(rtol), S.dtype))


@autocasts
def pinv(
    input: Any, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Any:
    """The pseudo-inverse (Moore and Penrose), by singular values.

    Shapes: (..., n, m) -> (..., m, n).

    Args:
        rcond: another name of `rtol`.
        hermitian: input is taken to be Hermitian: only its lower triangle is read.
        atol, rtol: singular values up to max(atol, rtol * the largest) count as 0; rtol is
            max(n, m) * eps where neither is given.

    >>> import lucid
    >>> lucid.linalg.pinv(lucid.tensor([[2.0, 0.0], [0.0, 0.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.0]]
    """
    S = _sizes("pinv", input, hermitian)
    cutoff = _cutoff(input, S, atol, rcond if rtol is None else rtol)
    return _pinv(input, input._wrap(cutoff, input.device), hermitian=hermitian)


def matrix_rank(
    input: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Any:
    """How many singular values are above max(atol, rtol * the largest), see `pinv`.

    Shapes: (..., n, m) -> (...), int64.

    Args:
        tol: an absolute bound, in place of both.
        hermitian: input is taken to be Hermitian: only its lower triangle is read.

    >>> lucid.linalg.matrix_rank(lucid.tensor([[1.0, 2.0], [2.0, 4.0]])).item()
    1
    """
    S = _sizes("matrix_rank", input, hermitian)
    bound = _cutoff(input, S, tol if atol is None else atol, rtol if tol is None else 0.0)
    if S.size == 0:
        counted = mx.zeros(mx.broadcast_shapes(S.shape[:-1], bound.shape), mx.int64)
    else:
        counted = mx.sum(bound[..., None] < S, axis=-1)
    return input._wrap(counted.astype(mx.int64), input.device)


@autocasts
def lstsq(
    input: Any, b: Any, rcond: float | None = None, *, driver: str | None = None
) -> LeastSquares:
    """The X with the least |input X - b|, by the pseudo-inverse of input.

    Args:
        b: (..., n, k), or one vector per matrix.
        rcond: singular values up to this part of the largest count as 0.
        driver: what is asked for besides: "gels" the residuals; "gelsy" (the default) the rank;
            "gelsd" and "gelss" the singular values too.

    Returns:
        (solution, residuals, rank, singular_values); residuals are empty unless input has more
        rows than columns and full rank.

    Raises:
        ValueError: another `driver`, or different numbers of rows.

    >>> A = lucid.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> lucid.linalg.lstsq(A, lucid.tensor([[1.0], [3.0], [5.0]])).solution.round(decimals=4)
    Tensor([[1.],
            [2.]], grad=None)
    """
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise ValueError(f"lstsq: driver is gels, gelsy, gelsd or gelss, got {driver!r}")
    vector = b.ndim < input.ndim and _is_vector(input, b)
    B = unsqueeze(b, -1) if vector else b
    check.matrices("lstsq", input, B)
    n, m = input.shape[-2:]
    if n != B.shape[-2]:
        raise ValueError(f"lstsq: input of {input.shape} and b of {b.shape} differ in rows")
    X = matmul(pinv(input, rcond), B)
    rank = matrix_rank(input, rtol=rcond)
    none = flatten(svdvals(input))[:0]  # what was not asked for
    full = driver == "gels" or bool(mx.all(rank.array == m).item())
    return LeastSquares(
        squeeze(X, -1) if vector else X,
        _squares(sub(matmul(input, X), B)) if n > m and full and driver != "gelsy" else none,
        astype(none, mx.int64) if driver == "gels" else rank,
        svdvals(input) if driver in ("gelsd", "gelss") else none,
    )


def _squares(x: Any) -> Any:
    return sum(mul(x.abs(), x.abs()), -2)


def tensorinv(A: Any, ind: int = 2) -> Any:
    """The inverse of A as a map from its last dimensions to its first `ind`.

    Raises:
        LinAlgError: a singular A.
        ValueError: ind below 1, or unequal products of the sizes before it and from it on.

    >>> lucid.linalg.tensorinv(lucid.eye(6).reshape(2, 3, 6)).shape
    (6, 2, 3)
    """
    if ind < 1:
        raise ValueError(f"tensorinv: ind must be above 0, got {ind}")
    rows, columns = A.shape[:ind], A.shape[ind:]
    if math.prod(rows) != math.prod(columns):
        raise ValueError(f"tensorinv: {rows} and {columns} differ in the number of elements")
    n = math.prod(rows)
    return reshape(inv(reshape(A, n, n)), (*columns, *rows))


def tensorsolve(A: Any, B: Any, dims: Any = None) -> Any:
    """X with tensordot(A, X) = B; `dims` of A are moved to its end before.

    Raises:
        LinAlgError: a singular A.
        ValueError: shapes that do not fit.

    >>> lucid.linalg.tensorsolve(lucid.eye(6).reshape(2, 3, 6), lucid.ones(2, 3)).shape
    (6,)
    """
    if dims is not None:
        dims = (dims,) if isinstance(dims, int) else tuple(dims)
        A = movedim(A, dims, tuple(range(A.ndim - len(dims), A.ndim)))
    shape = A.shape[B.ndim :]
    if math.prod(shape) != math.prod(B.shape):
        raise ValueError(f"tensorsolve: A of {A.shape} does not fit B of {B.shape}")
    n = math.prod(shape)
    return reshape(solve(reshape(A, n, n), reshape(B, n)), shape)
