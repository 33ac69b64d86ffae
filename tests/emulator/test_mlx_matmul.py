"""MLX's own matrix product runs clean and is right.

It reads and writes the elements of simdgroup matrices by their places in the lanes, so it confirms
the layout of the shim. Its text is read from the installed wheel.
"""

import re
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from metal_emulator import Mode, Options, Output, execute

pytestmark = pytest.mark.usefixtures("compiler")

INCLUDE = Path(mx.__file__).parent / "include"
KERNELS = "mlx/backend/metal/kernels"
# What the emulator declares by itself.
OWN = {f"{KERNELS}/{name}.h" for name in ("bf16", "bf16_math", "complex", "defines", "utils")}


def text(*files):
    """The files with all that they include, once."""
    seen = set(OWN)

    def read(name):
        if name in seen:
            return ""
        seen.add(name)
        path = INCLUDE / name
        if not path.is_file():
            pytest.skip(f"this MLX has no {name}")
        content = path.read_text().replace("#pragma once", "")
        return re.sub(r'#include "(.*)"', lambda include: read(include[1]), content)

    return "".join(read(f"{KERNELS}/{name}") for name in files)


DTYPES = {"float": mx.float32, "half": mx.float16, "bfloat": mx.bfloat16}


@pytest.mark.parametrize("dtype", DTYPES)
def test_matrix_product(dtype):
    """MLX reads the elements of a simdgroup matrix by its knowledge of their layout."""
    source = text("steel/gemm/gemm.h", "steel/gemm/kernels/steel_gemm_fused.h")
    # A struct that is copied through address spaces, which clang's C++ cannot.
    struct = re.compile(r"struct alignas\(.*?\) ReadVector \{.*?\};", re.DOTALL)
    source = struct.sub("using ReadVector = vec<T, vec_size>;\n\n", source)
    M, N, K = 40, 48, 24
    rng = np.random.default_rng(0)
    a, b = rng.integers(-4, 5, (M, K)), rng.integers(-4, 5, (K, N))
    tile = 32
    sizes = [M, N, K, K, N, N, -(-N // tile), -(-M // tile), *[0] * 6, 0, K // 16, 0, 0]
    unused = mx.zeros(8, mx.int64)
    done = execute(
        source,
        f"gemm<{dtype}, {tile}, {tile}, 16, 2, 2, false, false>",
        [
            *(mx.array(m).astype(DTYPES[dtype]) for m in (a, b)),
            mx.zeros(8, DTYPES[dtype]),
            Output((M, N), DTYPES[dtype]),
            mx.array(sizes, dtype=mx.int32),
            unused.astype(mx.int32),
            unused.astype(mx.int32),
            unused,
        ],
        (-(-N // tile) * tile, -(-M // tile) * 2, 2),
        (tile, 2, 2),
        Options(mode=Mode(standard="c++17")),
    )
    np.testing.assert_array_equal(np.array(done.outputs[0].astype(mx.float32)), a @ b)
    assert done.counts.matrix_macs == 64 * 64 * 32  # tiles are filled up, K to a multiple of 16
