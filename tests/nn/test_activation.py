"""Activations beyond values, which `test_layers_parity` compares: parameters, noise, `inplace`."""

import numpy as np
import pytest

import lucid
from lucid import nn

F = nn.functional
X = np.array([[[-1.3, 0.4, 2.1], [0.7, -0.2, -2.6]]], np.float32)


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (nn.Snake(2), {"alpha": (2,)}),
        (nn.Snake1d(2), {"alpha": (1, 2, 1)}),
        (nn.SnakeBeta(2), {"alpha": (2,), "beta": (2,)}),
    ],
)
def test_snake(layer, shapes):
    assert {name: p.shape for name, p in layer.named_parameters()} == shapes
    alpha = np.array([0.5, 2.0]).reshape(2, 1)
    beta = np.array([3.0, 0.25]).reshape(2, 1) if "beta" in shapes else alpha
    layer.load_state_dict({n: {"alpha": alpha, "beta": beta}[n].reshape(shapes[n]) for n in shapes})
    expected = X + np.sin(alpha * X) ** 2 / (beta + 1e-9)
    np.testing.assert_allclose(layer(lucid.tensor(X)).numpy(), expected, rtol=1e-6)


def test_snake_of_logarithms_begins_with_ones():
    layer = nn.SnakeBeta(2, alpha_logscale=True)
    assert layer.alpha.tolist() == layer.beta.tolist() == [0.0, 0.0]
    np.testing.assert_allclose(
        layer(lucid.tensor(X)).numpy(), X + np.sin(X) ** 2, rtol=1e-6, atol=1e-7
    )
    assert not nn.Snake(2, alpha_trainable=False).alpha.requires_grad


@pytest.mark.parametrize(
    "call",
    [
        lambda x: F.relu(x, True),
        lambda x: F.relu(x, inplace=True),
        lambda x: F.leaky_relu(x, 0.2, True),
        lambda x: F.hardtanh(x, -1.0, 0.5, True),
        lambda x: F.threshold(x, 0.1, 3.0, True),
        lambda x: F.elu_(x, 0.5),
        F.selu_,
        nn.SiLU(inplace=True),
        nn.RReLU(inplace=True).eval(),
        lambda x: F.dropout(x, 1.0, inplace=True),
    ],
)
def test_in_place(call):
    x = lucid.tensor(X)
    assert call(x) is x
    assert not np.array_equal(x.numpy(), X)


def test_in_place_keeps_the_gradient():
    x = lucid.tensor([-1.0, 2.0], requires_grad=True)
    y = x * 3
    F.relu_(y)
    (y * y).sum().backward()
    assert x.grad.tolist() == [0.0, 36.0]
    with pytest.raises(RuntimeError, match="a leaf that requires grad"):
        F.relu_(x)


def test_names_of_modules_show_their_settings():
    assert repr(nn.LeakyReLU(0.1, inplace=True)) == "LeakyReLU(negative_slope=0.1, inplace=True)"
    assert repr(nn.ReLU()) == "ReLU()"


def test_rrelu_draws_slopes():
    lucid.manual_seed(0)
    x = -lucid.ones(1000)
    slopes = -F.rrelu(x, 0.1, 0.3, training=True).numpy()
    assert slopes.min() >= 0.1
    assert slopes.max() <= 0.3
    assert abs(slopes.mean() - 0.2) < 0.01  # five standard deviations
    np.testing.assert_allclose(F.rrelu(x, 0.1, 0.3).numpy(), -0.2, rtol=1e-6)


def test_gumbel_softmax():
    lucid.manual_seed(0)
    logits = lucid.log(lucid.tensor([0.7, 0.2, 0.1])).expand(2000, 3).clone().requires_grad_()
    hard = F.gumbel_softmax(logits, tau=0.5, hard=True)
    assert set(np.unique(hard.numpy().round(6))) == {0.0, 1.0}
    np.testing.assert_allclose(hard.numpy().sum(-1), 1, rtol=1e-6)
    # five standard deviations of a share of 2000
    np.testing.assert_allclose(hard.numpy().mean(0), [0.7, 0.2, 0.1], atol=0.05)
    (hard * lucid.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert np.abs(logits.grad.numpy()).sum() > 0


def test_softmax_guesses_as_torch_does():
    with pytest.warns(UserWarning, match="softmax guesses its dimension"):
        assert F.softmax(lucid.ones(2, 3, 4)).sum(0).tolist()[0] == [1.0] * 4
    with pytest.warns(UserWarning, match="softmin guesses"):
        assert nn.Softmin()(lucid.ones(2, 4)).tolist()[0] == [0.25] * 4


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "elu", "selu", "softplus", "hardswish"])
def test_half_precision_is_rounded_once(name, dtype):
    x = lucid.linspace(-4, 4, 101).to(dtype)
    function = getattr(F, name)
    assert lucid.equal(function(x), function(x.float()).to(dtype))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.celu(lucid.ones(2), 0.0), ZeroDivisionError, "must not be 0"),
        (lambda: F.softshrink(lucid.ones(2), -1), ValueError, "lambd must be at least 0, got -1"),
        (lambda: F.rrelu(lucid.ones(2), 1, 0), ValueError, "lower=1 must not be above upper=0"),
        (lambda: F.hardtanh(lucid.ones(2), 1, 0), ValueError, "min_val=1 must not be above"),
        (lambda: F.glu(lucid.tensor(1.0)), ValueError, "needs a dimension to halve"),
        (lambda: nn.Softmax2d()(lucid.ones(2, 2)), ValueError, r"\(N, C, H, W\) or \(C, H, W\)"),
    ],
)
def test_refusal(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parity
def test_the_gradient_of_relu_where_it_is_neither_above_nor_below():
    torch = pytest.importorskip("torch")
    values = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0]
    ours = lucid.tensor(values, requires_grad=True)
    theirs = torch.tensor(values, requires_grad=True)
    F.relu(ours).backward(lucid.full((7,), 2.0))
    torch.relu(theirs).backward(torch.full((7,), 2.0))
    np.testing.assert_array_equal(ours.grad.numpy(), theirs.grad.numpy())
