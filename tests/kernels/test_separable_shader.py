"""The depthwise-separable block as one kernel, in the emulator."""

from dataclasses import replace

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.kernels import metal, separable, separable_conv1d, trust
from lucid.kernels.forms import fuses
from lucid.kernels.separable import Steps
from lucid.kernels.separable_conv1d import Block
from metal_emulator import Mode, emulated

# N, C_in, multiplier, C_out, L, length, K, stride, left, dilation
SHAPES = {
    "fewer than 8 values": (1, 1, 1, 1, 3, 2, 2, 1, 0, 1),
    "C_out 3, odd L": (2, 5, 1, 3, 71, 69, 3, 1, 0, 1),
    "C_out 33, C_mid 36": (1, 12, 3, 33, 70, 70, 5, 1, 2, 1),
    "C_out 100, several tiles of t": (2, 20, 1, 100, 150, 150, 3, 1, 1, 1),
    "C_out 140, two tiles of o": (1, 8, 2, 140, 40, 40, 3, 1, 1, 1),
    "C_mid a multiple of the block": (1, 32, 1, 64, 64, 64, 4, 1, 2, 1),
    "stride 2": (2, 9, 1, 16, 140, 70, 5, 2, 2, 1),
    "stride 3, multiplier 2": (1, 10, 2, 16, 100, 34, 4, 3, 1, 1),
    "K below the stride": (1, 8, 1, 8, 190, 38, 3, 5, 0, 1),
    "stride and dilation share a factor": (1, 8, 1, 9, 200, 48, 6, 4, 3, 6),
    "stride and dilation do not": (1, 8, 1, 9, 200, 66, 5, 3, 3, 2),
    "stride 8, K 16: blocks of 8": (1, 20, 1, 24, 300, 36, 16, 8, 4, 1),
    "dilation above the tile": (1, 8, 1, 12, 300, 100, 3, 1, 0, 100),
    "causal": (1, 8, 1, 16, 66, 66, 31, 1, 30, 1),
    "L below K": (3, 4, 1, 8, 3, 20, 9, 1, 13, 1),
    "negative padding": (1, 8, 1, 8, 90, 70, 3, 1, -7, 1),
}
DTYPES = (mx.float32, mx.float16, mx.bfloat16)


def block_of(shape):
    _, C_in, m, C_out, _, length, K, stride, _, dilation = shape
    return Block(C_in, C_in * m, C_out, K, length, stride, dilation)


def arrays(shape, draw):
    N, C_in, m, C_out, L, _, K, *_ = shape
    sizes = [(N, C_in, L), (C_in * m, 1, K), (C_in * m,), (C_out, C_in * m, 1), (C_out,)]
    return [draw(size) for size in sizes]


def by_two(definition, shape, x, depthwise, mid_bias, pointwise, bias, relu):
    _, C_in, _, _, _, length, _, stride, left, dilation = shape
    place = {"stride": stride, "left": left, "dilation": dilation, "groups": C_in}
    mid = definition.conv1d(x, depthwise, length, **place) + mid_bias[:, None]
    y = np.einsum("om,nmt->not", pointwise[..., 0], mid) + bias[:, None]
    return np.maximum(y, 0) if relu else y


def launched(shape, values, relu):
    return separable_conv1d.shader(*values, block=block_of(shape), left=shape[8], relu=relu)


@pytest.mark.parametrize("name", SHAPES)
def test_equals_two_convolutions_on_integers(name, emulator, definition):
    shape, index = SHAPES[name], list(SHAPES).index(name)
    rng, dtype, relu = np.random.default_rng(index), DTYPES[index % 3], bool(index % 2)
    given = arrays(shape, lambda size: rng.integers(-1, 2, size))
    values = [mx.array(array, dtype) for array in given]
    got = launched(shape, values, relu)
    expected = mx.array(by_two(definition, shape, *given, relu), mx.float32).astype(dtype)
    assert got.dtype == dtype
    assert mx.array_equal(got, expected)
    # Other orders, and inputs at any offset, as slices have.
    backwards = ("groups", "simdgroups", "lanes")
    emulator.options = replace(emulator.options, descending=backwards, misalign=1)
    assert mx.array_equal(launched(shape, values, relu), got)


def test_precision(emulator, definition):
    shape, rng = SHAPES["C_out 33, C_mid 36"], np.random.default_rng(0)
    given = arrays(shape, lambda size: rng.normal(size=size))
    got = launched(shape, [mx.array(a, mx.float32) for a in given], False)
    expected = by_two(definition, shape, *given, False)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16], ids=str)
def test_in_half_precision_what_lies_between_is_rounded_as_two_kernels_round_it(emulator, dtype):
    shape = (1, 8, 1, 8, 40, 40, 3, 1, 1, 1)
    x, depthwise, _, pointwise, _ = (
        mx.random.normal(size, key=mx.random.key(i)).astype(dtype)
        for i, size in enumerate(arrays(shape, tuple))
    )
    zeros = mx.zeros(8, dtype)
    got = launched(shape, [x, depthwise, zeros, pointwise, zeros], False)
    mid = sum(
        mx.pad(x.astype(mx.float32), [(0, 0), (0, 0), (1, 1)])[..., k : k + 40]
        * depthwise[:, 0, k].astype(mx.float32)[:, None]
        for k in range(3)
    )
    exact = pointwise[..., 0].astype(mx.float32) @ mid.astype(dtype).astype(mx.float32)
    # One unit in the last place, where float sums of another order round to the other side.
    unit = 2.0**-10 if dtype == mx.float16 else 2.0**-7
    np.testing.assert_allclose(got.astype(mx.float32), exact, rtol=unit, atol=1e-6)
    assert (got == exact.astype(dtype)).mean().item() > 0.97


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((64, 64, 64, 13, 128, 1, 1), True),
        ((64, 64, 128, 33, 835, 2, 1), True),
        ((64, 128, 64, 3, 128, 1, 1), True),
        ((64, 64, 136, 13, 128, 1, 1), False),  # more outputs than a threadgroup holds
        ((64, 64, 64, 3, 835, 1, 256), False),  # three times x
        ((64, 64, 64, 75, 835, 1, 1), False),  # more halo than tile
        ((64, 64, 12, 3, 835, 1, 1), False),  # 12 outputs in rows of 16
        ((64, 64, 64, 3, 10, 1, 1), False),  # 10 positions in rows of 16
        ((64, 64, 64, 1000, 4000, 1, 1), False),  # no room
    ],
)
def test_the_rule(sizes, expected, emulator):
    assert fuses(Block(*sizes), mx.float32) is expected
    assert not fuses(Block(*sizes), mx.float64)


def test_without_shaders_nothing_is_fused(monkeypatch):
    monkeypatch.setattr(metal, "available", lambda: False)
    assert not fuses(Block(64, 64, 64, 13, 128, 1, 1), mx.float32)


@pytest.mark.parametrize("relu", [False, True])
def test_derivatives_of_first_and_second_order(relu, emulator, monkeypatch):
    shape, steps = (2, 4, 2, 16, 70, 36, 4, 2, 3, 1), Steps(2, (3, 1), 1)
    values = arrays(shape, lambda size: mx.random.normal(size, key=mx.random.key(sum(size))))
    every = tuple(range(5))

    def first(*values):
        y = separable.separable_conv1d(*values, steps, relu=relu)
        return (y * mx.cos(y)).sum()

    def second(*values):
        return sum(g.square().sum() for g in mx.grad(first, argnums=every)(*values))

    slopes = [mx.grad(f, argnums=every)(*values) for f in (first, second)]
    assert sum("separable_conv1d" in run.kernel for run in emulator.runs) >= 2
    monkeypatch.setattr(metal, "available", lambda: False)
    for f, got in zip((first, second), slopes, strict=True):
        for a, b in zip(got, mx.grad(f, argnums=every)(*values), strict=True):
            scale = mx.abs(b).max().item()
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5 * scale)


def test_multiply_adds_are_those_of_the_rule(emulator):
    emulator.options = replace(emulator.options, mode=Mode(checked=False))
    for name in ("C_out 33, C_mid 36", "C_out 140, two tiles of o", "stride 2"):
        shape = SHAPES[name]
        launched(shape, [mx.zeros(size) for size in arrays(shape, tuple)], False)
        counted = emulator.runs[-1].counts.multiply_adds
        assert counted == shape[0] * block_of(shape).products


def test_traffic_is_that_of_x_and_y(emulator):
    emulator.options = replace(emulator.options, mode=Mode(checked=False))
    shape = (2, 32, 1, 64, 512, 512, 3, 1, 1, 1)
    launched(shape, [mx.zeros(size) for size in arrays(shape, tuple)], False)
    counts = emulator.runs[-1].counts
    x, y = counts.loads["x"], counts.stores["y"]
    assert (x.unique_bytes, y.bytes) == (4 * 2 * 32 * 512, 4 * 2 * 64 * 512)
    assert x.group_bytes <= 1.05 * x.unique_bytes


# Layers -----------------------------------------------------------------------------------------

LAYERS = {
    "DepthSeparableConv1d": (
        lambda: nn.DepthSeparableConv1d(7, 16, 5, stride=2, padding=2), (2, 7, 71),
    ),
    "without a bias, causal": (
        lambda: nn.DepthSeparableConv1d(7, 16, 3, padding="causal", dilation=2, bias=False),
        (7, 40),
    ),
    "SeparableConv1d": (
        lambda: nn.SeparableConv1d(7, 24, 4, padding="same", depth_multiplier=2, activation="relu"),
        (2, 7, 40),
    ),
    "channels last": (
        lambda: nn.SeparableConv1d(
            7, 24, 4, data_format="channels_last", activation="tanh", bias=False
        ),
        (2, 43, 7),
    ),
}  # fmt: skip


def step(make, shape):
    """The output, and the gradients of a loss that holds a gradient itself."""
    lucid.manual_seed(0)
    layer, x = make(), lucid.randn(*shape, requires_grad=True)
    y = layer(x)
    (gx,) = lucid.autograd.grad(y.square().sum(), [x], create_graph=True)
    (y.sin().sum() + gx.square().sum()).backward()
    return [y.numpy(), x.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())]


@pytest.mark.parametrize(("make", "shape"), LAYERS.values(), ids=LAYERS)
def test_layers_train_with_it(make, shape, emulator, monkeypatch):
    got = step(make, shape)
    assert "separable_conv1d" in emulator.runs[0].kernel
    monkeypatch.setattr(metal, "available", lambda: False)
    for a, b in zip(got, step(make, shape), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5 * np.abs(b).max())


def watched(layer):
    layer.depthwise.register_forward_hook(lambda module, args, y: y + 1)


def reflecting(layer):
    layer.depthwise = nn.Conv1d(8, 8, 3, padding=1, groups=8, padding_mode="reflect")


def wider(layer):
    layer.pointwise = nn.Conv1d(8, 8, 3)


@pytest.mark.parametrize("change", [watched, reflecting, wider])
def test_changed_layers_are_called_one_by_one(change, emulator):
    layer, x = nn.DepthSeparableConv1d(8, 8, 3), lucid.randn(1, 8, 64)
    layer(x)
    assert "separable_conv1d" in emulator.runs[-1].kernel
    change(layer)
    emulator.runs.clear()
    y = layer(x)
    np.testing.assert_allclose(
        y.numpy(), layer.pointwise(layer.depthwise(x)).numpy(), rtol=1e-4, atol=1e-5
    )
    assert not any("separable_conv1d" in run.kernel for run in emulator.runs)


def test_what_does_not_fit_is_refused_as_ever(emulator):
    layer = nn.DepthSeparableConv1d(8, 8, 3)
    with pytest.raises(ValueError, match=r"Conv1d expects x of shape \(N, 8, L\) or \(8, L\)"):
        layer(lucid.randn(1, 7, 64))
    with pytest.raises(TypeError, match="expects x of dtype"):
        layer(lucid.randn(1, 8, 64).half())
    with pytest.raises(ValueError, match="give a longer input or more padding"):
        layer(lucid.randn(1, 8, 2))
    assert layer(lucid.randn(0, 8, 64)).shape == (0, 8, 62)
    assert not emulator.runs


@pytest.mark.usefixtures("emulator")
@pytest.mark.parametrize("C_out", [40, 96, 128])
def test_it_proves_itself_on_a_small_block(tmp_path, C_out):
    with emulated(trust.Ledger(tmp_path / "shaders.json")) as session:
        layer = nn.DepthSeparableConv1d(100, C_out, 3, stride=2)
        layer(lucid.randn(1, 100, 1400))
        assert [v.name for v in trust.ledger().passed] == ["separable_conv1d"]
        assert not trust.ledger().failed
        real, example = session.runs
        assert example.outputs[0].size < real.outputs[0].size


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_equals_two_convolutions_on_random_shapes(seed, emulator, definition):
    rng = np.random.default_rng(seed)
    N, m = (int(rng.integers(1, 4)) for _ in range(2))
    C_in, C_out = int(rng.integers(1, 30)), int(140 ** rng.random())
    L, length, K = (int(rng.integers(1, high)) for high in (200, 200, 35))
    stride, dilation = (int(rng.choice([1, 1, 2, 3, 4, 5, 8])) for _ in range(2))
    shape = (N, C_in, m, C_out, L, length, K, stride, int(rng.integers(-20, 60)), dilation)
    if not block_of(shape).channels:
        pytest.skip("does not fit into threadgroup memory")
    given = arrays(shape, lambda size: rng.integers(-1, 2, size))
    relu = bool(seed % 2)
    got = launched(shape, [mx.array(a, DTYPES[seed % 3]) for a in given], relu)
    expected = mx.array(by_two(definition, shape, *given, relu), mx.float32)
    assert mx.array_equal(got, expected.astype(got.dtype))
