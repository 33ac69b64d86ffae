"""Taking a tensor apart."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import mlx.core as mx

from lucid.autograd.tape import Traced
from lucid.kernels.memory import check_size
from lucid.ops.op import op
from lucid.ops.reduce import axes_of
from lucid.ops.samplewise import within
from lucid.ops.spelling import numpy_names


def split(tensor: Any, split_size_or_sections: Any = None, dim: int = 0, **named: Any) -> Any:
    """A tensor cut along `dim` into parts of one size (the last may be smaller) or of given sizes.

    Raises:
        ValueError: sizes that do not add up to the size of `dim`.

    >>> import lucid
    >>> [part.tolist() for part in lucid.arange(5).split(2)]
    [[0, 1], [2, 3], [4]]
    """
    size = named.pop("split_size", split_size_or_sections)
    if named or size is None:
        raise TypeError(f"split expects a size or a list of sizes, got {list(named) or None}")
    if isinstance(size, tuple | list):
        return split_with_sizes(tensor, size, dim)
    axis = _axis(tensor, dim)
    n, size = tensor.shape[axis], operator.index(size)
    if size < 0 or (size == 0 and n):
        raise ValueError(f"split expects a positive size, got {size}")
    parts = [min(size, n - start) for start in range(0, n, size)] if n else [0]
    return _split(tensor, sizes=parts, axis=axis)


def split_with_sizes(input: Any, split_sizes: Any, dim: int = 0) -> tuple[Any, ...]:
    """A tensor cut along `dim` into parts of the given sizes.

    Raises:
        ValueError: sizes that do not add up to the size of `dim`.

    >>> [part.tolist() for part in lucid.arange(5).split_with_sizes([1, 4])]
    [[0], [1, 2, 3, 4]]
    """
    axis = _axis(input, dim)
    n, parts = input.shape[axis], [operator.index(k) for k in split_sizes]
    if sum(parts) != n or min(parts, default=0) < 0:
        raise ValueError(
            f"split expects sizes that add up to {n}, the size of dim {dim}, got {parts}"
        )
    return _split(input, sizes=parts, axis=axis) if parts else ()


@numpy_names
def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """A tensor cut along `dim` into at most `chunks` parts of equal size (the last may be less).

    Raises:
        ValueError: chunks below 1.

    >>> [part.tolist() for part in lucid.arange(5).chunk(2)]
    [[0, 1, 2], [3, 4]]
    """
    if chunks <= 0:
        raise ValueError(f"chunk expects a positive number of parts, got {chunks}")
    axis = _axis(input, dim)
    if input.shape[axis] == 0:
        _check_count(chunks)
        return _split(input, sizes=[0] * chunks, axis=axis)
    return split(input, -(-input.shape[axis] // chunks), axis)


def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """A tensor cut along `dim` into a number of parts as equal as can be, or before given indices.

    Raises:
        ValueError: a number of parts below 1, or a tensor of other than integers.

    >>> import lucid
    >>> [part.tolist() for part in lucid.arange(5).tensor_split(2)]
    [[0, 1, 2], [3, 4]]
    """
    axis = _axis(input, dim)
    n, given = input.shape[axis], indices_or_sections
    if isinstance(given, Traced):
        cuts = given.array
        if cuts.ndim > 1 or not mx.issubdtype(cuts.dtype, mx.integer):
            raise ValueError(
                f"tensor_split expects ints or a vector of them, got {cuts.dtype} of shape "
                f"{cuts.shape}"
            )
        given = cuts.tolist()
    if isinstance(given, tuple | list):
        bounds = [0, *(slice(operator.index(k)).indices(n)[1] for k in given), n]
        parts = [slice(a, max(a, b)) for a, b in itertools.pairwise(bounds)]
        return tuple(input[(slice(None),) * axis + (part,)] for part in parts)
    sections = operator.index(given)
    if sections <= 0:
        raise ValueError(f"tensor_split expects a positive number of parts, got {sections}")
    _check_count(sections)
    few, more = divmod(n, sections)
    return _split(input, sizes=[few + (i < more) for i in range(sections)], axis=axis)


def hsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """A tensor cut into equal parts, or before given indices, along dim 1 (dim 0 of a vector).

    Raises:
        ValueError: a 0-dimensional tensor, or a number of parts that does not divide the size.

    >>> [part.tolist() for part in lucid.arange(4).hsplit(2)]
    [[0, 1], [2, 3]]
    """
    return _along("hsplit", input, indices_or_sections, 0 if input.ndim == 1 else 1, 1)


def vsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """A tensor cut into equal parts, or before given indices, along dim 0.

    Raises:
        ValueError: less than 2 dimensions, or a number of parts that does not divide the size.

    >>> [part.shape for part in lucid.zeros(5, 3).vsplit([1, 3])]
    [(1, 3), (2, 3), (2, 3)]
    """
    return _along("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """A tensor cut into equal parts, or before given indices, along dim 2.

    Raises:
        ValueError: less than 3 dimensions, or a number of parts that does not divide the size.

    >>> [part.shape for part in lucid.zeros(2, 3, 4).dsplit(2)]
    [(2, 3, 2), (2, 3, 2)]
    """
    return _along("dsplit", input, indices_or_sections, 2, 3)


def _along(name: str, x: Any, given: Any, axis: int, least: int) -> tuple[Any, ...]:
    if x.ndim < least:
        raise ValueError(f"{name} expects {least} dimensions or more, got shape {x.shape}")
    if isinstance(given, int) and (given < 1 or x.shape[axis] % given):
        raise ValueError(
            f"{name} expects a number of parts that divides {x.shape[axis]}, the size of dim "
            f"{axis}, got {given}"
        )
    return tensor_split(x, given, axis)


@numpy_names
def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """The slices of a tensor along `dim`, without that dimension.

    Raises:
        ValueError: a 0-dimensional tensor.

    >>> lucid.tensor([[1, 2], [3, 4]]).unbind(dim=1)
    (Tensor([1, 3], grad=None), Tensor([2, 4], grad=None))
    """
    axis = _axis(input, dim)
    return _unbind(input, axis=axis) if input.shape[axis] else ()


def _axis(x: Any, dim: int) -> int:
    if x.ndim == 0:
        raise ValueError("a 0-dimensional tensor cannot be taken apart")
    return axes_of(x.ndim, dim)[0]


def _check_count(count: int) -> None:
    """Refuse more parts than fit into memory, at about 1 kB for each Tensor."""
    check_size(f"{count} parts", (count, 1024), mx.uint8)


def _along_axis(x, /, *, axis, sizes=()):
    return within(x, axis)


@op(linear=True, samples=_along_axis)
def _split(x, /, *, sizes, axis):
    ends = list(itertools.accumulate(sizes))[:-1]
    return mx.split(x, ends, axis=axis), lambda *gs: mx.concatenate(gs, axis=axis)


@op(linear=True, samples=_along_axis)
def _unbind(x, /, *, axis):
    parts = mx.split(x, x.shape[axis], axis=axis)
    return [p.squeeze(axis) for p in parts], lambda *gs: mx.stack(gs, axis=axis)
