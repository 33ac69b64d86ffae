"""Tensors of evenly spaced numbers, and of indices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd.tape import Traced
from lucid.kernels.memory import check_size
from lucid.ops.device import resolve
from lucid.ops.dtypes import dtype_of, get_default_dtype
from lucid.tensor.creation import Creation, shape_of
from lucid.tensor.data import array_of


class Ranges(Creation):
    """Class methods that make tensors of numbers in order."""

    @classmethod
    def _made(cls, values: np.ndarray, dtype: Any, device: Any, requires_grad: bool) -> Any:
        make = lambda: array_of(values, dtype, resolve(device))  # noqa: E731
        return cls._make(make, None, device, requires_grad)

    @classmethod
    def arange(
        cls,
        start: Any = None,
        end: Any = None,
        step: Any = 1,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """Numbers from `start` (0) up to, not including, `end`. Ints give int64, floats float32.

        Raises:
            ValueError: numbers that are not finite, or a step of 0 or away from `end`.

        >>> import lucid
        >>> lucid.arange(3).tolist()
        [0, 1, 2]
        """
        given = (0, start, step) if end is None else (0 if start is None else start, end, step)
        first, last, by = (_number(value) for value in given)
        if dtype is None and not all(isinstance(value, int) for value in (first, last, by)):
            dtype = get_default_dtype()
        if not all(math.isfinite(value) for value in (first, last, by)):
            raise ValueError(f"arange expects finite numbers, got {first}, {last} and {by}")
        if dtype is None or mx.issubdtype(dtype_of(dtype), mx.integer):
            first, last, by = int(first), int(last), int(by)
        if by == 0 or (last - first) / by < 0:
            raise ValueError(f"arange cannot get from {first} to {last} in steps of {by}")
        count = -(-(last - first) // by) if isinstance(by, int) else (last - first) / by
        check_size("arange", (math.ceil(count),), mx.float64)
        values = first + np.arange(math.ceil(count)) * by
        return cls._made(values, dtype, device, requires_grad)

    @classmethod
    def linspace(
        cls,
        start: Any,
        end: Any,
        steps: int,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """`steps` evenly spaced numbers, start + i (end - start) / (steps - 1) for i = 0, 1, ...

        >>> import lucid
        >>> lucid.linspace(0, 1, 3)
        Tensor([0. , 0.5, 1. ], grad=None)
        """
        dtype = _dtype(dtype, start, end)
        return cls._made(_spaced(start, end, steps, dtype), dtype, device, requires_grad)

    @classmethod
    def logspace(
        cls,
        start: Any,
        end: Any,
        steps: int,
        base: float = 10.0,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """base ** x for `steps` evenly spaced x from `start` to `end`, both included.

        >>> import lucid
        >>> lucid.logspace(0, 2, 3)
        Tensor([  1.,  10., 100.], grad=None)
        """
        dtype = _dtype(dtype, start, end)
        with np.errstate(all="ignore"):
            values = np.power(float(base), _spaced(start, end, steps, dtype))
        return cls._made(values, dtype, device, requires_grad)

    @classmethod
    def eye(
        cls,
        n: int,
        m: int | None = None,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """The identity matrix of n rows and m (default n) columns: ones where i = j, else zeros.

        >>> lucid.eye(2)
        Tensor([[1., 0.],
                [0., 1.]], grad=None)
        """
        shape = shape_of((n, n if m is None else m))
        dtype = get_default_dtype() if dtype is None else dtype
        return cls._make(lambda: mx.eye(shape[0], shape[1]), dtype, device, requires_grad, shape)

    @classmethod
    def tril_indices(
        cls, row: int, col: int, offset: int = 0, *, dtype: Any = mx.int64, device: Any = None
    ) -> Any:
        """The rows and the columns, as a (2, n) tensor, of a matrix's lower triangle.

        >>> import lucid
        >>> lucid.tril_indices(2, 2).tolist()
        [[0, 1, 1], [0, 0, 1]]
        """
        return cls._made(_triangle(np.tril_indices, row, col, offset), dtype, device, False)

    @classmethod
    def triu_indices(
        cls, row: int, col: int, offset: int = 0, *, dtype: Any = mx.int64, device: Any = None
    ) -> Any:
        """The rows and the columns, as a (2, n) tensor, of a matrix's upper triangle.

        >>> lucid.triu_indices(2, 2).tolist()
        [[0, 0, 1], [0, 1, 1]]
        """
        return cls._made(_triangle(np.triu_indices, row, col, offset), dtype, device, False)


def _triangle(indices: Callable, row: int, col: int, offset: int) -> np.ndarray:
    rows, columns = shape_of((row, col))
    check_size(indices.__name__, (2, rows, columns), mx.int64)
    if rows * columns == 0:  # NumPy goes through all of the rows
        return np.zeros((2, 0), np.int64)
    return np.stack(indices(rows, offset, columns))


def _number(value: Any) -> Any:
    """An int or a float of a number or of a tensor of one."""
    found = value.item() if hasattr(value, "item") else value
    if isinstance(found, bool):
        return int(found)
    if not isinstance(found, int | float | complex):
        raise TypeError(f"expected a number, got {type(value).__name__}: {value!r:.60}")
    return found


def _dtype(dtype: Any, *ends: Any) -> mx.Dtype:
    if dtype is not None:
        return dtype_of(dtype)
    return mx.complex64 if any(_is_complex(e) for e in ends) else get_default_dtype()


def _is_complex(value: Any) -> bool:
    return isinstance(value, complex) or (
        isinstance(value, Traced) and value.array.dtype == mx.complex64
    )


def _spaced(start: Any, end: Any, steps: int, dtype: mx.Dtype) -> np.ndarray:
    """Evenly spaced numbers, computed from both ends; of integers, those in between are cut off."""
    for value in (start, end):
        if getattr(value, "ndim", 0):
            raise ValueError(f"expected a number or a 0-dimensional tensor, got {value.shape}")
    (count,) = shape_of((steps,))
    check_size("linspace", (count,), mx.float64)
    first, last = _number(start), _number(end)
    if mx.issubdtype(dtype, mx.integer):
        first, last = int(first), int(last)
    step = (last - first) / max(count - 1, 1)
    places = np.arange(count)
    return np.where(
        places < max(count // 2, 1), first + step * places, last - step * (count - 1 - places)
    )
