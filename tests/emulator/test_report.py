"""What launches report: failures in words, counts by formula."""

import mlx.core as mx
import numpy as np
import pytest

from metal_emulator import MetalError, Mode, Options, missing
from metal_emulator.sample import Sample

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

X = np.arange(256, dtype=np.float32)
COPY = Sample(
    name="copy",
    body="  uint i = thread_position_in_grid.x;\n  y[i] = x[i];\n",
    inputs={"x": mx.array(X.reshape(2, 128))},
    expected={"y": X.reshape(2, 128)},
    grid=(256, 1, 1),
    threadgroup=(64, 1, 1),
)
COUNTING = Mode(checked=False)


def test_a_failure_tells_what_where_and_who():
    with pytest.raises(MetalError) as error:
        COPY.broken("= x[i]", "= x[i + 1]").run(Options())
    assert str(error.value).splitlines()[1:] == [
        "device read out of bounds on 'x': element 256 of 256, shape (2, 128) (byte 1024), 4 bytes;"
        " threadgroup (3, 0, 0) thread (63, 0, 0); 1 time",
        "  line 6: y[i] = x[i + 1];",
    ]


def test_a_race_names_both_threads():
    wrong = COPY.broken("y[i]", "y[i - i % 2]").verdict(Options())
    assert wrong[0].splitlines() == [
        "device race: write after another thread's write on 'y': element [0, 0] (byte 0), 4 bytes; "
        "threadgroup (0, 0, 0) thread (1, 0, 0) and thread number 0; 128 times",
        "  line 6: y[i - i % 2] = x[i];",
    ]
    (unwritten,) = [what for what in wrong if "never written" in what]
    assert "on 'y': element [0, 1] (byte 4), 4 bytes" in unwritten
    assert "128 times" in unwritten


@pytest.mark.parametrize("optimise", [0, 1])
def test_counts_of_a_copy(optimise):
    counts = COPY.run(Options(mode=Mode(checked=False, optimise=optimise))).counts
    for traffic in (counts.loads["x"], counts.stores["y"]):
        assert (traffic.accesses, traffic.bytes) == (256, 1024)
        assert (traffic.unique_bytes, traffic.unique_lines) == (1024, 8)
        assert (traffic.group_bytes, traffic.group_lines) == (1024, 8)
    assert counts.loads["y"].accesses == 0
    assert (counts.threads, counts.groups, counts.barriers) == (256, 4, 0)
    assert counts.multiply_adds == 0
    assert counts.bytes_issued == counts.bytes_compulsory == counts.bytes_of_groups == 2048
    assert "load x" in str(counts)


def test_levels_of_traffic():
    """A lane reads every 32nd value, 128 bytes apart, so that each lane touches a line of its own;
    the 8 threads of a threadgroup that share each line fetch it once."""
    scattered = COPY.broken("= x[i]", "= x[i % 8 * 32]")
    run = scattered.run(Options(mode=COUNTING, trace_groups=4))
    loads = run.counts.loads["x"]
    assert (loads.unique_bytes, loads.unique_lines) == (8 * 4, 8)
    assert (loads.group_bytes, loads.group_lines) == (4 * 8 * 4, 4 * 8)
    assert (loads.traced_requests, loads.traced_lines) == (8, 8 * 8)
    stores = run.counts.stores["y"]
    assert (stores.traced_requests, stores.traced_lines) == (8, 8)
    lines = 8 + 8
    assert run.counts.levels() == {
        "issued": 2048 / (lines * 128),
        "requests": (64 + 8) / lines,
        "threadgroup cache": (32 + 8) / lines,
    }


def test_lines_are_those_of_memory_not_of_the_array():
    """One element past an aligned address, each run of 256 bytes touches three lines."""
    loads = COPY.run(Options(mode=COUNTING, misalign=1)).counts.loads["x"]
    assert (loads.unique_lines, loads.group_lines) == (9, 4 * 3)


def test_only_the_threadgroups_asked_for_are_traced():
    loads = COPY.run(Options(mode=COUNTING, trace_groups=1)).counts.loads["x"]
    assert (loads.traced_bytes, loads.traced_requests, loads.traced_lines) == (256, 2, 2)


def test_vectors_count_their_bytes_lines_and_operations():
    body = """  uint i = thread_position_in_grid.x;
  threadgroup float4 s[64];
  s[i % 64] = ((const device float4*)x)[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  ((device float4*)y)[i] = s[i % 64] * 3.0f + exp(s[i % 64] * 0.0f);
"""
    sample = Sample("vectors", body, COPY.inputs, {"y": X * 3 + 1}, (64, 1, 1), (64, 1, 1))
    assert sample.verdict(Options()) == []
    counts = sample.run(Options(mode=COUNTING, trace_groups=1)).counts
    loads = counts.loads["x"]
    assert (loads.accesses, loads.bytes, loads.traced_requests) == (64, 1024, 2)
    assert loads.traced_lines == 8
    assert counts.operations["fma"] == counts.operations["special"] == 256
    assert counts.threadgroup_bytes == counts.threadgroup_store_bytes == 1024
    assert (counts.threadgroup_stores, counts.barriers) == (64, 1)
