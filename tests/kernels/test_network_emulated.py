"""The library's own launch path, whole: networks train with every convolution in the emulator."""

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import nn, optim
from lucid.kernels import metal, trust
from lucid.kernels.convolution import conv1d, conv_transpose1d
from metal_emulator import emulated, missing

in_emulator = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def network():
    lucid.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(1, 8, 16, stride=8, padding=4),  # an encoder: one channel, many filters
        nn.DepthSeparableConv1d(8, 12, 5, padding="same", dilation=2),
        nn.ReLU(),
        nn.SeparableConv1d(12, 16, 3, padding="causal", depth_multiplier=2, activation="relu"),
        nn.Conv1d(16, 16, 4, stride=2, padding=1, groups=2),
        nn.ConvTranspose1d(16, 8, 4, stride=2, padding=1),
        nn.ConvTranspose1d(8, 8, 3, groups=8, padding=1),
        nn.ConvTranspose1d(8, 1, 16, stride=8, padding=4, output_padding=3),
    )


def one_step(make, x, target):
    """The loss and all parameters after one step of an optimizer."""
    model = make()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    loss = (model(x) - target).square().mean()
    loss.backward()
    optimizer.step()
    return loss.item(), {name: np.array(p.array) for name, p in model.named_parameters()}


@pytest.fixture
def signal():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 1, 403))
    y = rng.standard_normal((2, 1, 403))
    return lucid.tensor(x, dtype=lucid.float32), lucid.tensor(y, dtype=lucid.float32)


@in_emulator
def test_a_network_takes_the_step_of_the_definitions(signal):
    expected_loss, expected = one_step(network, *signal)
    with emulated() as session:
        loss, got = one_step(network, *signal)
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    for name, value in got.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)
    ran = {run.kernel.split("<")[0] for run in session.runs}
    assert len(ran) >= 8, f"only {ran} ran as shaders"


@in_emulator
@pytest.mark.parametrize(
    "layer",
    [
        lambda: nn.DepthSeparableConv1d(4, 6, 5, stride=2, padding=2),
        lambda: nn.SeparableConv1d(4, 6, 5, padding="same"),
        lambda: nn.ConvTranspose1d(4, 6, 4, stride=2, padding=1),
        lambda: nn.ConvTranspose1d(4, 4, 12, stride=2, groups=4),
    ],
)
def test_a_layer_trains_in_the_emulator(layer):
    """The loss of a few steps on one batch, the same as that of the definitions."""

    def losses():
        lucid.manual_seed(1)
        model, x = layer(), lucid.randn(2, 4, 37)
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        told = []
        for _ in range(4):
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            optimizer.step()
            told.append(loss.item())
        return told

    expected = losses()
    with emulated() as session:
        got = losses()
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    assert got[-1] < got[0]
    assert session.runs


def penalty(x, w, v):
    """A gradient penalty: a function of a derivative, whose own derivative is second order."""
    inner = mx.grad(lambda x: (convolve(x, w, v) ** 2).sum())(x)
    return (inner**2).sum()


def convolve(x, w, v):
    return conv_transpose1d(conv1d(x, w, stride=2, padding=(2, 1)), v, length=23, stride=2)


@pytest.fixture
def arrays():
    shapes = ((2, 3, 21), (16, 3, 4), (16, 9, 3))
    return [mx.random.normal(shape, key=mx.random.key(i)) for i, shape in enumerate(shapes)]


@in_emulator
@pytest.mark.parametrize("transform", [lambda f: f, mx.checkpoint], ids=["plain", "checkpoint"])
def test_mx_grad_of_mx_grad_and_checkpoint_go_through_the_shaders(transform, arrays):
    derivative = mx.grad(transform(penalty), argnums=(0, 1, 2))
    expected = derivative(*arrays)
    with emulated() as session:
        got = derivative(*arrays)
        mx.eval(got)
    assert session.runs
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * float(mx.abs(b).max()))


def test_mx_compile_traces_the_launches(arrays, monkeypatch):
    """A launch inside mx.compile meets arrays without values; the emulator, which needs them, gives
    way to a stand-in that is as lazy as MLX's own call."""
    launched = []

    def launch(kernel, inputs, template, grid, threadgroup, outputs):
        launched.append(kernel.name)
        total = sum(array.astype(mx.float32).mean() for array in inputs)
        return [mx.full(shape, total.astype(dtype)) for shape, dtype in outputs]

    monkeypatch.setattr(metal, "_launch", launch)
    monkeypatch.setattr(metal, "available", lambda: True)
    derivative = mx.grad(penalty, argnums=(0, 1, 2))
    with trust.using(trust.Ledger(assume=True)):
        expected = derivative(*arrays)
        eager = list(launched)
        got = mx.compile(derivative)(*arrays)
    assert launched == 2 * eager != []
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
