"""Samplers, and what torch's DataLoader takes besides."""

from collections import Counter

import numpy as np
import pytest

import lucid
from lucid.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def seeded(seed=0):
    return lucid.Generator().manual_seed(seed)


def test_orders():
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    order = list(RandomSampler(range(50), generator=seeded()))
    assert sorted(order) == list(range(50))
    assert order != sorted(order)
    assert order == list(RandomSampler(range(50), generator=seeded()))
    longer = list(RandomSampler(range(3), num_samples=8))
    assert [sorted(longer[:3]), sorted(longer[3:6]), len(longer)] == [[0, 1, 2], [0, 1, 2], 8]
    assert max(Counter(RandomSampler(range(5), replacement=True, num_samples=50)).values()) > 1
    assert sorted(SubsetRandomSampler([7, 3, 5])) == [3, 5, 7]
    batches = BatchSampler(SequentialSampler(range(7)), 3, drop_last=True)
    assert (list(batches), len(batches)) == ([[0, 1, 2], [3, 4, 5]], 2)


def test_weights_are_probabilities():
    weights = np.array([1.0, 0.0, 3.0, 6.0])
    drawn = Counter(WeightedRandomSampler(weights, 20_000, generator=seeded()))
    expected = weights / weights.sum() * 20_000
    counts = np.array([drawn[i] for i in range(4)])
    assert counts[1] == 0
    kept = expected > 0
    chi_square = ((counts - expected)[kept] ** 2 / expected[kept]).sum()
    assert chi_square < 13.8  # exceeded by chance once in 1000; the seed is fixed
    assert sorted(WeightedRandomSampler(weights, 3, replacement=False)) == [0, 2, 3]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: WeightedRandomSampler([1.0, -1.0], 2),
            r"got shape .* from -1\.0 to",
        ),
        (lambda: WeightedRandomSampler([0.0, 0.0], 2), "2 samples from 0 items with a weight"),
        (lambda: WeightedRandomSampler([1.0, 0.0], 2, False), "2 samples from 1 items"),
        (
            lambda: WeightedRandomSampler([1.0], 0),
            "num_samples must be an int of at least 1",
        ),
        (lambda: RandomSampler([]), "RandomSampler: num_samples must be an int of at least 1"),
        (
            lambda: BatchSampler([1], 1.5, False),
            r"batch_size must be an int .* got 1\.5",
        ),
    ],
)
def test_what_cannot_be_drawn(make, message):
    with pytest.raises(ValueError, match=message):
        make()


class Stream(IterableDataset):
    def __iter__(self):
        return (2 * x for x in lucid.arange(5.0, step=0.5))  # pending when a worker gets them


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_in_batches(workers):
    loader = DataLoader(Stream(), batch_size=4, num_workers=workers)
    assert [b.tolist() for b in loader] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(list(DataLoader(Stream(), batch_size=4, drop_last=True))) == 2
    with pytest.raises(TypeError, match="Stream has no length; iterate over the loader"):
        len(loader)
    with pytest.raises(ValueError, match="an IterableDataset come in its own order"):
        DataLoader(Stream(), shuffle=True)
    with pytest.raises(RuntimeError, match="collating 4 items raised ZeroDivisionError"):
        next(iter(DataLoader(Stream(), 4, num_workers=workers, collate_fn=lambda items: 1 / 0)))


def test_the_arguments_of_torch():
    started = []
    loader = DataLoader(
        range(8),
        batch_size=2,
        shuffle=True,
        num_workers=2,
        pin_memory=True,
        persistent_workers=True,
        worker_init_fn=started.append,
        generator=seeded(3),
        prefetch_factor=None,
        timeout=30,
    )
    first = [b.tolist() for b in loader]
    assert sorted(i for batch in first for i in batch) == list(range(8))
    assert set(started) <= {0, 1}
    assert started
    again = DataLoader(range(8), batch_size=2, shuffle=True, generator=seeded(3))
    assert [b.tolist() for b in again] == first
    sampler = WeightedRandomSampler([0.0, 1.0], 4)
    assert [b.tolist() for b in DataLoader([5, 6], 2, sampler=sampler)] == [[6, 6], [6, 6]]
