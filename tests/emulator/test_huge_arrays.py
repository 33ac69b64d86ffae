"""Arrays that no memory holds, and launches too large to run."""

import mlx.core as mx
import pytest

from metal_emulator import MetalError, Options, Output, Sparse, execute

pytestmark = pytest.mark.usefixtures("compiler")

HUGE = (5, 2**29)
COPY = """kernel void f(const device float* x, device float* y,
                        uint i [[thread_position_in_grid]]) { y[OFFSET] = x[OFFSET] + 1; }"""


def copy_the_end(offset):
    values = Sparse(HUGE, mx.float32, mx.array([5.0, 6.0, 7.0]))
    text, options = COPY.replace("OFFSET", offset), Options(last_groups=1)
    output = Output(HUGE, mx.float32, last=6)
    return execute(text, "f", [values, output], (5 * 2**29, 1, 1), (4, 1, 1), options)


def test_the_last_threadgroups_of_a_launch_too_large_to_run():
    done = copy_the_end("i")
    assert done.outputs[0].tolist() == [0, 0, 1, 6, 7, 8]
    assert done.counts.threads == 4


@pytest.mark.parametrize(
    ("offset", "kind"), [("int(i)", "outside every buffer"), ("i + 1", "element 2684354560 of")]
)
def test_offsets_are_checked_in_huge_arrays(offset, kind):
    with pytest.raises(MetalError, match=kind):
        copy_the_end(offset)


def test_an_array_that_has_no_room():
    values = Sparse((16, 2**30), mx.float32, mx.array([1.0]))
    output = Output((1,), mx.float32)
    with pytest.raises(MemoryError, match="could not place 2 buffers"):
        execute(COPY.replace("OFFSET", "i"), "f", [values, output], (1, 1, 1), (1, 1, 1))
