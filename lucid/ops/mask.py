"""Bool masks: filling, selecting and writing where they are True; where values are not 0."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd import laziness
from lucid.autograd.tape import Traced
from lucid.ops.bounds import is_readable
from lucid.ops.cast import check_dtype, constant_like
from lucid.ops.entries import take
from lucid.ops.index import getitem
from lucid.ops.math import where
from lucid.ops.shape import broadcast_tensors, expand, flatten


def masked_fill(input, mask, value):
    """`input` with `value` wherever the bool `mask`, which broadcasts, is True.

    >>> import lucid
    >>> lucid.ones(3).masked_fill(lucid.tensor([True, False, False]), 5.0)
    Tensor([5., 1., 1.], grad=None)
    """
    _check("masked_fill", mask)
    value = constant_like(value, input)
    if value.ndim:
        raise ValueError(
            f"masked_fill expects a number or a 0-dimensional value, got shape {value.shape}; "
            "use lucid.where(mask, value, input)"
        )
    return where(mask, value, input)


def fill(input, value):
    """`value`, a number or a 0-dimensional tensor, everywhere in the shape of `input`."""
    value = constant_like(value, input)
    if value.ndim:
        raise ValueError(f"fill expects a number or a 0-dimensional value, got {value.shape}")
    return expand(value, input.shape)


def masked_select(input, mask):
    """The elements of `input` where the bool `mask` is True, in one dimension; both broadcast.

    >>> import lucid
    >>> lucid.masked_select(lucid.arange(3), lucid.tensor([True, False, True])).tolist()
    [0, 2]
    """
    _check("masked_select", mask)
    input, mask = broadcast_tensors(input, mask)
    return getitem(flatten(input), flatten(mask))


def masked_scatter(input, mask, source):
    """`input` with the elements of `source`, in their order, where the bool `mask` is True.

    Raises:
        ValueError: `source` has fewer elements than there are places.

    >>> import lucid
    >>> mask = lucid.tensor([True, False, True])
    >>> lucid.zeros(3).masked_scatter(mask, lucid.tensor([1.0, 2.0, 3.0]))
    Tensor([1., 0., 2.], grad=None)
    """
    _check("masked_scatter", mask)
    check_dtype("masked_scatter", "source", source, input)
    input, mask = broadcast_tensors(input, mask)
    if input.numel() == 0:
        return input
    rank = mx.cumsum(mask.array.reshape(-1).astype(mx.int32)).reshape(mask.shape)
    if is_readable(mask) and rank.reshape(-1)[-1].item() > source.numel():
        raise ValueError(
            f"masked_scatter expects a source of at least {rank.reshape(-1)[-1].item()} elements, "
            f"one for each True of the mask, got {source.numel()}"
        )
    if source.numel() == 0:
        return input
    places = mx.clip(rank - 1, 0, source.numel() - 1)
    return where(mask, take(flatten(source), index=places, axis=0), input)


def _check(name: str, mask: Any) -> None:
    dtype = getattr(mask, "dtype", type(mask).__name__)
    if not isinstance(mask, Traced) or dtype != mx.bool_:
        raise TypeError(f"{name} expects a Tensor of bools as its mask, got {dtype}")


def nonzero(input, *, as_tuple=False):
    """Where `input` is not 0: one row of indices for each place; or a tuple, one for each dim.

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
    """Where `input` is not 0: one row of indices for each place."""
    return nonzero(input)


def nonzero_static(input, *, size, fill_value=-1):
    """The first `size` rows of `nonzero`, filled up with `fill_value`."""
    if size < 0:
        raise ValueError(f"nonzero_static expects a size of at least 0, got {size}")
    found = np.argwhere(np.array(input != 0))[:size]
    rest = ((0, size - len(found)), (0, 0))
    return _int64(input, np.pad(found, rest, constant_values=fill_value))


def _int64(like: Any, values: np.ndarray) -> Any:
    return like._wrap(mx.array(values.astype(np.int64), mx.int64), like._device)
