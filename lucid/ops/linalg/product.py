"""Products of matrices."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from lucid._device import on_cpu
from lucid.autograd.tape import sum_to
from lucid.ops.arrange import roll
from lucid.ops.autocast import autocasts
from lucid.ops.complex import conj
from lucid.ops.linalg import primitive
from lucid.ops.math import mul, sub
from lucid.ops.op import op
from lucid.ops.reduce import axes_of, sum
from lucid.ops.samplewise import Which, multiplied, together
from lucid.ops.shape import (
    movedim,
    permute,
    reshape,
    squeeze,
    transpose,
    unsqueeze,
)


def _batched(x, y, /):
    """The matrices of a batch, or the rows of a matrix."""
    if not isinstance(x, mx.array) or not isinstance(y, mx.array) or x.ndim == 0 or y.ndim == 0:
        return None
    if not multiplied(x, y.shape[-1] if y.ndim > 1 else 1):
        return None
    if max(x.ndim, y.ndim) <= 2:
        return Which([True]) if x.ndim == 2 else None
    return together(x, y)


@op(samples=_batched)
def matmul(x, y, /):
    """The matrix product; leading dimensions broadcast, as in `torch.matmul`.

    Shapes: (..., n, k) @ (..., k, m) -> (..., n, m); a 1-D operand is a row or a column.

    Raises:
        TypeError: a number.
        ValueError: a 0-dimensional tensor, or shapes that do not fit.

    >>> import lucid
    >>> (lucid.ones(2, 3) @ lucid.ones(3, 4)).shape
    (2, 4)
    """
    if not isinstance(x, mx.array) or not isinstance(y, mx.array):
        raise TypeError("matmul expects two tensors; use * for a number")
    if x.ndim == 0 or y.ndim == 0:
        raise ValueError("matmul needs at least one dimension on each side")
    if 0 in x.shape or 0 in y.shape:
        return _empty(x, y)
    z = _product(x, y)

    def rule(g):
        a = x[None, :] if x.ndim == 1 else x
        b = y[:, None] if y.ndim == 1 else y
        if x.ndim == 1:
            g = g[..., None, :] if y.ndim > 1 else g[..., None]
        if y.ndim == 1:
            g = g[..., None]
        da = _product(g, primitive.adjoint(b))
        db = _product(primitive.adjoint(a), g)
        return sum_to(da, a.shape).reshape(x.shape), sum_to(db, b.shape).reshape(y.shape)

    return z, rule


def _empty(x: mx.array, y: mx.array) -> tuple:
    """A product with a size of zero somewhere; a sum of nothing is zero."""
    a = x[None, :] if x.ndim == 1 else x
    b = y[:, None] if y.ndim == 1 else y
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"matmul cannot contract {a.shape[-1]} with {b.shape[-2]}")
    batch = mx.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    rows, columns = a.shape[-2:-1], b.shape[-1:]
    shape = (*batch, *(() if x.ndim == 1 else rows), *(() if y.ndim == 1 else columns))
    rule = lambda g: (mx.zeros(x.shape, x.dtype), mx.zeros(y.shape, y.dtype))  # noqa: E731
    return mx.zeros(shape, mx.result_type(x, y)), rule


def _product(x: mx.array, y: mx.array) -> mx.array:
    """mx.matmul; half precision goes through float32 on the CPU, whose own GEMM is scalar."""
    if not mx.issubdtype(mx.result_type(x, y), mx.inexact):
        return _of_integers(x, y)
    half = (mx.float16, mx.bfloat16)
    if x.dtype in half and y.dtype in half and on_cpu():
        dtype = mx.result_type(x, y)
        return mx.matmul(x.astype(mx.float32), y.astype(mx.float32)).astype(dtype)
    return mx.matmul(x, y)


def _of_integers(x: mx.array, y: mx.array) -> mx.array:
    """Exact, and modulo the size of the dtype, as sums of products: MLX has no such matmul."""
    dtype = mx.result_type(x, y)
    if dtype == mx.bool_:
        raise TypeError("matmul of bools is not defined; use x.float() or x.int()")
    a = x[None, :] if x.ndim == 1 else x
    b = y[:, None] if y.ndim == 1 else y
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"matmul cannot contract {a.shape[-1]} with {b.shape[-2]}")
    step = max(1, (1 << 22) // max(a.size // a.shape[-1] * b.shape[-1], 1))  # terms at once
    total: Any = 0
    for k in range(0, a.shape[-1], step):
        terms = a[..., k : k + step, None] * b[..., None, k : k + step, :]
        total = total + mx.sum(terms, axis=-2)
    z = total.astype(dtype)
    z = mx.squeeze(z, -1) if y.ndim == 1 else z
    return mx.squeeze(z, -1 if y.ndim == 1 else -2) if x.ndim == 1 else z


def check_dims(name: str, *expected: tuple[Any, int]) -> None:
    for x, ndim in expected:
        if x.ndim != ndim:
            raise ValueError(f"{name}: expects {ndim} dimensions, got shape {x.shape}")


@autocasts
def mm(input, mat2):
    """The product of two matrices, without broadcasting.

    Shapes: (n, k) @ (k, m) -> (n, m).

    Raises:
        ValueError: not 2 dimensions, or sizes that do not fit.

    >>> lucid.mm(lucid.tensor([[1, 2], [3, 4]]), lucid.tensor([[1], [10]]))
    Tensor([[21],
            [43]], grad=None)
    """
    check_dims("mm", (input, 2), (mat2, 2))
    return matmul(input, mat2)


@autocasts
def bmm(input, mat2):
    """The products of two batches of matrices.

    Shapes: (b, n, k) @ (b, k, m) -> (b, n, m).

    Raises:
        ValueError: not 3 dimensions, or sizes that do not fit.

    >>> lucid.bmm(lucid.ones(5, 2, 3), lucid.ones(5, 3, 4)).shape
    (5, 2, 4)
    """
    check_dims("bmm", (input, 3), (mat2, 3))
    if input.shape[0] != mat2.shape[0]:
        raise ValueError(f"bmm: expects batches of one size, got {input.shape} and {mat2.shape}")
    return matmul(input, mat2)


@autocasts
def mv(input, vec):
    """The product of a matrix and a vector.

    Shapes: (n, k) @ (k,) -> (n,).

    Raises:
        ValueError: not a matrix and a vector, or sizes that do not fit.

    >>> lucid.mv(lucid.tensor([[1, 2], [3, 4]]), lucid.tensor([1, 10]))
    Tensor([21, 43], grad=None)
    """
    check_dims("mv", (input, 2), (vec, 1))
    return matmul(input, vec)


@autocasts
def dot(input, tensor):
    """The sum of the products of two vectors.

    Raises:
        TypeError: different dtypes.
        ValueError: not vectors, or of different sizes.

    >>> lucid.dot(lucid.tensor([1, 2]), lucid.tensor([3, 4])).item()
    11
    """
    check_dims("dot", (input, 1), (tensor, 1))
    if input.dtype != tensor.dtype:
        raise TypeError(f"dot: expects one dtype, got {input.dtype} and {tensor.dtype}")
    return matmul(input, tensor)


@autocasts
def vdot(input, other):
    """`dot` with the conjugate of the first vector.

    >>> lucid.vdot(lucid.tensor([1 + 2j]), lucid.tensor([1 + 2j])).item()
    (5+0j)
    """
    return dot(_conjugate(input), other)


@autocasts
def vecdot(x, y, *, dim=-1):
    """The sums of conj(x) * y along one dimension.

    Raises:
        ValueError: different sizes along it.

    >>> lucid.linalg.vecdot(lucid.tensor([[1, 2], [3, 4]]), lucid.tensor([1, 10]))
    Tensor([21, 43], grad=None)
    """
    if x.shape[dim] != y.shape[dim]:
        raise ValueError(f"vecdot: expects one size along dim {dim}, got {x.shape} and {y.shape}")
    rows, columns = movedim(_conjugate(x), dim, -1), movedim(y, dim, -1)
    return squeeze(squeeze(matmul(unsqueeze(rows, -2), unsqueeze(columns, -1)), -1), -1)


def _conjugate(x):
    return conj(x) if x.dtype == mx.complex64 else x


def adjoint(input):
    """The conjugate transpose of the last two dimensions: (..., n, m) -> (..., m, n).

    Raises:
        ValueError: less than 2 dimensions.

    >>> lucid.adjoint(lucid.tensor([[1 + 2j, 3 - 4j]])).tolist()
    [[(1-2j)], [(3+4j)]]
    """
    if input.ndim < 2:
        raise ValueError(f"adjoint: expects a matrix or a batch of them, got shape {input.shape}")
    return _conjugate(transpose(input, -2, -1))


def outer(input, vec2):
    """The product of every element of `input` with every element of `vec2`.

    Shapes: (n,) and (m,) -> (n, m).

    Raises:
        ValueError: not vectors.

    >>> import lucid
    >>> lucid.outer(lucid.arange(3), lucid.arange(2)).tolist()
    [[0, 0], [0, 1], [0, 2]]
    """
    if input.ndim != 1 or vec2.ndim != 1:
        raise ValueError(f"outer expects two 1-D tensors, got shapes {input.shape}, {vec2.shape}")
    return mul(unsqueeze(input, 1), unsqueeze(vec2, 0))


def inner(input, other):
    """The sums of products along the last dimensions, of every pair of rows.

    Shapes: (*A, k) and (*B, k) -> (*A, *B).

    >>> lucid.inner(lucid.tensor([[1, 2], [3, 4]]), lucid.tensor([1, 10]))
    Tensor([21, 43], grad=None)
    """
    if input.ndim == 0 or other.ndim == 0:
        return mul(input, other)
    return tensordot(input, other, ([-1], [-1]))


@autocasts
def tensordot(a, b, dims=2):
    """The sum of products over dimensions of a and of b.

    Args:
        dims: how many of the last dimensions of a meet the first of b; or which, as two lists.

    Raises:
        ValueError: sizes that do not agree.

    >>> import lucid
    >>> lucid.tensordot(lucid.ones(2, 3, 4), lucid.ones(4, 3, 5), ([1, 2], [1, 0])).shape
    (2, 5)
    """
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise ValueError(f"tensordot: dims={dims} for shapes {a.shape} and {b.shape}")
        dims = (range(a.ndim - dims, a.ndim), range(dims))
    over_a, over_b = (axes_of(x.ndim, tuple(d)) for x, d in zip((a, b), dims, strict=True))
    if len(over_a) == len(over_b):  # a size of 1 broadcasts
        a, b = (
            sum(x, gone, keepdim=True)
            if (gone := [i for i, j in pairs if x.shape[i] != 1 == y.shape[j]])
            else x
            for x, y, pairs in (
                (a, b, list(zip(over_a, over_b, strict=True))),
                (b, a, list(zip(over_b, over_a, strict=True))),
            )
        )
    if [a.shape[i] for i in over_a] != [b.shape[i] for i in over_b]:
        raise ValueError(
            f"tensordot: cannot contract dims {over_a} of {a.shape} with {over_b} of {b.shape}"
        )
    free_a = [i for i in range(a.ndim) if i not in over_a]
    free_b = [i for i in range(b.ndim) if i not in over_b]
    inner_size = math.prod(a.shape[i] for i in over_a)
    left = [a.shape[i] for i in free_a]
    right = [b.shape[i] for i in free_b]
    x = reshape(permute(a, [*free_a, *over_a]), math.prod(left), inner_size)
    y = reshape(permute(b, [*over_b, *free_b]), inner_size, math.prod(right))
    return reshape(matmul(x, y), [*left, *right])


def kron(input, other):
    """The Kronecker product: every element of `input` times all of `other`, as blocks.

    Shapes: the sizes of both are multiplied, (n, m) and (k, l) -> (n k, m l).

    >>> lucid.kron(lucid.tensor([1, 10]), lucid.tensor([1, 2]))
    Tensor([ 1,  2, 10, 20], grad=None)
    """
    ndim = max(input.ndim, other.ndim)
    a, b = ((1,) * (ndim - x.ndim) + x.shape for x in (input, other))
    blocks = mul(
        reshape(input, [n for size in a for n in (size, 1)]),
        reshape(other, [n for size in b for n in (1, size)]),
    )
    return reshape(blocks, [n * m for n, m in zip(a, b, strict=True)])


@autocasts(like="cross")
def linalg_cross(input, other, *, dim=-1):
    """The cross product of vectors of 3 along `dim`; other dimensions broadcast.

    Raises:
        ValueError: not of size 3 along it, or different numbers of dimensions.

    >>> lucid.linalg.cross(lucid.tensor([1.0, 0.0, 0.0]), lucid.tensor([0.0, 1.0, 0.0]))
    Tensor([0., 0., 1.], grad=None)
    """
    if input.ndim != other.ndim or input.shape[dim] != 3 or other.shape[dim] != 3:
        raise ValueError(
            f"cross: expects as many dimensions and size 3 along dim {dim}, got {input.shape} and "
            f"{other.shape}"
        )
    one, two = roll(input, -1, dim), roll(input, -2, dim)
    return sub(mul(one, roll(other, -2, dim)), mul(two, roll(other, -1, dim)))


@autocasts
def cross(input, other, dim=None):
    """`linalg.cross`, along the first dimension of size 3 unless told.

    Raises:
        ValueError: no dimension of size 3.

    >>> lucid.cross(lucid.tensor([1.0, 0.0, 0.0]), lucid.tensor([0.0, 1.0, 0.0]))
    Tensor([0., 0., 1.], grad=None)
    """
    if dim is None:
        threes = [i for i, n in enumerate(input.shape) if n == 3]
        if not threes:
            raise ValueError(f"cross: expects a dimension of size 3, got shape {input.shape}")
        dim = threes[0]
    return linalg_cross(input, other, dim=dim)
