"""What the emulator counts for whole passes is what formulas say, exactly; and the formulas of the
traffic table (tests/bench/metal_traffic.py) are right themselves."""

import re
from argparse import Namespace
from itertools import product
from math import prod

import lucid  # noqa: F401  before mlx: it loads the BLAS

# isort: split
import mlx.core as mx
import numpy as np
import pytest

from bench import counted as counting
from bench import layers, metal_traffic, mlx_path
from bench.layers import Layer
from lucid.kernels import direct, implicit_matmul
from lucid.kernels.sum_partials import sum_partials

LAYERS = [
    Layer("", transposed, 4, 2, K, S, padding, D, groups, 0, 2, L)
    for transposed, K, S, padding, D, groups, L in product(
        (False, True), (1, 3, 4), (1, 2, 3), (0, 1, 5), (1, 2, 6), (1, 2), (7, 12)
    )
]
FITTING = [layer for layer in LAYERS if layer.length > 0]


def triples(layer, bounded=True):
    """(t, k, i) where tap k at the coarse position t meets the fine position i; t or i may lie
    outside of its array unless `bounded`."""
    fine, coarse = (layer.length, layer.L) if layer.transposed else (layer.L, layer.length)
    margin = 0 if bounded else 100
    for t in range(-margin, coarse + margin):
        for k in range(layer.K):
            i = t * layer.stride + k * layer.dilation - layer.padding
            if -margin <= i < fine + margin:
                yield t, k, i


def test_useful_products_are_those_that_loops_find():
    for layer in FITTING:
        pairs = layer.N * layer.C_in * layer.C_out // layer.groups
        assert layer.products == pairs * sum(1 for _ in triples(layer)), layer


def test_products_at_edges_are_those_of_loops_without_bounds():
    for layer in FITTING:
        pairs = layer.N * layer.C_in * layer.C_out // layer.groups
        fine, coarse = (layer.length, layer.L) if layer.transposed else (layer.L, layer.length)
        found = list(triples(layer, bounded=False))
        strided = pairs * sum(0 <= t < coarse for t, _, _ in found)
        polyphase = pairs * sum(0 <= i < fine for _, _, i in found)
        both = (polyphase, strided) if layer.transposed else (strided, polyphase)
        counted = layer.products_at_edges_too
        assert (counted["forward"], counted["gradient of x"]) == both, layer
        assert counted["gradient of w"] == strided, layer


def test_a_cut_layer_is_cheap_and_begins_rows_where_the_whole_does():
    whole = Layer("", True, 256, 128, 16, 8, 4, 1, 1, 0, 16, 1000)
    small = layers.cut(whole)
    assert small.products <= layers.BUDGET < whole.products
    assert (small.L - whole.L) % 32 == (small.length - whole.length) % 32 == 0
    assert small._replace(N=whole.N, L=whole.L) == whole
    assert layers.cut(small) == small


def test_a_layer_is_refused_with_the_form_that_is_expected():
    with pytest.raises(ValueError, match=r"ten sizes, .* not conv2d and \(1, 2\)"):
        layers.layer("", "conv2d", 1, 2)


# MLX's path. The kernels and the cost were worked out by hand for mlx 0.32.


@pytest.mark.parametrize(
    ("layer", "paths", "waste"),
    [
        # Depthwise: a matmul of width 8 for one channel, K rounded up to 16; grouped unfolding.
        (Layer("", False, 64, 64, 3, 1, 2, 2, 64, 0, 8, 256), ("IGg", "IGg", "UFg"), (128 / 3, 1)),
        # One of eight columns has a thread that works.
        (Layer("", False, 64, 64, 7, 1, 3, 1, 64, 0, 16, 256), ("DW2", "DW2", "IGg"), (8, 16)),
        # Transposed: stride - 1 of stride products are with zeros.
        (Layer("", True, 64, 32, 16, 8, 4, 1, 1, 0, 4, 64), ("UF+z", "IG", "UF+z"), (8, 8)),
        (Layer("", False, 32, 32, 3, 1, 1, 1, 1, 0, 1, 256), ("IG", "IG", "PATCH"), (1, 1)),
    ],
)
def test_mlx_takes_the_kernels_worked_out_by_hand(layer, paths, waste):
    costs = mlx_path.costs(layer)
    assert tuple(cost.path for cost in costs.values()) == paths
    done = [cost.multiply_adds / layer.products_at_edges_too[n] for n, cost in costs.items()]
    assert done[0] == pytest.approx(waste[0], rel=0.02)
    if paths[2] != "IGg":
        assert done[2] == pytest.approx(waste[1], rel=0.02)


def test_mlx_copies_between_layouts_are_counted():
    N, C, L = 2, 64, 256
    cost = mlx_path.costs(Layer("", False, C, C, 7, 1, 3, 1, C, 0, N, L))["forward"]
    x, w = 4 * N * C * L, 4 * C * 7
    tiles = N * L // 4
    window, kernel = 4 * tiles * (4 + 6) * C, tiles * w
    assert cost.bytes == 2 * x + window + kernel + x + 2 * x


@pytest.mark.slow
def test_every_row_of_the_table_of_shapes():
    if not layers.SHAPES.is_file():
        pytest.skip(f"no table of shapes at {layers.SHAPES}")
    for layer, row in layers.read(layers.SHAPES):
        assert layer.length == int(row["Lout_train"]), layer
        expected = [row[name].partition("(")[0] for name in ("mlx_fwd", "mlx_dX", "mlx_dW")]
        assert [cost.path for cost in mlx_path.costs(layer).values()] == expected, layer


# Closed formulas of our kernels.


def test_partial_sums_are_read_once(emulator):
    P, M = 11, 70
    sum_partials(mx.ones((P, M)), mx.float32)
    counts = emulator.runs[-1].counts
    groups = -(-M // 32)
    assert counts.loads["partials"].bytes == counts.loads["partials"].unique_bytes == 4 * P * M
    assert counts.stores["y"].bytes == 4 * M
    assert (counts.barriers, counts.threadgroup_stores) == (groups, 256 * groups)
    assert counts.threadgroup_loads == 7 * M
    assert counts.multiply_adds == 0


def test_the_direct_convolution_multiplies_only_what_is_useful(emulator):
    counts = []
    for layer in FITTING[::61]:
        for name, function, arguments in layer.calls():
            emulator.runs.clear()
            mx.eval(function(*(mx.ones(layer.shapes[a]) for a in arguments)))
            direct = [run for run in emulator.runs if "_direct_" in run.kernel]
            if name != "gradient of w":
                counts += [(run.counts.multiply_adds, layer.products) for run in direct]
    assert len(counts) >= 5
    assert all(done == useful for done, useful in counts)


@pytest.mark.parametrize(("C_out", "OC"), [(4, 4), (2, 2), (3, 1)])
def test_loads_of_the_direct_convolution(emulator, C_out, OC):
    """A thread makes 8 outputs in each of OC channels from a window in registers, which moves on
    by one for each tap."""
    N, C_in, K, length, R = 2, 3, 5, 64, direct.outputs(1)
    layer = Layer("", False, C_in, C_out, K, 1, 0, 1, 1, 0, N, length + K - 1)
    kernels, counts = counted(emulator, layer, "forward")
    assert kernels == ["conv1d_direct"]
    threads = N * (C_out // OC) * (length // R)
    assert counts.loads["x"].bytes == 4 * threads * C_in * (R - 1 + K)
    assert counts.loads["w"].bytes == 4 * threads * OC * C_in * K
    assert counts.stores["y"].bytes == 4 * N * C_out * length
    assert (counts.barriers, counts.threadgroup_loads) == (0, 0)


def test_loads_of_the_tiled_convolution(emulator):
    """A tile of BM rows and BQ positions reads the window of x under it once, and its rows of the
    weight once for each of the simdgroups that lie side by side along the positions."""
    N, C, K = 2, 32, 3
    plan = implicit_matmul.ordinary(C, C, K, 1, 1)
    FM, WM, FQ, WQ = (plan.template[name] for name in ("FM", "WM", "FQ", "WQ"))
    length = 2 * 8 * FQ * WQ
    layer = Layer("", False, C, C, K, 1, 0, 1, 1, 0, N, length + K - 1)
    kernels, counts = counted(emulator, layer, "forward")
    assert kernels == ["conv1d_matmul"]
    tiles = N * 2 * -(-C // (8 * FM * WM))
    assert counts.loads["x"].bytes == 4 * tiles * C * (8 * FQ * WQ + K - 1)
    assert counts.loads["weight"].bytes == 4 * N * 2 * WQ * C * C * K
    assert counts.stores["y"].bytes == 4 * N * C * length
    assert counts.matrix_macs == layer.products == N * length * plan.products


def counted(emulator, layer, name):
    """The kernels that a pass launches, and the counts of the last."""
    function, arguments = next((f, a) for n, f, a in layer.calls() if n == name)
    emulator.runs.clear()
    mx.eval(function(*(mx.ones(layer.shapes[a]) for a in arguments)))
    kernels = [re.search("lucid_(.*?)_[0-9a-f]{12}_", run.kernel)[1] for run in emulator.runs]
    return kernels, emulator.runs[-1].counts


def test_the_lines_of_the_arrays_are_counted(emulator):
    layer = Layer("", False, 3, 2, 5, 1, 0, 1, 1, 0, 2, 68)
    name, forward, _ = next(layer.calls())
    traffic = counting.measure(name, forward, random(layer, "xw"))
    assert (traffic.kernels, traffic.multiply_adds) == (["conv1d_direct"], layer.products)
    lines = {a: -(-4 * prod(layer.shapes[a]) // 128) for a in "xwy"}
    assert {a: moved.once for a, moved in traffic.moved.items()} == {
        a: 128 * n for a, n in lines.items()
    }


def test_a_packed_weight_is_counted_as_written_and_read(emulator):
    layer = Layer("", False, 32, 32, 3, 1, 0, 1, 1, 0, 1, 130)
    name, forward, _ = next(layer.calls())
    moved = counting.measure(name, forward, random(layer, "xw")).moved
    assert moved["making weight"].once == 2 * 4 * prod(layer.shapes["w"])
    assert "weight packed" in moved


@pytest.mark.parametrize(
    "layer",
    [
        Layer("dilated", False, 32, 32, 7, 1, 9, 3, 32, 0, 4, 1024),
        Layer("strided", False, 32, 32, 12, 2, 0, 1, 32, 0, 2, 2058),
        Layer("transposed", True, 32, 32, 4, 2, 1, 1, 32, 0, 2, 1000),
        Layer("short", False, 96, 96, 7, 1, 3, 1, 96, 0, 4, 65),
    ],
    ids=lambda layer: layer.name,
)
def test_depthwise_layers_meet_the_goals(emulator, layer):
    for row in metal_traffic.rows([layer]):
        assert row.goal == 1.15
        assert row.traffic.kernels
        assert row.meets_products, row
        assert row.meets_traffic, row
        assert row.traffic.cached < row.theirs.bytes, row


def random(layer, names):
    rng = np.random.default_rng(0)
    return {a: mx.array(rng.standard_normal(layer.shapes[a]).astype(np.float32)) for a in names}


# The command.


def test_the_command_says_what_it_lacks(tmp_path):
    namespace = Namespace(row=None, rows="", csv=tmp_path / "shapes.csv")
    with pytest.raises(ValueError, match=r"no table of shapes at .*--csv, or a layer with --row"):
        metal_traffic.chosen(namespace)
    layers_asked = metal_traffic.chosen(Namespace(row="conv,1,2,3,1,1,1,1,0,1,9"))
    assert [layer.length for layer in layers_asked] == [9]
