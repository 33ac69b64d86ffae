"""Cholesky, QR, eigenvalue and singular value decompositions in the manner of `primitive`."""

from __future__ import annotations

import mlx.core as mx

from lucid.ops.linalg.primitive import (
    adjoint,
    by_reals,
    closed,
    diagonal,
    diagonal_matrix,
    divided,
    product,
    solve,
)


@by_reals
def _cholesky(x: mx.array) -> mx.array:
    return mx.linalg.cholesky(x)


def _pull_cholesky(x, lower, g):
    """Murray, "Differentiation of the Cholesky decomposition" (2016), equation 8."""
    phi = mx.tril(product(adjoint(lower), g))
    phi = phi + adjoint(mx.tril(phi, -1))
    up = adjoint(lower)
    return 0.5 * adjoint(solve(up, adjoint(solve(up, phi))))


cholesky, cholesky_op = closed(_cholesky, _pull_cholesky)


def _qr(x: mx.array) -> tuple[mx.array, mx.array]:
    """The reduced decomposition."""
    n, m = x.shape[-2:]
    k = min(n, m)
    if 0 in x.shape:
        q = mx.broadcast_to(mx.eye(n, k, dtype=x.dtype), (*x.shape[:-1], k))
        return q, mx.zeros((*x.shape[:-2], k, m), x.dtype)
    if x.dtype != mx.complex64:
        return mx.linalg.qr(x)
    return _qr_complex(x)


def _qr_complex(z: mx.array) -> tuple[mx.array, mx.array]:
    n, m = z.shape[-2:]
    k = min(n, m)
    packed, tau = reflections(z)
    q = mx.broadcast_to(mx.eye(n, k, dtype=z.dtype), (*z.shape[:-1], k))
    v = mx.tril(packed[..., :k], -1) + mx.eye(n, k, dtype=z.dtype)
    for j in reversed(range(k)):
        column = v[..., j : j + 1]
        q = q - tau[..., None, j : j + 1] * column @ (adjoint(column) @ q)
    return q, mx.triu(packed[..., :k, :])


def reflections(z: mx.array) -> tuple[mx.array, mx.array]:
    """Householder's reflections I - tau v v^H as LAPACK's geqrf packs them.

    Above the diagonal R; below it, without their leading 1, the columns v; and the factors tau.
    """
    n, m = z.shape[-2:]
    k = min(n, m)
    rows, columns = mx.arange(n)[:, None], mx.arange(m)
    taus = []
    for j in range(k):
        column = z[..., j:, j]
        first = column[..., :1]
        length = mx.sqrt(mx.sum(mx.square(mx.abs(column)), axis=-1, keepdims=True))
        beta = mx.where(mx.real(first) < 0, length, -length).astype(z.dtype)
        trivial = mx.all(column[..., 1:] == 0, axis=-1, keepdims=True) & (mx.imag(first) == 0)
        v = divided(column[..., 1:], first - beta)
        v = mx.where(trivial, mx.zeros_like(v), v)
        tau = mx.where(trivial, mx.zeros_like(first), divided(beta - first, beta))
        head = mx.broadcast_to(mx.eye(1, dtype=z.dtype)[0], first.shape)
        zeros = mx.zeros((*z.shape[:-2], j), z.dtype)
        v = mx.concatenate([zeros, head, v], axis=-1)[..., None]
        turned = z - _conjugate(tau)[..., None] * v @ (adjoint(v) @ z)
        z = mx.where(columns < j, z, turned)
        z = mx.where((columns == j) & (rows > j), v, z)
        taus.append(tau)
    return z, mx.concatenate([mx.zeros((*z.shape[:-2], 0), z.dtype), *taus], axis=-1)


def _conjugate(x: mx.array) -> mx.array:
    return mx.conjugate(x) if x.dtype == mx.complex64 else x


def _pull_qr(x, result, gradients):
    """Walter and Lehmann, "Algorithmic differentiation of linear algebra functions" (2018); for
    n < m the columns beyond the square part are Q times those of R."""
    (q, r), (gq, gr) = result, gradients
    k, m = r.shape[-2:]
    left, gleft = r[..., :k], gr[..., :k]
    if m > k:
        gq = gq + product(x[..., k:], adjoint(gr[..., k:]))
    inner = mx.triu(product(gleft, adjoint(left)) - product(adjoint(q), gq))
    inner = inner + adjoint(inner)
    inner = inner - 0.5 * diagonal_matrix(diagonal(inner))
    g = adjoint(solve(left, adjoint(gq + product(q, inner))))
    return mx.concatenate([g, product(q, gr[..., k:])], axis=-1) if m > k else g


qr, qr_op = closed(_qr, _pull_qr)


def _eigh(x: mx.array) -> tuple[mx.array, mx.array]:
    if x.size == 0:
        return mx.zeros(x.shape[:-1], mx.real(x).dtype), x
    return mx.linalg.eigh(x, UPLO="L")


def _pull_eigh(x, result, gradients):
    """Giles, "Collected matrix derivative results" (2008), section 3.1."""
    (w, v), (gw, gv) = result, gradients
    gaps = w[..., None, :] - w[..., :, None]
    inner = product(adjoint(v), gv)
    inner = divided(0.5 * (inner - adjoint(inner)), gaps.astype(v.dtype))
    return product(v, inner + diagonal_matrix(gw).astype(v.dtype), adjoint(v))


eigh, eigh_op = closed(_eigh, _pull_eigh)


def _eig(x: mx.array) -> tuple[mx.array, mx.array]:
    if x.size == 0:
        return mx.zeros(x.shape[:-1], mx.complex64), x.astype(mx.complex64)
    w, v = mx.linalg.eig(x)
    if x.dtype == mx.complex64:  # MLX 0.32.4 gives the conjugates of the eigenvectors
        wrong, right = (mx.abs(x @ y - y * w[..., None, :]).sum() for y in (v, mx.conjugate(v)))
        v = mx.where(wrong < right, v, mx.conjugate(v))
    return w, v


def _pull_eig(x, result, gradients):
    """Boeddeker et al., "On the computation of complex-valued gradients" (2017), equation 4.77:
    eigenvectors of length one."""
    (w, v), (gw, gv) = result, gradients
    inner = product(adjoint(v), gv)
    along = mx.real(diagonal(inner)).astype(v.dtype)
    inner = inner - product(adjoint(v), v * along[..., None, :])
    gaps = mx.conjugate(w[..., None, :] - w[..., :, None])
    inner = divided(inner, gaps) + diagonal_matrix(gw)
    g = solve(adjoint(v), product(inner, adjoint(v)))
    return g if x.dtype == mx.complex64 else mx.real(g).astype(x.dtype)


eig, eig_op = closed(_eig, _pull_eig)


def _full_svd(x: mx.array) -> tuple[mx.array, mx.array, mx.array]:
    """U (n, n), the singular values, V^H (m, m)."""
    n, m = x.shape[-2:]
    batch, real = x.shape[:-2], mx.real(x).dtype
    if 0 in x.shape:
        u, vh = (mx.broadcast_to(mx.eye(i, dtype=x.dtype), (*batch, i, i)) for i in (n, m))
        return u, mx.zeros((*batch, min(n, m)), real), vh
    return mx.linalg.svd(x)


def _svd(x: mx.array) -> tuple[mx.array, mx.array, mx.array]:
    """U (n, k), the k = min(n, m) singular values, V^H (k, m).

    MLX gives full matrices only, so a long x is made square first, by QR.
    """
    n, m = x.shape[-2:]
    if n < m:
        v, s, uh = _svd(adjoint(x))
        return adjoint(uh), s, adjoint(v)
    if n == m or 0 in x.shape:
        u, s, vh = _full_svd(x)
        return u[..., :m], s, vh
    q, r = _qr(x)
    u, s, vh = _full_svd(r)
    return product(q, u), s, vh


def _pull_svd(x, result, gradients):
    """Wan and Zhang, "Automatic differentiation for complex valued SVD" (2019)."""
    (u, s, vh), (gu, gs, gvh) = result, gradients
    v, gv = adjoint(vh), adjoint(gvh)
    on_u, on_v = product(adjoint(u), gu), product(adjoint(v), gv)
    skew_u, skew_v = on_u - adjoint(on_u), on_v - adjoint(on_v)
    row, column = s[..., None, :].astype(x.dtype), s[..., :, None].astype(x.dtype)
    inner = divided(skew_u * row + column * skew_v, (row - column) * (row + column))
    inner = inner + diagonal_matrix(gs).astype(x.dtype)
    if x.dtype == mx.complex64:  # the phases of the vectors
        inner = inner + diagonal_matrix(divided(diagonal(skew_u), 2 * s.astype(x.dtype)))
    g = product(u, inner, vh)
    k = s.shape[-1]
    if x.shape[-2] > k:
        g = g + product(divided(gu - product(u, on_u), row), vh)
    if x.shape[-1] > k:
        g = g + product(u, adjoint(divided(gv - product(v, on_v), row)))
    return g


svd, svd_op = closed(_svd, _pull_svd)


def _pull_full_svd(x, result, gradients):
    """The columns beyond the singular values are any orthonormal ones, without a gradient."""
    (u, s, vh), (gu, gs, gvh) = result, gradients
    k = s.shape[-1]
    reduced = (u[..., :k], s, vh[..., :k, :])
    return _pull_svd(x, reduced, (gu[..., :k], gs, gvh[..., :k, :]))


full_svd, full_svd_op = closed(_full_svd, _pull_full_svd)


def _pseudo_inverse(x: mx.array, cutoff: mx.array) -> mx.array:
    """The inverse on the singular values above `cutoff`, (...,)."""
    u, s, vh = _svd(x)
    kept = s > cutoff[..., None]
    scale = mx.where(kept, 1 / mx.where(kept, s, 1), 0).astype(x.dtype)
    return product(adjoint(vh) * scale[..., None, :], adjoint(u))


def _pull_pseudo_inverse(arrays, y, g):
    """Golub and Pereyra, "The differentiation of pseudo-inverses" (1973), at constant rank."""
    x, cutoff = arrays
    back, up = adjoint(g), adjoint(y)
    inner = product(back, y)
    left = product(inner, up)
    right = product(up, product(y, back - product(inner, x)))
    gradient = left - product(product(x, y), left) + right - adjoint(product(y, inner))
    return gradient, mx.zeros_like(cutoff)


pseudo_inverse, pseudo_inverse_op = closed(_pseudo_inverse, _pull_pseudo_inverse)


def _hermitian_inverse(x: mx.array, cutoff: mx.array) -> mx.array:
    """The pseudo-inverse of a Hermitian matrix, of which the lower triangle is read."""

    @by_reals
    def inverse(x: mx.array) -> mx.array:
        w, v = _eigh(x)
        kept = mx.abs(w) > cutoff[..., None]
        scale = mx.where(kept, 1 / mx.where(kept, w, 1), 0).astype(x.dtype)
        return product(v * scale[..., None, :], adjoint(v))

    lower = mx.tril(x, -1)
    return inverse(lower + adjoint(lower) + diagonal_matrix(mx.real(diagonal(x)).astype(x.dtype)))


hermitian_inverse, hermitian_inverse_op = closed(_hermitian_inverse, _pull_pseudo_inverse)
