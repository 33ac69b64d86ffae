"""The laziness of MLX never leaks: memory does not grow with the number of steps."""

import gc

import mlx.core as mx
import numpy as np
import pytest

import lucid
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
    from lucid.autograd import laziness

    @mx.compile
    def many(x):
        with laziness.tracing():
            t = lucid.Tensor._wrap(x, "cpu")
            for _ in range(3 * HORIZON):
                t = t + 1.0
            return t.array

    assert many(mx.array(0.0)).item() == 3 * HORIZON


def test_what_a_trace_leaves_behind_is_not_evaluated_after_it():
    from lucid.autograd import laziness

    held = []

    @mx.compile
    def keeps(x):
        with laziness.tracing():
            held.append(lucid.Tensor._wrap(x, "cpu") + 1.0)
            return x + 1.0

    assert keeps(mx.array(0.0)).item() == 1.0
    results = [lucid.ones(1) + i for i in range(2 * HORIZON)]  # would evaluate a placeholder
    assert results[-1].item() == 2 * HORIZON
