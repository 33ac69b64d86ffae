"""Lines of shaders that never ran."""

import re

import mlx.core as mx
import numpy as np
import pytest

from metal_emulator import Mode, Options, missing
from metal_emulator.coverage import Coverage, report
from metal_emulator.sample import Sample

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

X = np.arange(256, dtype=np.float32)
BRANCHES = """  uint i = thread_position_in_grid.x;
  if (x[i] > float(LIMIT))
    y[i] = x[i];
  else
    y[i] = 0.0f + zero(x[i]);
"""
HEADER = """inline float zero(float x) {
  float r = x * 0.0f;
  return r;
}
"""


def branches(limit):
    expected = {"y": np.where(limit < X, X, 0).astype(np.float32)}
    inputs, template = {"x": mx.array(X)}, {"LIMIT": limit}
    shape = (256, 1, 1), (64, 1, 1)
    return Sample("branches", BRANCHES, inputs, expected, *shape, header=HEADER, template=template)


def test_coverage_is_of_all_launches_together():
    coverage = Coverage()
    options = Options(mode=Mode(optimise=0))
    coverage.add(branches(1000).run(options))
    assert coverage.missed(BRANCHES) == [(3, "    y[i] = x[i];")]
    assert coverage.missed(HEADER) == []
    coverage = Coverage()
    coverage.add(branches(-1).run(options))
    assert [line for line, _ in coverage.missed(BRANCHES)] == [5]
    assert [line for line, _ in coverage.missed(HEADER)] == [2, 3]
    coverage.add(branches(1000).run(options))
    assert coverage.missed(BRANCHES) == coverage.missed(HEADER) == []


def test_coverage_of_a_text_that_nothing_ran_is_an_error():
    with pytest.raises(ValueError, match="no launch ran a kernel with the text"):
        Coverage().missed(BRANCHES)


SHADER = """// A comment.
#include "part.h"
inline float never(float x) {
  float r[2];
  r[1] = x;  // not even compiled
  return r[1];
}
constexpr int evaluated(int n) {
  return n + 1;
}
// kernel half(x) -> y
y[0] = HALF * x[0];
if (x[0] > 1000.0f)
  y[0] = 0.0f;
// kernel other(x) -> y
y[0] = x[0];
"""


def test_a_report_names_files_and_lines(tmp_path):
    (tmp_path / "a.metal").write_text(SHADER)
    (tmp_path / "part.h").write_text("#define HALF 0.5f\n")
    header, body, _ = re.split("// kernel .*\n", SHADER)
    header = header.replace('#include "part.h"', "#define HALF 0.5f")
    inputs, expected = {"x": mx.array(X)}, {"y": X[:1] / 2}
    sample = Sample("half", body, inputs, expected, (1, 1, 1), (1, 1, 1), header=header)
    assert sample.verdict(Options()) == []
    coverage = Coverage()
    coverage.add(sample.run(Options(mode=Mode(optimise=0))))
    name = tmp_path.name
    assert list(report(coverage, tmp_path)) == [
        f"{name}/a.metal:5:   r[1] = x;  // not even compiled",
        f"{name}/a.metal:6:   return r[1];",
        f"{name}/a.metal:14:   y[0] = 0.0f;",
        f"{name}/a.metal:16: this and what follows was in no launch",
    ]
