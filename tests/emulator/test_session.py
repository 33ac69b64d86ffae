"""The library's launch path in the emulator."""

import mlx.core as mx
import pytest

from lucid.kernels import metal, shaders
from metal_emulator import MetalError, emulated

TEXT = """\
#include "scale.h"
// kernel scale(x, factor) -> y
uint i = thread_position_in_grid.x;
if (i < uint(x_shape[0]))
  y[i] = times<T>(x[i], factor);
// kernel broken(x) -> y
if (thread_position_in_grid.x == 0) threadgroup_barrier(mem_flags::mem_none);
"""
HEADER = "template <typename T, typename F> T times(T x, F f) { return T(float(x) * f); }\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "example.metal").write_text(TEXT)
    (tmp_path / "scale.h").write_text(HEADER)
    monkeypatch.setattr(shaders, "folder", lambda: tmp_path)


def scale(x, name="scale"):
    kernel = metal.Kernel("example", name)
    inputs = [x, mx.array(3.0)] if name == "scale" else [x]
    return kernel(
        inputs,
        template={"T": x.dtype},
        grid=(64, 1, 1),
        threadgroup=(32, 1, 1),
        outputs=[(x.shape, x.dtype)],
    )


@pytest.mark.usefixtures("folder")
def test_a_kernel_of_the_library_runs(emulator):
    assert metal.available()
    for n in (5, 40):
        x = mx.arange(n, dtype=mx.float32)
        (y,) = scale(x)
        assert y.tolist() == (3 * x).tolist()
    assert [run.counts.threads for run in emulator.runs] == [64, 64]
    assert "custom_kernel_lucid_scale_" in emulator.runs[0].kernel


@pytest.mark.usefixtures("folder", "emulator")
def test_it_runs_inside_a_gradient():
    @mx.custom_function
    def f(x):
        return scale(x)[0]

    @f.vjp
    def f_vjp(_, cotangent, __):
        return scale(cotangent)[0]

    x = mx.arange(10, dtype=mx.float32)
    value, slope = mx.value_and_grad(lambda x: f(x).sum())(x)
    assert value.item() == 135
    assert slope.tolist() == [3.0] * 10


@pytest.mark.usefixtures("folder", "compiler")
def test_failures_are_raised_or_collected():
    with emulated(), pytest.raises(MetalError, match="barrier divergence"):
        scale(mx.zeros(64), "broken")
    with emulated(collect=True) as session:
        scale(mx.zeros(64), "broken")
    assert session.failures[0].kind.startswith("barrier divergence")


@pytest.mark.usefixtures("folder", "compiler")
def test_lines_that_never_ran():
    body = metal.Kernel("example", "scale").source.body
    with emulated() as session:
        scale(mx.zeros(0))
        (missed,) = session.coverage.missed(body)
        assert missed[0] == 3
        scale(mx.zeros(64))
    assert session.coverage.missed(body) == []


def test_afterwards_all_is_as_before():
    before = metal.available()
    with emulated():
        assert metal.available()
    assert metal.available() == before
