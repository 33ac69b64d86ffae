"""Arrays of more than 2^32 elements: offsets of rows take 64 bits.

Such arrays fit no test machine. So memory is reserved and not filled: all but the ends of the
arrays are zero, and only the last threadgroups run. An offset of 32 bits would overflow, lie
outside of its array, or miss the end.
"""

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels import conv1d, conv1d_weight_grad, conv_transpose1d, depthwise_shaders, metal
from lucid.kernels import separable_conv1d as separable
from lucid.kernels.sum_partials import sum_partials
from metal_emulator import Options, Output, Sparse, execute
from metal_emulator.capture import capture

LARGE = 2**31  # elements
TAIL, END, K = 4096, 64, 3  # values at the end of an input, those looked at of an output; taps
LONGEST, LONG, SHORT = 2**30, 2**27, 20_000  # signals
PLACE = {"stride": 1, "left": 1, "dilation": 1}


@pytest.fixture
def ends(emulator, monkeypatch):
    """The last values of every large launch. Others are not run."""
    found = []

    def launch(kernel, inputs, template, grid, threadgroup, outputs):
        shapes, dtypes = zip(*outputs, strict=True)
        empty = [mx.zeros(shape, dtype) for shape, dtype in outputs]
        if not any(a.size > LARGE for a in (*inputs, *empty)):
            return empty
        rng = np.random.default_rng(0)
        tails = {a.size: mx.array(rng.integers(-2, 3, TAIL)) for a in inputs if a.size > LONG}
        values = [Sparse(a.shape, a.dtype, tails[a.size]) if a.size in tails else a for a in inputs]
        made = [Output(shape, dtype, last=END) for shape, dtype in outputs]
        source = capture(
            metal._function(kernel),
            inputs,
            output_shapes=shapes,
            output_dtypes=dtypes,
            grid=grid,
            threadgroup=threadgroup,
            template=list(template.items()),
        )
        options = Options(last_groups=4)
        run = execute(*source, [*values, *made], grid, threadgroup, options)
        found.append((tails, np.array(run.outputs[0].astype(mx.float32))))
        return empty

    monkeypatch.setattr(metal, "_launch", launch)
    return found


def signal(*shape):
    return mx.zeros(shape, mx.float16)  # never evaluated


def integers(*shape):
    return np.random.default_rng(1).integers(-2, 3, shape)


def last_channel(values, channels):
    """A signal of one sample whose last channel ends in these values."""
    x = np.zeros((1, channels, TAIL))
    x[0, -1] = np.array(values)
    return x


# N, C_in, C_out, L: large are x and y, x, y, and channels that lie in one tile.
DENSE = [(5, 8, 8, LONG), (1, 40, 8, LONG), (1, 8, 40, LONG), (1, 4, 4, LONGEST)]
FORWARD = {
    "depthwise": (depthwise_shaders.conv1d, [(5, 8, 8, LONG)]),
    "matmul": (conv1d.shader_matmul, DENSE),
    "direct": (conv1d.shader_direct, DENSE),
}
TRANSPOSED = {
    "depthwise": (depthwise_shaders.conv_transpose1d, [(5, 8, 8, LONG)]),
    "matmul": (conv_transpose1d.shader_matmul, DENSE),
    "direct": (conv_transpose1d.shader_direct, DENSE),
}
WEIGHT_GRAD = {
    "depthwise": depthwise_shaders.weight_grad,
    "matmul": conv1d_weight_grad.shader_matmul,
    "direct": conv1d_weight_grad.shader_direct,
}


def cases(table):
    return [
        pytest.param(form, sizes, name == "depthwise", id=f"{name} {sizes}")
        for name, (form, all_sizes) in table.items()
        for sizes in all_sizes
    ]


@pytest.mark.parametrize(("form", "sizes", "depthwise"), cases(FORWARD))
def test_forward(form, sizes, depthwise, ends, definition):
    N, C_in, C_out, L = sizes
    groups = C_in if depthwise else 1
    w, b = integers(C_out, C_in // groups, K), np.arange(C_out) + 1
    place = {**PLACE, "groups": groups}
    x = signal(N, C_in, L)
    form(x, mx.array(w, mx.float16), L, bias=mx.array(b, mx.float16), **place)
    ((tails, got),) = ends
    values = last_channel(tails[x.size], C_in)
    expected = definition.conv1d(values, w, TAIL, **place)[0, -1] + b[-1]
    np.testing.assert_array_equal(got, expected[-END:])


@pytest.mark.parametrize(("form", "sizes", "depthwise"), cases(TRANSPOSED))
def test_transposed(form, sizes, depthwise, ends, definition):
    N, C_in, C_out, L = sizes
    groups = C_in if depthwise else 1
    w, b = integers(C_in, C_out // groups, K), np.arange(C_out) + 1
    place = {"stride": 2, "left": 0, "dilation": 1, "groups": groups}
    x = signal(N, C_in, L // 2)
    form(x, mx.array(w, mx.float16), L, bias=mx.array(b, mx.float16), **place)
    ((tails, got),) = ends
    values = last_channel(tails[x.size], C_in)
    expected = definition.conv_transpose1d(values, w, 2 * TAIL, **place)[0, -1] + b[-1]
    np.testing.assert_array_equal(got, expected[-END:])


@pytest.mark.parametrize("name", WEIGHT_GRAD)
def test_weight_grad(name, ends, definition):
    """Many short rows: the last group adds up few positions, but of a row far from the first."""
    N, C = 2, 2**17
    groups = C if name == "depthwise" else C // 8
    x, g = signal(N, C, SHORT), signal(N, C, SHORT + 2)
    WEIGHT_GRAD[name](x, g, K, stride=1, left=2, dilation=1, groups=groups)
    ((tails, got),) = ends
    # From the end, position t of g meets t + k of x.
    values = (last_channel(tails[a.size], 1) for a in (x, g))
    (expected,) = definition.weight_grad(*values, K, stride=1, left=0, dilation=1, groups=1)[0]
    np.testing.assert_array_equal(got, [0] * (END - K) + list(expected))


@pytest.mark.parametrize(("C", "L"), [(40, LONG), (5, LONGEST)])
def test_separable(C, L, ends, definition):
    x = signal(1, C, L)
    block = separable.Block(C, C, C, K, L, 1, 1)
    depthwise, pointwise, bias = integers(C, 1, K), integers(C, C, 1), np.arange(C) + 1
    weights = (mx.array(a, mx.float16) for a in (depthwise, bias, pointwise, bias))
    separable.shader(x, *weights, block=block, left=1, relu=False)
    ((tails, got),) = ends
    values = last_channel(tails[x.size], C)
    mid = definition.conv1d(values, depthwise, TAIL, **PLACE, groups=C)[0] + bias[:, None]
    expected = (pointwise[..., 0] @ mid + bias[:, None])[-1]
    np.testing.assert_array_equal(got, expected[-END:])


def test_sum_partials(ends):
    sum_partials(mx.zeros((23, LONG)), mx.float32)
    ((tails, got),) = ends
    ((_, tail),) = tails.items()
    np.testing.assert_array_equal(got, tail[-END:])
