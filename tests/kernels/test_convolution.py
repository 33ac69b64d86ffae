"""What the three functions share: a bias, its gradient, its precision."""

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels import memory
from lucid.kernels.convolution import conv1d, conv1d_weight_grad, conv_transpose1d

CASES = {
    "conv1d": lambda x, w, b: conv1d(x, w, b, padding=(1, 1)),
    "conv_transpose1d": lambda x, w, b: conv_transpose1d(x, w, b, length=9, stride=2),
}


@pytest.mark.parametrize("function", CASES.values(), ids=CASES)
def test_a_bias_is_added_per_channel_and_has_a_gradient(function):
    x, w = mx.random.normal((2, 3, 5), key=mx.random.key(0)), mx.ones((3, 3, 2))
    b = mx.array([1.0, 10.0, 100.0])
    y, plain = function(x, w, b), function(x, w, None)
    np.testing.assert_allclose(y, plain + b[:, None], rtol=1e-6)
    slope = mx.arange(y.size, dtype=mx.float32).reshape(y.shape)
    grad = mx.grad(lambda b: (function(x, w, b) * slope).sum())(b)
    np.testing.assert_array_equal(grad, slope.sum((0, 2)))


@pytest.mark.parametrize("function", CASES.values(), ids=CASES)
def test_a_bias_is_all_that_is_left_of_an_empty_batch_of_channels(function):
    y = function(mx.zeros((2, 0, 5)), mx.zeros((0, 0, 2)), mx.zeros((0,)))
    assert y.size == 0


@pytest.mark.parametrize("function", CASES.values(), ids=CASES)
def test_in_half_precision_the_sum_is_rounded_once(function):
    x, w = mx.full((1, 1, 5), 2048.0, mx.float16), mx.ones((1, 1, 2), mx.float16)
    b = mx.array([-2047.0], mx.float16)
    exact = np.array(function(x.astype(mx.float32), w.astype(mx.float32), b.astype(mx.float32)))
    np.testing.assert_array_equal(function(x, w, b), exact.astype(np.float16))


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("padding", [(0, 0), (-9, 30), (30, -9), (40, 40)])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 9), (3, 8), (2, 40)])
def test_taps_that_meet_silence_alone(padding, stride, dilation, groups, definition):
    """Some of the five taps, or all, never reach one of the ten samples."""
    rng = np.random.default_rng(0)
    x, w = rng.integers(-3, 4, (2, 3, 10)), rng.integers(-3, 4, (3, 3 // groups, 5))
    length = max((10 + sum(padding) - 4 * dilation - 1) // stride + 1, 1)
    g = rng.integers(-3, 4, (2, 3, length))
    X, W, G = (mx.array(a, mx.float32) for a in (x, w, g))
    left = padding[0]
    place = {"stride": stride, "dilation": dilation, "groups": groups}
    right = (length - 1) * stride + 4 * dilation + 1 - 10 - left
    np.testing.assert_array_equal(
        conv1d(X, W, padding=(left, right), **place),
        definition.conv1d(x, w, length, left=left, **place),
    )
    np.testing.assert_array_equal(
        conv_transpose1d(G, W, length=10, padding=left, **place),
        definition.conv_transpose1d(g, w, 10, left=left, **place),
    )
    np.testing.assert_array_equal(
        conv1d_weight_grad(X, G, kernel_size=5, padding=left, **place),
        definition.weight_grad(x, g, 5, left=left, **place),
    )


def test_a_reach_far_beyond_the_signal_takes_no_memory(monkeypatch):
    monkeypatch.setattr(memory, "LIMIT", 10**6)
    x, w = mx.ones((2, 3, 20)), mx.ones((5, 3, 3))
    far = 2**28
    y = conv1d(x, w, mx.ones(5), padding=(far, far), dilation=far)
    np.testing.assert_array_equal(y, np.full((2, 5, 20), 4.0))  # the middle tap, and the bias
    gw = conv1d_weight_grad(x, mx.ones((2, 5, 20)), kernel_size=3, padding=far, dilation=far)
    np.testing.assert_array_equal(gw, np.broadcast_to([0.0, 40.0, 0.0], (5, 3, 3)))
    gx = conv_transpose1d(mx.ones((2, 5, 20)), w, length=20, padding=far // 2, dilation=far)
    np.testing.assert_array_equal(gx, np.zeros((2, 3, 20)))
