"""The shaders of the transposed convolution, in the emulator: exact on small integers."""

from dataclasses import replace

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels import forms, implicit_matmul
from lucid.kernels.conv_transpose1d import mlx, pointwise, shader_direct, shader_matmul
from lucid.kernels.forms import CONV_TRANSPOSE1D, Shape
from metal_emulator import Mode

FORMS = (shader_matmul, shader_direct)
DTYPES = (mx.float32, mx.float16, mx.bfloat16)

# N, groups, Cg, Og, L, length, K, stride, left, dilation: x (N, groups*Cg, L) to
# y (N, groups*Og, length)
SHAPES = {
    "one value": (1, 1, 1, 1, 1, 1, 1, 1, 0, 1),
    "fewer than 8 values": (1, 1, 2, 1, 3, 7, 3, 2, 1, 1),
    "K twice the stride": (2, 1, 16, 8, 150, 300, 4, 2, 1, 1),
    "one output channel": (2, 1, 24, 1, 33, 264, 16, 8, 4, 1),
    "stride 5 and output_padding": (1, 1, 12, 20, 33, 163, 10, 5, 3, 1),
    "stride 6, 3 channels": (1, 1, 100, 3, 11, 70, 7, 6, 2, 1),
    "more rows than a tile": (2, 1, 5, 100, 70, 139, 3, 2, 1, 1),
    "groups and K below the stride": (2, 3, 9, 4, 21, 65, 2, 3, 0, 1),
    "stride and dilation share a factor": (1, 1, 10, 6, 40, 170, 5, 4, 7, 6),
    "stride and dilation do not": (1, 1, 8, 16, 50, 90, 4, 3, 40, 2),
    "dilation above the tile": (1, 1, 6, 20, 90, 260, 3, 1, 9, 80),
    "padding above the reach": (2, 1, 8, 8, 20, 9, 3, 2, 17, 1),
    "more phases than a tile": (1, 1, 4, 2, 5, 400, 100, 72, 9, 1),
    "negative padding": (2, 1, 8, 10, 9, 60, 3, 2, -21, 1),
}
SLOW = {
    "stride 256": (1, 1, 1, 1, 9, 2100, 1024, 256, 384, 1),
    "stride 24, phases of 8 in a tile": (1, 1, 9, 16, 21, 480, 48, 24, 5, 1),
    "stride 7": (1, 1, 16, 16, 70, 480, 21, 7, 5, 1),
    "long": (1, 1, 8, 8, 66000, 66001, 2, 1, 0, 1),
}


def arrays(shape, rng, low=-2, high=3):
    N, groups, Cg, Og, L, length, K, stride, left, dilation = shape
    x = rng.integers(low, high, (N, groups * Cg, L))
    w = rng.integers(low, high, (groups * Cg, Og, K))
    place = {"stride": stride, "left": left, "dilation": dilation, "groups": groups}
    return x, w, length, place


def check_exact(emulator, definition, form, shape, dtype, bias=False):
    rng = np.random.default_rng(0)
    x, w, length, place = arrays(shape, rng)
    b = rng.integers(-9, 10, w.shape[1] * place["groups"]) * bias
    X, W, B = (mx.array(a, dtype) for a in (x, w, b))
    kwargs = {**place, "bias": B if bias else None}
    got = form(X, W, length, **kwargs)
    assert got.dtype == dtype
    expected = definition.conv_transpose1d(x, w, length, **place) + b[:, None]
    # Sums of integers are exact in float32; the result is rounded once.
    assert mx.array_equal(got, mx.array(expected, mx.float32).astype(dtype))
    backwards = ("groups", "simdgroups", "lanes")
    # Other orders, and inputs at any offset, as slices have.
    emulator.options = replace(emulator.options, descending=backwards, misalign=1)
    assert mx.array_equal(form(X, W, length, **kwargs), got)


def check(emulator, definition, form, name, shapes=SHAPES):
    """Dtype and bias change from shape to shape."""
    number = list(shapes).index(name)
    # Without the optimiser, which may do away with an access.
    emulator.options = replace(emulator.options, mode=Mode(optimise=0))
    check_exact(emulator, definition, form, shapes[name], DTYPES[number % 3], number % 2 == 1)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_equals_its_definition_on_integers(emulator, definition, form, name):
    check(emulator, definition, form, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_equals_its_definition_at_larger_sizes(emulator, definition, form, name):
    check(emulator, definition, form, name, SLOW)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_equals_its_definition_on_random_shapes(emulator, definition, seed):
    rng = np.random.default_rng(seed)
    form = FORMS[seed % 2]
    Cg, Og = (int(120 ** rng.random()) for _ in range(2))
    N, groups, K = (int(rng.integers(1, high)) for high in (4, 3, 24))
    L, length = (int(rng.integers(1, 200)) for _ in range(2))
    stride, dilation = (int(rng.choice([1, 2, 3, 4, 5, 8, 20])) for _ in range(2))
    shape = (N, groups, Cg, Og, L, length, K, stride, int(rng.integers(-20, 60)), dilation)
    check_exact(emulator, definition, form, shape, DTYPES[seed % 3], bool(rng.integers(2)))


@pytest.mark.usefixtures("emulator")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_precision(definition, form):
    shape = (2, 1, 24, 4, 50, 200, 8, 4, 2, 1)
    *_, length, place = arrays(shape, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(2, 24, 50)), rng.normal(size=(24, 4, 8))
    got = form(mx.array(x, mx.float32), mx.array(w, mx.float32), length, **place)
    expected = definition.conv_transpose1d(x, w, length, **place)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_sums_are_in_float(emulator, definition, form):
    # Sums of 48 products of up to 100 pass 2048, the last integer that half precision counts to.
    x, w, length, place = arrays((1, 1, 24, 4, 9, 40, 8, 4, 0, 1), np.random.default_rng(0), 5, 11)
    got = form(mx.array(x, mx.float16), mx.array(w, mx.float16), length, **place)
    expected = definition.conv_transpose1d(x, w, length, **place)
    assert mx.array_equal(got, mx.array(expected, mx.float32).astype(mx.float16))


def test_threadgroups_that_take_several_tiles(emulator, definition, monkeypatch):
    monkeypatch.setattr(implicit_matmul, "BUSY", 1)
    shape = (2, 1, 8, 12, 1100, 2199, 4, 2, 0, 1)
    check_exact(emulator, definition, shader_matmul, shape, mx.float32)
    assert emulator.runs[-1].counts.groups == 2 * 2  # of 8 tiles and of 1


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape[7] == 1])
def test_mlx_equals_its_definition_on_integers(definition, name):
    x, w, length, place = arrays(SHAPES[name], np.random.default_rng(0))
    b = np.arange(w.shape[1] * place["groups"])
    got = mlx(
        *(mx.array(a, mx.float32) for a in (x, w)), length, bias=mx.array(b, mx.float32), **place
    )
    assert mx.array_equal(
        got, mx.array(definition.conv_transpose1d(x, w, length, **place) + b[:, None], mx.float32)
    )


# Work: products that meet a tap and an input -----------------------------------------------------


def useful(shape):
    N, groups, Cg, Og, L, length, K, stride, left, dilation = shape
    t = np.arange(L)[:, None] * stride + np.arange(K) * dilation - left
    return N * groups * Cg * Og * int(((t >= 0) & (t < length)).sum())


@pytest.mark.parametrize("name", SHAPES)
def test_the_direct_form_multiplies_what_it_must(emulator, name):
    # The optimiser would turn what only the ends of x need into selections, which run both sides.
    emulator.options = replace(emulator.options, mode=Mode(checked=False, optimise=0))
    x, w, length, place = arrays(SHAPES[name], np.random.default_rng(0))
    shader_direct(mx.array(x, mx.float32), mx.array(w, mx.float32), length, **place)
    assert emulator.runs[-1].counts.multiply_adds == useful(SHAPES[name])


@pytest.mark.parametrize(
    ("Cg", "Og", "L", "length", "K", "stride", "left"),
    [
        (512, 1, 100, 800, 16, 8, 8),  # Conv-TasNet
        (64, 32, 100, 200, 4, 2, 1),  # HiFi-GAN
        (64, 24, 33, 264, 16, 8, 4),  # DAC at 44.1 kHz, with fewer channels
        (64, 24, 66, 329, 10, 5, 3),  # and at 24 kHz
        (48, 8, 100, 404, 8, 4, 0),  # HTDemucs
        (24, 16, 64, 256, 41, 4, 20),  # the gradient of a discriminator of HiFi-GAN
    ],
)
def test_the_matmul_multiplies_little_more(emulator, Cg, Og, L, length, K, stride, left):
    shape = (1, 1, Cg, Og, L, length, K, stride, left, 1)
    x, w, _, place = arrays(shape, np.random.default_rng(0))
    shader_matmul(mx.array(x, mx.float32), mx.array(w, mx.float32), length, **place)
    assert emulator.runs[-1].counts.matrix_macs <= 1.25 * useful(shape)


# Rules -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("emulator")
@pytest.mark.parametrize(
    ("sizes", "form"),
    [
        ((128, 256, 16, 256, 8, 1, 1), shader_matmul),
        ((2, 512, 16, 4001, 8, 1, 1), shader_matmul),
        ((96, 12, 3, 27563, 1, 2, 1), shader_direct),
        ((3, 5, 3, 100, 1, 1, 1), shader_direct),
        ((256, 256, 11, 256, 1, 5, 1), mlx),
        ((250, 256, 11, 256, 1, 5, 1), shader_matmul),
        ((256, 256, 11, 256, 1, 5, 2), shader_matmul),
        ((128, 512, 1, 4001, 1, 1, 1), pointwise),
        ((128, 512, 1, 4001, 2, 1, 1), shader_matmul),
        ((64, 64, 3, 50, 1000, 1, 1), shader_direct),
    ],
)
def test_which_form_runs(sizes, form):
    assert forms.choose(CONV_TRANSPOSE1D, Shape(*sizes), mx.float32) is form
