"""The weight gradient's shaders, in the emulator: exact on small integers, whatever the shape."""

from dataclasses import replace

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid.kernels import metal
from lucid.kernels.conv1d_weight_grad import shader_direct, shader_matmul
from metal_emulator import Mode

# N, groups, Cg, Og, L, length, K, stride, left, dilation
SHAPES = {
    "one value": (1, 1, 1, 1, 1, 1, 1, 1, 0, 1),
    "fewer than 8 values": (1, 1, 2, 3, 3, 2, 2, 1, 0, 1),
    "channels 12 and 20": (2, 1, 12, 20, 40, 38, 3, 1, 0, 1),
    "channels 100 and 3": (2, 1, 100, 3, 21, 10, 4, 2, 1, 1),
    "wide in o": (1, 1, 3, 130, 35, 35, 3, 1, 1, 1),
    "wide in both": (2, 1, 70, 66, 67, 33, 5, 2, 3, 1),
    "more taps than a tile": (1, 1, 2, 9, 150, 40, 140, 1, 20, 1),
    "groups": (2, 3, 5, 7, 40, 20, 4, 2, 1, 1),
    "no input is x of length 8": (3, 2, 8, 16, 8, 8, 3, 1, 1, 1),
    "K below the stride": (2, 1, 4, 9, 90, 17, 3, 5, 2, 1),
    "stride 8, K 16": (1, 1, 2, 40, 300, 37, 16, 8, 4, 1),
    "stride and dilation share a factor": (2, 1, 9, 6, 70, 15, 5, 4, 3, 6),
    "stride and dilation do not": (1, 1, 9, 6, 70, 20, 7, 3, 8, 2),
    "dilation above the tile": (2, 1, 10, 11, 300, 220, 3, 1, 5, 40),
    "dilation above the tile and stride": (1, 1, 4, 8, 300, 75, 3, 2, 0, 90),
    "padding above the reach": (2, 1, 8, 8, 9, 40, 3, 1, 17, 1),
    "negative padding": (2, 1, 8, 10, 50, 30, 3, 1, -7, 1),
    "x shorter than the taps": (3, 1, 8, 10, 2, 11, 9, 1, 9, 1),
    "long, in many chunks": (3, 1, 20, 20, 2050, 2049, 3, 1, 0, 1),
}
FORMS = (shader_matmul, shader_direct)
DTYPES = (mx.float32, mx.float16, mx.bfloat16)


def arrays(shape, rng, low=-2, high=3):
    N, groups, Cg, Og, L, length, K, stride, left, dilation = shape
    x = rng.integers(low, high, (N, groups * Cg, L))
    g = rng.integers(low, high, (N, groups * Og, length))
    place = {"stride": stride, "left": left, "dilation": dilation, "groups": groups}
    return x, g, K, place


def check_exact(emulator, definition, form, shape, dtype, rng):
    x, g, K, place = arrays(shape, rng)
    X, G = mx.array(x, dtype), mx.array(g, dtype)
    got = form(X, G, K, **place)
    assert got.dtype == dtype
    expected = mx.array(definition.weight_grad(x, g, K, **place), mx.float32).astype(dtype)
    assert mx.array_equal(got, expected)
    # Other orders, and inputs at any offset, as slices have.
    backwards = ("groups", "simdgroups", "lanes")
    emulator.options = replace(emulator.options, descending=backwards, misalign=1)
    assert mx.array_equal(form(X, G, K, **place), got)


CASES = [(shader_matmul, name) for name in SHAPES]
CASES += [(shader_direct, name) for name in SHAPES if "wide" not in name and "100" not in name]


@pytest.mark.parametrize(("form", "name"), CASES)
def test_equals_its_definition_on_integers(emulator, definition, form, name):
    rng = np.random.default_rng(0)
    dtype = DTYPES[list(SHAPES).index(name) % 3]
    check_exact(emulator, definition, form, SHAPES[name], dtype, rng)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_sums_are_in_float(emulator, definition, form, dtype):
    x, g, K, place = arrays((2, 1, 5, 6, 600, 300, 3, 2, 1, 1), np.random.default_rng(0), 1, 4)
    got = form(mx.array(x, dtype), mx.array(g, dtype), K, **place)
    # 600 products of up to 9 pass 2048, the last integer that half precision counts to.
    expected = mx.array(definition.weight_grad(x, g, K, **place), mx.float32).astype(dtype)
    assert mx.array_equal(got, expected)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_precision(emulator, definition, form):
    _, _, K, place = arrays((2, 2, 5, 6, 200, 100, 3, 2, 1, 1), np.random.default_rng(0))
    rng = np.random.default_rng(1)
    x, g = rng.normal(size=(2, 10, 200)), rng.normal(size=(2, 12, 100))
    got = form(mx.array(x, mx.float32), mx.array(g, mx.float32), K, **place)
    expected = definition.weight_grad(x, g, K, **place)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_equals_its_definition_on_random_shapes(emulator, definition, seed):
    rng = np.random.default_rng(seed)
    form = FORMS[seed % 2]
    most = 140 if form is shader_matmul else 14
    Cg, Og = (int(most ** rng.random()) for _ in range(2))
    N, groups, K = (int(rng.integers(1, high)) for high in (4, 3, 45))
    L, length = (int(rng.integers(1, 150)) for _ in range(2))
    stride, dilation = (int(rng.choice([1, 1, 2, 3, 4, 5, 8])) for _ in range(2))
    shape = (N, groups, Cg, Og, L, length, K, stride, int(rng.integers(-20, 60)), dilation)
    check_exact(emulator, definition, form, shape, DTYPES[seed % 3], rng)


def gradients(make, C_in):
    """The gradients of a layer's weight, alone and as the penalty of a gradient of x sees it."""
    lucid.manual_seed(0)
    layer, x = make(), lucid.randn(2, C_in, 100, requires_grad=True)
    y = layer(x)
    (gx,) = lucid.autograd.grad(y.square().sum(), [x], create_graph=True)
    loss = y.square().sum() + gx.square().sum()
    loss.backward()
    return layer.weight.grad.numpy()


LAYERS = {
    "dense": (lambda: lucid.nn.Conv1d(12, 24, 3, stride=2, padding=1), 12, "matmul"),
    "grouped": (lambda: lucid.nn.Conv1d(16, 24, 5, groups=2, dilation=2), 16, "matmul"),
    "few channels": (lambda: lucid.nn.Conv1d(2, 3, 3, padding="same"), 2, "direct"),
    "transposed": (lambda: lucid.nn.ConvTranspose1d(16, 8, 4, stride=2, padding=1), 16, "matmul"),
    "grouped transposed": (
        lambda: lucid.nn.ConvTranspose1d(6, 4, 5, stride=3, groups=2), 6, "direct",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers_train_with_it(name, emulator, monkeypatch):
    make, C_in, form = LAYERS[name]
    got = gradients(make, C_in)
    assert any(f"conv1d_weight_grad_{form}" in run.kernel for run in emulator.runs)
    monkeypatch.setattr(metal, "available", lambda: False)
    expected = gradients(make, C_in)
    # Sums that cancel round in relation to their terms, which are as large as the largest sums.
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


# Counts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_partial_sums_are_few(emulator, form):
    x, g = mx.zeros((2, 40, 5000)), mx.zeros((2, 40, 5000))
    form(x, g, 3, stride=1, left=1, dilation=1, groups=1)
    partials = emulator.runs[0].outputs[0]
    assert partials.shape[0] > 1
    assert partials.size <= (x.size + g.size) / 8


def up(n):
    """In whole fragments."""
    return -(-n // 8) * 8


@pytest.mark.parametrize(
    "shape",
    [
        (2, 1, 12, 20, 50, 37, 3, 2, 0, 1),
        (1, 2, 5, 33, 50, 64, 7, 1, 3, 1),
        (1, 1, 1, 130, 300, 70, 16, 4, 0, 1),
    ],
)
def test_only_rounding_up_to_fragments_is_multiplied_in_vain(emulator, shape):
    N, groups, Cg, Og, _, length, K, *_ = shape
    emulator.options = replace(emulator.options, mode=Mode(checked=False))
    x, g, K, place = arrays(shape, np.random.default_rng(0))
    shader_matmul(mx.array(x, mx.float32), mx.array(g, mx.float32), K, **place)
    executed = N * groups * up(Og) * up(Cg * K) * up(length)
    assert emulator.runs[0].counts.multiply_adds == executed


def test_few_outputs_change_places_with_the_input(emulator):
    """At stride 1: the output layer of a vocoder, 32 to 1 channel, fills rows of 32, not of 1."""
    shape = (1, 1, 32, 1, 100, 100, 7, 1, 3, 1)
    emulator.options = replace(emulator.options, mode=Mode(checked=False))
    x, g, K, place = arrays(shape, np.random.default_rng(0))
    shader_matmul(mx.array(x, mx.float32), mx.array(g, mx.float32), K, **place)
    assert emulator.runs[0].counts.multiply_adds == 32 * 8 * 104


def test_the_direct_form_multiplies_nothing_in_vain(emulator, definition):
    shape = (2, 2, 5, 6, 50, 41, 9, 2, 30, 1)
    # As written: clang's optimiser multiplies also what it then does not add.
    emulator.options = replace(emulator.options, mode=Mode(checked=False, optimise=0))
    x, g, K, place = arrays(shape, np.random.default_rng(0))
    shader_direct(mx.array(x, mx.float32), mx.array(g, mx.float32), K, **place)
    useful = definition.weight_grad(np.ones_like(x), np.ones_like(g), K, **place).sum()
    assert emulator.runs[0].counts.multiply_adds == useful


def test_traffic_of_a_layer_bound_by_memory(emulator):
    """x and g are read about once, and the partial sums are a small part. (N, 48, L) to 1 channel,
    K = 2s, is where a decoder ends."""
    emulator.options = replace(emulator.options, mode=Mode(checked=False))
    x, g = mx.zeros((2, 1, 8000)), mx.zeros((2, 48, 2000))
    shader_matmul(x, g, 8, stride=4, left=2, dilation=1, groups=1)
    moved = sum(run.counts.bytes_of_groups for run in emulator.runs)
    assert moved <= 1.3 * 4 * (x.size + g.size)
