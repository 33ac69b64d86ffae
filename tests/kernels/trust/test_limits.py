"""What never reaches a shader."""

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels import convolution, forms, metal
from lucid.kernels.convolution import conv1d
from lucid.kernels.forms import Shape


def test_what_passes_32_bits_goes_to_the_definition_without_a_word(
    gpu, ledger, monkeypatch, example
):
    monkeypatch.setattr(metal, "LARGEST_AXIS", 600)
    x, w = example.arrays()
    conv1d(x, w)
    assert gpu.launches
    gpu.launches.clear()
    x, w = example.arrays(L=602)
    np.testing.assert_array_equal(conv1d(x, w, padding=(-1, -1)), example.exact(x, w)[..., 1:-1])
    monkeypatch.setattr(metal, "LARGEST_GRID", 63)
    x, w = example.arrays(L=50)
    conv1d(x, w)
    assert not gpu.launches
    assert not ledger.failed


def test_rows_past_32_bits_have_no_shader(gpu, twin):
    table = convolution.CONV1D
    long = Shape(Cg=1, Og=1, K=3, length=2**29, stride=2, dilation=1, groups=1)
    assert not long.fits_32_bits
    assert long._replace(stride=1).fits_32_bits
    assert not long._replace(length=9, stride=1, dilation=2**30).fits_32_bits
    assert forms.choose(table, long, mx.float32) is not twin
    assert forms.choose(table, long._replace(stride=1), mx.float32) is twin


@pytest.mark.parametrize("dtype", [mx.float64, mx.int32], ids=str)
def test_other_dtypes_have_no_shader(gpu, twin, dtype, example):
    with mx.stream(mx.cpu):
        x, w = example.arrays(dtype=dtype)
        if dtype == mx.float64:
            np.testing.assert_array_equal(conv1d(x, w), example.exact(x, w))
    table = convolution.CONV1D
    shape = Shape(Cg=4, Og=4, K=3, length=48, stride=1, dilation=1, groups=1)
    assert forms.choose(table, shape, dtype) is not twin
    assert forms.choose(table, shape, mx.float32) is twin
    assert not gpu.launches
