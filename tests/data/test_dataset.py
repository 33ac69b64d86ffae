"""Datasets and their combinations."""

import numpy as np
import pytest

import lucid
from lucid.data import (
    ConcatDataset,
    Dataset,
    Map,
    Subset,
    TensorDataset,
    item_rng,
    random_split,
)


class Random(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return float(index)

    def draw(self, index, rng):
        return index + rng.random()


def test_tensor_dataset():
    x = lucid.randn(5, 3, requires_grad=True)
    dataset = TensorDataset(x * 2, np.arange(5))
    row, number = dataset[-1]
    np.testing.assert_array_equal(row.numpy(), (x * 2).numpy()[4])
    assert number.item() == 4
    assert not row.requires_grad
    with pytest.raises(IndexError, match="index 5 lies outside a dataset of 5 items"):
        dataset[5]
    with pytest.raises(ValueError, match=r"one first size, got \[4, 5\]"):
        TensorDataset(lucid.zeros(4), lucid.zeros(5))


def test_concat():
    dataset = Random() + range(10, 12)
    assert isinstance(dataset, ConcatDataset)
    assert len(dataset) == 6
    assert [dataset[i] for i in range(-6, 6)] == [0, 1, 2, 3, 10, 11] * 2
    with pytest.raises(IndexError, match="index 6"):
        dataset[6]
    with pytest.raises(IndexError, match="index -7"):
        dataset[-7]
    assert list(ConcatDataset([[], [1], [], [2]])) == [1, 2]
    with pytest.raises(ValueError, match="at least one dataset"):
        ConcatDataset([])


def test_draw_reaches_through_every_wrapper():
    wrapped = Map(Subset(ConcatDataset([[0.0], Random()]), [3, 0]), lambda x, rng: x + rng.random())
    a, b = item_rng(0, 0, 0).random(2)
    assert wrapped.draw(0, item_rng(0, 0, 0)) == 2 + a + b
    assert wrapped.draw(1, item_rng(0, 0, 0)) == 0 + a
    assert wrapped[0] == 2 + a
    assert Dataset.draw(Random(), 1, None) == 1


def test_item_generators_differ_in_each_of_their_numbers():
    base = item_rng(1, 2, 3).random()
    others = [item_rng(*key).random() for key in ((0, 2, 3), (1, 0, 3), (1, 2, 0), (1, 3, 2))]
    assert base not in others
    assert len(set(others)) == 4


def test_random_split():
    parts = random_split(range(10), [6, 4], seed=1)
    assert sorted([*parts[0], *parts[1]]) == list(range(10))
    again = random_split(range(10), [6, 4], seed=1)
    assert list(parts[0]) == list(again[0])
    assert list(parts[0]) != list(random_split(range(10), [6, 4], seed=2)[0])
    assert [len(p) for p in random_split(range(11), [0.5, 0.25, 0.25], seed=0)] == [6, 3, 2]
    assert [len(p) for p in random_split([], [0.5, 0.5], seed=0)] == [0, 0]
    lucid.manual_seed(3)
    once = list(random_split(range(10), [6, 4])[0])
    lucid.manual_seed(3)
    assert list(random_split(range(10), [6, 4])[0]) == once


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([6, 5], r"lengths \[6, 5\] sum to 11, the dataset has 10 items"),
        ([0.6, 0.3], r"fractions \[0.6, 0.3\] do not sum to 1"),
        ([12, -2], r"lengths of at least 0, got \[12, -2\]"),
    ],
)
def test_random_split_refuses(lengths, message):
    with pytest.raises(ValueError, match=message):
        random_split(range(10), lengths)


def test_what_a_subclass_forgot():
    with pytest.raises(NotImplementedError, match="Dataset needs a __len__"):
        len(Dataset())
    with pytest.raises(NotImplementedError, match="Dataset needs a __getitem__ or a draw"):
        Dataset()[0]


def test_a_position_is_a_whole_number():
    with pytest.raises(TypeError, match="float"):
        TensorDataset(lucid.zeros(4))[1.5]
