"""Linear algebra: `lucid.linalg`, with the names of `torch.linalg`.

Decompositions run on the CPU, where MLX has them, in float32, float64 or complex64 (`eig` in
complex64 only). They look at the values of a matrix to refuse a singular one and the like.
"""

from lucid.ops.linalg.chain import multi_dot
from lucid.ops.linalg.check import LinAlgError
from lucid.ops.linalg.decomposition import (
    cholesky,
    cholesky_ex,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    lu,
    qr,
    svd,
    svdvals,
)
from lucid.ops.linalg.matrix import det, matrix_exp, matrix_power, slogdet, vander
from lucid.ops.linalg.matrix import linalg_diagonal as diagonal
from lucid.ops.linalg.norm import cond, matrix_norm, norm, vector_norm
from lucid.ops.linalg.packed import householder_product, lu_factor, lu_factor_ex, lu_solve
from lucid.ops.linalg.product import linalg_cross as cross
from lucid.ops.linalg.product import matmul, vecdot
from lucid.ops.linalg.solve import (
    inv,
    inv_ex,
    lstsq,
    matrix_rank,
    pinv,
    solve,
    solve_ex,
    solve_triangular,
    tensorinv,
    tensorsolve,
)
