"""Our own audio: reproducible, of sensible length and level, and where it says it is."""

import numpy as np
import pytest

from lucid.recipes import synthesis


def spectrum_centre(samples, rate=8000):
    power = np.abs(np.fft.rfft(samples)) ** 2
    return (np.fft.rfftfreq(len(samples), 1 / rate) * power).sum() / power.sum()


def test_a_seed_gives_the_same_utterances_and_another_gives_others():
    a, b, c = (synthesis.utterances(2, 1, seed) for seed in (0, 0, 1))
    for x, y in zip(a, b, strict=True):
        assert (x.word, x.speaker) == (y.word, y.speaker)
        np.testing.assert_array_equal(x.samples, y.samples)
    assert any(len(x.samples) != len(y.samples) for x, y in zip(a, c, strict=True))


@pytest.mark.parametrize("rate", [8000, 16000])
def test_every_word_has_a_sensible_length_and_level(rate):
    for u in synthesis.utterances(3, 2, 0, rate):
        assert u.samples.dtype == np.float32
        assert 0.1 < len(u.samples) / rate < 0.9
        assert np.abs(u.samples).max() == pytest.approx(0.5)
        assert np.isfinite(u.samples).all()


def test_a_high_voice_has_higher_formants():
    rng = np.random.default_rng
    low = synthesis.word("four", synthesis.Speaker(100, 0.9, 1), rng(0))
    high = synthesis.word("four", synthesis.Speaker(220, 1.2, 1), rng(0))
    assert spectrum_centre(high) > 1.1 * spectrum_centre(low)


def test_two_takes_differ():
    first, second = synthesis.utterances(1, 2, 0)[:2]
    assert first.word == second.word
    assert not np.array_equal(first.samples[:500], second.samples[:500])


@pytest.mark.parametrize("kind", synthesis.NOISES)
def test_noises(kind):
    a = synthesis.noise(kind, 1.5, np.random.default_rng(0))
    b = synthesis.noise(kind, 1.5, np.random.default_rng(1))
    assert a.shape == b.shape == (12000,)
    assert a.dtype == np.float32
    assert np.abs(a).max() == pytest.approx(0.5)
    assert not np.array_equal(a, b)


def test_wind_is_low_and_birds_are_high():
    centres = {
        kind: spectrum_centre(synthesis.noise(kind, 2.0, np.random.default_rng(0)))
        for kind in ("wind", "birds")
    }
    assert centres["wind"] < 500 < 1500 < centres["birds"]


def test_unknown_names():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="'ten' is not one of zero, one"):
        synthesis.word("ten", synthesis.speaker(rng), rng)
    with pytest.raises(ValueError, match="'music' is not one of rain"):
        synthesis.noise("music", 1.0, rng)
