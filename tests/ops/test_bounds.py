"""Indices out of range: refused where looking at them costs nothing, else harmless."""

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid.autograd.debugging import is_debugging
from lucid.ops import bounds

X = lucid.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
FLAT = lucid.tensor([1.0, 2.0, 3.0])
ONE = lucid.ones(1, 1)
MANY = 10**9  # far outside of the process's memory

# The name in the message, a function of an index tensor, the index's number of dimensions, the size
# that it must stay below, and whether a negative one counts from the end.
CASES = {
    "indexing": (lambda i: X[:, i], 1, 3, True),
    "gather": (lambda i: X.gather(1, i), 2, 3, False),
    "take": (lambda i: X.take(i), 1, 6, True),
    "take_along_dim": (lambda i: X.take_along_dim(i, 1), 2, 3, True),
    "index_select": (lambda i: X.index_select(0, i), 1, 2, False),
    "scatter": (lambda i: X.scatter(1, i, 9.0), 2, 3, False),
    "scatter_add": (lambda i: X.scatter_add(1, i, ONE), 2, 3, False),
    "scatter_reduce": (lambda i: X.scatter_reduce(1, i, ONE, "amax"), 2, 3, False),
    "index_add": (lambda i: X.index_add(0, i, lucid.ones(1, 3)), 1, 2, False),
    "index_copy": (lambda i: X.index_copy(0, i, lucid.ones(1, 3)), 1, 2, False),
    "index_fill": (lambda i: X.index_fill(0, i, 9.0), 1, 2, True),
    "index_reduce": (lambda i: X.index_reduce(0, i, lucid.ones(1, 3), "prod"), 1, 2, False),
    "put": (lambda i: X.put(i, ONE), 1, 6, True),
}
WRITING = {
    "setitem": lambda i: FLAT.clone().__setitem__(i, 5.0),
    "index_put": lambda i: FLAT.index_put((i,), lucid.ones(1), accumulate=True),
    "index_put_": lambda i: FLAT.clone().index_put_((i,), lucid.ones(1)),
}


@pytest.fixture
def on_gpu(monkeypatch):
    """As if a GPU were computing every index tensor."""
    lies_on_gpu = lambda index: isinstance(index, lucid.Tensor | mx.array)  # noqa: E731
    monkeypatch.setattr(bounds, "lies_on_gpu", lies_on_gpu)


def computed(ndim, value):
    """An index that no one can have looked at."""
    return lucid.full((1,) * ndim, value - 1) + 1


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("value", [MANY, -MANY, None])
def test_an_index_tensor_on_the_cpu_is_checked(name, value):
    call, ndim, n, wraps = CASES[name]
    value = -n - 1 if value is None and wraps else -1 if value is None else value
    with pytest.raises(IndexError, match=rf"{name}: index {value} is out of range for dimension "):
        call(computed(ndim, value))


@pytest.mark.parametrize("call", WRITING.values(), ids=WRITING)
def test_writing_out_of_range(call):
    with pytest.raises(IndexError, match=r"index 3 is out of range for dimension 0 of size 3"):
        call(computed(1, 3))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("value", [MANY, -MANY])
def test_an_index_that_a_gpu_computes_is_limited(on_gpu, name, value):
    call, ndim, n, _ = CASES[name]
    expected = call(computed(ndim, n - 1 if value > 0 else 0))
    np.testing.assert_array_equal(call(computed(ndim, value)).numpy(), expected.numpy())


@pytest.mark.parametrize("name", CASES)
def test_an_index_from_python_is_checked_wherever_it_lies(on_gpu, name):
    call, ndim, _, _ = CASES[name]
    with pytest.raises(IndexError, match=rf"{name}: index {MANY} is out of range"):
        call(lucid.tensor(np.full((1,) * ndim, MANY)))
    with pytest.raises(IndexError, match=f"index {MANY} is out of range"):
        X[[MANY]]


def test_an_index_from_python_stays_known_where_nothing_changes(on_gpu):
    index = lucid.tensor([MANY]).to("cpu").long()
    with pytest.raises(IndexError, match=f"index {MANY} is out of range"):
        FLAT[index]


def test_an_index_that_was_written_to_is_no_longer_from_python(on_gpu):
    index = lucid.tensor([0])
    index += MANY
    assert FLAT[index].tolist() == [3]


@pytest.mark.parametrize("name", CASES)
def test_debug_checks_what_a_gpu_computes(on_gpu, name):
    call, ndim, _, _ = CASES[name]
    message = rf"{name}: index {MANY} is out of range for dimension . of size ."
    with lucid.debug(), pytest.raises(IndexError, match=message):
        call(computed(ndim, MANY))
    call(computed(ndim, MANY))


def test_the_message_says_where_in_the_index(on_gpu):
    index = lucid.tensor([[0, 1], [2, 7]]) + 0
    with (
        lucid.debug(),
        pytest.raises(
            IndexError,
            match=r"take: index 7 is out of range for dimension 0 of size 6 \(at position \(1, 1\)",
        ),
    ):
        X.take(index)


def test_debug_as_a_switch():
    lucid.debug(True)
    assert lucid.autograd.debugging.is_debugging()
    with lucid.debug(False):
        assert not lucid.autograd.debugging.is_debugging()
    assert lucid.autograd.debugging.is_debugging()
    lucid.debug(False)
    assert not lucid.autograd.debugging.is_debugging()


def test_nothing_to_index():
    empty = lucid.zeros(0)
    assert empty[lucid.zeros(0, dtype=lucid.int64)].shape == (0,)
    with pytest.raises(IndexError, match="dimension 0 of size 0"):
        empty[lucid.tensor([0])]


def test_while_mlx_traces_an_index_is_limited():
    def picked(i):
        with lucid.autograd.laziness.tracing():
            return FLAT[lucid.Tensor._wrap(i, "cpu")].array

    assert mx.compile(picked)(mx.array([MANY, -MANY, 1])).tolist() == [3, 1, 2]


@pytest.mark.parametrize("index", [[1.0], [True]])
def test_an_index_that_is_not_of_integers(index):
    with pytest.raises(IndexError, match="an index must be of integers"):
        X.take(lucid.tensor(index))


def test_a_switch_may_be_entered_again():
    switch = lucid.debug()
    with switch, switch:
        assert is_debugging()
    assert not is_debugging()
    with switch:
        assert is_debugging()
    assert not is_debugging()
