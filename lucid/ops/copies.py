"""What torch has twice, with and without shared memory, and we once.

A `_copy` in torch is the operation whose result does not share memory; here none does. The
`unsafe_` ones let the parts share a version counter, of which there are none here.
"""

from __future__ import annotations

from typing import Any

from lucid.ops.cast import clone
from lucid.ops.cut import chunk, split, split_with_sizes, unbind
from lucid.ops.diagonal import diagonal
from lucid.ops.pad import pad
from lucid.ops.part import as_strided, narrow, select
from lucid.ops.shape import expand, permute, squeeze, t, transpose, unsqueeze, view

alias_copy = clone
as_strided_copy = as_strided
diagonal_copy = diagonal
expand_copy = expand
narrow_copy = narrow
permute_copy = permute
split_with_sizes_copy = split_with_sizes
select_copy = select
split_copy = split
squeeze_copy = squeeze
t_copy = t
transpose_copy = transpose
unbind_copy = unbind
unsqueeze_copy = unsqueeze
view_copy = view
unsafe_chunk = chunk
unsafe_split_with_sizes = split_with_sizes


def constant_pad_nd(input: Any, pad: Any, value: float = 0) -> Any:
    """`pad` with a constant.

    >>> lucid.constant_pad_nd(lucid.tensor([1.0, 2.0]), (1, 2), 9.0)
    Tensor([9., 1., 2., 9., 9.], grad=None)
    """
    return _pad(input, pad, "constant", value)


_pad = pad  # whose name is that of its argument


def unsafe_split(input: Any, split_size: Any, dim: int = 0) -> tuple[Any, ...]:
    """`split`, whose first argument torch names differently.

    >>> lucid.unsafe_split(lucid.tensor([1, 2, 3]), 2)
    (Tensor([1, 2], grad=None), Tensor([3], grad=None))
    """
    return split(input, split_size, dim)


def resolve_conj(input: Any) -> Any:
    """Itself: conjugates are never put off here.

    >>> lucid.resolve_conj(lucid.tensor([1 + 2j]).conj())
    Tensor([1.-2.j], grad=None, dtype=complex64)
    """
    return input


def resolve_neg(input: Any) -> Any:
    """Itself: negatives are never put off here.

    >>> lucid.resolve_neg(lucid.tensor([1.0]))
    Tensor([1.], grad=None)
    """
    return input
