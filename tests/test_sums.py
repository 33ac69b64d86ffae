"""Sums of millions of float32 values, beside NumPy's in float64."""

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid._sums import row_dots, row_sums, sum_over
from lucid.nn import functional as F

MANY = (1 << 22) + 77


def _many(shape, mean=1.0):
    return np.random.default_rng(0).uniform(0.5 * mean, 1.5 * mean, shape).astype(np.float32)


CASES = {
    "sum": (lambda x: x.sum(), lambda x: x.sum()),
    "mean": (lambda x: x.mean(), lambda x: x.mean()),
    "var": (lambda x: x.var(), lambda x: x.var(ddof=1)),
    "std": (lambda x: x.std(), lambda x: x.std(ddof=1)),
    "norm": (lambda x: x.norm(), lambda x: np.sqrt((x * x).sum())),
    "logsumexp": (lambda x: x.logsumexp(0).exp(), lambda x: np.exp(x).sum()),
    "mse_loss": (lambda x: F.mse_loss(x, x * 0), lambda x: (x * x).mean()),
    "l1_loss": (lambda x: F.l1_loss(x, x * 0), lambda x: x.mean()),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("mean", [0.1, 1.0])
def test_a_reduction_of_millions(name, mean):
    found, expected = CASES[name]
    x = _many(MANY, mean)
    value = expected(x.astype(np.float64))
    np.testing.assert_allclose(found(lucid.tensor(x)).item(), value, rtol=1e-5)


@pytest.mark.parametrize("length", [1 << 20, (1 << 20) + 13])
def test_a_group_of_millions(length):
    x = _many((1, 4, length))
    y = F.group_norm(lucid.tensor(x), 1).numpy()[0, 0, :1000]
    wide = x.astype(np.float64)
    expected = (wide - wide.mean())[0, 0, :1000] / np.sqrt(wide.var() + 1e-5)
    np.testing.assert_allclose(y, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((MANY,), (0,)),
        ((MANY, 1), (0,)),
        ((1 << 18, 3), (0,)),
        ((3, 100_001, 5), (1,)),
        ((3, 5, 100_001), (0, 2)),
        ((300, 5, 301), (0, 2)),
        ((100, 99, 98), (0, 1, 2)),
        ((20, 20, 20, 20, 5), (0, 1, 2, 3)),
    ],
)
def test_any_axes(shape, axes):
    x = _many(shape, 0.1)
    expected = x.sum(axes, dtype=np.float64)
    for keepdims in (False, True):
        found = np.array(sum_over(mx.array(x), axes, keepdims=keepdims))
        assert found.shape == x.sum(axes, keepdims=keepdims).shape
        np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-5)


@pytest.mark.parametrize("length", [4096, 1 << 20, 1_000_003])
def test_rows(length):
    x, y = _many((1, 4, length)), _many((1, 4, length), 0.1)
    sums, dots = row_sums(mx.array(x)), row_dots(mx.array(x), mx.array(y))
    wide = x.astype(np.float64)
    np.testing.assert_allclose(np.array(sums), wide.sum(-1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(np.array(dots), (wide * y).sum(-1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("dtype", [lucid.float16, lucid.bfloat16])
def test_halves_add_up_in_float32(dtype):
    assert lucid.full((100, 4097), 0.5).to(dtype).sum(1).tolist() == [2048.0] * 100
    assert lucid.ones(16384).to(dtype).sum().item() == 16384


def test_compiled_mapped_and_not_finite():
    x = mx.array(_many((3, 10_000)))
    expected = np.array(x).sum(1, dtype=np.float64)
    mapped = mx.vmap(lambda row: sum_over(row, (0,)))
    for found in (mapped(x), mx.compile(mapped)(x), mx.compile(lambda a: sum_over(a, (1,)))(x)):
        np.testing.assert_allclose(np.array(found), expected, rtol=1e-5)
    for value in (float("inf"), float("-inf"), float("nan")):
        x[1, 9_999] = value
        np.testing.assert_equal(np.array(sum_over(x, (1,)))[1], np.float32(value))
