"""conv1d and its weight gradient: exact on small integers, precise on normal numbers."""

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels.convolution import conv1d, conv1d_weight_grad, conv_transpose1d


def random_settings(rng):
    """Sizes and settings, the awkward ones included."""
    G, Cg, Og, N = (int(rng.integers(1, 4)) for _ in range(4))
    K = int(rng.integers(8, 24) if rng.random() < 0.2 else rng.integers(1, 7))
    L = int(rng.integers(1, 24))
    place = {"stride": int(rng.integers(1, 6)), "dilation": int(rng.integers(1, 5)), "groups": G}
    left, length = int(rng.integers(-3, 12)), int(rng.integers(1, 24))
    return N, G * Cg, G * Og, L, K, left, length, place


def right_padding(L, length, K, left, stride, dilation):
    """The right padding with which conv1d returns `length` values."""
    return (length - 1) * stride + dilation * (K - 1) + 1 - left - L


def integers(rng, shape):
    return rng.integers(-3, 4, shape).astype(np.float64)


def arrays(*values, dtype=mx.float32):
    return [mx.array(v, dtype) for v in values]


@pytest.mark.parametrize("seed", range(150))
def test_equals_its_definition_on_integers(seed, definition):
    rng = np.random.default_rng(seed)
    N, C, Co, L, K, left, length, place = random_settings(rng)
    x, w = integers(rng, (N, C, L)), integers(rng, (Co, C // place["groups"], K))
    g = integers(rng, (N, Co, length))
    right = right_padding(L, length, K, left, place["stride"], place["dilation"])
    X, W, G = arrays(x, w, g)
    y = conv1d(X, W, padding=(left, right), **place)
    np.testing.assert_array_equal(y, definition.conv1d(x, w, length, left=left, **place))
    gw = conv1d_weight_grad(X, G, kernel_size=K, padding=left, **place)
    np.testing.assert_array_equal(gw, definition.weight_grad(x, g, K, left=left, **place))


@pytest.mark.parametrize("seed", range(40))
def test_a_large_signal_is_padded_at_its_ends_only(seed, definition, monkeypatch):
    monkeypatch.setattr("lucid.kernels.conv1d._PADDED", 0)
    test_equals_its_definition_on_integers(seed, definition)


@pytest.mark.parametrize("padded", [0, 1 << 16])
@pytest.mark.parametrize("shape", [(1, 40, 2), (2, 40, 6)])
def test_a_signal_may_lie_in_memory_in_any_way(shape, padded, definition, monkeypatch):
    monkeypatch.setattr("lucid.kernels.conv1d._PADDED", padded)
    rng = np.random.default_rng(0)
    long, w = integers(rng, shape), integers(rng, (8, shape[2] // 2, 5))
    X, W = arrays(long, w)
    x, X = (a[:, ::2, 1::2].swapaxes(1, 2) for a in (long, X))
    for left, length in ((0, 16), (0, 4), (3, 20)):
        y = conv1d(X, W, padding=(left, length + 4 - left - 20))
        expected = definition.conv1d(x, w, length, left=left, stride=1, dilation=1, groups=1)
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    # Half types: the result is rounded once, to 2**-11 and 2**-8 of its size.
    [(mx.float64, 1e-12), (mx.float32, 1e-5), (mx.float16, 2e-3), (mx.bfloat16, 1e-2)],
)
def test_precision(seed, dtype, tolerance, definition):
    rng = np.random.default_rng(seed)
    N, C, Co, L, K, left, length, place = random_settings(rng)
    right = right_padding(L, length, K, left, place["stride"], place["dilation"])
    with mx.stream(mx.cpu):
        X, W, G = arrays(
            rng.normal(size=(N, C, L)),
            rng.normal(size=(Co, C // place["groups"], K)),
            rng.normal(size=(N, Co, length)),
            dtype=dtype,
        )
        y = conv1d(X, W, padding=(left, right), **place)
        gw = conv1d_weight_grad(X, G, kernel_size=K, padding=left, **place)
        assert y.dtype == gw.dtype == dtype
        # The definition starts from the rounded inputs.
        x, w, g, y, gw = (np.array(a.astype(mx.float64)) for a in (X, W, G, y, gw))
    expected = definition.conv1d(x, w, length, left=left, **place)
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance * 10)
    expected = definition.weight_grad(x, g, K, left=left, **place)
    np.testing.assert_allclose(gw, expected, rtol=tolerance, atol=tolerance * 10)


@pytest.mark.parametrize(
    ("seed", "compiled"), [*((seed, False) for seed in range(10)), (0, True), (1, True)]
)
def test_derivatives_of_every_order(seed, compiled, definition):
    """First and second order through mx.grad, against the trilinear form they must equal."""
    rng = np.random.default_rng(seed)
    N, C, Co, L, K, left, length, place = random_settings(rng)
    right = right_padding(L, length, K, left, place["stride"], place["dilation"])
    x, w = integers(rng, (N, C, L)), integers(rng, (Co, C // place["groups"], K))
    g, u, v = integers(rng, (N, Co, length)), integers(rng, x.shape), integers(rng, w.shape)
    X, W, G, U, V = arrays(x, w, g, u, v)

    def first(X, W):
        y = conv1d(X, W, padding=(left, right), **place)
        return (G * y).sum()

    def second(X, W):
        gx, gw = mx.grad(first, argnums=(0, 1))(X, W)
        return (U * gx).sum() + (V * gw).sum()

    def third(X, W):
        hx, hw = mx.grad(second, argnums=(0, 1))(X, W)
        return (hx * X).sum() + (hw * W).sum()

    wrap = mx.compile if compiled else lambda f: f
    settings = {"left": left, **place}
    gx, gw = wrap(mx.grad(first, argnums=(0, 1)))(X, W)
    np.testing.assert_array_equal(gx, definition.conv_transpose1d(g, w, L, **settings))
    np.testing.assert_array_equal(gw, definition.weight_grad(x, g, K, **settings))
    hx, hw = wrap(mx.grad(second, argnums=(0, 1)))(X, W)
    np.testing.assert_array_equal(hx, definition.conv_transpose1d(g, v, L, **settings))
    np.testing.assert_array_equal(hw, definition.weight_grad(u, g, K, **settings))
    tx, tw = wrap(mx.grad(third, argnums=(0, 1)))(X, W)
    np.testing.assert_array_equal(tx, definition.conv_transpose1d(g, v, L, **settings))
    np.testing.assert_array_equal(tw, definition.weight_grad(u, g, K, **settings))


@pytest.mark.parametrize(
    ("N", "C", "L", "length"), [(0, 2, 5, 3), (2, 0, 5, 3), (2, 2, 0, 3), (2, 2, 5, 0)]
)
def test_sizes_of_zero_give_zeros(N, C, L, length):
    x, w = mx.ones((N, C, L)), mx.ones((4, C, 3))
    y = conv1d(x, w, padding=(0, length + 2 - L))
    assert y.shape == (N, 4, length)
    assert np.all(np.array(y)[:, :, L:] == 0)
    gw = conv1d_weight_grad(x, mx.ones((N, 4, length)), kernel_size=3)
    assert gw.shape == (4, C, 3)
    if 0 in (N, L, length):
        np.testing.assert_array_equal(gw, 0)
    gx = mx.grad(lambda x: conv1d(x, w, padding=(0, length + 2 - L)).sum())(x)
    assert gx.shape == x.shape


def test_a_kernel_that_does_not_fit_gives_length_zero():
    assert conv1d(mx.ones((1, 1, 3)), mx.ones((1, 1, 9)), stride=5).shape == (1, 1, 0)


@pytest.mark.parametrize("C_out", [2, 32])
def test_one_tap_takes_a_signal_of_any_size(C_out, monkeypatch):
    monkeypatch.delattr(mx, "as_strided")  # it flattens its input: 2^31 elements are too many
    x, g, w = mx.ones((2, 32, 50)), mx.ones((2, C_out, 50)), mx.ones((C_out, 32, 1))
    assert mx.array_equal(conv1d(x, w), 32 * g)
    assert mx.array_equal(conv_transpose1d(g, w, length=50), C_out * x)
    assert mx.array_equal(conv1d_weight_grad(x, g, kernel_size=1), 100 * w)


def test_views_and_transposes_are_read_right(definition):
    base = np.arange(2 * 9 * 3, dtype=np.float64).reshape(2, 9, 3)
    x, w = mx.array(base, mx.float32).swapaxes(1, 2)[:, ::2, 1:], mx.ones((1, 2, 3))
    expected = definition.conv1d(
        base.swapaxes(1, 2)[:, ::2, 1:], np.ones((1, 2, 3)), 6,
        stride=1, left=0, dilation=1, groups=1,
    )  # fmt: skip
    np.testing.assert_array_equal(conv1d(x, w), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w: conv1d(x[0], w), "conv1d: x must be 3-dimensional"),
        (lambda x, w: conv1d(x, w.astype(mx.float16)), "x is .*float32 but w is .*float16"),
        (lambda x, w: conv1d(x, w, stride=0), "stride must be at least 1, got 0"),
        (lambda x, w: conv1d(x, w, groups=2), "do not fit with groups=2"),
        (lambda x, w: conv1d_weight_grad(x, x[:1], kernel_size=1), "do not fit"),
        (lambda x, w: conv_transpose1d(x, w, length=3), "do not fit"),
        (lambda x, w: conv_transpose1d(x, w, length=3, dilation=0), "dilation must be at least 1"),
        (lambda x, w: conv1d_weight_grad(x, x, kernel_size=1, groups=0), "groups must be at least"),
    ],
)
def test_what_would_end_the_process_is_asserted(call, message):
    with pytest.raises(AssertionError, match=message):
        call(mx.ones((2, 4, 5)), mx.ones((3, 4, 2)))
