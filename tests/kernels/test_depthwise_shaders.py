"""The depthwise shaders, run by the emulator."""

from types import SimpleNamespace

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels import depthwise_shaders, forms, metal
from lucid.kernels.convolution import conv1d
from metal_emulator import emulated
from metal_emulator.build import Mode

# N, C, m, L, K, stride, dilation, left, length
CASES = {
    "one tile": (2, 3, 1, 50, 7, 1, 1, 3, 50),
    "several tiles, the last with idle threads": (1, 2, 1, 1100, 3, 1, 1, 2, 1101),
    "a long reach": (1, 2, 1, 2300, 3, 1, 128, 256, 2300),
    "short rows": (3, 37, 1, 5, 3, 1, 1, 1, 5),
    "one output": (2, 67, 1, 4, 4, 1, 1, 0, 1),
    "one value": (1, 1, 1, 1, 1, 1, 1, 0, 1),
    "few values": (1, 1, 1, 2, 3, 1, 1, 1, 2),
    "two taps, cropped": (2, 5, 1, 70, 2, 1, 1, -6, 55),
    "shorter than the kernel": (1, 3, 1, 9, 31, 1, 1, 15, 9),
    "dilated": (2, 3, 1, 83, 7, 1, 9, 27, 83),
    "dilated by whole float4": (2, 3, 1, 83, 7, 1, 4, 12, 83),
    "87 taps": (2, 3, 1, 101, 87, 1, 2, 86, 101),
    "more taps than one launch adds up": (1, 2, 1, 180, 150, 1, 1, 80, 171),
    "only padding": (1, 2, 1, 3, 5, 1, 1, 40, 90),
    "stride 2": (2, 5, 1, 130, 12, 2, 1, 5, 63),
    "stride 3, dilated": (2, 3, 1, 121, 5, 3, 2, 4, 41),
    "stride 4 over dilation 6": (1, 3, 1, 99, 17, 4, 6, 40, 20),
    "stride 8": (1, 3, 1, 300, 41, 8, 1, 20, 38),
    "stride 16": (1, 2, 1, 300, 33, 16, 1, 16, 19),
    "fewer taps than stride": (2, 3, 1, 64, 2, 5, 1, 0, 13),
    "two filters": (2, 5, 2, 40, 7, 1, 1, 3, 40),
    "three filters": (2, 3, 3, 33, 9, 2, 1, 4, 17),
    "eleven filters": (2, 2, 11, 70, 4, 2, 1, 1, 35),
    "an encoder": (1, 1, 80, 203, 16, 8, 1, 8, 26),
}
# Layers of published networks, fewer of their rows: (N, C, L, K, stride, dilation, left).
LAYERS = {
    "Conv-TasNet": (1, 3, 4001, 3, 1, 1, 1),
    "Conv-TasNet d128": (1, 3, 4001, 3, 1, 128, 128),
    "SNAC d9": (1, 1, 24576, 7, 1, 9, 27),
    "Vocos": (16, 16, 65, 7, 1, 1, 3),
    "QuartzNet K75": (2, 8, 835, 75, 1, 1, 37),
    "Conformer": (2, 16, 400, 31, 1, 1, 15),
    "BigVGAN down": (1, 1, 33000, 12, 2, 1, 0),
    "Mimi up": (8, 16, 252, 4, 2, 1, 0),
}


def random_problem(case, seed=0, largest=3):
    N, C, m, L, K, stride, dilation, left, length = case
    rng = np.random.default_rng(seed)
    shapes = {
        "x": (N, C, L),
        "w": (C * m, 1, K),
        "y": (N, C * m, length),
        "y_bias": (C * m,),
        "x_bias": (C,),
    }
    arrays = {name: rng.integers(-largest, largest + 1, size) for name, size in shapes.items()}
    place = {"stride": stride, "left": left, "dilation": dilation, "groups": C}
    return SimpleNamespace(K=K, L=L, length=length, place=place, **arrays)


def floats(p, seed=0):
    """The same problem with normal numbers."""
    rng = np.random.default_rng(seed)
    arrays = {name: rng.normal(size=a.shape) for name, a in vars(p).items() if hasattr(a, "shape")}
    return SimpleNamespace(**{**vars(p), **arrays})


def all_shaders(p, dtype=mx.float32, bias=True):
    """Forward, transposed and weight gradient, in float64."""
    x, w, y, y_bias, x_bias = (mx.array(a, dtype) for a in (p.x, p.w, p.y, p.y_bias, p.x_bias))
    results = (
        depthwise_shaders.conv1d(x, w, p.length, bias=y_bias if bias else None, **p.place),
        depthwise_shaders.conv_transpose1d(y, w, p.L, bias=x_bias if bias else None, **p.place),
        depthwise_shaders.weight_grad(x, y, p.K, **p.place),
    )
    assert {result.dtype for result in results} == {dtype}
    return [np.array(result.astype(mx.float32), np.float64) for result in results]


def all_definitions(definition, p, bias=True):
    y = definition.conv1d(p.x, p.w, p.length, **p.place) + bias * p.y_bias[:, None]
    x = definition.conv_transpose1d(p.y, p.w, p.L, **p.place) + bias * p.x_bias[:, None]
    return [y, x, definition.weight_grad(p.x, p.y, p.K, **p.place)]


def assert_all_equal(results, expected):
    for got, value in zip(results, expected, strict=True):
        np.testing.assert_array_equal(got, value)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_equals_its_definition_on_integers(case, definition, emulator):
    p = random_problem(case)
    assert_all_equal(all_shaders(p), all_definitions(definition, p))


@pytest.mark.parametrize("name", ["one tile", "stride 3, dilated"])
def test_without_a_bias(name, definition, emulator):
    p = random_problem(CASES[name])
    assert_all_equal(all_shaders(p, bias=False), all_definitions(definition, p, bias=False))


@pytest.mark.parametrize("name", ["one tile", "stride 3, dilated", "eleven filters"])
@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16], ids=str)
def test_half_types(name, dtype, definition, emulator):
    """Sums of -1, 0 and 1 are exact up to 256. Then any numbers: a result is rounded once, to
    2**-11 and 2**-8 of its size."""
    p = random_problem(CASES[name], largest=1)
    assert_all_equal(all_shaders(p, dtype), all_definitions(definition, p))
    p = floats(p)
    for key in ("x", "w", "y", "y_bias", "x_bias"):  # as the kernels get them
        rounded = mx.array(getattr(p, key), dtype).astype(mx.float32)
        setattr(p, key, np.array(rounded, np.float64))
    tolerance = 2**-11 if dtype == mx.float16 else 2**-8
    for got, value in zip(all_shaders(p, dtype), all_definitions(definition, p), strict=True):
        np.testing.assert_allclose(got, value, rtol=tolerance, atol=1e-6)


@pytest.mark.parametrize(
    "descending", [(), ("groups", "simdgroups", "lanes"), ("groups",), ("simdgroups",), ("lanes",)]
)
@pytest.mark.parametrize("name", ["stride 2", "eleven filters", "87 taps"])
def test_the_order_of_threads_does_not_matter(name, descending, definition, compiler):
    p = floats(random_problem(CASES[name]))
    with emulated(descending=descending):
        results = all_shaders(p)
    with emulated():
        assert_all_equal(results, all_shaders(p))
    for got, value in zip(results, all_definitions(definition, p), strict=True):
        np.testing.assert_allclose(got, value, rtol=1e-5, atol=1e-5)


def test_rows_may_begin_anywhere_in_memory(definition, compiler):
    """A slice shares the memory of its array: only the alignment of one element is sure."""
    p = random_problem(CASES["several tiles, the last with idle threads"])
    with emulated(misalign=1):
        assert_all_equal(all_shaders(p), all_definitions(definition, p))
        x = mx.array(np.concatenate([np.full_like(p.x, 9), p.x]), mx.float32)[1:]
        y = depthwise_shaders.conv1d(x, mx.array(p.w, mx.float32), p.length, **p.place)
    np.testing.assert_array_equal(y, definition.conv1d(p.x, p.w, p.length, **p.place))


def long_case(L):
    """K5 p2 on one row, and what it must give: shifts of the whole row."""
    p = random_problem((1, 1, 1, L, 5, 1, 1, 2, L))
    x, y, w = np.pad(p.x[0, 0], 2), np.pad(p.y[0, 0], 2), p.w[0, 0]
    forward = sum(w[k] * x[k : k + L] for k in range(5)) + p.y_bias[0]
    transposed = sum(w[k] * y[4 - k : 4 - k + L] for k in range(5)) + p.x_bias[0]
    weight_grad = [(p.y[0, 0] * x[k : k + L]).sum() for k in range(5)]
    return p, [np.reshape(a, (1, 1, -1)) for a in (forward, transposed, weight_grad)]


@pytest.mark.parametrize("L", [65_535, 65_536, 65_537])
def test_lengths_around_16_bits(L, emulator):
    p, expected = long_case(L)
    assert_all_equal(all_shaders(p), expected)


@pytest.mark.slow
def test_half_a_minute_of_audio(emulator):
    p, expected = long_case(1_323_000)
    assert_all_equal(all_shaders(p), expected)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_random_sizes(seed, definition, compiler):
    rng = np.random.default_rng(seed)
    N, C, m, K = (int(rng.integers(1, top)) for top in (4, 9, 13, 40))
    stride, dilation = int(rng.integers(1, 17)), int(rng.integers(1, 10))
    m, N = (m, 1) if seed % 3 == 0 else (1, N)
    L, length = int(rng.integers(1, 200)), int(rng.integers(1, 80))
    left = int(rng.integers(-9, dilation * (K - 1) + 9))
    p = random_problem((N, C, m, L, K, stride, dilation, left, length), seed)
    dtype = (mx.float32, mx.float32, mx.float16)[seed % 3]
    p.x, p.w = np.sign(p.x), np.sign(p.w)  # sums up to 2048, exact in float16
    with emulated(descending=("groups", "lanes") if seed % 2 else ()):
        assert_all_equal(all_shaders(p, dtype), all_definitions(definition, p))


# Counts -----------------------------------------------------------------------------------------


def depthwise(runs):
    """Without the second pass of the weight gradient."""
    return [run for run in runs if "depthwise" in run.kernel]


@pytest.mark.parametrize(
    "name", ["one output", "several tiles, the last with idle threads", "stride 2", "an encoder"]
)
def test_no_product_is_made_in_vain(name, emulator):
    """One for each output and tap; in the transposed convolution, for each output and each tap
    that can meet it at this phase."""
    p = random_problem(CASES[name])
    all_shaders(p)
    counted = [
        run.counts.operations["fma"] for run in emulator.runs if "sum_part" not in run.kernel
    ]
    S, D, left = (p.place[key] for key in ("stride", "dilation", "left"))
    meetings = sum((t + left - k * D) % S == 0 for t in range(p.L) for k in range(p.K))
    assert counted == [p.y.size * p.K, p.y.size // p.length * meetings, p.y.size * p.K]


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_traffic_is_near_the_minimum(layer, emulator):
    """With an ideal cache in each threadgroup: at most 1.15 of the cache lines that must move."""
    N, C, L, K, stride, dilation, left = layer
    length = (L + 2 * left - dilation * (K - 1) - 1) // stride + 1
    all_shaders(random_problem((N, C, 1, L, K, stride, dilation, left, length)), bias=False)
    ratios = [run.counts.levels()["threadgroup cache"] for run in depthwise(emulator.runs)]
    assert max(ratios) <= 1.15


def test_every_line_runs(compiler):
    with emulated(mode=Mode(optimise=0)) as session:
        for name in ("one tile", "87 taps", "stride 3, dilated", "eleven filters"):
            all_shaders(random_problem(CASES[name]))
    for source in metal.read("depthwise_conv1d").values():
        assert session.coverage.missed(source.header) == []
        assert session.coverage.missed(source.body) == []


# Where they run ---------------------------------------------------------------------------------


def test_convolutions_and_their_derivatives_run_the_shaders(definition, emulator):
    p = random_problem(CASES["stride 2"])
    x, w, y = (mx.array(a, mx.float32) for a in (p.x, p.w, p.y))

    def f(x, w):
        result = conv1d(x, w, stride=2, padding=(5, 2), groups=5)
        assert result.shape == y.shape
        return (result * y).sum()

    gx, gw = mx.grad(f, argnums=(0, 1))(x, w)
    _, x_expected, w_expected = all_definitions(definition, p, bias=False)
    np.testing.assert_array_equal(gx, x_expected)
    np.testing.assert_array_equal(gw, w_expected)
    for name in ("conv1d", "conv_transpose1d", "conv1d_weight_grad"):
        assert any(f"_depthwise_{name}_" in run.kernel for run in emulator.runs)


@pytest.mark.parametrize(
    ("sizes", "tables"),
    [
        ((1, 1, 7, 100, 1, 1, 64), "fwd gx gw"),
        ((1, 1, 2, 100, 16, 64, 64), "fwd gx gw"),
        ((1, 32, 16, 100, 8, 1, 1), "fwd gx"),  # a matmul over filters sums up the gradient of w
        ((1, 1, 1, 100, 1, 1, 64), ""),  # a product, elementwise
        ((1, 1, 7, 100, 17, 1, 64), ""),
        ((1, 1, 3, 100, 1, 4096, 64), ""),  # no room for a tile
        ((1, 64, 64, 100, 1, 1, 1), "gx"),  # the others are matmuls
        ((2, 1, 7, 100, 1, 1, 64), ""),
    ],
)
def test_the_table_chooses_them(sizes, tables, emulator):
    shape = forms.Shape(*sizes)
    chosen = {
        "fwd": forms.choose(forms.CONV1D, shape, mx.float32) is depthwise_shaders.conv1d,
        "gx": forms.choose(forms.CONV_TRANSPOSE1D, shape, mx.float32)
        is depthwise_shaders.conv_transpose1d,
        "gw": forms.choose(forms.WEIGHT_GRAD, shape, mx.float32) is depthwise_shaders.weight_grad,
    }
    assert {name for name, holds in chosen.items() if holds} == set(tables.split())


def test_what_is_too_large_is_refused(emulator):
    x, w = mx.ones((1, 1, 8)), mx.ones((1, 1, 3))
    place = {"stride": 1, "dilation": 1, "groups": 1}
    with pytest.raises(metal.TooLarge, match=f"sizes .*: the limit is {2**30}"):
        depthwise_shaders.conv1d(x, w, 8, **{**place, "left": 2**31})
    with pytest.raises(metal.TooLarge, match=r"Layer\(K=3, .*dilation=9000\) fits threadgroup"):
        depthwise_shaders.conv1d(x, w, 8, **{**place, "left": 0, "dilation": 9000})
    assert emulator.runs == []
