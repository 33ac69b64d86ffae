"""What a matrix must be; said before MLX sees it, which can end the process."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.autograd import laziness
from lucid.ops.linalg.primitive import diagonal, doubled, lu

_COMPUTED = (mx.float32, mx.float64, mx.complex64)


class LinAlgError(RuntimeError):
    """A matrix that has no such inverse or decomposition."""


def matrices(name: str, *inputs: Any) -> None:
    """Refuse what is not a matrix, or a batch of them, of float32, float64 or complex64."""
    for x in inputs:
        if x.ndim < 2:
            raise ValueError(
                f"{name}: expects a matrix or a batch of them, (..., n, m), got shape {x.shape}"
            )
        if x.dtype not in _COMPUTED:
            raise TypeError(
                f"{name}: expects float32, float64 or complex64, got {x.dtype}; use x.float()"
            )
    if len({x.dtype for x in inputs}) > 1:
        kinds = " and ".join(str(x.dtype) for x in inputs)
        raise TypeError(f"{name}: expects tensors of one dtype, got {kinds}")


def squares(name: str, x: Any) -> None:
    """Refuse what is not a square matrix or a batch of them."""
    matrices(name, x)
    if x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{name}: expects square matrices (..., n, n), got shape {x.shape}")


def finite(name: str, x: Any) -> None:
    """Refuse NaN and infinity, of which LAPACK may die."""
    if x.array.size and not laziness.is_tracing() and not mx.all(mx.isfinite(x.array)).item():
        raise LinAlgError(f"{name}: the matrix has NaN or infinite entries, got shape {x.shape}")


def zero_pivot(x: mx.array) -> mx.array:
    """The number, from 1, of the first zero pivot of square matrices; 0 for regular ones."""
    if x.dtype != mx.complex64:
        return first(diagonal(lu(x)[2]) == 0)
    with mx.stream(mx.cpu):  # two pivots for one: eliminating in complex numbers takes long
        return (zero_pivot(doubled(x).astype(mx.float64)) + 1) // 2


def first(wrong: mx.array) -> mx.array:
    """The place, from 1, of the first True along the last axis; 0 where there is none."""
    if wrong.size == 0:
        return mx.zeros(wrong.shape[:-1], mx.int32)
    found = mx.argmax(wrong, axis=-1) + 1
    return mx.where(mx.any(wrong, axis=-1), found, 0).astype(mx.int32)


def succeeded(name: str, info: mx.array, what: str) -> None:
    """Raise where an info is not 0; `what` is wrong, with {} for its number."""
    if info.size == 0 or laziness.is_tracing():
        return
    numbers: Any = info.reshape(-1).tolist()
    for i, number in enumerate(numbers):
        if number:
            which = f" (matrix {i} of the batch)" if info.ndim else ""
            raise LinAlgError(f"{name}: {what.format(number)}{which}")


SINGULAR = "the matrix is singular: pivot {} is 0"
NOT_POSITIVE = "the matrix is not positive definite: its leading minor of order {} is not"
