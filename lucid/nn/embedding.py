"""Vectors by number: `Embedding` and its function, and `one_hot`."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from lucid import ops
from lucid.autograd import no_grad
from lucid.nn import init
from lucid.nn.check import positive
from lucid.nn.losses.classes import check_classes
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.ops.bounds import checked
from lucid.ops.embedding import rows
from lucid.tensor import Tensor


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the class, 0 elsewhere; int64 of shape (*input.shape, num_classes).

    Args:
        input: classes, integers.
        num_classes: how many there are; -1 takes the largest one plus 1.

    Raises:
        IndexError: a class outside 0 to num_classes - 1.

    >>> import lucid
    >>> lucid.nn.functional.one_hot(lucid.tensor([1, 0]), 2).tolist()
    [[0, 1], [1, 0]]
    """
    check_integers("one_hot", input)
    if num_classes == -1:
        if input.numel() == 0:
            raise ValueError("one_hot of nothing needs num_classes")
        num_classes = int(np.array(input.array).max()) + 1
    if num_classes < 1 and input.numel():
        raise ValueError(f"one_hot: num_classes must be at least 1, or -1, got {num_classes}")
    check_classes("one_hot", input, num_classes)
    hot = mx.expand_dims(input.array, -1) == mx.arange(num_classes)
    return Tensor._wrap(hot.astype(mx.int64), input.device)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` that `input` names.

    Shapes: input (...), weight (rows, D) -> (..., D).

    Args:
        input: integers from 0 to rows - 1.
        weight: the table.
        padding_idx: a row that gets no gradient.
        max_norm: rows that are taken and longer than this are first scaled down, in place.
        norm_type: p of the norm meant by max_norm.
        scale_grad_by_freq: divide a row's gradient by how often it is taken.
        sparse: only False is offered: gradients are dense.

    Raises:
        IndexError: a number outside the table.

    >>> import lucid
    >>> table = lucid.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> lucid.nn.functional.embedding(lucid.tensor([1, 0]), table).tolist()
    [[3.0, 4.0], [1.0, 2.0]]
    """
    check_integers("embedding", input)
    check_table("embedding", weight, sparse)
    padding = padding_row("embedding", padding_idx, weight.shape[0])
    index = checked("embedding", input, weight.shape[0], 0, wraps=False)
    if max_norm is not None:
        shorten(weight, index, max_norm, norm_type)
    return rows(weight, index=index, padding=padding, by_frequency=scale_grad_by_freq)


def check_integers(name: str, x: Any) -> None:
    if not isinstance(x, Tensor) or not mx.issubdtype(x.dtype, mx.integer):
        raise TypeError(
            f"{name} expects integers, got {x.dtype if isinstance(x, Tensor) else type(x).__name__}"
        )


def check_table(name: str, weight: Tensor, sparse: bool) -> None:
    if sparse:
        raise ValueError(f"{name}: sparse gradients are not offered; use sparse=False")
    if weight.ndim != 2:
        raise ValueError(f"{name} expects a weight of shape (rows, D), got {weight.shape}")


def padding_row(name: str, padding_idx: int | None, count: int) -> int | None:
    if padding_idx is None:
        return None
    if not -count <= padding_idx < count:
        raise ValueError(
            f"{name}: padding_idx must be from {-count} to {count - 1}, the table having {count} "
            f"rows, got {padding_idx}"
        )
    return padding_idx % count


def shorten(weight: Tensor, index: mx.array, max_norm: float, norm_type: float) -> None:
    """Scale the rows that `index` names down to `max_norm`, in place."""
    if not index.size:
        return
    taken = np.unique(np.array(index))
    with no_grad():
        table = weight.detach()
        some = table[taken]
        length = ops.norm(some, norm_type, 1, keepdim=True)
        table[taken] = ops.where(length > max_norm, some * (max_norm / (length + 1e-7)), some)
    weight.array = table.array


class Table(Module):
    """What `Embedding` and `EmbeddingBag` share: the table and its settings."""

    _shown: tuple[str, ...]

    def __init__(
        self,
        shape: tuple[int, int],
        settings: dict[str, Any],
        weight: Tensor | None,
        trained: bool,
        new: dict[str, Any],
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.num_embeddings = positive(name, "num_embeddings", shape[0])
        self.embedding_dim = positive(name, "embedding_dim", shape[1])
        self.padding_idx = padding_row(name, settings.pop("padding_idx"), shape[0])
        for setting, value in settings.items():
            setattr(self, setting, value)
        table = Tensor.zeros(shape, **new) if weight is None else weight
        check_table(name, table, settings["sparse"])
        if table.shape != shape:
            raise ValueError(f"{name} expects a weight of shape {shape}, got {table.shape}")
        self.weight = Parameter(table, requires_grad=trained)
        if weight is None:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal of variance 1; the padding row zeros."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def extra_repr(self) -> str:
        defaults = {"padding_idx": None, "max_norm": None, "norm_type": 2.0,
                    "scale_grad_by_freq": False, "mode": ""}  # fmt: skip
        shown = [f"{self.num_embeddings}, {self.embedding_dim}"]
        shown += [
            f"{name}={getattr(self, name)!r}"
            for name in self._shown
            if getattr(self, name) != defaults[name]
        ]
        return ", ".join(shown)


class Embedding(Table):
    """A table of learned vectors.

    Shapes: input (...) of integers -> (..., embedding_dim).

    Args:
        num_embeddings: rows of the table.
        embedding_dim: size of each.
        padding_idx: a row that starts as zeros and gets no gradient.
        max_norm, norm_type, scale_grad_by_freq, sparse: as in `nn.functional.embedding`.
        device, dtype: of the table.

    Attributes:
        weight: (num_embeddings, embedding_dim), from the normal distribution of variance 1.

    Raises:
        IndexError: a number outside the table.

    >>> import lucid
    >>> lucid.nn.Embedding(10, 3)(lucid.tensor([[1, 2, 4, 5], [4, 3, 2, 9]])).shape
    (2, 4, 3)
    """

    _shown = ("padding_idx", "max_norm", "norm_type", "scale_grad_by_freq")

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        settings = {
            "padding_idx": padding_idx, "max_norm": max_norm, "norm_type": norm_type,
            "scale_grad_by_freq": scale_grad_by_freq, "sparse": sparse,
        }  # fmt: skip
        new = {"device": device, "dtype": dtype}
        super().__init__((num_embeddings, embedding_dim), settings, _weight, not _freeze, new)

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None,
        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:  # fmt: skip
        """An Embedding of given vectors (rows, D), which are not trained unless freeze=False.

        >>> import lucid
        >>> table = lucid.nn.Embedding.from_pretrained(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]))
        >>> table(lucid.tensor(1))
        Tensor([3., 4.], grad=None)
        """
        check_table(cls.__name__, embeddings, sparse)
        rows, size = embeddings.shape
        return cls(
            rows, size, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
            _weight=embeddings, _freeze=freeze,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        return embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
            self.scale_grad_by_freq, self.sparse,
        )  # fmt: skip
