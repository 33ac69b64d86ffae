"""Bool masks: filling, selecting and writing where they are True."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.autograd.tape import Traced
from lucid.ops.bounds import is_readable
from lucid.ops.cast import check_dtype, constant_like
from lucid.ops.entries import take
from lucid.ops.index import getitem, setitem
from lucid.ops.shape import broadcast_tensors, flatten
from lucid.ops.where import where


def masked_fill(input, mask, value):
    """`input` with `value` wherever the bool `mask`, which broadcasts, is True.

    Raises:
        ValueError: a value of one dimension or more.
        TypeError: a mask that is not bool.

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
    """`value`, a number or a 0-dimensional tensor, everywhere in the shape of `input`.

    Raises:
        ValueError: a value of one dimension or more.

    >>> lucid.fill(lucid.zeros(3), 7)
    Tensor([7., 7., 7.], grad=None)
    """
    value = constant_like(value, input)
    if value.ndim:
        raise ValueError(f"fill expects a number or a 0-dimensional value, got {value.shape}")
    return setitem(input, ..., value)


def masked_select(input, mask):
    """The elements of `input` where the bool `mask` is True, in one dimension; both broadcast.

    Raises:
        TypeError: a mask that is not bool.

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
