"""Products of matrices."""

from __future__ import annotations

import mlx.core as mx

from lucid.autograd.tape import sum_to
from lucid.ops.math import mul
from lucid.ops.op import op
from lucid.ops.shape import unsqueeze


@op
def matmul(x, y, /):
    """The matrix product; leading dimensions broadcast, as in `torch.matmul`.

    Shapes: (..., n, k) @ (..., k, m) -> (..., n, m); a 1-D operand is a row or a column.

    >>> import lucid
    >>> (lucid.ones(2, 3) @ lucid.ones(3, 4)).shape
    (2, 4)
    """
    if not isinstance(x, mx.array) or not isinstance(y, mx.array):
        raise TypeError("matmul expects two tensors; use * for a number")
    if not mx.issubdtype(mx.result_type(x, y), mx.inexact):
        raise TypeError("matmul expects floating point tensors; use x.float()")
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
        da = _product(g, mx.swapaxes(b, -1, -2))
        db = _product(mx.swapaxes(a, -1, -2), g)
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
    half = (mx.float16, mx.bfloat16)
    if x.dtype in half and y.dtype in half and mx.default_device() == mx.Device(mx.cpu):
        dtype = mx.result_type(x, y)
        return mx.matmul(x.astype(mx.float32), y.astype(mx.float32)).astype(dtype)
    return mx.matmul(x, y)


def outer(x, y):
    """The product of every element of x with every element of y, both 1-D.

    >>> import lucid
    >>> lucid.outer(lucid.arange(3), lucid.arange(2)).tolist()
    [[0, 0], [0, 1], [0, 2]]
    """
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"outer expects two 1-D tensors, got shapes {x.shape} and {y.shape}")
    return mul(unsqueeze(x, 1), unsqueeze(y, 0))
