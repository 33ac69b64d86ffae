"""Dropout: what is dropped, how it is scaled, that it is reproducible."""

import numpy as np
import pytest

import lucid
from lucid import nn


def test_a_part_is_dropped_and_the_rest_scaled():
    lucid.manual_seed(0)
    x = lucid.ones(100, 200, requires_grad=True)
    y = nn.Dropout(0.3)(x)
    values = y.numpy()
    assert set(np.unique(values)) == {0.0, np.float32(1 / 0.7)}
    assert abs((values == 0).mean() - 0.3) < 0.015  # 20,000 draws: four standard errors
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), values)


def test_whole_channels():
    lucid.manual_seed(0)
    y = nn.Dropout1d(0.5)(lucid.ones(20, 30, 7)).numpy()
    kept = y[..., 0] != 0
    np.testing.assert_array_equal(y != 0, np.repeat(kept[..., None], 7, axis=2))
    assert 0.4 < kept.mean() < 0.6
    assert nn.Dropout1d(0.5)(lucid.ones(30, 7)).shape == (30, 7)


def test_channels_of_images():
    y = nn.Dropout2d(0.5)(lucid.ones(20, 30, 2, 3)).numpy()
    kept = y[:, :, :1, :1] != 0
    np.testing.assert_array_equal(y != 0, np.broadcast_to(kept, y.shape))


def test_alpha_dropout_keeps_mean_and_variance():
    lucid.manual_seed(0)
    x = lucid.randn(100, 200)
    for layer in (nn.AlphaDropout(0.3), nn.FeatureAlphaDropout(0.3)):
        y = layer(x.unsqueeze(-1)).numpy()
        assert abs(y.mean()) < 0.04  # 20,000 draws: five standard errors
        assert abs(y.std() - 1) < 0.05
        _, counts = np.unique(y, return_counts=True)
        assert 0.28 < counts.max() / y.size < 0.32  # one value stands for all that was dropped


def test_the_seed_decides():
    layer, x, seen = nn.Dropout(0.5), lucid.ones(50), []
    for _ in range(2):
        lucid.manual_seed(3)
        seen.append(layer(x).numpy())
    np.testing.assert_array_equal(*seen)
    assert (layer(x).numpy() != seen[0]).any()


def test_when_nothing_happens():
    x = lucid.ones(5)
    assert nn.Dropout(0.5).eval()(x) is x
    assert nn.Dropout(0.0)(x) is x
    assert nn.Dropout(1.0)(x).tolist() == [0.0] * 5
    assert nn.Dropout(0.5)(lucid.ones(0, 3)).shape == (0, 3)


def test_refusals():
    with pytest.raises(ValueError, match=r"Dropout: p must be a probability from 0 to 1, got 1\.5"):
        nn.Dropout(1.5)
    with pytest.raises(TypeError, match="Dropout1d: p must be a number, got bool"):
        nn.Dropout1d(True)
    with pytest.raises(ValueError, match=r"expects x of shape \(N, C, L\) or \(C, L\), got \(3,\)"):
        nn.Dropout1d(0.5)(lucid.ones(3))
    with pytest.raises(ValueError, match="probability from 0 to 1, got -1"):
        nn.functional.dropout(lucid.ones(3), -1)
