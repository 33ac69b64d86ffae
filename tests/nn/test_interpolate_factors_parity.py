"""Factors that give a size by rounding, against PyTorch: which of factor and size counts."""

import numpy as np
import pytest

import lucid
from lucid import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

MODES = {
    1: ("nearest", "nearest-exact", "linear", "area"),
    2: ("nearest", "nearest-exact", "bilinear", "bicubic", "area"),
    3: ("nearest", "trilinear"),
}


@pytest.mark.parametrize(("dimensions", "mode"), [(n, m) for n in MODES for m in MODES[n]])
def test_interpolate_by_a_factor(dimensions, mode):
    for L in (2, 3, 5, 7, 8):
        x = np.random.RandomState(L).randn(1, 2, *[3] * (dimensions - 1), L).astype(np.float32)
        for factor in (0.6, 0.7, 1.1, 1.3, 2.1, 2.3, 2 / 3, 5 / 3):
            settings = {"scale_factor": factor, "mode": mode}
            wanted = torch.nn.functional.interpolate(torch.tensor(x), **settings).numpy()
            got = nn.functional.interpolate(lucid.tensor(x), **settings).numpy()
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5, err_msg=f"{L} {factor}")
