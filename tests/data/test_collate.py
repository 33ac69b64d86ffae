"""Batches of items, however they are nested."""

from collections import namedtuple

import numpy as np
import pytest

import lucid
from lucid.data import default_collate, pad_collate

Pair = namedtuple("Pair", "audio name")


def test_nesting_is_kept():
    items = [{"x": np.ones((1, 4)), "y": (i, float(i)), "z": "ab"[i], "n": None} for i in range(2)]
    batch = default_collate(items)
    assert batch["x"].shape == (2, 1, 4)
    assert batch["x"].dtype == lucid.float32
    assert batch["y"][0].tolist() == [0, 1]
    assert batch["y"][0].dtype == lucid.int64
    assert batch["y"][1].dtype == lucid.float32
    assert isinstance(batch["y"], tuple)
    assert batch["z"] == ["a", "b"]
    assert batch["n"] == [None, None]
    pair = default_collate([Pair(np.ones(2), "a"), Pair(np.zeros(2), "b")])
    assert isinstance(pair, Pair)
    assert pair.audio.tolist() == [[1, 1], [0, 0]]
    assert isinstance(default_collate([[1, 2], [3, 4]]), list)


def test_leaves():
    assert default_collate([True, False]).dtype == lucid.bool
    assert default_collate([np.int32(1), np.int32(2)]).dtype == lucid.int32
    assert default_collate([1, 2.5]).tolist() == [1.0, 2.5]
    assert default_collate([np.zeros(2, np.uint8)] * 3).dtype == lucid.uint8
    tensors = default_collate([lucid.ones(2, 3), lucid.zeros(2, 3)])
    assert tensors.shape == (2, 2, 3)
    half = default_collate([lucid.ones(2, dtype=lucid.bfloat16)] * 2)
    assert half.dtype == lucid.bfloat16


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "at least one item, got none"),
        ([np.ones((1, 3)), np.ones((1, 4))], r"differ in shape: \(1, 3\), \(1, 4\);.*pad_collate"),
        ([lucid.ones(3), lucid.ones(4)], r"differ in shape: \(3,\), \(4,\)"),
        ([{"a": 1}, {"b": 1}], "differ in their keys"),
        ([(1, 2), (1,)], r"differ in length: \[1, 2\]"),
    ],
)
def test_default_collate_refuses(items, message):
    with pytest.raises(ValueError, match=message):
        default_collate(items)


def test_pad_collate():
    items = [(np.full((2, n), n, np.float32), n, f"clip {n}") for n in (3, 1, 2)]
    padded, lengths, numbers, names = pad_collate(items)
    assert padded.tolist() == [
        [[3, 3, 3]] * 2,
        [[1, 0, 0]] * 2,
        [[2, 2, 0]] * 2,
    ]
    assert lengths.tolist() == numbers.tolist() == [3, 1, 2]
    assert lengths.dtype == lucid.int64
    assert names == ["clip 3", "clip 1", "clip 2"]
    padded, lengths = pad_collate([np.ones(2), lucid.ones(3)], multiple=8, value=-1)
    assert padded.shape == (2, 8)
    assert padded[0].tolist() == [1, 1, -1, -1, -1, -1, -1, -1]


@pytest.mark.parametrize(
    ("items", "options", "message"),
    [
        ([], {}, "at least one item"),
        ([np.ones(2)], {"multiple": 0}, "multiple of at least 1, got 0"),
        ([np.ones((1, 2)), np.ones((2, 2))], {}, r"only the last axis may differ.*\(1, 2\), \(2"),
        ([np.float32(1)], {}, r"only the last axis may differ, got items of shapes \(\)"),
    ],
)
def test_pad_collate_refuses(items, options, message):
    with pytest.raises(ValueError, match=message):
        pad_collate(items, **options)


def test_pad_collate_cuts_no_fraction_off():
    assert pad_collate([np.array([1, 2]), np.array([0.5])])[0].tolist() == [[1, 2], [0.5, 0]]
    assert pad_collate([np.array([1, 2]), np.array([3])], value=0.5)[0].tolist() == [
        [1, 2],
        [3, 0.5],
    ]
    assert pad_collate([np.array([1, 2]), np.array([3])])[0].dtype == lucid.int64
