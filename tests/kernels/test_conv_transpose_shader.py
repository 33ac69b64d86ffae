"""The shaders of the transposed convolution, run by the emulator: exact on small integers."""

from typing import NamedTuple

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels import conv_transpose1d

FORMS = [conv_transpose1d.shader_matmul, conv_transpose1d.shader_direct]
DTYPES = [mx.float32, mx.float16, mx.bfloat16]
DESCENDING = ("groups", "simdgroups", "lanes")


class Case(NamedTuple):
    """x (N, groups*C_in, L) to y (N, groups*C_out, length)."""

    what: str
    C_in: int
    C_out: int
    K: int
    L: int
    length: int
    stride: int = 1
    left: int = 0
    dilation: int = 1
    groups: int = 1
    N: int = 1


CASES = [
    Case("K = 2s", 16, 8, 4, 20, 40, stride=2, left=1),
    Case("one output channel", 24, 1, 16, 33, 264, stride=8, left=4, N=2),
    Case("stride 5, output_padding", 12, 12, 10, 33, 161, stride=5, left=3),
    Case("stride 6, K not a multiple", 100, 3, 7, 11, 70, stride=6, left=2),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_equals_its_definition_on_integers(case, form, definition, emulator):
    rng = np.random.default_rng(len(case.what))
    dtype = DTYPES[CASES.index(case) % 3]
    x = rng.integers(-2, 3, (case.N, case.groups * case.C_in, case.L))
    w = rng.integers(-2, 3, (case.groups * case.C_in, case.C_out, case.K))
    place = {"stride": case.stride, "left": case.left, "dilation": case.dilation}
    place["groups"] = case.groups
    expected = definition.conv_transpose1d(x, w, case.length, **place)
    y = form(mx.array(x, dtype), mx.array(w, dtype), case.length, **place)
    assert y.dtype == dtype
    # Sums are exact in float32 and rounded once, when they are stored.
    rounded = mx.array(expected, mx.float32).astype(dtype)
    assert mx.array_equal(y, rounded), f"{np.abs(np.array(y - rounded, np.float32)).max()} off"
