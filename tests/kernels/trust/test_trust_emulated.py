"""The proof in the emulator: MLX's text of a shader, compiled and run."""

import warnings

import mlx.core as mx
import numpy as np
import pytest

import lucid
import metal_emulator
from lucid import nn
from lucid.kernels import metal, trust
from lucid.kernels.convolution import conv1d
from metal_emulator import emulated

EDITS = {
    "a wrong tap": ("k * D - left", "k * D + 1 - left", "gives wrong numbers"),
    "taps in the wrong order": ("* K + k]", "* K + K - 1 - k]", "gives wrong numbers"),
    "one channel short": ("c < Cg", "c < Cg - 1", "gives wrong numbers"),
    "no bias": ("BIAS ? float(bias[o]) : 0.0f", "0.0f", "gives wrong numbers"),
    "a read too far": ("if (i >= 0 && i < L)", "", "MetalError: .*out of bounds"),
    "a store too far": ("t < length", "t <= length", "MetalError: .*"),
    "no compiling": ("float sum", "flaot sum", "does not run: MetalError: .*flaot"),
    "no such function": ("static_cast<T>", "metal::convert", "does not run: MetalError: .*convert"),
}


@pytest.fixture
def gpu(ledger, twin):
    """An emulated GPU that proves its shaders."""
    reason = metal_emulator.missing()
    if reason:
        pytest.skip(reason)
    with emulated(ledger) as session:
        yield session


@pytest.mark.parametrize("dtype", metal.DTYPES, ids=str)
def test_a_right_shader_runs_once_for_the_proof(gpu, ledger, example, dtype):
    x, w = example.arrays(dtype=dtype)
    np.testing.assert_allclose(conv1d(x, w).astype(mx.float32), example.exact(x, w), rtol=2.0**-8)
    assert len(gpu.runs) == 2
    conv1d(x, w)
    assert len(gpu.runs) == 3
    assert ledger.passed
    assert not ledger.failed


@pytest.mark.parametrize(("old", "new", "reason"), EDITS.values(), ids=EDITS)
def test_a_broken_shader_is_replaced(gpu, folder, example, old, new, reason):
    path = folder / "twin.metal"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    x, w = example.arrays()
    bias = mx.array([1.0, 2.0, 3.0, 4.0])
    expected = example.exact(x, w) + np.array(bias)[:, None]
    with pytest.warns(RuntimeWarning, match=reason) as caught:
        np.testing.assert_array_equal(conv1d(x, w, bias), expected)
    assert len(caught) == 1
    np.testing.assert_array_equal(conv1d(x, w, bias), expected)
    assert {row.state for row in lucid.kernels.status().rows} == {"definition"}


def gradients():
    """Of a network with all kinds of convolution, after one step back."""
    lucid.manual_seed(0)
    net = nn.Sequential(
        nn.Conv1d(1, 8, 5, stride=2),
        nn.Conv1d(8, 8, 3, padding=1, groups=8),
        nn.Conv1d(8, 8, 3, padding="same", dilation=2),
        nn.ConvTranspose1d(8, 4, 4, stride=2),
        nn.ConvTranspose1d(4, 1, 3, bias=False),
    )
    net(lucid.randn(2, 1, 40)).square().mean().backward()
    return [parameter.grad.numpy() for parameter in net.parameters()]


@pytest.fixture
def network(ledger):
    """A network whose shaders prove themselves, in the emulator: gives its gradients, and those by
    the definitions."""
    reason = metal_emulator.missing()
    if reason:
        pytest.skip(reason)

    def run():
        expected = gradients()
        with emulated(ledger):
            return gradients(), expected, lucid.kernels.status().rows

    return run


def close(got, expected):
    return all(np.allclose(a, b, rtol=1e-5, atol=1e-6) for a, b in zip(got, expected, strict=True))


def test_the_shaders_of_the_library_prove_themselves(network, ledger):
    got, expected, rows = network()
    assert close(got, expected)
    assert not ledger.failed
    assert len({row.kernel for row in rows if row.state == "shader"}) > 4


@pytest.mark.parametrize(
    ("old", "new"), [("static_cast<T>(", "T(1) + static_cast<T>("), ("for (", "fro (")]
)
def test_a_network_trains_on_although_its_shaders_are_broken(network, monkeypatch, old, new):
    def broken(kernel):
        source = metal.read(kernel.file)[kernel.name]
        return source._replace(
            header=source.header.replace(old, new), body=source.body.replace(old, new)
        )

    monkeypatch.setattr(metal.Kernel, "source", property(broken))
    monkeypatch.setattr(metal, "_function", metal._function.__wrapped__)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got, expected, rows = network()
    assert close(got, expected)
    off = {row.kernel for row in rows if row.state == "definition"}
    assert len(off) == len(caught) > 2


def test_who_trusts_all_shaders_launches_nothing_twice(gpu, example):
    with emulated() as session:
        conv1d(*example.arrays())
    assert len(session.runs) == 1
    assert trust.ledger().passed == {}
