"""The formulas of elementary functions, against float64 and against MLX's own."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest
from scipy import special

import lucid
from lucid.kernels import elementwise
from lucid.ops import precise

LARGE = elementwise.LARGE

# MLX's own, NumPy's in float64, and the error in units in the last place, measured and rounded up
FUNCTIONS = {
    "exp": (mx.exp, np.exp, 2),
    "expm1": (mx.expm1, np.expm1, 4),
    "sigmoid": (mx.sigmoid, special.expit, 4),
    "tanh": (mx.tanh, np.tanh, 4),
    "erf": (mx.erf, special.erf, 8),
    "softplus": (lambda x: mx.logaddexp(x, mx.zeros_like(x)), lambda x: np.logaddexp(x, 0), 6),
}


@pytest.fixture(autouse=True)
def _formulas_are_used():
    if not elementwise.vectorises(mx.zeros(1)):
        pytest.skip("here MLX's own functions are used: a GPU, a Mac, or no compiler")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_over_the_whole_range(name):
    _, exact, ulps = FUNCTIONS[name]
    ranges = [np.linspace(-a, a, elementwise.LARGE + 1) for a in (87.3, 10, 1, 1e-3, 1e-30)]
    x = np.concatenate(ranges).astype(np.float32)
    y = np.array(getattr(elementwise, name)(mx.array(x)))
    expected = exact(x.astype(np.float64))
    assert np.all(np.abs(y - expected) <= ulps * np.spacing(np.abs(expected.astype(np.float32))))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values(name):
    _, exact, _ = FUNCTIONS[name]
    some = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3e38, -3e38, 88.7, 88.8, -100, -104]
    x = np.resize(np.array(some, np.float32), elementwise.LARGE)
    y = np.array(getattr(elementwise, name)(mx.array(x)))
    with np.errstate(over="ignore", invalid="ignore"):
        expected = exact(x.astype(np.float64)).astype(np.float32)
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-38)
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(y[number]), np.signbit(expected[number]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_of_every_order_are_those_of_the_function(name):
    plain, function = FUNCTIONS[name][0], getattr(elementwise, name)
    x = mx.linspace(-3, 3, elementwise.LARGE)
    for _ in range(3):
        plain, function = (mx.grad(lambda x, f=f: f(x).sum()) for f in (plain, function))
        np.testing.assert_allclose(function(x), plain(x), rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_under_transformations(name):
    function = getattr(elementwise, name)
    x = mx.random.normal((3, elementwise.LARGE), key=mx.random.key(0))
    y = function(x)
    np.testing.assert_array_equal(mx.vmap(function)(x), y)
    np.testing.assert_array_equal(mx.compile(function)(x), y)
    strided = mx.swapaxes(function(mx.swapaxes(x, 0, 1)), 0, 1)
    np.testing.assert_array_equal(strided, y)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_small_arrays_other_dtypes_and_missing_compilers_take_mlx_own(name, monkeypatch):
    plain, function = FUNCTIONS[name][0], getattr(elementwise, name)
    for x in (mx.array(0.5), mx.zeros(0), mx.ones((elementwise.LARGE,), mx.float16)):
        assert function(x).dtype == x.dtype
        np.testing.assert_array_equal(function(x), plain(x))
    monkeypatch.setattr(elementwise, "compiles", lambda: False)
    x = mx.linspace(-3, 3, elementwise.LARGE)
    np.testing.assert_array_equal(function(x), plain(x))


def test_operations_use_them():
    x = lucid.linspace(-3, 3, elementwise.LARGE, requires_grad=True)
    for name in FUNCTIONS:
        y = getattr(lucid, name)(x)
        np.testing.assert_array_equal(y.array, getattr(elementwise, name)(x.array))
    (g,) = lucid.autograd.grad(lucid.tanh(x).sum(), [x], create_graph=True)
    (h,) = lucid.autograd.grad(g.sum(), [x])
    t = np.tanh(np.array(x.array).astype(np.float64))
    np.testing.assert_allclose(h.array, -2 * t * (1 - t * t), rtol=1e-4, atol=1e-6)
    assert precise.exp(mx.array(1.0, mx.float64)).item() == pytest.approx(np.e, rel=1e-15)


@pytest.mark.parametrize(("name", "top"), [("erf", 3.9), ("tanh", 10.0), ("sigmoid", 20.0)])
def test_never_beyond_one(name, top):
    low, high = np.array([top / 2, top], np.float32).view(np.int32)
    x = np.arange(low, high, 7, dtype=np.int32).view(np.float32)
    y = np.array(getattr(elementwise, name)(mx.array(x)))
    assert y.max() == 1
    assert y[-1] == 1


def test_sine():
    x = np.concatenate([np.linspace(-a, a, elementwise.LARGE) for a in (1e8, 1e4, 10, 1e-3, 1e-30)])
    x = x.astype(np.float32)
    y = np.array(elementwise.sine(mx.array(x)))
    expected = np.sin(x.astype(np.float64))
    assert np.abs(y - expected).max() < 3e-7
    small = np.abs(x) < 0.1
    np.testing.assert_allclose(y[small], expected[small], rtol=1e-6)
    far = np.resize(np.float32([1e12, -1e20, 3e38, np.inf, np.nan]), elementwise.LARGE)
    y = np.array(elementwise.sine(mx.array(far)))[:5]
    assert np.all(np.abs(y[:3]) <= 1)
    assert np.isnan(y[3:]).all()
    x = mx.linspace(-9, 9, elementwise.LARGE)
    slope = mx.grad(lambda x: elementwise.sine(x).sum())
    np.testing.assert_allclose(slope(x), mx.cos(x), atol=1e-6)


def test_softmax_of_large_arrays():
    x = mx.random.normal((64, 600), key=mx.random.key(0)) * 30
    for name in ("softmax", "logsumexp"):
        settings = {} if name == "softmax" else {"keepdims": False}
        y = getattr(precise, name)(x, axis=-1, **settings)
        expected = getattr(special, name)(np.array(x).astype(np.float64), axis=-1)
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-37)  # of x - max, up to 200


@pytest.mark.parametrize("condition_shape", [(LARGE,), (1,)])
def test_choices_keep_what_is_not_finite(condition_shape):
    condition = np.random.default_rng(0).random(condition_shape) < 0.5
    special_values = np.resize(np.array([1.5, -0.0, np.nan, np.inf, -np.inf], np.float32), LARGE)
    x, y = special_values, special_values[::-1].copy()
    arrays = [mx.array(a) for a in (condition, x, y)]
    found = np.array(elementwise.where(*arrays))
    np.testing.assert_array_equal(found, np.where(condition, x, y))
    found = np.array(elementwise.kept(*arrays[:2]))
    np.testing.assert_array_equal(found, np.where(condition, x, 0))


def test_derivatives_of_choices():
    condition = mx.arange(LARGE) % 3 == 0
    x, y, g = (mx.random.normal((LARGE,)) for _ in range(3))
    found = mx.vjp(lambda a, b: elementwise.where(condition, a, b), [x, y], [g])[1]
    expected = mx.vjp(lambda a, b: mx.where(condition, a, b), [x, y], [g])[1]
    for a, b in zip(found, expected, strict=True):
        assert mx.array_equal(a, b)
    (found,) = mx.vjp(lambda a: elementwise.kept(condition, a), [x], [g])[1]
    assert mx.array_equal(found, expected[0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e9])
def test_the_largest_of_long_rows(value):
    x = np.random.default_rng(0).normal(size=(3, 512)).astype(np.float32)
    x[1, 300] = value
    found = np.array(precise.largest(mx.array(x), -1))
    np.testing.assert_array_equal(found, x.max(-1, keepdims=True))


def test_choices_are_mapped_where_one_side_is_not():
    x, y = lucid.randn(2, LARGE), lucid.randn(LARGE)
    mapped = lucid.func.vmap(lambda a: lucid.where(a > 0, a, y))(x)
    assert mapped.tolist() == lucid.where(x > 0, x, y).tolist()
