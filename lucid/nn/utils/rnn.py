"""Sequences of different lengths in one batch, under the names of `torch.nn.utils.rnn`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lucid import ops
from lucid.tensor import Tensor


class PackedSequence(NamedTuple):
    """Sequences without their padding: all first steps, then all second steps, and so on.

    Made by `pack_padded_sequence` and `pack_sequence`, and taken by `nn.RNN`, `nn.LSTM` and
    `nn.GRU`, which then return one.

    Attributes:
        data: (sum of the lengths, ...), longest sequence first in each step.
        batch_sizes: (L,), how many sequences have a step t.
        sorted_indices: (N,), which sequence comes first, second, ...; None where they were sorted.
        unsorted_indices: (N,), the way back.

    >>> import lucid
    >>> x = [lucid.tensor([1.0, 2.0]), lucid.tensor([3.0])]
    >>> lucid.nn.utils.rnn.pack_sequence(x).batch_sizes.tolist()
    [2, 1]
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    @property
    def is_cuda(self) -> bool:
        """False."""
        return self.data.is_cuda

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With the data in another dtype or on another device."""
        return self._replace(data=self.data.to(*args, **kwargs))

    def cpu(self) -> PackedSequence:
        """On the CPU."""
        return self.to("cpu")

    def float(self) -> PackedSequence:
        """In float32."""
        return self.to("float32")

    def double(self) -> PackedSequence:
        """In float64."""
        return self.to("float64")

    def half(self) -> PackedSequence:
        """In float16."""
        return self.to("float16")


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The order that undoes a permutation; None stays None.

    >>> import lucid
    >>> lucid.nn.utils.rnn.invert_permutation(lucid.tensor([2, 0, 1])).tolist()
    [1, 2, 0]
    """
    if permutation is None:
        return None
    return Tensor(np.argsort(permutation.numpy(), kind="stable"), device=permutation.device)


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Leave out the padding.

    Args:
        input: (L, N, ...), or (N, L, ...) with `batch_first`.
        lengths: of the N sequences, a Tensor or a list.
        batch_first: which dimension comes first.
        enforce_sorted: the sequences come longest first; False sorts them, and whatever is
            computed from the packed ones is put back in order.

    Raises:
        ValueError: lengths that do not fit, or are not sorted.

    >>> import lucid
    >>> x = lucid.tensor([[1.0, 4.0], [2.0, 5.0], [3.0, 0.0]])
    >>> lucid.nn.utils.rnn.pack_padded_sequence(x, [3, 2]).data.tolist()
    [1.0, 4.0, 2.0, 5.0, 3.0]
    """
    if batch_first:
        input = ops.transpose(input, 0, 1)
    length, count = input.shape[:2]
    given = _lengths(lengths)
    if given.shape != (count,) or (given.size and (given.min() < 1 or given.max() > length)):
        raise ValueError(
            f"lengths must be {count} ints from 1 to {length}, one per sequence of the input of "
            f"shape {input.shape}, got {given.tolist()}"
        )
    order = np.argsort(-given, kind="stable")
    sorted_indices = None
    if enforce_sorted:
        if (np.diff(given) > 0).any():
            raise ValueError(
                f"lengths must be sorted in decreasing order, got {given.tolist()}; pass "
                "enforce_sorted=False to have them sorted"
            )
    else:
        sorted_indices = Tensor(order, device=input.device)
        input, given = ops.index_select(input, 1, sorted_indices), given[order]
    present = _present(given, length)[: given.max()]
    rows = ops.reshape(input, length * count, *input.shape[2:])
    data = ops.index_select(rows, 0, np.flatnonzero(present))
    sizes = Tensor(present.sum(axis=1), device="cpu")
    return PackedSequence(data, sizes, sorted_indices, invert_permutation(sorted_indices))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Padded again: the inverse of `pack_padded_sequence`.

    Args:
        sequence: what was packed.
        batch_first: return (N, L, ...) instead of (L, N, ...).
        padding_value: what stands after the end of a sequence.
        total_length: L, if it is to be more than the longest sequence.

    Returns:
        The padded sequences and their lengths.

    Raises:
        ValueError: a total_length below the longest sequence.

    >>> import lucid
    >>> rnn = lucid.nn.utils.rnn
    >>> packed = rnn.pack_sequence([lucid.tensor([1.0, 2.0]), lucid.tensor([3.0])])
    >>> x, lengths = rnn.pad_packed_sequence(packed, batch_first=True)
    >>> x.tolist(), lengths.tolist()
    ([[1.0, 2.0], [3.0, 0.0]], [2, 1])
    """
    x, present = padded(sequence)
    x = ops.masked_fill(x, ~Tensor(present).reshape(*present.shape, *[1] * (x.ndim - 2)).to(
        x.device), padding_value)  # fmt: skip
    longest = x.shape[0]
    if total_length is not None:
        if total_length < longest:
            raise ValueError(
                f"total_length must be at least the length of the longest sequence, {longest}, "
                f"got {total_length}"
            )
        shape = (total_length - longest, *x.shape[1:])
        x = ops.cat([x, Tensor.full(shape, padding_value, dtype=x.dtype, device=x.device)])
    lengths = Tensor(present.sum(axis=0), device="cpu")
    if sequence.unsorted_indices is not None:
        x = ops.index_select(x, 1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.numpy()]
    return (ops.transpose(x, 0, 1) if batch_first else x), lengths


def padded(sequence: PackedSequence) -> tuple[Tensor, np.ndarray]:
    """(L, N, ...) in the packed order, and where (L, N) there is something in it.

    Elsewhere it holds some row of the data.
    """
    sizes = sequence.batch_sizes.numpy()
    present = np.arange(sizes[0]) < sizes[:, None]
    starts = np.cumsum(sizes) - sizes
    rows = np.where(present, starts[:, None] + np.arange(sizes[0]), 0)
    return sequence.data[rows], present


def repacked(x: Tensor, present: np.ndarray, like: PackedSequence) -> PackedSequence:
    """(L, N, ...) in the packed order, packed as `like`."""
    rows = ops.reshape(x, -1, *x.shape[2:])
    return like._replace(data=ops.index_select(rows, 0, np.flatnonzero(present)))


def pad_sequence(
    sequences: Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (L_i, ...) as one tensor (L, N, ...), or (N, L, ...) with `batch_first`.

    >>> import lucid
    >>> pieces = [lucid.ones(2), lucid.ones(3)]
    >>> lucid.nn.utils.rnn.pad_sequence(pieces, batch_first=True).tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    """
    several = list(sequences)
    if not several:
        raise ValueError("pad_sequence expects at least one sequence, got none")
    if padding_side not in ("left", "right"):
        raise ValueError(f'padding_side must be "left" or "right", got {padding_side!r}')
    longest = max(s.shape[0] for s in several)
    rows = []
    for s in several:
        shape = (longest - s.shape[0], *s.shape[1:])
        padding = Tensor.full(shape, padding_value, dtype=s.dtype, device=s.device)
        rows.append(ops.cat([padding, s] if padding_side == "left" else [s, padding]))
    return ops.stack(rows, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded batch, one by one: (L, N, ...), (N, L, ...) with `batch_first`.

    >>> import lucid
    >>> x = lucid.tensor([[1.0, 2.0, 0.0], [3.0, 4.0, 5.0]])
    >>> [s.tolist() for s in lucid.nn.utils.rnn.unpad_sequence(x, [2, 3], batch_first=True)]
    [[1.0, 2.0], [3.0, 4.0, 5.0]]
    """
    if not batch_first:
        padded_sequences = ops.transpose(padded_sequences, 0, 1)
    return [x[: int(n)] for x, n in zip(padded_sequences, _lengths(lengths), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (L_i, ...) packed; see `pack_padded_sequence`.

    >>> import lucid
    >>> x = [lucid.tensor([1.0, 2.0]), lucid.tensor([3.0])]
    >>> lucid.nn.utils.rnn.pack_sequence(x).data
    Tensor([1., 3., 2.], grad=None)
    """
    lengths = [s.shape[0] for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a packed batch, one by one.

    >>> import lucid
    >>> rnn = lucid.nn.utils.rnn
    >>> packed = rnn.pack_sequence([lucid.tensor([1.0, 2.0]), lucid.tensor([3.0])])
    >>> [s.tolist() for s in rnn.unpack_sequence(packed)]
    [[1.0, 2.0], [3.0]]
    """
    return unpad_sequence(*pad_packed_sequence(packed_sequences))


def _lengths(lengths: Any) -> np.ndarray:
    values = lengths.numpy() if isinstance(lengths, Tensor) else np.asarray(lengths)
    if values.dtype.kind not in "iu" and values.size:
        raise TypeError(f"lengths must be ints, got {values.dtype}")
    return values.astype(np.int64)


def _present(lengths: np.ndarray, length: int) -> np.ndarray:
    return np.arange(length)[:, None] < lengths
