"""Words, features and learning of the recogniser. What surrounds it is in `test_cli`."""

import numpy as np
import pytest

import lucid
from lucid.recipes import keywords
from lucid.recipes.training import take_steps


def words(augment, mask=0):
    samples = [np.arange(1, n + 1, dtype=np.float32) for n in (5, 30)]
    return keywords.Words(samples, [1, 0], 20, mask, augment)


def test_test_clips_lie_in_the_middle():
    x, number = words(augment=False)[0]
    assert (x.shape, x.dtype, number) == ((1, 20), np.float32, 1)
    np.testing.assert_array_equal(np.flatnonzero(x[0]), range(7, 12))
    drawn, _ = words(augment=False).draw(0, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, x)


def test_training_clips_move_and_change_level():
    places, levels = set(), []
    for seed in range(200):
        x, _ = words(augment=True).draw(0, np.random.default_rng(seed))
        assert x.dtype == np.float32
        start = np.flatnonzero(x[0])[0]
        places.add(start)
        levels.append(x[0, start])
    assert places == set(range(16))
    assert 0.5 <= min(levels) < 0.6
    assert 1.4 < max(levels) <= 1.5


def test_training_clips_lose_a_part():
    widths = set()
    for seed in range(100):
        x, _ = words(augment=True, mask=4).draw(1, np.random.default_rng(seed))
        widths.add(20 - np.count_nonzero(x))
    assert widths == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
def test_features(rate):
    config = keywords.Config(sample_rate=rate)
    net = keywords.KeywordNet(config, 3)
    x = lucid.randn(2, 1, config.length)
    features = net.features(x).numpy()
    assert features.shape[:2] == (2, 40)
    assert 98 <= features.shape[2] <= 102
    np.testing.assert_allclose(features.mean((1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(features.std((1, 2)), 1, atol=1e-3)
    louder = net.features(3 * x).numpy()
    np.testing.assert_allclose(louder, features, atol=1e-3)
    assert net(x).shape == (2, 3)


def test_silence_has_finite_features():
    net = keywords.KeywordNet(keywords.Config(), 3)
    features = net.features(lucid.zeros(1, 1, 8000)).numpy()
    assert np.ptp(features) < 1e-3
    assert np.abs(features).max() < 0.1  # 0, but for the rounding of the mean


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input": "mfcc"}, "input must be 'mel' or 'raw', got 'mfcc'"),
        ({"mask": 1.0}, "mask must be from 0 to 1.0 seconds, got 1.0"),
        ({"channels": 0}, "channels must be from 1 to 2.* - 1, got 0"),
        ({"seconds": 100.0}, "seconds must be from 0.1 to 60"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(ValueError, match=message):
        keywords.Config(**settings)


@pytest.mark.slow
def test_the_demo_learns():
    """Half of it, with a small network, is far above the 10 % of guessing."""
    config = keywords.Config(epochs=8, channels=24, mask=0.05)
    job = keywords.Keywords(config, keywords.prepare(config))
    for epoch in range(config.epochs):
        job.loader.set_epoch(epoch)
        for _ in take_steps(job, len(job.loader)):
            pass
    assert job.evaluate()["accuracy"] > 80


def test_the_waveform_is_trained_in_smaller_batches_unless_told():
    assert keywords.Config().batch_size == 64
    assert keywords.Config(input="raw").batch_size == 32
    assert keywords.Config(input="raw", batch_size=5).batch_size == 5
