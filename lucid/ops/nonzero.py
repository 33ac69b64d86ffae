"""Where values are not 0."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd import laziness
from lucid.kernels.memory import check_size


def nonzero(input, *, as_tuple=False):
    """Where `input` is not 0: one row of indices for each place; or a tuple, one for each dim.

    Shapes: (n, number of dimensions), int64.

    >>> import lucid
    >>> lucid.nonzero(lucid.tensor([[0, 1], [2, 0]])).tolist()
    [[0, 1], [1, 0]]
    """
    if laziness.is_tracing():
        raise RuntimeError("the shape of nonzero depends on values, which a traced function cannot")
    if as_tuple:
        values = np.atleast_1d(np.array(input != 0))
        return tuple(_int64(input, places) for places in np.nonzero(values))
    return _int64(input, np.argwhere(np.array(input != 0)))


def argwhere(input):
    """Where `input` is not 0: one row of indices for each place.

    >>> lucid.argwhere(lucid.tensor([[0, 5], [7, 0]]))
    Tensor([[0, 1],
            [1, 0]], grad=None)
    """
    return nonzero(input)


def nonzero_static(input, *, size, fill_value=-1):
    """The first `size` rows of `nonzero`, filled up with `fill_value`.

    Raises:
        ValueError: a negative size.

    >>> lucid.nonzero_static(lucid.tensor([0, 5, 7]), size=3).tolist()
    [[1], [2], [-1]]
    """
    if size < 0:
        raise ValueError(f"nonzero_static expects a size of at least 0, got {size}")
    check_size("nonzero_static", (size, input.ndim), mx.int64)
    found = np.argwhere(np.array(input != 0))[:size]
    rest = ((0, size - len(found)), (0, 0))
    return _int64(input, np.pad(found, rest, constant_values=fill_value))


def _int64(like: Any, values: np.ndarray) -> Any:
    return like._wrap(mx.array(values.astype(np.int64), mx.int64), like._device)
