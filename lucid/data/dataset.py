"""Datasets: anything with `len(dataset)` and `dataset[index]`; and how random items get an rng."""

from __future__ import annotations

import bisect
import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from lucid import random
from lucid.tensor import Tensor


class Dataset:
    """Items by number. Subclasses write `__len__` and `__getitem__`; random ones `draw` as well.

    `DataLoader` asks for items with `draw(index, rng)`, where `rng` is a `numpy.random.Generator`
    that depends on the loader's seed, the epoch and the index only. So what a dataset draws from it
    (a crop, a gain, a noise) is the same whatever the number of workers, and after a resume. Worker
    threads share the dataset: reading it must not change it.

    Neither method is needed on a subclass only: a list is a dataset, and so is any object with
    `__len__` and `__getitem__`, with or without `draw`.

    >>> class Noise(Dataset):
    ...     def __len__(self):
    ...         return 100
    ...
    ...     def draw(self, index, rng):
    ...         return rng.standard_normal(8).astype(np.float32)
    >>> from lucid.data import DataLoader
    >>> [batch.shape for batch in DataLoader(Noise(), batch_size=50)]
    [(50, 8), (50, 8)]
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} needs a __len__")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs a __getitem__ or a draw")

    def draw(self, index: int, rng: np.random.Generator) -> Any:
        """Item `index`; override it to use `rng`."""
        return self[index]

    def __add__(self, other: Any) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset:
    """Items one after the other, such as from a stream. Subclasses write `__iter__`.

    >>> class Countdown(IterableDataset):
    ...     def __iter__(self):
    ...         return iter([3, 2, 1])
    >>> from lucid.data import DataLoader
    >>> [batch.tolist() for batch in DataLoader(Countdown(), batch_size=2)]
    [[3, 2], [1]]
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} needs an __iter__")


def draw(dataset: Any, index: int, rng: np.random.Generator) -> Any:
    """`dataset.draw(index, rng)` where it has that, else `dataset[index]`."""
    method = getattr(dataset, "draw", None)
    return dataset[index] if method is None else method(index, rng)


def draws(dataset: Any) -> bool:
    """Whether `draw` does anything with the generator that it gets; else none has to be made."""
    if type(dataset) is Subset:
        return draws(dataset.dataset)
    if type(dataset) is ConcatDataset:
        return any(map(draws, dataset.datasets))
    method = getattr(dataset, "draw", None)
    return method is not None and getattr(method, "__func__", None) is not Dataset.draw


def item_seed(seed: int, epoch: int, index: int) -> np.random.SeedSequence:
    """What all random numbers of item `index` come from."""
    return np.random.SeedSequence(seed, spawn_key=(epoch, index))


def item_rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The generator that item `index` gets in `epoch` of a loader with `seed`.

    >>> bool(item_rng(0, 3, 7).random() == item_rng(0, 3, 7).random())
    True
    """
    return np.random.default_rng(item_seed(seed, epoch, index))


class TensorDataset(Dataset):
    """Item `i` is the tuple of the i-th rows of some tensors.

    Raises ValueError where their first sizes differ.

    >>> import lucid
    >>> dataset = TensorDataset(lucid.zeros(4, 3), lucid.arange(4))
    >>> len(dataset), dataset[2][1].item()
    (4, 2)
    """

    def __init__(self, *tensors: Any) -> None:
        rows = {len(tensor) for tensor in tensors}
        if len(rows) != 1:
            raise ValueError(
                f"TensorDataset: expects tensors with one first size, got {sorted(rows)}"
            )
        # Evaluated and outside any graph: other threads will read them
        self.tensors = tuple(Tensor(tensor).detach().eval() for tensor in tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(tensor[_checked(index, len(self))] for tensor in self.tensors)


class Subset(Dataset):
    """The items of `dataset` at `indices`.

    >>> list(Subset("abcd", [3, 0]))
    ['d', 'a']
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = list(indices)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def draw(self, index: int, rng: np.random.Generator) -> Any:
        return draw(self.dataset, self.indices[index], rng)


class ConcatDataset(Dataset):
    """Several datasets, one after the other; `a + b` makes one.

    >>> list(ConcatDataset(["ab", "cde"]))
    ['a', 'b', 'c', 'd', 'e']
    """

    def __init__(self, datasets: Sequence[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: expects at least one dataset, got none")
        self._ends = list(itertools.accumulate(len(dataset) for dataset in self.datasets))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Any:
        dataset, inner = self._locate(index)
        return dataset[inner]

    def draw(self, index: int, rng: np.random.Generator) -> Any:
        dataset, inner = self._locate(index)
        return draw(dataset, inner, rng)

    def _locate(self, index: int) -> tuple[Any, int]:
        index = _checked(index, len(self))
        which = bisect.bisect_right(self._ends, index)
        return self.datasets[which], index - (self._ends[which - 1] if which else 0)


class Map(Dataset):
    """A dataset with `transform(item, rng)` applied to each item: the place for augmentation.

    Read as `dataset[index]`, outside a loader, the generator is that of seed 0 and epoch 0.

    >>> doubled = Map([1, 2, 3], lambda item, rng: 2 * item)
    >>> doubled[2]
    6
    """

    def __init__(self, dataset: Any, transform: Callable[[Any, np.random.Generator], Any]) -> None:
        self.dataset = dataset
        self.transform = transform

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        index = _checked(index, len(self))
        return self.transform(self.dataset[index], item_rng(0, 0, index))

    def draw(self, index: int, rng: np.random.Generator) -> Any:
        return self.transform(draw(self.dataset, index, rng), rng)


def random_split(
    dataset: Any, lengths: Sequence[int | float], seed: int | None = None
) -> list[Subset]:
    """Part `dataset` at random into subsets of the given lengths, or fractions that sum to 1.

    What fractions leave over goes to the first subsets, one item each. Without a `seed` it is drawn
    from Lucid's stream (`lucid.manual_seed`).

    Raises ValueError where the lengths do not sum to the length of the dataset.

    >>> [len(part) for part in random_split(range(10), [0.75, 0.25], seed=0)]
    [8, 2]
    """
    total = len(dataset)
    if any(length < 0 for length in lengths):
        raise ValueError(f"random_split: expects lengths of at least 0, got {list(lengths)}")
    counts = [int(length) for length in lengths]
    if any(isinstance(length, float) for length in lengths):
        if abs(sum(lengths) - 1) > 1e-6:
            raise ValueError(f"random_split: fractions {list(lengths)} do not sum to 1")
        counts = [int(total * fraction) for fraction in lengths]
        for left_over in range(total - sum(counts)):
            counts[left_over % len(counts)] += 1
    if sum(counts) != total:
        raise ValueError(
            f"random_split: lengths {counts} sum to {sum(counts)}, the dataset has {total} items"
        )
    order = np.random.default_rng(fresh_seed() if seed is None else seed).permutation(total)
    ends = list(itertools.accumulate(counts))
    return [
        Subset(dataset, order[end - count : end].tolist())
        for count, end in zip(counts, ends, strict=True)
    ]


def fresh_seed(generator: random.Generator | None = None) -> int:
    """A seed from a generator or from lucid's stream, so that `lucid.manual_seed` governs it."""
    return int(random.randint(0, 2**31 - 1, (1,), generator=generator).item())


def _checked(index: int, length: int) -> int:
    """`index`, counted from the end where negative. MLX itself would read outside the array."""
    index = operator.index(index)
    if not -length <= index < length:
        raise IndexError(f"index {index} lies outside a dataset of {length} items")
    return index % length
