"""Make one batch of a list of items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.ops import stack
from lucid.tensor import Tensor


def default_collate(items: Sequence[Any]) -> Any:
    """Stack items along a new first dimension, keeping how they are nested.

    Arrays, Tensors and numbers become a Tensor of shape (N, ...): floats float32, ints int64.
    Dicts, tuples and lists are collated part by part; anything else (text, None) becomes a list.

    Raises ValueError where the items differ in shape, length or keys.

    >>> import lucid
    >>> audio, numbers = default_collate([(np.zeros((1, 8)), 3), (np.zeros((1, 8)), 5)])
    >>> audio.shape, numbers.tolist()
    ((2, 1, 8), [3, 5])
    """
    if not items:
        raise ValueError("default_collate: expects at least one item, got none")
    first = items[0]
    if isinstance(first, Tensor | np.ndarray):
        return _stacked(items)
    if isinstance(first, bool | int | float | complex | np.generic):
        return Tensor(np.asarray(items))
    if isinstance(first, Mapping):
        if any(item.keys() != first.keys() for item in items):
            raise ValueError("default_collate: the items differ in their keys")
        return {key: default_collate([item[key] for item in items]) for key in first}
    if isinstance(first, tuple | list):
        if any(len(item) != len(first) for item in items):
            lengths = sorted({len(item) for item in items})
            raise ValueError(f"default_collate: the items differ in length: {lengths}")
        parts = [default_collate(part) for part in zip(*items, strict=True)]
        if hasattr(first, "_fields"):  # a namedtuple
            return type(first)(*parts)
        return type(first)(parts)
    return list(items)


def _stacked(items: Sequence[Any]) -> Tensor:
    shapes = sorted({tuple(item.shape) for item in items})
    if len(shapes) > 1:
        raise ValueError(
            f"default_collate: the items differ in shape: {', '.join(map(str, shapes))}; bring "
            "them to one length (lucid.audio.crop_or_pad), or use "
            "collate_fn=lucid.data.pad_collate"
        )
    if isinstance(items[0], Tensor):
        return stack(list(items))
    return Tensor(np.stack(items))


def pad_collate(items: Sequence[Any], *, multiple: int = 1, value: float = 0.0) -> tuple[Any, ...]:
    """Collate items of different lengths: (padded, lengths), then what else each item holds.

    An item is an array, or a tuple that starts with one; its last axis is padded with `value` to
    the longest of the batch, rounded up to `multiple` (so that few shapes are compiled).

    Shapes: N items (..., L_i) -> padded (N, ..., L), lengths (N,) int64.

    >>> items = [(np.ones(3), "a"), (np.ones(5), "b")]
    >>> padded, lengths, names = pad_collate(items, multiple=4)
    >>> padded.shape, lengths.tolist(), names
    ((2, 8), [3, 5], ['a', 'b'])
    """
    if not items:
        raise ValueError("pad_collate: expects at least one item, got none")
    if multiple < 1:
        raise ValueError(f"pad_collate: expects a multiple of at least 1, got {multiple}")
    bare = not isinstance(items[0], tuple | list)
    arrays = [np.asarray(item if bare else item[0]) for item in items]
    shapes = sorted({array.shape[:-1] for array in arrays})
    if len(shapes) > 1 or arrays[0].ndim == 0:
        raise ValueError(
            "pad_collate: only the last axis may differ, got items of shapes "
            + ", ".join(sorted({str(array.shape) for array in arrays}))
        )
    lengths = [array.shape[-1] for array in arrays]
    longest = -(-max(lengths) // multiple) * multiple
    dtype = np.result_type(*arrays, *([value] if value else []))  # a half among ints makes floats
    padded = np.full((len(arrays), *shapes[0], longest), value, dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[..., : array.shape[-1]] = array
    rest = () if bare else default_collate([tuple(item[1:]) for item in items])
    return (Tensor(padded), Tensor(np.asarray(lengths, np.int64)), *rest)


def evaluate(batch: Any) -> Any:
    """Compute every array of `batch` here and now: pending work cannot change threads in MLX."""
    if isinstance(batch, Tensor):
        batch.eval()
    elif isinstance(batch, mx.array):
        mx.eval(batch)
    elif isinstance(batch, Mapping):
        for part in batch.values():
            evaluate(part)
    elif isinstance(batch, tuple | list):
        for part in batch:
            evaluate(part)
    return batch
