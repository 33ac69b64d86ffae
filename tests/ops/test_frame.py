"""Frames and overlap-add: against NumPy, and as each other's transpose."""

import numpy as np
import pytest

import lucid
from lucid.ops import frame, overlap_add

SIZES = [(10, 4, 2), (11, 4, 3), (7, 3, 5), (5, 5, 1), (9, 1, 1), (20, 8, 8), (6, 4, 1)]


@pytest.mark.parametrize(("length", "size", "hop"), SIZES)
@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_values_and_transpose(length, size, hop, batch):
    rng = np.random.default_rng(0)
    x = lucid.tensor(rng.integers(-9, 9, (*batch, length)).astype(np.float32), requires_grad=True)
    frames = frame(x, size=size, hop=hop)
    windows = np.lib.stride_tricks.sliding_window_view(x.numpy(), size, -1)
    np.testing.assert_array_equal(frames.numpy(), windows[..., ::hop, :])

    g = lucid.tensor(rng.integers(-9, 9, frames.shape).astype(np.float32), requires_grad=True)
    expected = np.zeros((*batch, (frames.shape[-2] - 1) * hop + size), np.float32)
    for t in range(frames.shape[-2]):
        expected[..., t * hop : t * hop + size] += g.numpy()[..., t, :]
    y = overlap_add(g, hop=hop)
    np.testing.assert_array_equal(y.numpy(), expected)

    frames.backward(g.detach())
    gradient = np.zeros(x.shape, np.float32)
    gradient[..., : expected.shape[-1]] = expected
    np.testing.assert_array_equal(x.grad.numpy(), gradient)
    weights = lucid.tensor(rng.integers(-9, 9, y.shape).astype(np.float32))
    y.backward(weights)
    taken = np.lib.stride_tricks.sliding_window_view(weights.numpy(), size, -1)[..., ::hop, :]
    np.testing.assert_array_equal(g.grad.numpy(), taken)


def test_a_strided_input_is_framed_right():
    x = lucid.arange(24).reshape(6, 4).transpose(0, 1)
    got = frame(x, size=3, hop=2).numpy()
    windows = np.lib.stride_tricks.sliding_window_view(x.numpy(), 3, -1)[:, ::2]
    np.testing.assert_array_equal(got, windows)


def test_an_empty_batch():
    assert frame(lucid.zeros(0, 9), size=4, hop=2).shape == (0, 3, 4)
    assert overlap_add(lucid.zeros(0, 3, 4), hop=2).shape == (0, 8)


def test_refuses():
    with pytest.raises(ValueError, match="signal of length 3 has no frame of size 4"):
        frame(lucid.ones(3), size=4, hop=1)
    with pytest.raises(ValueError, match="at least 1, got size=4, hop=0"):
        frame(lucid.ones(9), size=4, hop=0)
    with pytest.raises(ValueError, match=r"frames of shape \(..., T, size\) with T > 0, got \(4"):
        overlap_add(lucid.ones(4), hop=1)


def test_the_gradient_of_a_sum_of_overlapping_frames():
    """It is one number, broadcast, which MLX's as_strided refuses."""
    x = lucid.ones(2, 3, 4, requires_grad=True)
    overlap_add(x, hop=2).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.ones((2, 3, 4)))
