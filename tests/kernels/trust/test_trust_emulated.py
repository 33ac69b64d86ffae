"""The proof in the emulator: MLX's text of a shader, compiled and run."""

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


def test_a_layer_trains_on_although_its_shader_is_broken(gpu, folder):
    path = folder / "twin.metal"
    path.write_text(path.read_text().replace("k * D - left", "k * D - left - 1"))

    def slopes():
        lucid.manual_seed(0)
        layer = nn.Conv1d(3, 4, kernel_size=3, padding=1)
        layer(lucid.randn(2, 3, 20)).square().sum().backward()
        return [parameter.grad.numpy() for parameter in layer.parameters()]

    with pytest.warns(RuntimeWarning, match="gives wrong numbers"):
        got = slopes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metal, "available", lambda: False)
        expected = slopes()
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_who_trusts_all_shaders_launches_nothing_twice(gpu, example):
    with emulated() as session:
        conv1d(*example.arrays())
    assert len(session.runs) == 1
    assert trust.ledger().passed == {}
