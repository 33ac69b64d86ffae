"""Sums, means and maxima of vectors by number: `EmbeddingBag` and its function."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid import ops
from lucid.nn.embedding import (
    Table,
    check_integers,
    check_table,
    padding_row,
    shorten,
)
from lucid.ops.bounds import checked
from lucid.ops.embedding import rows
from lucid.tensor import Tensor


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of the rows that each bag names.

    Shapes: input (N, L), or (T,) with offsets (N,); weight (rows, D) -> (N, D).

    Args:
        input: integers from 0 to rows - 1.
        weight: the table.
        offsets: where in a 1-D input each bag begins.
        max_norm, norm_type, scale_grad_by_freq, sparse: as in `embedding`.
        mode: "sum", "mean" or "max". An empty bag gives zeros.
        per_sample_weights: factors of the rows, of the input's shape; mode "sum" only.
        include_last_offset: the last offset is the end of the last bag.
        padding_idx: a row that no bag counts.

    Raises:
        IndexError: a number outside the table.
        ValueError: another shape, mode or combination.

    >>> import lucid
    >>> table = lucid.tensor([[1.0], [3.0], [8.0]])
    >>> bags = lucid.tensor([[0, 1], [1, 2]])
    >>> lucid.nn.functional.embedding_bag(bags, table, mode="sum").tolist()
    [[4.0], [11.0]]
    """
    name = "embedding_bag"
    check_integers(name, input)
    check_table(name, weight, sparse)
    _check_mode(name, mode, per_sample_weights is not None, scale_grad_by_freq)
    if per_sample_weights is not None and per_sample_weights.shape != input.shape:
        raise ValueError(
            f"{name} expects per_sample_weights of the input's shape {input.shape}, got "
            f"{per_sample_weights.shape}"
        )
    padding = padding_row(name, padding_idx, weight.shape[0])
    index = checked(name, input, weight.shape[0], 0, wraps=False)
    grid, present = _bags(input, offsets, include_last_offset)
    if padding is not None and input.numel():
        present &= np.array(index).reshape(-1)[grid] != padding
    if max_norm is not None:
        shorten(weight, index, max_norm, norm_type)
    if grid.size == 0:  # no bag, or none with anything in it
        return weight[:0].sum(0).expand(len(grid), -1)
    taken = rows(
        weight, index=index.reshape(-1), padding=padding, by_frequency=scale_grad_by_freq
    )  # fmt: skip
    if per_sample_weights is not None:
        taken = taken * ops.reshape(per_sample_weights, -1, 1)
    absent = Tensor(~present[..., None], device=weight.device)
    bags = ops.masked_fill(taken[grid], absent, -np.inf if mode == "max" else 0.0)
    count = present.sum(axis=1, keepdims=True)
    if mode == "max":
        empty = Tensor(count == 0, device=weight.device)
        return ops.masked_fill(ops.max(bags, 1)[0], empty, 0.0)
    total = ops.sum(bags, 1)
    if mode == "sum":
        return total
    return total * Tensor(1 / np.maximum(count, 1), dtype=weight.dtype, device=weight.device)


def _bags(
    input: Tensor, offsets: Tensor | None, include_last_offset: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Places in the flattened input, (N, the longest bag), and which of them are in the bag."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError("embedding_bag takes offsets with a 1-D input only; its input is 2-D")
        return np.arange(input.numel()).reshape(input.shape), np.ones(input.shape, bool)
    if input.ndim != 1 or offsets is None:
        raise ValueError(
            f"embedding_bag expects a 2-D input, or a 1-D one with offsets, got {input.shape}"
        )
    check_integers("embedding_bag", offsets)
    total = input.numel()
    starts = np.array(offsets.array).astype(np.int64)
    if starts.ndim != 1 or (include_last_offset and not starts.size):
        raise ValueError(f"embedding_bag expects 1-D offsets, got shape {offsets.shape}")
    ends = starts[1:] if include_last_offset else np.append(starts[1:], total)
    starts = starts[: len(ends)]
    if starts.size and (starts[0] != 0 or (ends < starts).any() or ends[-1] > total):
        raise ValueError(
            f"embedding_bag: offsets must begin with 0, must not fall, and must not pass the "
            f"input's length {total}, got {offsets.tolist()}"
        )
    lengths = ends - starts
    steps = np.arange(lengths.max(initial=0))
    present = steps < lengths[:, None]
    return np.where(present, starts[:, None] + steps, 0), present


def _check_mode(name: str, mode: str, weighted: bool, by_frequency: bool) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f'{name}: mode must be "sum", "mean" or "max", got {mode!r}')
    if weighted and mode != "sum":
        raise ValueError(f'{name}: per_sample_weights need mode="sum", got mode={mode!r}')
    if by_frequency and mode == "max":
        raise ValueError(f'{name}: scale_grad_by_freq is not offered with mode="max"')


class EmbeddingBag(Table):
    """The sum, mean or maximum of several rows of a table of learned vectors.

    Shapes: input (N, L), or (T,) with offsets (N,), of integers -> (N, embedding_dim).

    Args:
        num_embeddings: rows of the table.
        embedding_dim: size of each.
        mode: "sum", "mean" or "max".
        include_last_offset: the last offset is the end of the last bag.
        padding_idx: a row that no bag counts.
        max_norm, norm_type, scale_grad_by_freq, sparse: as in `nn.functional.embedding`.
        device, dtype: of the table.

    Attributes:
        weight: (num_embeddings, embedding_dim), from the normal distribution of variance 1.

    Raises:
        IndexError: a number outside the table.
        ValueError: another mode, or offsets that do not fit the input.

    >>> import lucid
    >>> bags = lucid.nn.EmbeddingBag(10, 3, mode="sum")
    >>> bags(lucid.tensor([1, 2, 4, 5, 4]), lucid.tensor([0, 3])).shape
    (2, 3)
    """

    _shown = ("max_norm", "norm_type", "scale_grad_by_freq", "mode", "padding_idx")

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        _check_mode("EmbeddingBag", mode, False, scale_grad_by_freq)
        settings = {
            "padding_idx": padding_idx, "max_norm": max_norm, "norm_type": norm_type,
            "scale_grad_by_freq": scale_grad_by_freq, "sparse": sparse, "mode": mode,
            "include_last_offset": include_last_offset,
        }  # fmt: skip
        new = {"device": device, "dtype": dtype}
        super().__init__((num_embeddings, embedding_dim), settings, _weight, True, new)

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean",
        sparse: bool = False, include_last_offset: bool = False, padding_idx: int | None = None,
    ) -> EmbeddingBag:  # fmt: skip
        """An EmbeddingBag of given vectors (rows, D), not trained unless freeze=False."""
        check_table(cls.__name__, embeddings, sparse)
        rows, size = embeddings.shape
        bag = cls(
            rows, size, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings,
            include_last_offset, padding_idx,
        )  # fmt: skip
        bag.weight.requires_grad_(not freeze)
        return bag

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        return embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq,
            self.mode, self.sparse, per_sample_weights, self.include_last_offset, self.padding_idx,
        )  # fmt: skip
