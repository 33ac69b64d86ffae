"""Samplers: iterables of indices, or of lists of indices, for a `DataLoader`. torch's names.

Their random numbers come from a `lucid.Generator`, or from the stream that `lucid.manual_seed`
starts. (`DataLoader(shuffle=True)` draws its order from the loader's own seed, so that a resumed
loader goes on in the same order; a random sampler starts a new order.)
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

import numpy as np

from lucid import random
from lucid.tensor import Tensor


class Sampler:
    """An order of items. Subclasses write `__iter__`, and `__len__` where it is known."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} needs an __iter__")


class SequentialSampler(Sampler):
    """0, 1, ... len(data_source) - 1."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """Indices in random order; with `replacement` each is drawn anew.

    Args:
        data_source: what has a length.
        replacement: an index may come several times.
        num_samples: how many indices; None: as many as there are items. Without replacement,
            more than that start another order.
        generator: where the random numbers come from.

    Raises:
        ValueError: not at least one sample.

    >>> import lucid
    >>> sorted(RandomSampler(range(4)))
    [0, 1, 2, 3]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: random.Generator | None = None,
    ) -> None:
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self.num_samples = len(data_source) if num_samples is None else num_samples
        _check_count("RandomSampler", self.num_samples)

    def __iter__(self) -> Iterator[int]:
        count = len(self.data_source)
        if self.replacement:
            drawn = Tensor.randint(0, count, (self.num_samples,), generator=self.generator)
            return iter(drawn.tolist())
        orders = itertools.chain.from_iterable(
            Tensor.randperm(count, generator=self.generator).tolist() for _ in itertools.count()
        )
        return itertools.islice(orders, self.num_samples)

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """The given indices in random order."""

    def __init__(self, indices: Sequence[int], generator: random.Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        order = Tensor.randperm(len(self.indices), generator=self.generator).tolist()
        return (int(self.indices[i]) for i in order)

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Indices drawn with the probabilities weights / sum(weights), as for rare classes.

    Args:
        weights: one number for each item, none negative, not all 0.
        num_samples: how many indices.
        replacement: an index may come several times.
        generator: where the random numbers come from.

    Raises:
        ValueError: weights that are no probabilities, or fewer of them than samples are drawn
            without replacement.

    >>> list(WeightedRandomSampler([0.0, 1.0], 3))
    [1, 1, 1]
    """

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: random.Generator | None = None,
    ) -> None:
        values = np.asarray(weights, np.float64)
        if values.ndim != 1 or not np.isfinite(values).all() or (values < 0).any():
            raise ValueError(
                f"WeightedRandomSampler: weights must be a row of numbers from 0 on, got shape "
                f"{values.shape} from {values.min(initial=0)} to {values.max(initial=0)}"
            )
        _check_count("WeightedRandomSampler", num_samples)
        possible = int((values > 0).sum())
        if possible == 0 or (not replacement and num_samples > possible):
            raise ValueError(
                f"WeightedRandomSampler: {num_samples} samples from {possible} items with a "
                "weight above 0; use replacement=True"
            )
        self.weights, self.num_samples = Tensor(values), num_samples
        self.replacement, self.generator = replacement, generator

    def __iter__(self) -> Iterator[int]:
        drawn = random.multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Lists of `batch_size` indices of another sampler.

    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        _check_count("BatchSampler", batch_size, "batch_size")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        return batched(self.sampler, self.batch_size, self.drop_last)

    def __len__(self) -> int:
        items = len(self.sampler)  # type: ignore[arg-type]
        return items // self.batch_size if self.drop_last else -(-items // self.batch_size)


def batched(items: Iterable[Any], size: int, drop_last: bool) -> Iterator[list[Any]]:
    """Lists of `size` items; the last one may be shorter unless `drop_last`."""
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        if len(batch) == size or not drop_last:
            yield batch


def _check_count(name: str, count: Any, what: str = "num_samples") -> None:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"{name}: {what} must be an int of at least 1, got {count!r}")
