"""Initialisation: the distributions' figures, determinism, refusals."""

import math

import numpy as np
import pytest

import lucid
from lucid import nn

init = nn.init


@pytest.fixture(autouse=True)
def _seed():
    lucid.manual_seed(0)


@pytest.mark.parametrize(
    ("fill", "std", "bound"),
    [
        (lambda w: init.uniform_(w, -2, 2), 4 / math.sqrt(12), 2.0),
        (lambda w: init.normal_(w, 0.0, 3.0), 3.0, None),
        (lambda w: init.xavier_uniform_(w, 2.0), 2 * math.sqrt(2 / (60 * 3 + 40 * 3)), None),
        (lambda w: init.xavier_normal_(w), math.sqrt(2 / (60 * 3 + 40 * 3)), None),
        (
            lambda w: init.kaiming_uniform_(w, math.sqrt(5)),
            1 / math.sqrt(3 * 40 * 3),
            1 / math.sqrt(40 * 3),
        ),
        (
            lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
            math.sqrt(2 / (60 * 3)),
            None,
        ),
    ],
)
def test_spread(fill, std, bound):
    w = lucid.zeros(60, 40, 3)
    assert fill(w) is w
    values = w.numpy()
    assert abs(values.mean()) < 4 * std / math.sqrt(values.size)
    assert abs(values.std() / std - 1) < 0.03  # 7200 draws: about 4 standard errors
    if bound is not None:
        assert np.abs(values).max() <= bound


def test_truncated_normal():
    w = init.trunc_normal_(lucid.zeros(20000), mean=1.0, std=2.0, a=0.0, b=2.0).numpy()
    assert w.min() >= 0
    assert w.max() <= 2
    assert abs(w.mean() - 1) < 0.02
    # sigma * sqrt(1 - 2 c phi(c) / (2 Phi(c) - 1)) with c = 0.5, sigma = 2
    assert abs(w.std() - 0.5677) < 0.01


def test_constants():
    w = lucid.zeros(2, 3)
    assert init.ones_(w).tolist() == [[1.0] * 3] * 2
    assert init.constant_(w, 0.5).tolist() == [[0.5] * 3] * 2
    assert init.zeros_(w).tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (4, 2, 3)])
def test_orthogonal(shape):
    w = init.orthogonal_(lucid.zeros(shape), gain=2.0).numpy().reshape(shape[0], -1)
    w = w if w.shape[0] <= w.shape[1] else w.T
    np.testing.assert_allclose(w @ w.T, 4 * np.eye(len(w)), atol=1e-5)


def test_dirac_passes_its_input():
    w = init.dirac_(lucid.zeros(4, 2, 3), groups=2)
    x = lucid.randn(1, 4, 7)
    np.testing.assert_allclose(
        nn.functional.conv1d(x, w, padding=1, groups=2).numpy(), x.numpy(), rtol=1e-6
    )


def test_the_seed_decides():
    weights = []
    for _ in range(2):
        lucid.manual_seed(5)
        weights.append(nn.Linear(3, 4).weight.numpy())
    np.testing.assert_array_equal(*weights)
    assert (nn.Linear(3, 4).weight.numpy() != weights[0]).any()


@pytest.mark.parity
@pytest.mark.parametrize("name", ["linear", "tanh", "relu", "selu", "sigmoid", "leaky_relu"])
def test_gain(name):
    torch = pytest.importorskip("torch")
    assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_dtypes_stay(dtype):
    w = lucid.zeros(3, 3, dtype=dtype)
    for fill in (init.uniform_, init.normal_, init.trunc_normal_, init.orthogonal_, init.ones_):
        assert fill(w).dtype == lucid.zeros(1, dtype=dtype).dtype


def test_parameters_stay_leaves():
    p = nn.Parameter(lucid.zeros(2, 2))
    init.normal_(p)
    assert p.is_leaf
    assert p.requires_grad


def test_nothing_to_fill():
    for fill in (init.uniform_, init.normal_, init.trunc_normal_, init.orthogonal_, init.zeros_):
        assert fill(lucid.zeros(0, 3)).shape == (0, 3)


def test_refusals():
    with pytest.raises(ValueError, match=r"need 2 dimensions or more, got shape \(3,\)"):
        init.kaiming_uniform_(lucid.zeros(3))
    with pytest.raises(ValueError, match="unknown nonlinearity 'swish'; expected one of"):
        init.calculate_gain("swish")
    with pytest.raises(ValueError, match='mode must be "fan_in" or "fan_out", got \'fan\''):
        init.kaiming_normal_(lucid.zeros(2, 2), mode="fan")
    with pytest.raises(TypeError, match="normal_ fills a Tensor, got ndarray"):
        init.normal_(np.zeros(3))
    with pytest.raises(ValueError, match="result of a recorded operation"):
        init.zeros_(lucid.ones(2, requires_grad=True) * 2)
    with pytest.raises(ValueError, match="needs a <= b, got a=1 and b=0"):
        init.uniform_(lucid.zeros(3), 1, 0)
    with pytest.raises(ValueError, match="needs std >= 0, got -1"):
        init.normal_(lucid.zeros(3), std=-1)


def test_eye_is_the_identity():
    assert init.eye_(lucid.ones(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    with pytest.raises(ValueError, match=r"eye_ needs a matrix, got shape \(3,\)"):
        init.eye_(lucid.ones(3))
