"""The race checks against their definition: random programs of reads, writes and barriers, each
judged by looking at all pairs of accesses."""

import itertools

import mlx.core as mx
import numpy as np
import pytest

from metal_emulator import Mode, Options, missing
from metal_emulator.sample import ORDERS, Sample

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

THREADS, CELLS, STEPS = 64, 2, 8
NOTHING, READ, WRITE = 0, 1, 2
BARRIERS = (  # (what the kernel executes, the memory that it orders, among whom)
    ("", None, None),
    ("threadgroup_barrier(mem_flags::mem_threadgroup)", "threadgroup", "group"),
    ("threadgroup_barrier(mem_flags::mem_device)", "device", "group"),
    ("threadgroup_barrier(mem_flags::mem_none)", None, "group"),
    ("simdgroup_barrier(mem_flags::mem_threadgroup)", "threadgroup", "simdgroup"),
    ("simdgroup_barrier(mem_flags::mem_device)", "device", "simdgroup"),
)

# A step of a program: one barrier for all, then at most one access per thread.
BODY = """
  uint t = thread_position_in_threadgroup.x;
  uint i = thread_position_in_grid.x;
  MEMORY
  uint kept = 0;
  for (int step = 0; step < STEPS; ++step) {
    switch (barriers[step]) {
BARRIERS
      default: break;
    }
    int code = accesses[step * int(threads_per_grid.x) + int(i)];
    if (code % 4 == 1) kept += cells[code / 4];
    if (code % 4 == 2) cells[code / 4] = t;
  }
  done[i] = kept;
"""
CASES = "\n".join(f"      case {i}: {text}; break;" for i, (text, *_) in enumerate(BARRIERS) if i)
BODY = BODY.replace("BARRIERS", CASES)
MEMORY = {
    "threadgroup": f"""threadgroup uint cells[{CELLS}];
  if (t < {CELLS}) cells[t] = t;
  threadgroup_barrier(mem_flags::mem_threadgroup);""",
    "device": "device uint* cells = memory;",
}


def program(rng, threads):
    """Few threads share few cells, so that about half of the programs have a race."""
    barriers = rng.choice(len(BARRIERS), STEPS, p=[0.05, 0.25, 0.25, 0.05, 0.2, 0.2])
    kinds = rng.choice(3, (STEPS, threads), p=[0.84, 0.1, 0.06])
    busy = [*rng.choice(32, 2, replace=False), rng.integers(32, threads)]
    kinds[:, np.setdiff1d(np.arange(threads), busy)] = NOTHING
    return barriers, kinds, rng.integers(0, CELLS, (STEPS, threads))


def races(barriers, kinds, cells, memory):
    """Whether two accesses of a cell by different threads, one a write, are unordered."""

    def ordered(a, b):
        (step, thread), (later, other) = a, b
        if thread // THREADS != other // THREADS:
            return False
        near = thread // 32 == other // 32
        between = (BARRIERS[i] for i in barriers[step + 1 : later + 1])
        return any(m == memory and (near or among == "group") for _, m, among in between)

    accesses = [tuple(at) for at in np.argwhere(kinds != NOTHING)]
    return any(
        cells[a] == cells[b] and WRITE in (kinds[a], kinds[b]) and not ordered(a, b)
        for a, b in itertools.combinations(accesses, 2)
        if a[1] != b[1]
    )


def found(barriers, kinds, cells, memory, order):
    threads = kinds.shape[1]
    expected = {"done": np.zeros(threads, np.float32)}
    if memory == "device":
        expected["memory"] = np.zeros(CELLS, np.float32)
    sample = Sample(
        name=f"program_{memory}",
        body=BODY.replace("MEMORY", MEMORY[memory]),
        inputs={
            "barriers": mx.array(barriers, mx.int32),
            "accesses": mx.array(cells * 4 + kinds, mx.int32),
        },
        expected=expected,
        dtype=mx.uint32,
        grid=(threads, 1, 1),
        threadgroup=(THREADS, 1, 1),
        template={"STEPS": STEPS},
        init_value=0,
    )
    options = Options(mode=Mode(optimise=1), descending=order, collect=True)
    kinds_found = {failure.kind for failure in sample.run(options).failures}
    assert all(kind.startswith(f"{memory} race") for kind in kinds_found), kinds_found
    return bool(kinds_found)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("memory", "groups"), [("threadgroup", 1), ("device", 1), ("device", 2)])
def test_a_race_is_found_if_and_only_if_there_is_one(memory, groups, order):
    rng = np.random.default_rng(groups)
    verdicts = []
    for number in range(200):
        drawn = program(rng, THREADS * groups)
        expected = races(*drawn, memory)
        assert found(*drawn, memory, order) == expected, f"program {number}"
        verdicts.append(expected)
    assert 50 < sum(verdicts) < 150
