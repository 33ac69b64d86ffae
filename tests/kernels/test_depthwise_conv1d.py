"""Depthwise convolution with a depth multiplier: all three functions, lengths that fill blocks."""

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels.convolution import conv1d, conv1d_weight_grad, conv_transpose1d
from lucid.kernels.depthwise_conv1d import taps


def random_settings(rng):
    N, C, m = int(rng.integers(1, 3)), int(rng.integers(1, 5)), int(rng.integers(1, 4))
    K, stride, dilation = (int(rng.integers(1, top)) for top in (32, 4, 5))
    reach = dilation * (K - 1) + 1
    L = int(rng.integers(1, 80)) + reach
    left, right = int(rng.integers(0, reach + 3)), int(rng.integers(0, reach + 3))
    length = (L + left + right - reach) // stride + 1
    sizes = {"x": (N, C, L), "w": (C * m, 1, K), "g": (N, C * m, length)}
    return sizes, (left, right), {"stride": stride, "dilation": dilation, "groups": C}


def all_three(X, W, G, padding, place):
    left, L, K = padding[0], X.shape[2], W.shape[2]
    return (
        conv1d(X, W, padding=padding, **place),
        conv_transpose1d(G, W, length=L, padding=left, **place),
        conv1d_weight_grad(X, G, kernel_size=K, padding=left, **place),
    )


def all_definitions(definition, x, w, g, left, place):
    length, L, K = g.shape[2], x.shape[2], w.shape[2]
    return (
        definition.conv1d(x, w, length, left=left, **place),
        definition.conv_transpose1d(g, w, L, left=left, **place),
        definition.weight_grad(x, g, K, left=left, **place),
    )


@pytest.mark.parametrize("seed", range(60))
def test_equals_its_definition_on_integers(seed, definition):
    rng = np.random.default_rng(seed)
    sizes, padding, place = random_settings(rng)
    x, w, g = (rng.integers(-3, 4, shape) for shape in sizes.values())
    X, W, G = (mx.array(a, mx.float32) for a in (x, w, g))
    expected = all_definitions(definition, x, w, g, padding[0], place)
    for got, value in zip(all_three(X, W, G, padding, place), expected, strict=True):
        np.testing.assert_array_equal(got, value)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    # Half types: the result is rounded once, to 2**-11 and 2**-8 of its size.
    [(mx.float64, 1e-12), (mx.float32, 1e-5), (mx.float16, 2e-3), (mx.bfloat16, 1e-2)],
)
def test_precision(seed, dtype, tolerance, definition):
    rng = np.random.default_rng(seed)
    sizes, padding, place = random_settings(rng)
    with mx.stream(mx.cpu):
        X, W, G = (mx.array(rng.normal(size=shape), dtype) for shape in sizes.values())
        got = all_three(X, W, G, padding, place)
        assert {y.dtype for y in got} == {dtype}
        x, w, g, *got = (np.array(a.astype(mx.float64)) for a in (X, W, G, *got))
    expected = all_definitions(definition, x, w, g, padding[0], place)
    for y, value in zip(got, expected, strict=True):
        np.testing.assert_allclose(y, value, rtol=tolerance, atol=tolerance * 10)


@pytest.mark.parametrize(
    ("seed", "compiled"), [*((seed, False) for seed in range(6)), (0, True), (1, True)]
)
def test_second_derivatives(seed, compiled, definition):
    rng = np.random.default_rng(seed)
    sizes, padding, place = random_settings(rng)
    x, w, g, u, v = (
        rng.integers(-3, 4, sizes[name]).astype(np.float64) for name in ("x", "w", "g", "x", "w")
    )
    X, W, G, U, V = (mx.array(a, mx.float32) for a in (x, w, g, u, v))

    def first(X, W):
        return (G * conv1d(X, W, padding=padding, **place)).sum()

    def second(X, W):
        gx, gw = mx.grad(first, argnums=(0, 1))(X, W)
        return (U * gx).sum() + (V * gw).sum()

    wrap = mx.compile if compiled else lambda f: f
    hx, hw = wrap(mx.grad(second, argnums=(0, 1)))(X, W)
    left = padding[0]
    expected = all_definitions(definition, x, v, g, left, place)[1]
    np.testing.assert_array_equal(hx, expected)
    expected = all_definitions(definition, u, w, g, left, place)[2]
    np.testing.assert_array_equal(hw, expected)


def test_a_sample_with_nan_leaves_the_others_alone():
    """The blocks of one channel share a matmul; a product with a zero must not spread NaN."""
    x = np.ones((3, 2, 40), np.float32)
    x[1, 0, 7] = np.nan
    y = np.array(conv1d(mx.array(x), mx.ones((2, 1, 13)), padding=(6, 6), groups=2))
    assert not np.isnan(y[[0, 2]]).any()
    assert not np.isnan(y[1, 1]).any()
    assert np.isnan(y[1, 0, 7])


def test_taps_fused_over_a_large_signal():
    """Past 2**18 values mx.compile fuses the taps: 11 of them, in three kernels."""
    rng = np.random.default_rng(0)
    x, w = rng.integers(-3, 4, (1, 4, 70_000)), rng.integers(-3, 4, (4, 1, 11))
    X, W = mx.array(x, mx.float32), mx.array(w, mx.float32)
    y = taps(X, W, 70_000, stride=1, left=15, dilation=3, groups=4)
    padded = np.pad(x, ((0, 0), (0, 0), (15, 15)))
    expected = sum(w[:, 0, k, None] * padded[:, :, 3 * k : 3 * k + 70_000] for k in range(11))
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("step", [10**6, 2**31 - 1])
def test_steps_that_are_never_taken_cost_nothing(step):
    """One window, or one tap: the stride, or the dilation, may be anything."""
    x = mx.ones((1, 1, 4), mx.float32)
    mx.eval(x)
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    y, back = mx.vjp(
        lambda x: conv1d(x, mx.ones((1, 1, 3)), stride=step), [x], [mx.ones((1, 1, 1))]
    )
    np.testing.assert_array_equal(y[0], [[[3]]])
    np.testing.assert_array_equal(back[0], [[[1, 1, 1, 0]]])
    y = conv1d(x, mx.ones((1, 1, 1)), dilation=step)
    np.testing.assert_array_equal(y, x)
    assert mx.get_peak_memory() - before < 1e5
