"""Making tensors."""

import numpy as np
import pytest

import lucid
from lucid import Tensor


def test_the_same_functions_in_three_places():
    assert Tensor.randn(1, 4, 5, requires_grad=True).requires_grad
    assert lucid.randn(2).shape == lucid.random.randn(2).shape == (2,)
    assert lucid.zeros((2, 3)).shape == Tensor.zeros(2, 3).shape == (2, 3)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: lucid.zeros(2), np.zeros(2, np.float32)),
        (lambda: lucid.ones(2, 1, dtype=lucid.int8), np.ones((2, 1), np.int8)),
        (lambda: lucid.full((2,), 7), np.full(2, 7)),
        (lambda: lucid.full(2, 0.1, dtype=lucid.float64), np.full(2, 0.1)),
        (lambda: lucid.full((), True), np.array(True)),
        (lambda: lucid.full((1,), lucid.tensor(2.5)), np.full(1, 2.5, np.float32)),
        (lambda: lucid.arange(3), np.arange(3)),
        (lambda: lucid.arange(1, 2, 0.25), np.arange(1, 2, 0.25, np.float32)),
        (lambda: lucid.arange(5, 0, -2), np.arange(5, 0, -2)),
        (lambda: lucid.arange(0), np.arange(0)),
        (lambda: lucid.linspace(0, 1, 5), np.linspace(0, 1, 5, dtype=np.float32)),
        (lambda: lucid.eye(2, 3), np.eye(2, 3, dtype=np.float32)),
        (lambda: lucid.zeros(np.int64(2)), np.zeros(2, np.float32)),
        (lambda: lucid.zeros_like(lucid.arange(2)), np.zeros(2, np.int64)),
        (lambda: lucid.ones_like(lucid.arange(2), dtype=lucid.float32), np.ones(2, np.float32)),
        (lambda: lucid.full_like(lucid.zeros(1), 3), np.full(1, 3, np.float32)),
        (lambda: lucid.arange(1).new_zeros(2, 2), np.zeros((2, 2), np.int64)),
        (lambda: lucid.arange(1).new_ones(2, dtype=lucid.float32), np.ones(2, np.float32)),
        (lambda: lucid.ones(1).new_full((2,), 5), np.full(2, 5, np.float32)),
        (lambda: lucid.ones(1).new_tensor([1, 2]), np.array([1, 2], np.float32)),
    ],
)
def test_values(made, expected):
    x = made()
    np.testing.assert_array_equal(x.numpy(), expected)
    assert x.numpy().dtype == expected.dtype
    assert x.shape == expected.shape


def test_random_numbers():
    lucid.manual_seed(1)
    x = lucid.randn(20_000)
    assert abs(x.mean().item()) < 0.03  # 4 standard errors
    assert abs(x.std().item() - 1) < 0.02
    u = lucid.rand(20_000, dtype=lucid.float64)
    assert u.min() >= 0
    assert u.max() < 1
    assert u.dtype == lucid.float64
    n = lucid.randint(-3, 3, (20_000,))
    assert sorted(set(n.tolist())) == [-3, -2, -1, 0, 1, 2]
    assert n.dtype == lucid.int64
    assert lucid.randint(5, (2, 2)).shape == (2, 2)
    assert sorted(lucid.randperm(10).tolist()) == list(range(10))
    wide = lucid.randint(0, 2**40, (100,))
    assert wide.max().item() > 2**33
    assert len(set((wide % 1024).tolist())) > 80  # the low bits are random too
    assert lucid.randn_like(n[:2].float()).shape == lucid.rand_like(u[:3])[1:].shape == (2,)


def test_empty_ones():
    for make in (lucid.zeros, lucid.ones, lucid.rand, lucid.randn):
        assert make(0, 3).shape == (0, 3)
    assert lucid.randint(3, (0,)).shape == lucid.randperm(0).shape == (0,)


def test_the_stream_can_be_set_back():
    lucid.manual_seed(3)
    lucid.randn(5)
    state = lucid.random.get_state()
    first = lucid.randn(4)
    lucid.random.set_state(state)
    np.testing.assert_array_equal(lucid.randn(4).numpy(), first.numpy())
    lucid.manual_seed(3)
    again = lucid.randn(5)
    lucid.manual_seed(3)
    np.testing.assert_array_equal(lucid.randn(5).numpy(), again.numpy())


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: lucid.zeros(-1), ValueError, r"must not be negative, got \(-1,\)"),
        (lambda: lucid.zeros(2.5), TypeError, r"sizes must be ints, got \(2.5,\)"),
        (lambda: lucid.zeros(True), TypeError, "sizes must be ints"),
        (lambda: lucid.full((1,), 2**70), OverflowError, "does not fit into 64 bits"),
        (lambda: lucid.full((1,), 300, dtype=lucid.uint8), ValueError, "overflow"),
        (lambda: lucid.full((1,), "a"), TypeError, "a number to fill with, got str"),
        (
            lambda: lucid.tensor([300], dtype=lucid.uint8),
            OverflowError,
            "300 does not fit into uint8",
        ),
        (lambda: lucid.randint(0, 2**63, (1,)), ValueError, "draws from -2"),
        (lambda: lucid.arange(0, 1, 0), ValueError, "from 0 to 1 in steps of 0"),
        (lambda: lucid.arange(0, 1, -1), ValueError, "from 0 to 1 in steps of -1"),
        (lambda: lucid.randint(3, 3, (1,)), ValueError, "needs low < high, got low=3 and high=3"),
        (lambda: lucid.manual_seed(2**64), ValueError, "a seed must be an int from -2"),
        (lambda: lucid.manual_seed(1.5), ValueError, "a seed must be an int from -2"),
        (lambda: lucid.zeros(1, dtype=lucid.int32, requires_grad=True), RuntimeError, "floating"),
        (lambda: lucid.zeros(2**20, 2**20, 2**20), MemoryError, "this machine has"),
        (lambda: lucid.randn(2**20, 2**20), MemoryError, "this machine has"),
        (lambda: lucid.eye(2**20), MemoryError, "this machine has"),
        (lambda: lucid.arange(10**15), MemoryError, "this machine has"),
        (lambda: lucid.linspace(0, 1, 10**15), MemoryError, "this machine has"),
        (lambda: lucid.randperm(2**31 - 1 << 20), MemoryError, "this machine has"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
