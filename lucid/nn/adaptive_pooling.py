"""Pooling of inputs of any length to sizes that are given."""

from __future__ import annotations

from typing import Any

from lucid.nn.check import integer
from lucid.nn.pooling import at_largest, check_input, each_dimension
from lucid.ops import pool
from lucid.ops.cast import in_float32
from lucid.ops.device import on_device
from lucid.tensor import Tensor


def _targets(name: str, x: Tensor, output_size: Any, n: int) -> list[int]:
    """The sizes asked for; None keeps one."""
    check_input(name, x, n)
    given = tuple(output_size) if isinstance(output_size, tuple | list) else (output_size,) * n
    if len(given) != n:
        raise ValueError(f"{name}: output_size must be an int or {n} ints, got {output_size!r}")
    return [
        L if o is None else integer(name, "output_size", o, 1)
        for L, o in zip(x.shape[-n:], given, strict=True)
    ]


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of `output_size` windows that cover the length.

    Shapes: (N, C, L) or (C, L) -> (..., output_size).

    Raises:
        ValueError: an output_size below 1.

    >>> import lucid
    >>> lucid.nn.functional.adaptive_avg_pool1d(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]), 1)
    Tensor([[1.5]], grad=None)
    """
    return adaptive_avg_pool(input, "adaptive_avg_pool1d", output_size, 1)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of windows that cover height and width; a size of None stays as it is.

    Shapes: (N, C, H, W) or (C, H, W) -> (..., *output_size).

    Raises:
        ValueError: an output_size below 1, or of another number of sizes.

    >>> import lucid
    >>> lucid.nn.functional.adaptive_avg_pool2d(lucid.ones(1, 3, 5, 7), (2, None)).shape
    (1, 3, 2, 7)
    """
    return adaptive_avg_pool(input, "adaptive_avg_pool2d", output_size, 2)


@in_float32
def adaptive_avg_pool(input: Tensor, name: str, output_size: Any, n: int) -> Tensor:
    """The mean of windows that cover the last n dimensions."""
    counts = _targets(name, input, output_size, n)
    with on_device(input.device):
        return each_dimension(input, n, lambda a, i: pool.adaptive_mean(a, count=counts[i]))


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of each of `output_size` windows that cover the length.

    Window i of n goes from floor(i L / n) to ceil((i + 1) L / n). `return_indices` gives a pair.

    Shapes: (N, C, L) or (C, L) -> (..., output_size).

    Raises:
        ValueError: an output_size below 1.

    >>> import lucid
    >>> lucid.nn.functional.adaptive_max_pool1d(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    Tensor([[3., 2.]], grad=None)
    """
    return _adaptive_max("adaptive_max_pool1d", input, output_size, return_indices, 1)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of windows that cover height and width; a size of None stays as it is.

    Shapes: (N, C, H, W) or (C, H, W) -> (..., *output_size); errors as `adaptive_max_pool1d`.

    >>> import lucid
    >>> lucid.nn.functional.adaptive_max_pool2d(lucid.ones(1, 3, 5, 7), (2, None)).shape
    (1, 3, 2, 7)
    """
    return _adaptive_max("adaptive_max_pool2d", input, output_size, return_indices, 2)


def adaptive_max_pool1d_with_indices(input: Tensor, output_size: Any) -> Any:
    """`adaptive_max_pool1d` with return_indices=True: the values, and where each lies.

    >>> import lucid
    >>> x = lucid.tensor([[1.0, 3.0, 2.0, 0.0]])
    >>> lucid.nn.functional.adaptive_max_pool1d_with_indices(x, 2)[1]
    Tensor([[1, 2]], grad=None)
    """
    return adaptive_max_pool1d(input, output_size, True)


def adaptive_max_pool2d_with_indices(input: Tensor, output_size: Any) -> Any:
    """`adaptive_max_pool2d` with return_indices=True: the values, and where each lies, row by row.

    >>> import lucid
    >>> x = lucid.tensor([[[1.0, 3.0], [2.0, 5.0]]])
    >>> lucid.nn.functional.adaptive_max_pool2d_with_indices(x, 1)[1].tolist()
    [[[3]]]
    """
    return adaptive_max_pool2d(input, output_size, True)


def _adaptive_max(name: str, x: Tensor, output_size: Any, return_indices: bool, n: int) -> Any:
    counts = _targets(name, x, output_size, n)
    find = lambda a, i: pool.adaptive_largest_at(a, count=counts[i])  # noqa: E731
    values, index = at_largest(x, n, find)
    return (values, index) if return_indices else values
