"""Interpolation, shuffles and folding beyond what `test_layers_parity` compares."""

import numpy as np
import pytest

import lucid
from lucid import nn

F = nn.functional
X = lucid.ones(2, 6, 5)


@pytest.mark.parity
@pytest.mark.parametrize("scale", [0.5, 1.7, 3])
@pytest.mark.parametrize("recompute", [True, False])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear"])
def test_scale_factors_of_a_long_signal(mode, scale, recompute):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(1, 1, 4001)).astype(np.float32)
    given = {"scale_factor": scale, "mode": mode, "recompute_scale_factor": recompute}
    ours = F.interpolate(lucid.tensor(x), **given).numpy()
    theirs = torch.nn.functional.interpolate(torch.tensor(x), **given).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parity
@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "area"])
def test_float64(mode):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(1, 2, 5, 9))
    ours = F.interpolate(lucid.tensor(x, dtype="float64"), (7, 4), mode=mode).numpy()
    theirs = torch.nn.functional.interpolate(torch.tensor(x), (7, 4), mode=mode).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-14)


def test_shuffles_in_one_dimension():
    x = lucid.arange(24.0).reshape(1, 6, 4)
    y = nn.PixelShuffle1d(3)(x)
    assert y.shape == (1, 2, 12)
    assert y[0, 0, :6].tolist() == [0.0, 4.0, 8.0, 1.0, 5.0, 9.0]
    assert lucid.equal(nn.PixelUnshuffle1d(3)(y), x)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("settings", [{"scale_factor": 3}, {"size": 10, "align_corners": True}])
def test_what_is_not_finite_at_an_end_stays_there(value, settings):
    x = lucid.tensor([[[value, 1.0, 2.0, 3.0, value]]])
    y = F.interpolate(x, mode="linear", **settings)[0, 0].numpy()
    np.testing.assert_array_equal(y[[0, -1]], [value, value])
    assert np.isfinite(y[5:-5]).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.interpolate(X), ValueError, "either size or scale_factor"),
        (lambda: F.interpolate(X, 3, 2.0), ValueError, "either size or scale_factor"),
        (lambda: F.interpolate(X, (3, 2)), ValueError, r"an int or 1 ints, got \(3, 2\)"),
        (lambda: F.interpolate(X, 0), ValueError, "size must be at least 1, got 0"),
        (lambda: F.interpolate(X, scale_factor=0.1), ValueError, "leaves nothing of"),
        (lambda: F.interpolate(X, 3, mode="cubic"), NotImplementedError, "mode must be one of"),
        (lambda: F.interpolate(X, 3, mode="bilinear"), NotImplementedError, "does not fit x"),
        (lambda: F.interpolate(X, 3, align_corners=True), ValueError, "align_corners is for"),
        (lambda: F.interpolate(X, 3, antialias=True), NotImplementedError, "antialias"),
        (lambda: F.interpolate(X[0], 3), ValueError, "Tensor of shape"),
        (lambda: F.pixel_shuffle(X, 2), ValueError, r"C divisible by 4, got \(2, 6, 5\)"),
        (lambda: F.pixel_shuffle1d(X, 4), ValueError, "C divisible by 4"),
        (lambda: F.pixel_unshuffle1d(X, 2), ValueError, "L divisible by 2"),
        (lambda: F.channel_shuffle(X, 4), ValueError, "divisible by groups=4"),
        (lambda: F.unfold(X, (7, 1)), ValueError, "does not fit into"),
        (lambda: F.fold(X, (3, 4), 2), ValueError, r"shape \(N, C\*4, 6\)"),
        (lambda: F.pdist(X), ValueError, r"shape \(N, M\), got"),
    ],
)
def test_refusal(call, error, message):
    with pytest.raises(error, match=message):
        call()
