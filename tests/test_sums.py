"""Sums of millions of float32 values, beside NumPy's in float64."""

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid._sums import column_sums, row_dots, row_sums, running_sum, sum_over
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


FEW = 1 << 22  # of the sums below, which need no remainder


def _parameter(x, update):
    """A parameter whose gradient is x, after a step of the optimizer `update` makes."""
    p = lucid.nn.Parameter(lucid.zeros(*x.shape))
    p.grad = lucid.tensor(x)
    made = update([p])
    if isinstance(made, lucid.optim.Optimizer):
        made.step()
        return made.state[p]
    return made


def _gradient(function, *shape):
    """Of the sum of function(zeros of shape)."""
    x = lucid.zeros(*shape, requires_grad=True)
    function(x).sum().backward()
    return x.grad.reshape(-1)


def _picked(logp, numbers):
    return np.take_along_axis(logp, numbers[:, None], 1)[:, 0]


def _weighted_cross_entropy():
    rng = np.random.default_rng(0)
    logits, numbers = rng.normal(size=(FEW, 2)).astype(np.float32), rng.integers(0, 2, FEW)
    weight = np.array([0.1, 0.3], np.float32)
    found = F.cross_entropy(lucid.tensor(logits), lucid.tensor(numbers), lucid.tensor(weight))
    wide = logits.astype(np.float64)
    logp = wide - np.logaddexp(wide[:, :1], wide[:, 1:])
    chosen = weight.astype(np.float64)[numbers]
    return found, -(_picked(logp, numbers) * chosen).sum() / chosen.sum()


def _soft_cross_entropy():
    x, target = _many((1, FEW)), _many((1, FEW), 1 / FEW)
    wide = x.astype(np.float64)
    logp = wide - np.log(np.exp(wide).sum())
    return F.cross_entropy(lucid.tensor(x), lucid.tensor(target)), -(target * logp).sum()


def _moments_of_batch_norm():
    x, mean, var = _many((FEW, 1), 0.1), lucid.zeros(1), lucid.ones(1)
    F.batch_norm(lucid.tensor(x), mean, var, training=True, momentum=1.0)
    wide = x.astype(np.float64)
    return lucid.cat([mean, var]), np.r_[wide.mean(0), wide.var(0, ddof=1)]


def _bias_gradient(norm, *shape):
    x = lucid.tensor(_many(shape))
    return _gradient(lambda b: norm(x, b) * 0.1, 1 if x.shape[1] == 1 else x.shape[-1])


TENTH = float(np.float32(0.1))
FOUND = {
    "a norm for clipping": lambda x, w: (
        _parameter(x, lambda p: lucid.nn.utils.clip_grad_norm_(p, 1e9, 3.0)),
        (w**3).sum() ** (1 / 3),
    ),
    "weighted cross entropy": lambda x, w: _weighted_cross_entropy(),
    "soft cross entropy": lambda x, w: _soft_cross_entropy(),
    "moments of batch norm": lambda x, w: _moments_of_batch_norm(),
    "running sum": lambda x, w: (lucid.cumsum(lucid.tensor(x), 0), np.cumsum(w)),
    "gradient of a running sum": lambda x, w: (
        _gradient(lambda a: lucid.cumsum(a, 0) * lucid.tensor(x), FEW + 77),
        np.cumsum(w[::-1])[::-1],
    ),
    "gradient of expand": lambda x, w: (
        _gradient(lambda a: a.expand(FEW + 77) * lucid.tensor(x), 1),
        w.sum(),
    ),
    "gradient of pad": lambda x, w: (
        _gradient(lambda a: F.pad(a, (FEW, 0), mode="replicate") * 0.1, 1, 1),
        TENTH * (FEW + 1),
    ),
    "bias of group norm": lambda x, w: (
        _bias_gradient(lambda a, b: F.group_norm(a, 1, bias=b), FEW >> 1, 1, 2),
        TENTH * FEW,
    ),
    "bias of layer norm": lambda x, w: (
        _bias_gradient(lambda a, b: F.layer_norm(a, (2,), bias=b), FEW >> 1, 2),
        TENTH * (FEW >> 1),
    ),
    "bias of linear": lambda x, w: (
        _bias_gradient(lambda a, b: F.linear(a, lucid.ones(2, 2), b), FEW >> 1, 2),
        TENTH * (FEW >> 1),
    ),
    "novograd": lambda x, w: (_parameter(x, lucid.optim.NovoGrad)["exp_avg_sq"], (w * w).sum()),
    "adafactor": lambda x, w: (
        _parameter(x[:FEW].reshape(2, -1), lucid.optim.Adafactor)["row_var"][:, 0],
        np.square(w[:FEW]).reshape(2, -1).mean(1),
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_sum_of_millions_inside(name):
    x = _many(MANY, 0.1)
    found, expected = FOUND[name](x, x.astype(np.float64))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(9000, 3), (4096, 2), (513, 2), (4, 5)])
def test_column_sums(shape):
    x = _many(shape, 0.1)
    expected = x.sum(0, dtype=np.float64)
    np.testing.assert_allclose(np.array(column_sums(mx.array(x))), expected, rtol=1e-5)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("shape", "axis"), [((3, 9000, 2), 1), ((2, 8192), 1), ((5, 7), 0)])
def test_running_sums(shape, axis, reverse):
    x = _many(shape, 0.1)
    turned = np.flip(x, axis) if reverse else x
    expected = turned.cumsum(axis, dtype=np.float64)
    found = np.array(running_sum(mx.array(x), axis, reverse=reverse))
    np.testing.assert_allclose(np.flip(found, axis) if reverse else found, expected, rtol=1e-5)


def test_a_running_sum_that_is_not_finite():
    x = mx.ones(10_000)
    x[5000] = float("inf")
    found = np.array(running_sum(x, 0))
    np.testing.assert_array_equal(found, np.where(np.arange(10_000) < 5000, found, np.inf))
