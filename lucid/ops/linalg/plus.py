"""A tensor plus a product: beta * input + alpha * (a @ b), as torch's `addmm` and its kin."""

from __future__ import annotations

import mlx.core as mx

from lucid.ops.autocast import autocasts
from lucid.ops.cast import astype
from lucid.ops.linalg.product import bmm, check_dims, mm, mv, outer, tensordot
from lucid.ops.math import add, mul
from lucid.ops.shape import expand


def _plus(name, input, product, beta, alpha):
    """beta * input + alpha * product; with beta=0 the input, NaN or not, plays no part."""
    dtype = mx.result_type(input.array, product.array)
    if not mx.issubdtype(product.dtype, mx.inexact) and (
        isinstance(beta, float) or isinstance(alpha, float)
    ):
        raise TypeError(f"{name}: integers take integers, got beta={beta} and alpha={alpha}")
    product = product if alpha == 1 else mul(product, alpha)
    input = expand(input, product.shape)
    if beta != 0:
        product = add(input if beta == 1 else mul(input, beta), product)
    return product if product.dtype == dtype else astype(product, dtype)  # bools with numbers


@autocasts
def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta * input + alpha * (mat1 @ mat2), of two matrices.

    Shapes: mat1 (n, k), mat2 (k, m), an input that broadcasts to (n, m).

    >>> import lucid
    >>> lucid.addmm(lucid.ones(1), lucid.ones(2, 3), lucid.ones(3, 2), beta=2).tolist()
    [[5.0, 5.0], [5.0, 5.0]]
    """
    return _plus("addmm", input, mm(mat1, mat2), beta, alpha)


@autocasts
def addmv(input, mat, vec, *, beta=1, alpha=1):
    """beta * input + alpha * (mat @ vec).

    Shapes: mat (n, k), vec (k,), an input that broadcasts to (n,).

    >>> lucid.addmv(lucid.ones(2), lucid.ones(2, 3), lucid.ones(3), alpha=10)
    Tensor([31., 31.], grad=None)
    """
    return _plus("addmv", input, mv(mat, vec), beta, alpha)


@autocasts
def addr(input, vec1, vec2, *, beta=1, alpha=1):
    """beta * input + alpha * outer(vec1, vec2).

    Shapes: vec1 (n,), vec2 (m,), an input that broadcasts to (n, m).

    >>> lucid.addr(lucid.ones(2, 2), lucid.tensor([1.0, 2.0]), lucid.tensor([10.0, 20.0]))
    Tensor([[11., 21.],
            [21., 41.]], grad=None)
    """
    return _plus("addr", input, outer(vec1, vec2), beta, alpha)


@autocasts
def baddbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """beta * input + alpha * (batch1 @ batch2), of two batches of matrices.

    Shapes: batch1 (b, n, k), batch2 (b, k, m), an input that broadcasts to (b, n, m).

    >>> lucid.baddbmm(lucid.ones(1), lucid.ones(1, 2, 3), lucid.ones(1, 3, 2)).tolist()
    [[[4.0, 4.0], [4.0, 4.0]]]
    """
    return _plus("baddbmm", input, bmm(batch1, batch2), beta, alpha)


@autocasts
def addbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """beta * input + alpha * the sum of the products of two batches of matrices.

    Shapes: batch1 (b, n, k), batch2 (b, k, m), an input that broadcasts to (n, m).

    Raises:
        ValueError: not 3 dimensions, or batches of different sizes.

    >>> lucid.addbmm(lucid.ones(1), lucid.ones(5, 2, 3), lucid.ones(5, 3, 2)).tolist()
    [[16.0, 16.0], [16.0, 16.0]]
    """
    check_dims("addbmm", (batch1, 3), (batch2, 3))
    if batch1.shape[0] != batch2.shape[0]:
        raise ValueError(f"addbmm: one batch size, got {batch1.shape} and {batch2.shape}")
    return _plus("addbmm", input, tensordot(batch1, batch2, ([0, 2], [0, 1])), beta, alpha)
