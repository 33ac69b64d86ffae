"""Linear algebra. What is unique up to signs only is multiplied until it is unique."""

import numpy as np

import lucid

SQUARE = np.array([[2.0, -0.3, 0.7], [0.4, 1.1, -0.5], [-0.6, 0.2, 1.7]])
BATCH = np.stack([SQUARE, SQUARE @ SQUARE - 0.3])
TALL = np.array([[1.3, -0.4], [0.2, 0.9], [-0.7, 0.5]])
SINGULAR = np.array([[1.0, 2.0, 0.5], [2.0, 4.0, 1.0], [0.3, -0.2, 0.4]])
B = np.array([[0.3, 1.2], [-0.8, 0.4], [0.5, -0.1]])


def hermitian(x):
    return x + x.mT


def positive(x):
    return x @ x.mT + lucid.eye(3, dtype=lucid.float64)


def polar(x):
    u, s, vh = lucid.linalg.svd(x, full_matrices=False)
    return (u @ vh).sum() * s


def complete(x):
    u, s, vh = lucid.linalg.svd(x)
    return (u[..., : s.shape[-1]] @ vh[: s.shape[-1]]).sum() * s


def spectral(x):
    w, v = lucid.linalg.eigh(hermitian(x))
    return v @ (v * w.exp()).mT


def general(x):
    w, v = lucid.linalg.eig(x)
    return lucid.cat([w.real, w.imag, (v * v.conj()).real.flatten()])


def factors(x):
    _, lower, upper = lucid.linalg.lu(x)
    return lucid.cat([lower.flatten(), upper.flatten()])


def both(x):
    q, r = lucid.linalg.qr(x)
    return lucid.cat([q.flatten(), r.flatten()])


def in_complex(function):
    return lambda x, y: function(lucid.complex(x, y)).real


def by_packed_factors(x, y):
    packed, pivots = lucid.linalg.lu_factor(x)
    return lucid.linalg.lu_solve(packed, pivots, y, adjoint=True)


CASES = {
    "householder_product": (lucid.linalg.householder_product, TALL, (2,)),
    "lu_solve": (by_packed_factors, SQUARE, B),
    "ormqr": (lambda x, tau, y: lucid.ormqr(x, tau, y, transpose=True), TALL, (2,), (3, 2)),
    "addbmm": (lambda x, y, z: lucid.addbmm(x, y, z, beta=2, alpha=3), (3,), (2, 2, 3), (2, 3, 3)),
    "addmm": (lambda x, y, z: lucid.addmm(x, y, z, beta=2, alpha=3), (2, 3), TALL.T, (3, 3)),
    "addr": (lambda x, y, z: lucid.addr(x, y, z, alpha=3), (2, 3), (2,), (3,)),
    "cholesky": (lambda x: lucid.cholesky(positive(x)), SQUARE),
    "cholesky upper": (lambda x: lucid.cholesky(positive(x), upper=True), SQUARE),
    "cholesky complex": (
        in_complex(lambda z: lucid.cholesky(z @ z.mH + lucid.eye(3))),
        SQUARE,
        SQUARE.T,
    ),
    "cholesky_inverse": (lambda x: lucid.cholesky_inverse(x), SQUARE),
    "cholesky_solve": (lambda x, y: lucid.cholesky_solve(x, y), B, SQUARE),
    "cond": (lucid.linalg.cond, SQUARE),
    "cross": (lucid.linalg.cross, (2, 3), (2, 3)),
    "det": (lucid.det, BATCH),
    "det complex": (in_complex(lambda z: lucid.det(z)), SQUARE, SQUARE.T - 1),
    "eig": (general, SQUARE + 2 * np.triu(SQUARE, 1)),
    "eigh": (spectral, SQUARE),
    "eigvalsh": (lambda x: lucid.linalg.eigvalsh(hermitian(x), UPLO="U"), SQUARE),
    "einsum": (lambda x, y: lucid.einsum("nij,jk->ik", x, y), (2, 2, 3), (3, 2)),
    "einsum diagonal": (lambda x: lucid.einsum("ii->i", x), (3, 3)),
    "inv": (lucid.inverse, BATCH),
    "inv complex": (in_complex(lambda z: lucid.inverse(z)), SQUARE, SQUARE.T - 1),
    "kron": (lucid.kron, (2, 3), (2, 2)),
    "logdet": (lambda x: lucid.logdet(positive(x)), SQUARE),
    "lstsq": (lambda x, y: lucid.linalg.lstsq(x, y).solution, TALL, (3, 2)),
    "lu": (factors, BATCH),
    "lu complex": (lambda x, y: factors(lucid.complex(x, y)).imag, SQUARE, SQUARE.T - 1),
    "lu tall": (factors, TALL),
    "lu wide": (factors, TALL.T),
    "matmul": (lambda x, y: x @ y, (2, 3, 2), (2, 3)),
    "matmul batched": (lambda x, y: x @ y, (2, 1, 2, 3), (2, 3, 2)),
    "matmul column": (lambda x, y: x @ y, (2, 2, 3), (3,)),
    "matmul dot": (lambda x, y: x @ y, (3,), (3,)),
    "matmul row": (lambda x, y: x @ y, (3,), (2, 3, 2)),
    "matrix_exp": (lucid.matrix_exp, SQUARE),
    "matrix_norm 2": (lambda x: lucid.linalg.matrix_norm(x, 2), BATCH),
    "matrix_norm inf": (lambda x: lucid.linalg.matrix_norm(x, float("inf")), SQUARE),
    "matrix_norm nuc": (lambda x: lucid.linalg.matrix_norm(x, "nuc", keepdim=True), TALL),
    "matrix_power": (lambda x: lucid.matrix_power(x, -3), SQUARE),
    "multi_dot": (lambda x, y, z: lucid.linalg.multi_dot([x, y, z]), (3,), SQUARE, B),
    "pinv": (lucid.pinverse, TALL),
    "pinv complex": (in_complex(lucid.pinverse), TALL.T, TALL.T[::-1].copy()),
    "pinv hermitian": (lambda x: lucid.linalg.pinv(hermitian(x), hermitian=True), SQUARE),
    "qr": (both, SQUARE),
    "qr complex": (lambda x, y: both(lucid.complex(x, y)).imag, TALL, TALL[::-1].copy()),
    "qr tall": (both, TALL),
    "qr wide": (both, TALL.T),
    "slogdet": (lambda x: lucid.slogdet(x).logabsdet, BATCH),
    "slogdet complex": (
        lambda x, y: lucid.slogdet(lucid.complex(x, y)).sign.imag,
        SQUARE,
        SQUARE.T - 1,
    ),
    "solve": (lucid.linalg.solve, BATCH, B),
    "solve complex": (in_complex(lambda z: lucid.linalg.solve(z, z * z)), SQUARE, SQUARE.T - 1),
    "solve right": (lambda x, y: lucid.linalg.solve(x, y, left=False), SQUARE, B.T),
    "solve_triangular": (
        lambda x, y: lucid.linalg.solve_triangular(x, y, upper=True, unitriangular=True),
        SQUARE,
        B,
    ),
    "svd": (polar, TALL),
    "svd complex": (lambda x, y: polar(lucid.complex(x, y)).real, TALL, TALL[::-1].copy()),
    "svd full": (complete, TALL),
    "svd wide": (polar, TALL.T),
    "tensordot": (lambda x, y: lucid.tensordot(x, y, ([0, 2], [1, 0])), (2, 3, 2), (2, 2, 2)),
    "tensorinv": (lambda x: lucid.linalg.tensorinv(x.reshape(3, 3, 1), ind=1), SQUARE),
    "trace": (lucid.trace, (2, 3)),
    "triangular_solve": (lambda x, y: lucid.triangular_solve(x, y, False).solution, B, SQUARE),
    "vander": (lucid.linalg.vander, (3,)),
    "vecdot": (lambda x, y: lucid.linalg.vecdot(x, y, dim=0), (3, 2), (3, 2)),
    "vector_norm": (lambda x: lucid.linalg.vector_norm(x, 3, 1), BATCH),
}

# of indices alone; of the columns beyond the range of a matrix, which are arbitrary
NO_DERIVATIVE = {"geqrf", "order", "permutation", "pivots", "qr_complete"}
