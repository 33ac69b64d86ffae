"""conv_transpose1d: exact on small integers, precise on normal numbers, differentiable."""

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels.convolution import conv_transpose1d


def random_settings(rng):
    """Sizes and settings, the awkward ones included."""
    G, Cg, Og, N = (int(rng.integers(1, 4)) for _ in range(4))
    K = int(rng.integers(8, 24) if rng.random() < 0.2 else rng.integers(1, 7))
    L, length = int(rng.integers(1, 16)), int(rng.integers(1, 40))
    place = {"stride": int(rng.integers(1, 9)), "dilation": int(rng.integers(1, 7)), "groups": G}
    return (N, G * Cg, L), (G * Cg, Og, K), length, int(rng.integers(-3, 12)), place


@pytest.mark.parametrize("seed", range(200))
def test_equals_its_definition_on_integers(seed, definition):
    rng = np.random.default_rng(seed)
    x_shape, w_shape, length, left, place = random_settings(rng)
    x, w = rng.integers(-3, 4, x_shape), rng.integers(-3, 4, w_shape)
    X, W = mx.array(x, mx.float32), mx.array(w, mx.float32)
    y = conv_transpose1d(X, W, length=length, padding=left, **place)
    expected = definition.conv_transpose1d(x, w, length, left=left, **place)
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    # Half types: the result is rounded once, to 2**-11 and 2**-8 of its size.
    [(mx.float64, 1e-12), (mx.float32, 1e-5), (mx.float16, 2e-3), (mx.bfloat16, 1e-2)],
)
def test_precision(seed, dtype, tolerance, definition):
    rng = np.random.default_rng(seed)
    x_shape, w_shape, length, left, place = random_settings(rng)
    with mx.stream(mx.cpu):
        X = mx.array(rng.normal(size=x_shape), dtype)
        W = mx.array(rng.normal(size=w_shape), dtype)
        y = conv_transpose1d(X, W, length=length, padding=left, **place)
        assert y.dtype == dtype
        x, w, y = (np.array(a.astype(mx.float64)) for a in (X, W, y))
    expected = definition.conv_transpose1d(x, w, length, left=left, **place)
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance * 10)


@pytest.mark.parametrize(
    ("seed", "compiled"), [*((seed, False) for seed in range(10)), (0, True), (1, True)]
)
def test_first_and_second_derivatives(seed, compiled, definition):
    rng = np.random.default_rng(seed)
    x_shape, w_shape, length, left, place = random_settings(rng)
    y_shape = (x_shape[0], w_shape[1] * place["groups"], length)
    x, w, g, u, v = (
        rng.integers(-3, 4, shape).astype(np.float64)
        for shape in (x_shape, w_shape, y_shape, x_shape, w_shape)
    )
    X, W, G, U, V = (mx.array(a, mx.float32) for a in (x, w, g, u, v))

    def first(X, W):
        return (G * conv_transpose1d(X, W, length=length, padding=left, **place)).sum()

    def second(X, W):
        gx, gw = mx.grad(first, argnums=(0, 1))(X, W)
        return (U * gx).sum() + (V * gw).sum()

    wrap = mx.compile if compiled else lambda f: f
    settings, L, K = {"left": left, **place}, x_shape[2], w_shape[2]
    gx, gw = wrap(mx.grad(first, argnums=(0, 1)))(X, W)
    np.testing.assert_array_equal(gx, definition.conv1d(g, w, L, **settings))
    np.testing.assert_array_equal(gw, definition.weight_grad(g, x, K, **settings))
    hx, hw = wrap(mx.grad(second, argnums=(0, 1)))(X, W)
    np.testing.assert_array_equal(hx, definition.conv1d(g, v, L, **settings))
    np.testing.assert_array_equal(hw, definition.weight_grad(g, u, K, **settings))


@pytest.mark.parametrize(
    ("N", "C", "L", "length"), [(0, 2, 5, 3), (2, 0, 5, 3), (2, 2, 0, 3), (2, 2, 5, 0)]
)
def test_sizes_of_zero_give_zeros(N, C, L, length):
    y = conv_transpose1d(mx.ones((N, C, L)), mx.ones((C, 4, 3)), length=length, stride=2)
    assert y.shape == (N, 4, length)
    if 0 in (C, L):
        np.testing.assert_array_equal(y, 0)
