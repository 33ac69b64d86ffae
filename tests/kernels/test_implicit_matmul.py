"""Plans of the tiled matrix product: what the shader relies on, for whatever settings."""

import numpy as np
import pytest

from lucid.kernels import implicit_matmul
from lucid.kernels.implicit_matmul import EMPTY, ordinary, transposed


def settings(seed):
    rng = np.random.default_rng(seed)
    Cg, Og = (int(2000 ** rng.random()) for _ in range(2))
    K = int(1200 ** rng.random())
    stride, dilation = (int(600 ** rng.random() ** 2) for _ in range(2))
    return Cg, Og, K, stride, dilation


@pytest.mark.parametrize("seed", range(200))
@pytest.mark.parametrize("make", [ordinary, transposed], ids=lambda make: make.__name__)
def test_a_plan_fits_threadgroup_memory_and_has_every_tap_once(make, seed):
    Cg, Og, K, stride, dilation = settings(seed)
    plan = make(Cg, Og, K, stride, dilation)
    t = plan.template
    BM, BQ, TB = 8 * t["FM"] * t["WM"], 8 * t["FQ"] * t["WQ"], 8 // t["CB"]
    window = t["PX"] * t["W"]
    assert 4 * max(t["SC"] * window, BM * (16 * t["WQ"] + 1)) <= 32768
    assert t["SC"] % t["CB"] == 0
    assert Og % t["OB"] == 0 or t["SY"] == 1
    assert t["WM"] * t["WQ"] == 4
    assert sorted(plan.taps[plan.taps != EMPTY]) == list(range(K))
    assert len(plan.taps) % TB == 0
    # Windows follow one another, and what a tap reads of one, BQ values, lies in a row of it.
    chunks = np.array(plan.table[: 3 * plan.chunks]).reshape(-1, 3)
    offsets = np.array(plan.table[3 * plan.chunks :][: len(plan.taps)])
    assert (chunks[1:, 1] == chunks[:-1, 2]).all()
    assert (chunks[0, 1], chunks[-1, 2] * TB) == (0, len(plan.taps))
    assert offsets.min() >= 0
    assert (offsets % t["W"] + BQ).max() <= t["W"]
    assert offsets.max() + BQ <= window
    # Useful products are all there.
    assert plan.products >= Cg * Og * K


def test_all_tiles_are_used():
    fragments = range(1, 200)
    tiles = {implicit_matmul._tile(n, unit) for n in fragments for unit in (1, 3, 5, 7, 40)}
    assert tiles == set(implicit_matmul.TILES)
