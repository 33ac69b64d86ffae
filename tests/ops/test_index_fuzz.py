"""Random keys: reading, its gradient, and writing, against torch."""

import numpy as np
import pytest

import lucid

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity


def one_dimensional(rng, n):
    """An index array of a dimension of size n, or None where there is nothing to name."""
    shape = [(), (1,), (3,), (2, 1), (2, 3)][rng.integers(5)]
    return rng.integers(-n, n, shape) if n else np.zeros(0, np.int64)


def piece(rng, shape, axis):
    """One element of a key that speaks for dimension `axis`, and for how many dimensions."""
    n, kind = shape[axis], rng.integers(10)
    if kind < 4:
        start, stop = (
            None if rng.random() < 0.3 else int(k) for k in rng.integers(-n - 2, n + 3, 2)
        )
        return slice(start, stop, None if rng.random() < 0.5 else int(rng.integers(1, 4))), 1
    if kind < 6 and n:
        return int(rng.integers(-n, n)), 1
    if kind < 8:
        return one_dimensional(rng, n), 1
    count = int(rng.integers(1, len(shape) - axis + 1))
    return rng.random(shape[axis : axis + count]) < 0.5, count


def random_key(rng, shape):
    """A key for a tensor of `shape`: a tuple, or a single element."""
    key, axis = [], 0
    dots = rng.random() < 0.3
    while axis < len(shape) and rng.random() < 0.8:
        if rng.random() < 0.15:
            key.append(None)
        element, count = piece(rng, shape, axis)
        key.append(element)
        axis += count
    if dots and axis == len(shape):
        key.insert(int(rng.integers(len(key) + 1)), Ellipsis)
    elif dots:
        key.append(Ellipsis)
    return key[0] if len(key) == 1 and rng.random() < 0.5 else tuple(key)


def mapped(key, convert):
    if isinstance(key, tuple):
        return tuple(mapped(k, convert) for k in key)
    return convert(key) if isinstance(key, np.ndarray) else key


def as_lucid(rng):
    """Index arrays as tensors, NumPy arrays and lists in turn."""

    def convert(array):
        way = rng.integers(3)
        if way == 0 or (way == 2 and array.ndim == 0):
            return lucid.tensor(array)
        return array if way == 1 and array.ndim else lucid.tensor(array)

    return convert


def described(key):
    return repr(mapped(key, lambda a: f"{a.dtype}{a.shape}"))


@pytest.mark.parametrize("seed", range(20))
def test_random_keys(seed):
    rng = np.random.default_rng(seed)
    for _ in range(12):
        shape = tuple(
            int(n) for n in rng.integers(0 if rng.random() < 0.1 else 1, 5, rng.integers(1, 5))
        )
        key = random_key(rng, shape)
        values = rng.normal(size=shape).astype(np.float32)
        check(rng, values, key)


def check(rng, values, key):
    theirs = torch.tensor(values, requires_grad=True)
    ours = lucid.tensor(values, requires_grad=True)
    their_key, our_key = mapped(key, torch.tensor), mapped(key, as_lucid(rng))
    try:
        expected = theirs[their_key]
    except IndexError:  # index arrays that do not broadcast
        with pytest.raises(IndexError):
            ours[our_key]
        return
    got = ours[our_key]
    message = f"{values.shape} at {described(key)}"
    np.testing.assert_array_equal(got.numpy(), expected.detach().numpy(), err_msg=message)
    weights = rng.normal(size=got.shape).astype(np.float32)
    if got.requires_grad:
        got.backward(lucid.tensor(weights))
        expected.backward(torch.tensor(weights))
        np.testing.assert_allclose(
            ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-5, atol=1e-6, err_msg=message
        )
    number = float(weights.sum())
    written, their_written = ours.detach(), theirs.detach().clone()
    written[our_key], their_written[their_key] = number, number
    np.testing.assert_array_equal(written.numpy(), their_written.numpy(), err_msg=message)
    places = torch.arange(values.size).reshape(values.shape)[their_key]
    if len(places.unique()) < places.numel():
        return  # which of several values stays is not defined
    written, their_written = ours.detach(), theirs.detach().clone()
    written[our_key], their_written[their_key] = lucid.tensor(weights), torch.tensor(weights)
    np.testing.assert_array_equal(written.numpy(), their_written.numpy(), err_msg=message)
