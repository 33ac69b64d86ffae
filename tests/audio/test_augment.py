"""Augmentation: what each function promises, for many draws."""

import numpy as np
import pytest

from lucid.audio import (
    crop_or_pad,
    frequency_mask,
    gain,
    mix,
    random_gain,
    random_roll,
    random_shift,
    time_mask,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_crop_reaches_every_place(rng):
    x = np.arange(10.0)
    starts = {int(crop_or_pad(x, 4, rng)[0]) for _ in range(300)}
    assert starts == set(range(7))
    np.testing.assert_array_equal(crop_or_pad(x, 4), [3, 4, 5, 6])


def test_pad_reaches_every_place_and_keeps_the_rest(rng):
    x = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    places = set()
    for _ in range(200):
        y = crop_or_pad(x, 5, rng)
        assert y.shape == (2, 5)
        assert y.dtype == np.float32
        place = int(np.argmax(y[0] == 1))
        np.testing.assert_array_equal(y[:, place : place + 2], x)
        assert y.sum() == 10
        places.add(place)
    assert places == {0, 1, 2, 3}


def test_repeat_tiles_from_any_phase(rng):
    heads = {tuple(crop_or_pad(np.arange(3), 7, rng, repeat=True)[:3]) for _ in range(100)}
    assert heads == {(0, 1, 2), (1, 2, 0), (2, 0, 1)}


def test_crop_or_pad_refuses():
    with pytest.raises(ValueError, match="length of at least 1, got 0"):
        crop_or_pad(np.ones(3), 0)
    with pytest.raises(ValueError, match=r"nothing to repeat in x of shape \(0,\)"):
        crop_or_pad(np.ones(0), 3, repeat=True)


def test_gain_in_decibels(rng):
    x = np.ones(4, np.float32)
    np.testing.assert_allclose(gain(x, -20), 0.1, rtol=1e-6)
    assert gain(x, 3).dtype == np.float32
    drawn = [20 * np.log10(random_gain(np.ones(1), -6, 6, rng)[0]) for _ in range(200)]
    assert -6 <= min(drawn) < -5
    assert 5 < max(drawn) <= 6


@pytest.mark.parametrize("snr", [-5.0, 0.0, 10.0, 40.0])
def test_mix_hits_the_ratio_for_every_row(rng, snr):
    speech, noise = rng.standard_normal((2, 3, 1, 800))
    noise *= np.array([1e-3, 1, 1e3]).reshape(3, 1, 1)
    added = mix(speech, noise, snr) - speech
    measured = 10 * np.log10((speech**2).sum(-1) / (added**2).sum(-1))
    np.testing.assert_allclose(measured, snr, atol=1e-8)
    mixed = mix(speech.astype(np.float32), noise.astype(np.float32), snr)
    assert mixed.dtype == np.float32


def test_mix_with_silence_is_the_speech(rng):
    speech = rng.standard_normal(10)
    np.testing.assert_array_equal(mix(speech, np.zeros(10), 0), speech)
    np.testing.assert_array_equal(mix(np.zeros(10), speech, 0), np.zeros(10))


def test_mix_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"speech \(10,\) and noise \(9,\) differ"):
        mix(np.ones(10), np.ones(9), 0)


def test_masks_cover_one_span(rng):
    spec = np.ones((2, 5, 20))
    widths = set()
    for _ in range(200):
        masked = time_mask(spec, 6, rng, value=-1)
        hidden = np.flatnonzero(masked[0, 0] == -1)
        assert (masked == masked[0, 0]).all()
        widths.add(len(hidden))
        if len(hidden):
            assert hidden[-1] - hidden[0] + 1 == len(hidden)
    assert widths == set(range(7))
    masked = frequency_mask(spec, 3, rng, count=2)
    assert (masked == masked[:, :, :1]).all()
    assert (spec == 1).all()  # the input is left alone
    assert time_mask(spec, 1000, rng).shape == spec.shape


def test_masks_refuse(rng):
    with pytest.raises(ValueError, match="max_width >= 0 and count >= 0, got -1 and 1"):
        time_mask(np.ones(3), -1, rng)
    with pytest.raises(ValueError, match=r"shape \(..., F, L\), got \(3,\)"):
        frequency_mask(np.ones(3), 1, rng)


def test_roll_and_shift(rng):
    x = np.arange(1, 6)
    rolls = {tuple(random_roll(x, 1, rng)) for _ in range(60)}
    assert rolls == {(5, 1, 2, 3, 4), (1, 2, 3, 4, 5), (2, 3, 4, 5, 1)}
    shifts = {tuple(random_shift(x, 1, rng)) for _ in range(60)}
    assert shifts == {(0, 1, 2, 3, 4), (1, 2, 3, 4, 5), (2, 3, 4, 5, 0)}
    assert {len(random_shift(x, 50, rng)) for _ in range(50)} == {5}
    with pytest.raises(ValueError, match="max_shift >= 0, got -2"):
        random_roll(x, -2, rng)


def test_the_same_generator_gives_the_same_result():
    x = np.random.default_rng(5).standard_normal((4, 50))
    once, again = (
        [f(x, 7, np.random.default_rng(9)) for f in (crop_or_pad, time_mask, random_roll)]
        for _ in range(2)
    )
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_integers_are_refused():
    whole = np.array([1000, -1000], np.int16)  # 1000 * int16(0.5) would be silence
    with pytest.raises(TypeError, match="gain: expects float samples, got int16; divide"):
        gain(whole, -6.0)
    with pytest.raises(TypeError, match="mix: expects float samples, got int16; divide"):
        mix(whole, whole, 0.0)


@pytest.mark.parametrize("db", [float("nan"), float("-inf"), 1e9])
def test_absurd_decibels_are_refused(db):
    with pytest.raises(ValueError, match="gain: expects decibels from -600 to 600, got"):
        gain(np.ones(2), db)
    with pytest.raises(ValueError, match="mix: expects decibels from -600 to 600, got"):
        mix(np.ones(2), np.ones(2), db)
