"""The laziness of MLX never leaks: memory does not grow with the number of steps."""

import gc

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid.autograd import laziness
from lucid.autograd.laziness import HORIZON

BATCH = np.ones((64, 1024), np.float32)  # 256 KiB


def growth(step, steps=3 * HORIZON):
    """Bytes held after many steps, above those held after the first few."""
    held = []
    for i in range(steps):
        step()
        if i in (HORIZON, steps - 1):
            gc.collect()
            mx.synchronize()
            held.append(mx.get_active_memory())
    return held[1] - held[0]


def batch():
    return lucid.tensor(BATCH).eval()


def weight():
    return lucid.ones(1024, 4, requires_grad=True)


def accumulated_loss():
    w, total = weight(), [lucid.tensor(0.0)]

    def step():
        total[0] = total[0] + (batch() @ w).square().mean().detach()

    return step


def accumulated_in_place():
    w, total = weight(), lucid.tensor(0.0)

    def step():
        nonlocal total
        total += (batch() @ w).square().mean().detach()

    return step


def accumulated_after_backward():
    w, total = weight(), [lucid.tensor(0.0)]

    def step():
        loss = (batch() @ w).square().mean()
        loss.backward()
        w.grad = None
        total[0] = total[0] + loss.detach()

    return step


def predictions():
    w, found = weight(), []
    return lambda: found.append((batch() @ w).mean().detach())


def inference_without_no_grad():
    w = weight()
    return lambda: (batch() @ w).relu().sum()


def running_statistics():
    mean = lucid.zeros(1024)

    def step():
        mean.copy_(0.9 * mean + 0.1 * batch().mean(0))

    return step


def accumulated_gradients():
    w = weight()
    return lambda: (batch() @ w).square().mean().backward()


@pytest.mark.parametrize(
    "make",
    [
        accumulated_loss,
        accumulated_in_place,
        accumulated_after_backward,
        predictions,
        inference_without_no_grad,
        running_statistics,
        accumulated_gradients,
    ],
)
def test_memory_is_bounded(make):
    # a leak would hold 512 batches of 256 KiB; what is pending may differ by some of HORIZON
    assert growth(make()) < 0.25 * 2 * HORIZON * BATCH.nbytes


def test_nothing_is_evaluated_while_tracing():
    @mx.compile
    def many(x):
        with laziness.tracing():
            t = lucid.Tensor._wrap(x, "cpu")
            for _ in range(3 * HORIZON):
                t = t + 1.0
            return t.array

    assert many(mx.array(0.0)).item() == 3 * HORIZON


def test_what_a_trace_leaves_behind_is_not_evaluated_after_it():
    held = []

    @mx.compile
    def keeps(x):
        with laziness.tracing():
            held.append(lucid.Tensor._wrap(x, "cpu") + 1.0)
            return x + 1.0

    assert keeps(mx.array(0.0)).item() == 1.0
    results = [lucid.ones(1) + i for i in range(2 * HORIZON)]  # would evaluate a placeholder
    assert results[-1].item() == 2 * HORIZON


LARGE = np.random.default_rng(0).normal(size=(8, 16, 1 << 13)).astype(np.float32)


def bent(a):
    x = lucid.Tensor(a)
    return ((x * 2).tanh() + x.relu()).array


def slope(a):
    """The gradient, which the tape finds."""
    x = lucid.Tensor(a).requires_grad_()
    ((x * 2).tanh() + x.relu()).sum().backward()
    return x.grad.array


@pytest.mark.parametrize(
    "transformed",
    [
        mx.compile(bent),
        mx.vmap(bent),
        mx.checkpoint(bent),
        lambda a: mx.vjp(bent, [a], [mx.ones(a.shape)])[0][0],
    ],
    ids=["compile", "vmap", "checkpoint", "vjp"],
)
def test_large_arrays_inside_a_transformation_of_mlx(transformed):
    expected = np.tanh(LARGE * 2) + np.maximum(LARGE, 0)
    np.testing.assert_allclose(transformed(mx.array(LARGE)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "transformed",
    [slope, mx.compile(slope), mx.vmap(slope), mx.grad(lambda a: bent(a).sum())],
    ids=["as it is", "compile", "vmap", "grad"],
)
def test_gradients_of_large_arrays_inside_a_transformation_of_mlx(transformed):
    expected = 2 / np.cosh(LARGE.astype(np.float64) * 2) ** 2 + (LARGE > 0)
    np.testing.assert_allclose(transformed(mx.array(LARGE)), expected, rtol=1e-4, atol=1e-5)


def test_other_errors_of_a_start_are_told(monkeypatch):
    def fails(arrays):
        raise ValueError("another")

    monkeypatch.setattr(mx, "async_eval", fails)
    with pytest.raises(ValueError, match="another"):
        laziness.settle([lucid.ones(2)])
