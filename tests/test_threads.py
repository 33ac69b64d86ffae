"""How many threads compute, and tensors that go from one thread to another."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import lucid
from lucid import _shards, nn
from lucid.autograd import laziness
from lucid.data import DataLoader

SHAPE = (8, 16, 1 << 13)  # enough for shards, and to be computed in the background


@pytest.fixture(autouse=True)
def threads():
    before = _shards._cores
    lucid.set_num_threads(2)
    yield
    _shards._cores = before


def signal(seed=0):
    return np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)


def in_thread(function):
    """What the function returns in a thread of its own, which ends."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    assert found, "it raised"
    return found[0]


def shards_of(tensor):
    return len(_shards.of(tensor.array) or [tensor])


def test_as_many_shards_as_threads():
    for count in (1, 2, 3, 8):
        lucid.set_num_threads(count)
        assert lucid.get_num_threads() == count
        assert shards_of(lucid.from_numpy(signal()) + 1) == count


def test_more_threads_than_mlx_keeps_busy():
    lucid.set_num_threads(100)
    assert lucid.get_num_threads() == _shards._MOST


@pytest.mark.parametrize("count", [2.0, "2", None, True])
def test_a_number_of_threads_is_an_int(count):
    with pytest.raises(TypeError, match=f"expects an int, got {count!r} .*pass the number"):
        lucid.set_num_threads(count)


@pytest.mark.parametrize("count", [0, -1])
def test_a_thread_at_least(count):
    with pytest.raises(ValueError, match=f"at least 1 thread, got {count}; 1 uses one core"):
        lucid.set_num_threads(count)


@pytest.mark.parametrize(
    ("variable", "count"), [("1", 1), ("3", 3), ("4,2", 4), ("99", _shards._MOST)]
)
def test_the_variable_of_openmp_counts(variable, count):
    assert _started_with(variable) == count


@pytest.mark.parametrize("variable", ["", "0", "-2", "all"])
def test_without_the_variable_the_cores_count(variable):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert _started_with(variable) == min(cores, _shards._MOST)


def _started_with(variable):
    program = "from lucid import _shards; print(_shards.get_num_threads())"
    environment = {**os.environ, "OMP_NUM_THREADS": variable}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.parametrize(("before", "after"), [(2, 3), (3, 2), (2, 1), (1, 2)])
def test_another_number_while_a_graph_is_recorded(before, after):
    def network():
        lucid.manual_seed(0)
        return nn.Sequential(
            nn.Conv1d(16, 16, 3, bias=False), nn.BatchNorm1d(16), nn.PReLU(16), nn.Tanh()
        )

    def values(first, second):
        model, x = network(), lucid.from_numpy(signal()).requires_grad_()
        lucid.set_num_threads(first)
        y = model(x)
        lucid.set_num_threads(second)
        (y * y + y).mean().backward()
        return [t.numpy() for t in (y, x.grad, *(p.grad for p in model.parameters()))]

    for ours, expected in zip(values(before, after), values(1, 1), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=2e-4, atol=2e-5 * np.abs(expected).max())


def test_a_gradient_is_read_in_another_thread():
    x = lucid.from_numpy(signal()).requires_grad_()
    (x * x).mean().backward()
    np.testing.assert_allclose(in_thread(x.grad.numpy), signal() * 2 / x.numel(), rtol=1e-5)
    (slope,) = lucid.autograd.grad((x * x).sum(), x)
    np.testing.assert_allclose(in_thread(slope.numpy), signal() * 2, rtol=1e-5)


def test_a_thread_that_ended_leaves_its_gradients():
    def train():
        x = lucid.from_numpy(signal()).requires_grad_()
        (x * x).mean().backward()
        return x.grad

    np.testing.assert_allclose(in_thread(train).numpy(), signal() * 2 / signal().size, rtol=1e-5)


def test_a_graph_goes_back_in_another_thread():
    x = lucid.from_numpy(signal()).requires_grad_()
    loss = lucid.tanh(x * 2).sum()
    loss.eval()
    in_thread(lambda: loss.backward() or True)
    expected = 2 / np.cosh(2.0 * signal()) ** 2
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-3, atol=1e-5)


def test_workers_of_a_loader_read_what_was_computed_in_shards():
    tensor = lucid.from_numpy(signal()) * 2 + 1

    class Rows:
        def __len__(self):
            return len(tensor)

        def __getitem__(self, index):
            return tensor[index]

    assert shards_of(tensor) == 2
    batches = list(DataLoader(Rows(), batch_size=2, num_workers=2))
    rows = np.concatenate([batch.numpy() for batch in batches])
    np.testing.assert_allclose(rows, signal() * 2 + 1, rtol=1e-6)


def test_what_nobody_holds_is_forgotten():
    laziness.flush()
    held = lucid.from_numpy(signal()) + 1
    for i in range(3):
        lucid.from_numpy(signal()) * i
    assert list(laziness._thread.recent.in_shards.values()) == [held]


def test_an_interrupt_leaves_shards_to_be_made():
    x = lucid.from_numpy(signal())

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _shards.each([interrupted, interrupted])
    assert not _shards.is_inside()
    assert shards_of(x + 1) == 2
