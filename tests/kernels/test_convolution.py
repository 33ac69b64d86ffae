"""What the three functions share: a bias, its gradient, its precision."""

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels.convolution import conv1d, conv_transpose1d

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
