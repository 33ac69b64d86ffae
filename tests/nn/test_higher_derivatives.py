"""Derivatives of derivatives through networks: a critic's gradient penalty, and every form of the
convolutions, up to the third order."""

import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.kernels import convolution, forms
from lucid.nn import functional as F

RNG = np.random.default_rng(5)


def critic(nn):
    """As of a vocoder: strided, grouped, dilated and transposed convolutions."""
    return nn.Sequential(
        nn.Conv1d(1, 8, 15, padding=7),
        nn.LeakyReLU(0.2),
        nn.Conv1d(8, 16, 11, stride=4, padding=5, groups=4),
        nn.LeakyReLU(0.2),
        nn.Conv1d(16, 16, 5, padding=4, dilation=2, groups=16),
        nn.Tanh(),
        nn.ConvTranspose1d(16, 8, 4, stride=2, padding=1),
        nn.GroupNorm(2, 8),
        nn.SiLU(),
        nn.Conv1d(8, 1, 3, padding=1),
    )


def penalized(library, model, dtype):
    """The gradients of a WGAN-GP loss (Gulrajani et al., 2017) in the parameters, as ported code
    writes it."""
    rng, kind = np.random.default_rng(0), {"dtype": getattr(library, dtype)}
    real, fake = (library.tensor(rng.normal(size=(3, 1, 64)), **kind) for _ in range(2))
    alpha = library.tensor(rng.random((3, 1, 1)), **kind)
    interpolates = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    scores = model(interpolates)
    gradients = library.autograd.grad(
        outputs=scores,
        inputs=interpolates,
        grad_outputs=library.ones_like(scores),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    gradients = gradients.view(gradients.size(0), -1)
    penalty = ((gradients.norm(2, dim=1) - 1) ** 2).mean()
    loss = model(fake).mean() - model(real).mean() + 10 * penalty
    loss.backward()
    return {name: p.grad.numpy() for name, p in model.named_parameters()}


@pytest.mark.parity
# float32: the sums of both libraries are in different orders
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-5), ("float64", 1e-9)])
def test_gradient_penalty_of_a_critic(dtype, tolerance):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs, ours = critic(torch.nn), critic(nn)
    ours.load_state_dict(theirs.state_dict())
    if dtype == "float64":
        theirs, ours = theirs.double(), ours.double()
    expected = penalized(torch, theirs, dtype)
    for name, found in penalized(lucid, ours, dtype).items():
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(
            found, expected[name], rtol=tolerance, atol=tolerance * scale, err_msg=name
        )


@pytest.mark.parity
def test_gradient_penalty_through_weight_norm():
    torch = pytest.importorskip("torch")

    def build(nn, weight_norm):
        return nn.Sequential(
            weight_norm(nn.Conv1d(1, 4, 5, stride=2, padding=2)),
            nn.LeakyReLU(0.2),
            weight_norm(nn.Conv1d(4, 1, 3, padding=1)),
        )

    theirs = build(torch.nn, torch.nn.utils.parametrizations.weight_norm).double()
    ours = build(nn, nn.utils.parametrizations.weight_norm).double()
    ours.load_state_dict(theirs.state_dict())
    expected = penalized(torch, theirs, "float64")
    for name, found in penalized(lucid, ours, "float64").items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-9, atol=1e-12, err_msg=name)


# name of the form: shapes of x and w, and settings
FORMS = {
    "toeplitz": ((1, 2, 9), (2, 1, 4), {"groups": 2, "stride": 2}),
    "toeplitz dilated": ((1, 1, 22), (2, 1, 9), {"dilation": 2}),
    "taps": ((1, 2, 20), (2, 1, 3), {"groups": 2, "dilation": 8, "padding": 1}),
    "pointwise": ((1, 2, 512), (3, 2, 1), {}),
    "pointwise transposed": ((1, 3, 512), (3, 2, 1), {}),
    "multiply_first_conv1d": ((1, 16, 4), (1, 16, 3), {"padding": 1}),
    "by_taps": ((1, 4, 2048), (5, 4, 3), {"padding": 2, "dilation": 2}),
    "by_taps strided": ((1, 3, 102), (2, 3, 14), {"stride": 2}),
    "unfolded": ((2, 3, 7), (4, 3, 3), {"stride": 2, "padding": 1}),
    "toeplitz_transposed": ((1, 2, 4), (2, 1, 4), {"groups": 2, "stride": 2}),
    "taps_transposed": ((1, 2, 6), (2, 1, 3), {"groups": 2, "dilation": 8, "padding": 1}),
    "multiply_first": ((1, 8, 4), (8, 1, 5), {"stride": 2}),
    "by_taps transposed": ((1, 5, 2048), (5, 4, 3), {"padding": 1}),
    "by_taps transposed strided": ((1, 3, 100), (3, 3, 14), {"stride": 2, "padding": 3}),
    "unfold_first": ((1, 1, 4), (1, 6, 5), {"stride": 2, "padding": 1, "output_padding": 1}),
}


@pytest.mark.parametrize("name", FORMS)
def test_three_orders_of_every_form(name, monkeypatch):
    x_shape, w_shape, settings = FORMS[name]
    transposed = "transposed" in name or name in ("multiply_first", "unfold_first")
    function = F.conv_transpose1d if transposed else F.conv1d
    chosen = []

    def choose(*args):
        chosen.append(forms.choose(*args))
        return chosen[-1]

    monkeypatch.setattr(convolution, "choose", choose)
    x, w = (
        lucid.tensor(RNG.normal(size=s), dtype=lucid.float64, requires_grad=True)
        for s in (x_shape, w_shape)
    )

    def f(x, w):
        return function(x, w, **settings).sin()

    def slopes(x, w):
        return lucid.autograd.grad(f(x, w).sum(), (x, w), create_graph=True)

    f(x, w)
    assert chosen[0].__name__ == name.split()[0]
    assert lucid.autograd.gradgradcheck(f, (x, w), atol=1e-7, rtol=1e-6, fast_mode=True)
    assert lucid.autograd.gradgradcheck(slopes, (x, w), atol=1e-6, rtol=1e-5, fast_mode=True)


def test_every_definition_is_met():
    tables = (forms.CONV1D, forms.CONV_TRANSPOSE1D)
    names = {form.__name__ for table in tables for _, form in table.definitions}
    assert names == {name.split()[0] for name in FORMS}
