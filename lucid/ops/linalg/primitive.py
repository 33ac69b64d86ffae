"""Decompositions as functions of MLX arrays that can be differentiated any number of times.

MLX has no derivatives of its decompositions. Each here is an `mx.custom_function` whose derivative
is written in terms of such functions, so that every order stays inside the set. They run on the
CPU, where MLX has them, in float32, float64 or complex64, on (..., n, m) arrays.

MLX decomposes complex matrices in part only. The others go by way of real ones: with every entry
a + bi as the block [[a, -b], [b, a]], products, inverses and Cholesky factors keep that form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx


def adjoint(x: mx.array) -> mx.array:
    """The conjugate transpose."""
    x = mx.swapaxes(x, -1, -2)
    return mx.conjugate(x) if x.dtype == mx.complex64 else x


def diagonal(x: mx.array) -> mx.array:
    """The main diagonal of the last two dimensions."""
    return mx.diagonal(x, axis1=-2, axis2=-1)


def diagonal_matrix(x: mx.array) -> mx.array:
    """The matrix with x on its diagonal and zeros elsewhere."""
    return x[..., None] * mx.eye(x.shape[-1], dtype=x.dtype)


def product(*factors: mx.array) -> mx.array:
    """The matrix product from the left, of which MLX's must not see a size of zero."""
    result = factors[0]
    for y in factors[1:]:
        if 0 in result.shape or 0 in y.shape:
            shape = (*result.shape[:-1], y.shape[-1])
            result = mx.zeros(shape, mx.result_type(result, y))
        else:
            result = result @ y
    return result


def divided(x: mx.array, y: mx.array) -> mx.array:
    """x / y, and 0 where y is 0: the gradient of a free choice, e.g. of equal singular values."""
    zero = y == 0
    return mx.where(zero, mx.zeros_like(x), x / mx.where(zero, mx.ones_like(y), y))


def closed(compute: Callable, pull: Callable) -> tuple[Callable, Callable]:
    """`compute` with the derivative `pull`, in two forms.

    Args:
        compute: of arrays, giving an array or a tuple of them.
        pull: (arrays, result, gradients of it) -> gradients of the arrays; a tuple each, where
            there are several.

    Returns:
        The function for use inside of other rules; and the form that an `@op` returns, value and
        backward rule.
    """

    @mx.custom_function
    def function(*arrays: mx.array) -> Any:
        with mx.stream(mx.cpu):
            return compute(*arrays)

    @function.vjp
    def function_vjp(arrays, gradients, _):  # MLX's outputs are constants here: they are made anew
        several = arrays if isinstance(arrays, tuple) else (arrays,)
        return pull(arrays, function(*several), gradients)

    def as_op(*arrays: mx.array) -> tuple[Any, Callable]:
        result: Any = function(*arrays)
        given = arrays if len(arrays) > 1 else arrays[0]
        rule = lambda *g: pull(given, result, g if isinstance(result, tuple) else g[0])  # noqa: E731
        return result, rule

    return function, as_op


def doubled(z: mx.array) -> mx.array:
    """Complex (..., n, m) as real (..., 2n, 2m): every entry a + bi is [[a, -b], [b, a]]."""
    re, im = mx.real(z), mx.imag(z)
    rows = [mx.stack([re, -im], axis=-1), mx.stack([im, re], axis=-1)]
    blocks = mx.stack(rows, axis=-3)  # (..., n, 2, m, 2)
    return blocks.reshape(*z.shape[:-2], 2 * z.shape[-2], 2 * z.shape[-1])


def _halved(x: mx.array) -> mx.array:
    """The complex matrix that `doubled` made real."""
    return x[..., ::2, ::2].astype(mx.float32) + x[..., 1::2, ::2].astype(mx.float32) * mx.array(1j)


def by_reals(compute: Callable) -> Callable:
    """`compute`, a function of real matrices, also of complex ones; by way of float64, since what
    is small in a matrix may be all of one number's imaginary part."""

    def lifted(*arrays: mx.array) -> mx.array:
        if any(0 in a.shape for a in arrays):  # the result has the shape of the last one
            return mx.zeros_like(arrays[-1])
        if arrays[0].dtype != mx.complex64:
            return compute(*arrays)
        return _halved(compute(*(doubled(a).astype(mx.float64) for a in arrays)))

    return lifted


# LU ---------------------------------------------------------------------------------------


def _lu(x: mx.array) -> tuple[mx.array, mx.array, mx.array]:
    """(order, L, U) with x[i] = (L U)[order[i]]."""
    n, k = x.shape[-2], min(x.shape[-2:])
    if 0 in x.shape:
        order = mx.broadcast_to(mx.arange(n, dtype=mx.uint32), x.shape[:-1])
        lower = mx.broadcast_to(mx.eye(n, k, dtype=x.dtype), (*x.shape[:-1], k))
        return order, lower, mx.zeros((*x.shape[:-2], k, x.shape[-1]), x.dtype)
    if x.dtype != mx.complex64:
        return mx.linalg.lu(x)
    return _lu_complex(x)


def _lu_complex(z: mx.array) -> tuple[mx.array, mx.array, mx.array]:
    """Gaussian elimination, column by column, with LAPACK's choice of pivots: |re| + |im|."""
    n, m = z.shape[-2:]
    k = min(n, m)
    rows, columns = mx.arange(n), mx.arange(m)
    order = mx.broadcast_to(rows, z.shape[:-1])
    for j in range(k):
        size = mx.abs(mx.real(z[..., j:, j])) + mx.abs(mx.imag(z[..., j:, j]))
        best = mx.argmax(size, axis=-1, keepdims=True).astype(mx.int32) + j
        swap = mx.where(rows == j, best, mx.where(rows == best, j, rows))
        z = mx.take_along_axis(z, swap[..., None], axis=-2)
        order = mx.take_along_axis(order, swap, axis=-1)
        factor = mx.where(rows > j, divided(z[..., j], z[..., j : j + 1, j]), 0)[..., None]
        z = z - factor * mx.where(columns > j, z[..., j : j + 1, :], 0)
        z = mx.where((rows[:, None] > j) & (columns == j), factor, z)
    lower = mx.tril(z[..., :, :k], -1) + mx.eye(n, k, dtype=z.dtype)
    return mx.argsort(order, axis=-1).astype(mx.uint32), lower, mx.triu(z[..., :k, :])


def _permuted(order: mx.array, lower: mx.array) -> mx.array:
    """P L: the rows where they were before pivoting."""
    index = mx.stop_gradient(order[..., None].astype(mx.int32))
    return mx.take_along_axis(lower, mx.broadcast_to(index, lower.shape), axis=-2)


def _pull_lu(x, result, gradients):
    """The gradient of x = P L U (Murray, "Differentiation of the Cholesky decomposition", 2016,
    section 3, carried over to LU); outside the square part L and U are quotients of x."""
    order, lower, upper = result
    _, gl, gu = gradients
    n, m = x.shape[-2:]
    k = min(n, m)
    left, right = lower[..., :k, :], upper[..., :, :k]
    on_l = product(adjoint(left), gl[..., :k, :])
    on_u = product(gu[..., :, :k], adjoint(right))
    if m > k:
        on_l = on_l - product(gu[..., k:], adjoint(upper[..., k:]))
    if n > k:
        on_u = on_u - product(adjoint(lower[..., k:, :]), gl[..., k:, :])
    square = mx.tril(on_l, -1) + mx.triu(on_u)
    square = adjoint(solve(right, adjoint(square)))
    if m > k:
        square = mx.concatenate([square, gu[..., k:]], axis=-1)
    g = solve(adjoint(left), square)
    if n > k:
        g = mx.concatenate([g, adjoint(solve(right, adjoint(gl[..., k:, :])))], axis=-2)
    return _permuted(order, g)


lu, lu_op = closed(_lu, _pull_lu)


def _safe(upper: mx.array) -> mx.array:
    """U without zeros on its diagonal, so that it has an inverse."""
    pivots = diagonal(upper)
    smallest = mx.finfo(upper.dtype if upper.dtype != mx.complex64 else mx.float32).eps
    return upper + diagonal_matrix(mx.where(pivots == 0, smallest, 0).astype(upper.dtype))


@by_reals
def _inverse(x: mx.array) -> mx.array:
    order, lower, upper = _lu(x)
    first = mx.linalg.tri_inv(_safe(upper), upper=True)
    y = first @ mx.linalg.tri_inv(lower, upper=False)
    index = order[..., None, :].astype(mx.int32)
    return mx.take_along_axis(y, mx.broadcast_to(index, y.shape), axis=-1)


def _pull_inverse(x, y, g):
    """d(x^-1) = -x^-1 dx x^-1."""
    return -product(adjoint(y), g, adjoint(y))


inverse, inverse_op = closed(_inverse, _pull_inverse)


@by_reals
def _solve(a: mx.array, b: mx.array) -> mx.array:
    order, lower, upper = _lu(a)
    index = mx.argsort(order, axis=-1)[..., None].astype(mx.int32)
    b = mx.take_along_axis(b, mx.broadcast_to(index, b.shape), axis=-2)
    right = _safe(upper)
    first = mx.linalg.tri_inv(lower, upper=False)
    second = mx.linalg.tri_inv(right, upper=True)
    x = second @ (first @ b)
    return x + second @ (first @ (b - lower @ (right @ x)))  # one step of refinement


def _pull_solve(arrays, x, g):
    """a x = b: gb = a^-H g, ga = -gb x^H."""
    gb = solve(adjoint(arrays[0]), g)
    return -product(gb, adjoint(x)), gb


solve, solve_op = closed(_solve, _pull_solve)


def _sign_of(order: mx.array) -> mx.array:
    """1 or -1: the sign of a permutation, by counting the pairs that are out of order."""
    n = order.shape[-1]
    later = mx.arange(n)[:, None] < mx.arange(n)
    swapped = (order[..., :, None] > order[..., None, :]) & later
    return 1 - 2 * (mx.sum(swapped.astype(mx.int32), axis=(-2, -1)) % 2)


def _determinant(x: mx.array) -> tuple[mx.array, mx.array]:
    """The determinant, with tiny pivots in the place of zeros, and 1, or 0 where there was one."""
    if x.shape[-1] == 0:
        return mx.ones(x.shape[:-2], x.dtype), mx.ones(x.shape[:-2], x.dtype)
    if x.size == 0:
        return mx.zeros(x.shape[:-2], x.dtype), mx.zeros(x.shape[:-2], x.dtype)
    order, _, upper = _lu(x)
    regular = mx.all(diagonal(upper) != 0, axis=-1)
    value = mx.prod(diagonal(_safe(upper)), axis=-1) * _sign_of(order)
    return value.astype(x.dtype), regular.astype(x.dtype)


def _pull_determinant(x, result, gradients):
    """Jacobi: d det x = det x tr(x^-1 dx). The tiny pivots give the cofactors of a singular x."""
    g = gradients[0] * mx.conjugate(result[0])
    return g[..., None, None] * adjoint(inverse(x))


determinant, determinant_op = closed(_determinant, _pull_determinant)


def _slogdet(x: mx.array) -> tuple[mx.array, mx.array]:
    """x / |x| and log |x| of the determinant."""
    real = mx.real(x).dtype
    if x.size == 0:
        return mx.ones(x.shape[:-2], x.dtype), mx.zeros(x.shape[:-2], real)
    order, _, upper = _lu(x)
    pivots, size = diagonal(upper), mx.abs(diagonal(upper))
    sign = mx.prod(divided(pivots, size.astype(x.dtype)), axis=-1) * _sign_of(order)
    return sign.astype(x.dtype), mx.sum(mx.log(size), axis=-1).astype(real)


def _pull_slogdet(x, result, gradients):
    """log det x = log |det x| + i arg det x has the derivative tr(x^-1 dx)."""
    (sign, _), (on_sign, g) = result, gradients
    if x.dtype == mx.complex64:
        g = g - mx.imag(mx.conjugate(on_sign) * sign) * mx.array(1j)
    return g[..., None, None] * adjoint(inverse(x))


slogdet, slogdet_op = closed(_slogdet, _pull_slogdet)
