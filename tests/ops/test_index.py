"""Reading and writing parts of a tensor, against NumPy."""

import numpy as np
import pytest

import lucid

X = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
KEYS = [
    0,
    -1,
    slice(1, 3),
    slice(None, None, 2),
    slice(5, 2),
    slice(-100, 100),
    slice(None, None, -1),
    (slice(None), slice(3, 0, -2)),
    (slice(0, 0, -1), ...),
    None,
    ...,
    (),
    (0, ...),
    (..., 0),
    (0, 1, 2),
    (slice(None), None, 1),
    (slice(None), slice(1, None, 2), -1),
    [0, 2, 0],
    ([0, 1], [1, 3]),
    (slice(None), [3, 0], [0, -5]),
    ([0, 1], slice(None), [1, 1]),
    ([[0], [2]], [[1, 2]]),
    (..., [1, 0]),
    (None, [1, 1]),
    ([1, 1], None),
    ([0, 1], None, [1, 0]),
    (slice(1, None), [0, 3], slice(0, 2)),
    (slice(None, None, -1), [0, 3]),
    np.array([True, False, True]),
    (slice(None), np.array([True, False, True, True])),
    (np.array([True, False, True]), slice(1, 2), [1]),
    X % 3 == 0,
    X < 0,
    (X[..., 0] % 2 == 0, 1),
    True,
    False,
    [],
    (np.int64(1), np.array([0, 2], np.uint8)),
]
IDS = [f"{i}" for i in range(len(KEYS))]


@pytest.mark.parametrize("key", KEYS, ids=IDS)
def test_reading(key):
    np.testing.assert_array_equal(lucid.tensor(X)[key].numpy(), X[key])


@pytest.mark.parametrize("key", KEYS, ids=IDS)
def test_gradient_of_reading_adds_up(key):
    x = lucid.tensor(X, requires_grad=True)
    y = x[key]
    weights = np.arange(1.0, 1 + y.numel(), dtype=np.float32).reshape(y.shape)
    y.backward(lucid.tensor(weights))
    expected = np.zeros_like(X)
    np.add.at(expected, key, weights)
    np.testing.assert_array_equal(x.grad.numpy(), expected)


@pytest.mark.parametrize("key", KEYS, ids=IDS)
@pytest.mark.parametrize("full", [True, False])
def test_writing(key, full):
    x, expected = lucid.tensor(X), X.copy()
    value = -np.arange(1.0, 1 + X[key].size, dtype=np.float32).reshape(X[key].shape)
    value = value if full else np.float32(7)
    x[key] = lucid.tensor(value)
    expected[key] = value
    np.testing.assert_array_equal(x.numpy(), expected)


@pytest.mark.parametrize("key", KEYS, ids=IDS)
def test_gradients_of_writing(key):
    places = np.arange(X.size).reshape(X.shape)[key]
    if len(np.unique(places)) < places.size:
        pytest.skip("which of several values stays is not defined")
    x, v = lucid.tensor(X, requires_grad=True), lucid.tensor([2.0], requires_grad=True)
    y = x * 1
    y[key] = v
    weights = np.arange(1.0, 61, dtype=np.float32).reshape(X.shape)
    y.backward(lucid.tensor(weights))
    rest = weights.copy()
    rest[key] = 0
    np.testing.assert_array_equal(x.grad.numpy(), rest)
    np.testing.assert_allclose(v.grad.numpy(), [weights.sum() - rest.sum()])


def test_keys_may_be_tensors():
    x = lucid.tensor(X)
    index, mask = lucid.tensor([2, 0]), lucid.tensor([True, False, True])
    np.testing.assert_array_equal(x[index].numpy(), X[[2, 0]])
    np.testing.assert_array_equal(x[:, index, 1].numpy(), X[:, [2, 0], 1])
    np.testing.assert_array_equal(x[mask, 0].numpy(), X[[0, 2], 0])
    np.testing.assert_array_equal(x[lucid.tensor(1)].numpy(), X[1])
    np.testing.assert_array_equal(x[lucid.tensor(1) :].numpy(), X[1:])


def test_an_int_beside_an_index_array_is_taken_first_as_in_torch():
    assert lucid.zeros(3, 4, 5)[0, :, [0, 1]].shape == (4, 2)  # NumPy: (2, 4)


def test_a_mask_takes_several_values():
    x = lucid.tensor([1.0, 2.0, 3.0])
    x[x > 1.5] = lucid.tensor([8.0, 9.0])
    assert x.tolist() == [1, 8, 9]


def test_assignment_takes_the_dtype_of_the_tensor():
    x = lucid.arange(3)
    x[0] = 2.7
    x[1:] = lucid.tensor([5.5, 6.5])
    assert x.tolist() == [2, 5, 6]
    assert x.dtype == lucid.int64


def test_assignment_does_not_reach_other_tensors():
    x = lucid.zeros(3)
    part = x[:2]
    part[0] = 1
    same = x[:]
    same += 1
    assert x.tolist() == [0, 0, 0]


def test_a_leaf_that_requires_grad_is_not_written_while_recording():
    x = lucid.zeros(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="cannot be changed in place while recording"):
        x[0] = 1
    with lucid.no_grad():
        x[0] = 1
    assert x.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (3, "index 3 is out of range for dimension 0 of size 3"),
        (-4, "index -4 is out of range for dimension 0 of size 3"),
        ((0, 9), "index 9 is out of range for dimension 1 of size 4"),
        ([0, 10**9], "index 1000000000 is out of range for dimension 0 of size 3"),
        ((slice(None), [-5]), "index -5 is out of range for dimension 1 of size 4"),
        ((0, 0, 0, 0), "too many indices: 4 for a tensor of shape"),
        ((..., ...), "a single Ellipsis"),
        (1.0, "got float"),
        ([1.0], "got of dtype float64"),
        ("a", "got str"),
        (np.array([True, False]), r"mask of shape \(2,\) does not fit dimensions 0 to 0"),
        (([0, 1], [0, 1, 2]), r"index arrays of shapes \(2,\), \(3,\) do not broadcast"),
    ],
)
def test_bad_keys(key, message):
    x = lucid.tensor(X)
    with pytest.raises(IndexError, match=message):
        x[key]
    with pytest.raises(IndexError, match=message):
        x[key] = 0


def test_bad_index_tensors():
    with pytest.raises(IndexError, match="index 7 is out of range for dimension 0 of size 3"):
        lucid.tensor(X)[lucid.tensor([0, 7])]
    with pytest.raises(IndexError, match="got of dtype"):
        lucid.tensor(X)[lucid.tensor([0.0])]
    with pytest.raises(IndexError, match="dimension 0 of size 0"):
        lucid.zeros(0, 2)[[0]]


def test_a_value_that_does_not_fit():
    with pytest.raises(ValueError, match=r"value of shape \(2,\) to a part of shape \(4, 5\)"):
        lucid.tensor(X)[0] = lucid.ones(2)


def test_gather_and_friends():
    index = np.array([[[3, 0, 2, 1, 1]], [[0, 0, 0, 0, 2]]])
    x = lucid.tensor(X, requires_grad=True)
    y = lucid.gather(x, 1, lucid.tensor(index))
    np.testing.assert_array_equal(y.numpy(), np.take_along_axis(X[:2], index, 1))
    y.sum().backward()
    expected = np.zeros_like(X)
    np.add.at(expected, (np.arange(2)[:, None, None], index, np.arange(5)), 1)
    np.testing.assert_array_equal(x.grad.numpy(), expected)
    assert x.index_select(1, lucid.tensor([3, 3])).shape == (3, 2, 5)
    order = np.argsort(-X, axis=2)
    np.testing.assert_array_equal(x.take_along_dim(lucid.tensor(order), 2).numpy(), X[..., ::-1])
    assert x.take_along_dim(lucid.tensor([[[0]]]), 1).shape == (3, 1, 5)
    filled = x.masked_fill(lucid.tensor(X > 3), -1.0)
    np.testing.assert_array_equal(filled.numpy(), np.where(X > 3, -1, X))


def test_gather_refuses():
    x = lucid.zeros(2, 3)
    with pytest.raises(IndexError, match="index 3 is out of range for dimension 1 of size 3"):
        lucid.gather(x, 1, lucid.tensor([[3]]))
    with pytest.raises(ValueError, match="an index of 2 dimensions"):
        lucid.gather(x, 1, lucid.tensor([0]))
    with pytest.raises(ValueError, match="an index of 2 dimensions"):
        lucid.gather(x, 1, lucid.tensor([[0]] * 3))
    with pytest.raises(IndexError, match="index 2 is out of range"):
        x.index_select(0, lucid.tensor([2]))
    with pytest.raises(TypeError, match="a Tensor of bools as its mask"):
        x.masked_fill(x, 0.0)
