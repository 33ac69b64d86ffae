"""Shaders that run on many Macs, MLX's own, must run clean: the checks do not cry wolf.

They are read from the headers that the installed wheel ships; nothing of them is kept here.
"""

import re
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from metal_emulator import Mode, Options, Output, execute, missing
from metal_emulator.sample import LEVELS, ORDERS

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

FOLDER = Path(mx.__file__).parent / "include/mlx/backend/metal/kernels"


def shader(name, *functions):
    path = FOLDER / name
    text = path.read_text() if path.is_file() else ""
    for function in functions:
        if f"void {function}(" not in text:
            pytest.skip(f"MLX {mx.__version__} has no {function} in {path}")
    text = re.sub(r'#(pragma once|include ".*")', "", text)  # the shim has what they include
    return "#include <metal_stdlib>\nusing namespace metal;\n" + text


def rows(n, dtype):
    x = np.random.default_rng(0).normal(size=(5, n)) * 3
    return mx.array(x.astype(np.float32)).astype(dtype)


def run(name, function, x, output, threads, options):
    """One threadgroup a row; rows of `n` values, 4 a thread."""
    template = "half" if x.dtype == mx.float16 else "float"
    buffers = [x, output, mx.array(x.shape[1], mx.int32)]
    source = shader(name, function)
    grid = (threads * x.shape[0], 1, 1)
    launched = execute(source, f"{function}<{template}>", buffers, grid, (threads, 1, 1), options)
    return np.array(launched.outputs[0].astype(mx.float32))


CASES = [  # (length of a row, threads of its threadgroup as MLX chooses them, which variant)
    (128, 32, "single"),
    (1000, 256, "single"),
    (4099, 1024, "looped"),
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("optimise", LEVELS)
@pytest.mark.parametrize("dtype", [mx.float32, mx.float16])
@pytest.mark.parametrize(("n", "threads", "variant"), CASES)
def test_softmax(n, threads, variant, dtype, optimise, order):
    options = Options(mode=Mode(optimise=optimise), descending=order)
    x = rows(n, dtype)
    function = "softmax_single_row" if variant == "single" else "softmax_looped"
    y = run("softmax.h", function, x, Output(x.shape, dtype), threads, options)
    expected = np.array(mx.softmax(x.astype(mx.float32), axis=-1))
    # A half has 11 bits, and this variant sums in half.
    np.testing.assert_allclose(y, expected, rtol=2e-6 if dtype == mx.float32 else 2e-2, atol=1e-7)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("optimise", LEVELS)
@pytest.mark.parametrize(("n", "threads", "variant"), CASES)
def test_logsumexp(n, threads, variant, optimise, order):
    options = Options(mode=Mode(optimise=optimise), descending=order)
    x = rows(n, mx.float32)
    function = "logsumexp" if variant == "single" else "logsumexp_looped"
    y = run("logsumexp.h", function, x, Output((5,), mx.float32), threads, options)
    np.testing.assert_allclose(y, np.array(mx.logsumexp(x, axis=-1)), rtol=1e-6)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("optimise", LEVELS)
def test_cross_entropy_and_its_gradient(optimise, order):
    options = Options(mode=Mode(optimise=optimise), descending=order)
    x, n, threads = rows(1000, mx.float32), 1000, 256
    targets, cotangent = mx.array([1, 2, 3, n - 1, -1], mx.int32), mx.arange(5.0)
    source = shader("cross_entropy.h", "cross_entropy", "cross_entropy_vjp")
    grid, group, size = (threads * 5, 1, 1), (threads, 1, 1), mx.array(n, mx.int32)
    buffers = [x, targets, Output((5,), mx.float32), size]
    (loss,) = execute(source, "cross_entropy<float>", buffers, grid, group, options).outputs
    buffers = [x, targets, loss, cotangent, Output(x.shape, mx.float32), size]
    (g,) = execute(source, "cross_entropy_vjp<float>", buffers, grid, group, options).outputs

    def definition(x):
        one = mx.take_along_axis(x, (targets % n)[:, None], axis=-1)[:, 0]
        return mx.logsumexp(x, axis=-1) - one

    expected, (expected_g,) = mx.vjp(definition, [x], [cotangent])
    np.testing.assert_allclose(np.array(loss), np.array(expected[0]), rtol=1e-6)
    np.testing.assert_allclose(np.array(g), np.array(expected_g), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("optimise", LEVELS)
@pytest.mark.parametrize("n", [8192, 4095, 77])
def test_dot_product(n, optimise, order):
    """One threadgroup, so that its sum is the whole; vector loads, and a tail without them."""
    options = Options(mode=Mode(optimise=optimise), descending=order)
    a, b = (
        mx.array(np.random.default_rng(i).integers(-4, 5, n).astype(np.float32)) for i in (0, 1)
    )
    buffers = [a, b, Output((1,), mx.float32), mx.array(n, mx.int32)]
    function = "dot_product<float, 32, 256, 8>"
    run = execute(
        shader("dot.h", "dot_product"), function, buffers, (256, 1, 1), (256, 1, 1), options
    )
    assert run.outputs[0].item() == mx.sum(a * b).item()
