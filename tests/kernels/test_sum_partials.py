"""The second pass of reductions, in the emulator."""

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels.sum_partials import sum_partials
from metal_emulator import emulated

pytestmark = pytest.mark.usefixtures("compiler")


@pytest.mark.parametrize("dtype", [mx.float32, mx.float16, mx.bfloat16])
@pytest.mark.parametrize(
    "shape", [(1, 3), (2, 1), (3, 2), (7, 31), (8, 32), (9, 33), (40, 5, 1, 13), (2, 3, 1, 100)]
)
def test_adds_over_the_first_axis(shape, dtype):
    partials = np.random.default_rng(0).integers(-3, 4, shape)
    with emulated():
        y = sum_partials(mx.array(partials, mx.float32), dtype)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.astype(mx.float32), partials.sum(0))


def test_the_order_is_fixed():
    """Row p goes to one of eight sums by p mod 8; in float32 another order is another result."""
    partials = np.random.default_rng(0).normal(size=(100, 7)).astype(np.float32)
    expected = np.zeros(7, np.float32)
    for s in range(8):
        part = np.zeros(7, np.float32)
        for row in partials[s::8]:
            part += row
        expected += part
    with emulated():
        np.testing.assert_array_equal(sum_partials(mx.array(partials), mx.float32), expected)
