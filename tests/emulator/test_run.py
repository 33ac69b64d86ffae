"""Kernels that run: numbers, coordinates, barriers, simdgroups, matrices."""

import mlx.core as mx
import numpy as np
import pytest

import metal_emulator
from metal_emulator import MetalError, Output, execute

pytestmark = pytest.mark.usefixtures("compiler")

DTYPES = [mx.float32, mx.float16, mx.bfloat16]


def run(body, inputs, outputs, grid, threadgroup, *, header="", template=None, **options):
    """Run a kernel with inputs a, b, ... and outputs y, z, ..., given as (shape, dtype)."""
    kernel = mx.fast.metal_kernel(
        name="example",
        input_names=list("abcdef"[: len(inputs)]),
        output_names=list("yzuv"[: len(outputs)]),
        source=body,
        header=header,
    )
    return metal_emulator.launch(
        kernel,
        inputs=inputs,
        output_shapes=[shape for shape, _ in outputs],
        output_dtypes=[dtype for _, dtype in outputs],
        grid=grid,
        threadgroup=threadgroup,
        template=template,
        options=metal_emulator.Options(**options),
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tile_is_reversed_through_threadgroup_memory(dtype):
    body = """
        threadgroup float tile[64];
        uint i = thread_position_in_threadgroup.x;
        tile[i] = float(a[thread_position_in_grid.x]) * b[0] * c;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        y[thread_position_in_grid.x] = T(tile[63 - i] + K);
    """
    x = mx.arange(128).astype(dtype)
    done = run(
        body,
        [x, mx.array([2.0, 3.0]), mx.array(0.5)],
        [((128,), dtype)],
        (128, 1, 1),
        (64, 1, 1),
        template={"T": dtype, "K": 3},
    )
    (y,) = done.outputs
    assert y.dtype == dtype
    assert y.tolist() == [*range(66, 2, -1), *range(130, 66, -1)]
    assert done.counts.barriers == 2
    assert done.counts.threadgroup_bytes == 256


def test_coordinates_in_groups_cut_off_by_the_grid():
    body = """
        uint3 p = thread_position_in_grid;
        uint at = p.x + threads_per_grid.x * (p.y + threads_per_grid.y * p.z);
        y[at] = threadgroup_position_in_grid.x + 10 * threadgroup_position_in_grid.y;
        z[at] = thread_index_in_threadgroup + 1000 * threads_per_threadgroup.x;
        u[at] = thread_index_in_simdgroup + 100 * simdgroup_index_in_threadgroup
              + 1000 * simdgroups_per_threadgroup + 10000 * dispatch_threads_per_threadgroup.y;
    """
    shape = (2, 5, 21)
    done = run(body, [], [(shape, mx.uint32)] * 3, (21, 5, 2), (8, 4, 2))
    y, z, u = (np.array(output) for output in done.outputs)
    depth, row, column = np.indices(shape)
    width, height = np.where(column < 16, 8, 5), np.where(row < 4, 4, 1)
    index = column % 8 + width * (row % 4 + height * depth)
    np.testing.assert_array_equal(y, column // 8 + 10 * (row // 4))
    np.testing.assert_array_equal(z, index + 1000 * width)
    simdgroups = -(-width * height * 2 // 32)
    np.testing.assert_array_equal(u, index % 32 + 100 * (index // 32) + 1000 * simdgroups + 40000)
    assert done.counts.groups == 6
    assert done.counts.threads == 210


def test_shapes_strides_and_ranks_are_passed():
    body = "y[0] = a_shape[1] * 100 + int(a_strides[0]) * 10 + a_ndim + b[0] * 0;"
    done = run(
        body, [mx.zeros((2, 3)), mx.zeros(2, mx.int32)], [((1,), mx.int32)], (1, 1, 1), (1, 1, 1)
    )
    assert done.outputs[0].item() == 332


def test_simdgroup_operations():
    body = """
        uint lane = thread_index_in_simdgroup, i = thread_position_in_grid.x;
        y[i] = simd_sum(a[i]) + 1000 * simd_max(a[i]) + 100000 * simd_min(a[i]);
        z[i] = simd_prefix_inclusive_sum(a[i]) + 1000 * simd_prefix_exclusive_sum(a[i]);
        u[i] = simd_shuffle_down(a[i], 1) + 100 * simd_shuffle_xor(a[i], 5)
             + 10000 * simd_broadcast(a[i], 7);
        v[i] = simd_ballot(lane % 3 == 0).any() + 2 * simd_all(lane < 32) + 4 * simd_is_first();
    """
    x = np.arange(64) % 13
    done = run(body, [mx.array(x)], [((64,), mx.int32)] * 4, (64, 1, 1), (64, 1, 1))
    y, z, u, v = (np.array(output).reshape(2, 32) for output in done.outputs)
    x = x.reshape(2, 32)
    total = x.sum(1, keepdims=True)
    np.testing.assert_array_equal(y, np.broadcast_to(total + 12000, y.shape))
    np.testing.assert_array_equal(z, x.cumsum(1) + 1000 * (x.cumsum(1) - x))
    down = np.concatenate([x[:, 1:], x[:, -1:]], 1)
    xor = x[:, np.arange(32) ^ 5]
    np.testing.assert_array_equal(u, down + 100 * xor + 10000 * x[:, 7:8])
    np.testing.assert_array_equal(v, np.broadcast_to(np.where(np.arange(32) == 0, 7, 3), v.shape))


def test_a_sum_over_a_partial_simdgroup():
    done = run(
        "y[thread_position_in_grid.x] = simd_sum(a[thread_position_in_grid.x]);",
        [mx.arange(40)],
        [((40,), mx.int32)],
        (40, 1, 1),
        (40, 1, 1),
    )
    assert done.outputs[0].tolist() == [sum(range(32))] * 32 + [sum(range(32, 40))] * 8


@pytest.mark.parametrize("dtype", DTYPES)
def test_matrices(dtype):
    body = """
        threadgroup T tile[64];
        uint lane = thread_index_in_simdgroup;
        for (uint i = lane; i < 64; i += 32) tile[i] = a[i];
        simdgroup_barrier(mem_flags::mem_threadgroup);
        simdgroup_matrix<T, 8, 8> left, right;
        simdgroup_float8x8 sum = make_filled_simdgroup_matrix<float, 8, 8>(1.0f);
        simdgroup_load(left, tile);
        simdgroup_load(right, b, 10, ulong2(2, 1), true);
        simdgroup_multiply_accumulate(sum, left, right, sum);
        sum.thread_elements()[0] *= 2;
        simdgroup_store(sum, y, 8);
        simdgroup_multiply(sum, simdgroup_matrix<T, 8, 8>(T(3)), right);
        simdgroup_store(sum, z, 8, 0, true);
    """
    rng = np.random.default_rng(0)
    a, b = rng.integers(-8, 8, (8, 8)), rng.integers(-8, 8, (9, 10))
    done = run(
        body,
        [mx.array(a).astype(dtype), mx.array(b).astype(dtype)],
        [((8, 8), mx.float32)] * 2,
        (32, 1, 1),
        (32, 1, 1),
        template={"T": dtype},
    )
    y, z = (np.array(output) for output in done.outputs)
    right = b[1:, 2:].T
    np.testing.assert_array_equal(y, (a @ right + 1) * np.where(np.arange(8) % 2, 1, 2))
    np.testing.assert_array_equal(z, 3 * right.T)
    assert done.counts.matrix_macs == 1024


def test_vectors_and_conversions():
    header = "#define WITH_ZEROS(v) float4(v, 0.0f, 0.0f)\n"
    body = """
        float4 v = WITH_ZEROS(float2(a[0], a[1]));
        half4 h = half4(v);
        v = static_cast<float4>(h) + max(v, 0.5f);
        v += vec<float, 4>(1.0f, v.yz, as_type<float>(0x40000000));
        float2 pair = *(const device float2*)(a + 2);
        y[0] = v.x; y[1] = v.y; y[2] = v.z; y[3] = v.w; y[4] = pair.y;
        y[5] = clamp(pair.x, 0.0f, 1.0f) + 1.0h;
    """
    done = run(
        body,
        [mx.arange(8, dtype=mx.float32) + 1],
        [((6,), mx.float32)],
        (1, 1, 1),
        (1, 1, 1),
        header=header,
    )
    assert done.outputs[0].tolist() == [3.0, 8.0, 1.0, 2.5, 4.0, 2.0]


def test_outputs_begin_as_asked():
    body = "y[0] = y[1] + 1;"
    done = metal_emulator.launch(
        mx.fast.metal_kernel(name="e", input_names=[], output_names=["y"], source=body),
        inputs=[],
        output_shapes=[(3,)],
        output_dtypes=[mx.float32],
        grid=(1, 1, 1),
        threadgroup=(1, 1, 1),
        init_value=5,
    )
    assert done.outputs[0].tolist() == [6, 5, 5]


@pytest.mark.parametrize("descending", ["groups", "simdgroups", "lanes"])
def test_order(descending):
    body = """
        uint i = thread_position_in_grid.x;
        y[i] = atomic_fetch_add_explicit((device atomic_int*)z, 1, memory_order_relaxed);
    """
    done = metal_emulator.launch(
        mx.fast.metal_kernel(name="e", input_names=[], output_names=["y", "z"], source=body),
        inputs=[],
        output_shapes=[(128,), (1,)],
        output_dtypes=[mx.int32, mx.int32],
        grid=(128, 1, 1),
        threadgroup=(64, 1, 1),
        init_value=0,
        options=metal_emulator.Options(descending=(descending,), collect=True),
    )
    groups = np.arange(128).reshape(2, 2, 32)
    flipped = np.flip(groups, ["groups", "simdgroups", "lanes"].index(descending))
    np.testing.assert_array_equal(done.outputs[0], flipped.ravel())


DIVERGENT = {
    "barrier in a branch": (
        "if (thread_position_in_grid.x < 3) threadgroup_barrier(mem_flags::mem_none);",
        "barrier divergence: other threads have returned",
    ),
    "two barriers": (
        """if (thread_position_in_grid.x < 32) threadgroup_barrier(mem_flags::mem_none);
        else threadgroup_barrier(mem_flags::mem_none);""",
        "barrier divergence: the threads wait at different barriers",
    ),
    "a barrier in a helper": (
        "if (thread_position_in_grid.x < 9) sync(); else sync();",
        "barrier divergence: the threads wait at different barriers",
    ),
    "a sum in a helper": (
        "if (thread_position_in_grid.x < 9) y[0] = sum(1); else sum(2);",
        "simdgroup divergence: not all lanes",
    ),
    "sum in a branch": (
        "if (thread_position_in_grid.x == 3) y[0] = simd_sum(1);"
        "else threadgroup_barrier(mem_flags::mem_none);",
        "simdgroup divergence: not all lanes",
    ),
}


@pytest.mark.parametrize("case", DIVERGENT)
def test_divergence(case):
    body, kind = DIVERGENT[case]
    header = """
        inline void sync() { threadgroup_barrier(mem_flags::mem_none); }
        inline int sum(int n) { return simd_sum(n); }
    """
    with pytest.raises(MetalError, match=kind):
        run(body, [], [((1,), mx.int32)], (64, 1, 1), (64, 1, 1), header=header)


def test_a_lane_that_is_not_there():
    body = "y[thread_position_in_grid.x] = simd_shuffle(1, 20);"
    with pytest.raises(MetalError, match="reads a lane that is not there"):
        run(body, [], [((16,), mx.int32)], (16, 1, 1), (16, 1, 1))


def test_too_much_threadgroup_memory():
    body = "threadgroup float m[8193]; m[0] = 1; y[0] = m[0];"
    with pytest.raises(MetalError, match="more than 32 KiB of threadgroup memory on 'm'"):
        run(body, [], [((1,), mx.float32)], (1, 1, 1), (1, 1, 1))


REFUSED = {
    "double": "double d = 1; y[0] = d;",
    "address spaces": "threadgroup float m[4]; device float* p = m; y[0] = p[0];",
    "read-only input": "a[0] = 1;",
    "ambiguous min": "y[0] = min(1, 2u);",
    "newer than C++14": "if constexpr (true) y[0] = 1;",
    "newer than C++17": "struct { int n; } s = {.n = 1}; y[0] = s.n;",
    "array of variable length": "int n = 3 + int(a[0]); float v[n]; v[0] = 1; y[0] = v[0];",
    "statement in an expression": "y[0] = ({ float v = a[0]; v; });",
    "unknown function": "y[0] = metal::nonsense(1.0f);",
}


@pytest.mark.parametrize("case", REFUSED)
def test_does_not_compile(case):
    with pytest.raises(MetalError, match=r"does not compile as Metal:\nkernel.metal:\d+"):
        run(REFUSED[case], [mx.zeros(8)], [((1,), mx.float32)], (1, 1, 1), (1, 1, 1))


def test_a_clash_with_a_name_of_mlx():
    with pytest.raises(MetalError, match="ceildiv"):
        run("y[0] = 1;", [], [((1,), mx.int32)], (1, 1, 1), (1, 1, 1), header="int ceildiv;\n")


def test_undefined_arithmetic():
    body = "int n = a[0]; y[0] = n + 2147483647;"
    with pytest.raises(MetalError, match="signed integer overflow"):
        run(body, [mx.ones(8, mx.int32)], [((1,), mx.int32)], (1, 1, 1), (1, 1, 1))


def test_an_index_outside_a_private_array():
    body = "int v[4]; v[a[0]] = 1; y[0] = v[0];"
    with pytest.raises(MetalError, match="array index out of bounds"):
        run(body, [mx.full(8, 4)], [((1,), mx.int32)], (1, 1, 1), (1, 1, 1))


def test_what_the_optimiser_reads_ahead_is_no_finding():
    """It may load a tile in every turn, since each stores to the same place a little later."""
    header = """
        inline void load(threadgroup const float* at, int i, thread float4& v) {
          v = *reinterpret_cast<threadgroup const float4*>(at + i);
        }
        inline void store(threadgroup float* at, thread float4& v) {
          *reinterpret_cast<threadgroup float4*>(at) = v;
        }
    """
    body = """
        threadgroup float4 tile[40];
        threadgroup float* ys = reinterpret_cast<threadgroup float*>(tile);
        const int i = int(thread_index_in_threadgroup);
        const int lanes = int(threads_per_threadgroup.x) / 8, team = i / lanes, lane = i % lanes;
        const bool active = lane < int(a[0]) * 32;
        float4 sums[1];
        sums[0] = float4(a[i]);
        for (int turn = 0; turn < 8; turn++) {
          if (turn == team && active) {
            for (int p = 0; p < 1; p++) {
              threadgroup float* at = ys + p * 16 + 4 * lane;
              if (turn > 0) {
                float4 before;
                load(at, 0, before);
                sums[p] += before;
              }
              store(at, sums[p]);
            }
          }
          threadgroup_barrier(mem_flags::mem_threadgroup);
        }
        y[i] = ys[4 * lane];
    """
    output = [((256,), mx.float32)]
    done = run(body, [mx.ones(256)], output, (256, 1, 1), (256, 1, 1), header=header)
    assert done.outputs[0].tolist() == [8] * 256


WILD = {
    "pointer": "thread float* p = (thread float*)(ulong(a[0]) << 40); y[0] = p[4];",
    "past the stack": """float v[4]; thread float* p = v;
        for (int i = 0; i < 40000; i++) p[i] = a[i % 8];
        y[0] = p[int(a[1])];""",
    "stack": "float v[40000]; for (int i = 0; i < 40000; i++) v[i] = a[0]; y[0] = v[int(a[1])];",
}


@pytest.mark.parametrize("case", WILD)
def test_a_memory_fault_is_a_finding(case):
    for _ in range(2):  # the process lives on, and so do the fibers
        with pytest.raises(MetalError, match="memory fault"):
            run(WILD[case], [mx.ones(8)], [((1,), mx.float32)], (1, 1, 1), (1, 1, 1))


def test_wrong_calls():
    text = "kernel void f(device float* y, constant int& n) { y[0] = n; }"
    with pytest.raises(ValueError, match="no array is given for `n`"):
        execute(text, "f", [Output((1,), mx.float32)], (1, 1, 1), (1, 1, 1))
    with pytest.raises(
        ValueError, match="`y` is an output in the kernel's signature, but an input"
    ):
        execute(text, "f", [mx.zeros(1)], (1, 1, 1), (1, 1, 1))
    with pytest.raises(ValueError, match="1 more arrays are given"):
        execute(
            text, "f", [Output((1,), mx.float32), mx.array(1), mx.array(1)], (1, 1, 1), (1, 1, 1)
        )
    with pytest.raises(ValueError, match="at most 1024 threads in a threadgroup, not 2048"):
        execute(text, "f", [], (2048, 1, 1), (2048, 1, 1))
    for grid in ((0, 1, 1), (2**32, 1, 1)):
        with pytest.raises(ValueError, match="must be 3 positive 32-bit numbers"):
            execute(text, "f", [], grid, (32, 1, 1))


def test_too_many_buffers():
    names = [f"x{i}" for i in range(31)]
    inputs = "".join(f"const device float* {name}, " for name in names)
    text = f"kernel void f({inputs}device float* y) {{ y[0] = x0[0] + x30[0]; }}"
    with pytest.raises(MetalError, match="f has 32 buffers: Metal takes 31"):
        execute(text, "f", [mx.zeros(1)] * 31 + [Output((1,), mx.float32)], (1, 1, 1), (1, 1, 1))
