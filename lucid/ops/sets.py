"""Tensors as sets of their values. The shapes of most depend on the values, so they evaluate."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd.tape import Traced
from lucid.ops.op import op
from lucid.ops.order import insertion_points
from lucid.ops.reduce import axes_of


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct values in ascending order; with `dim`, the distinct slices along it.

    Returns:
        the values, followed by the place of every element among them (`return_inverse`) and by
        how often each value occurs (`return_counts`), where asked for.

    >>> import lucid
    >>> lucid.unique(lucid.tensor([3, 1, 3])).tolist()
    [1, 3]
    """
    values, dim = _values(input, dim)
    found, inverse, counts = np.unique(
        values, return_inverse=True, return_counts=True, axis=dim, equal_nan=False
    )
    shape = input.shape if dim is None else (input.shape[dim],)
    return _results(input, found, inverse.reshape(shape), counts, return_inverse, return_counts)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """As `unique`, of neighbours only: of a run of equal values one stays.

    >>> import lucid
    >>> lucid.unique_consecutive(lucid.tensor([1, 1, 2, 1])).tolist()
    [1, 2, 1]
    """
    values, dim = _values(input, dim)
    rows = values.reshape(-1) if dim is None else np.moveaxis(values, dim, 0)
    changes = (rows[1:] != rows[:-1]).any(tuple(range(1, rows.ndim)))
    starts = np.concatenate([np.ones(min(len(rows), 1), bool), changes])
    found = rows[starts] if dim is None else np.moveaxis(rows[starts], 0, dim)
    inverse = np.cumsum(starts) - 1
    counts = np.diff(np.append(np.flatnonzero(starts), len(rows)))
    shape = input.shape if dim is None else (len(rows),)
    return _results(input, found, inverse.reshape(shape), counts, return_inverse, return_counts)


def _values(x: Any, dim: Any) -> tuple[np.ndarray, int | None]:
    if dim is None:
        return x.numpy(), None
    (axis,) = axes_of(x.ndim, dim) or (0,)
    if x.ndim and x.shape[axis] == 0 and 0 in x.shape[:axis] + x.shape[axis + 1 :]:
        raise ValueError(f"there are no slices along dim {dim} of a tensor of shape {x.shape}")
    return x.numpy(), axis


def _results(x: Any, found: Any, inverse: Any, counts: Any, *wanted: bool) -> Any:
    values = x._wrap(mx.array(found).astype(x.dtype), x._device)
    indices = [x._wrap(mx.array(a, mx.int64), x._device) for a in (inverse, counts)]
    chosen = [a for a, asked in zip(indices, wanted, strict=True) if asked]
    return (values, *chosen) if chosen else values


def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """True where an element is among `test_elements` (with `invert`, where it is not).

    >>> import lucid
    >>> lucid.isin(lucid.tensor([1, 2, 3]), lucid.tensor([2, 5])).tolist()
    [False, True, False]
    """
    if not isinstance(elements, Traced):
        elements = test_elements._wrap(mx.array(elements), test_elements._device)
    return _isin(elements, test_elements, invert=invert)


@op
def _isin(x, tests, /, *, invert):
    tests = mx.sort(mx.array(tests).reshape(-1))
    if tests.size == 0:
        return mx.full(x.shape, invert), None
    common = mx.result_type(x, tests)
    x, tests = x.astype(common), tests.astype(common)
    place = mx.minimum(insertion_points(tests, x, right=False), tests.size - 1)
    found = mx.take(tests, place) == x
    return (mx.logical_not(found) if invert else found), None
