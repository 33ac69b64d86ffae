"""Index arrays checked before they reach an operation: MLX reads and writes wherever they point.

Python's ints, and arrays that came from Python or NumPy or lie on the CPU, are checked here and
now. An index that a GPU is still computing, or that is being traced, is not waited for: it is
limited to the range, so that it never points at foreign memory. `lucid.debug()` checks it too.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd import laziness
from lucid.autograd.debugging import is_debugging
from lucid.autograd.tape import Traced
from lucid.ops.device import default_device


def in_range(k: int, n: int, axis: int) -> int:
    """An int index counted from the front."""
    if not -n <= k < n:
        raise IndexError(f"index {k} is out of range for dimension {axis} of size {n}")
    return k % n


def is_readable(index: Any) -> bool:
    """True where looking at the values waits for no GPU, or debugging says to look all the same."""
    if laziness.is_tracing():
        return False
    return is_debugging() or not lies_on_gpu(index) or (isinstance(index, Traced) and index._known)


def lies_on_gpu(index: Any) -> bool:
    """Whether a GPU may still be computing the values."""
    if isinstance(index, Traced):
        return index._device == "gpu"
    return isinstance(index, mx.array) and default_device() == "gpu"


def checked(name: str, index: Any, n: int, axis: int, *, wraps: bool = True) -> mx.array:
    """An index array with every entry from 0 to n - 1.

    Args:
        name: the operation, for the error.
        n: the size of dimension `axis`.
        wraps: negative entries count from the end; else they are out of range.

    Raises:
        IndexError: an entry out of range, or entries that are not integers.
    """
    array = integers(index)
    if array.size == 0:
        return array.astype(mx.int32)
    lowest = -n if wraps else 0
    wide = mx.int32 if n <= 1 << 31 else mx.int64
    if n == 0 or is_readable(index):
        values = np.array(array, copy=False)  # no work for a GPU, which would have to be waited for
        low = int(values.min())
        if low < lowest or int(values.max()) >= n:
            raise _out_of_range(name, values, lowest, n, axis)
        array = array.astype(wide)
        return mx.where(array < 0, array + n, array) if low < 0 else array
    array = mx.clip(array.astype(mx.int64), lowest, n - 1).astype(wide)
    return mx.where(array < 0, array + n, array) if wraps else array


def integers(index: Any) -> mx.array:
    """An index as an array of integers."""
    if isinstance(index, Traced):
        index = index.array
    elif not isinstance(index, mx.array):
        index = np.asarray(index)
        index = index if index.size else index.astype(np.int64)
        if index.dtype.kind in "iu":
            index = mx.array(index.astype(np.int64), mx.int64)
    if index.dtype in (mx.bool_, np.bool_):
        raise IndexError("an index must be of integers here, got bool")
    if not isinstance(index, mx.array) or not mx.issubdtype(index.dtype, mx.integer):
        raise IndexError(f"an index must be of integers, got {index.dtype}; use x.long()")
    return index


def _out_of_range(name: str, index: np.ndarray, low: int, n: int, axis: int) -> IndexError:
    bad = (index < low) | (index >= n)
    place = tuple(int(p[0]) for p in np.nonzero(bad)) if index.ndim else ()
    at = f" (at position {place[0] if len(place) == 1 else place} of the index)" if place else ""
    return IndexError(
        f"{name}: index {index[place]} is out of range for dimension {axis} of size {n}{at}"
    )
