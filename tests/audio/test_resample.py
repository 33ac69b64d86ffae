"""Resampling against the formula in float64, an analytic sine, and torchaudio's construction."""

import math
import sys

import numpy as np
import pytest

from lucid.audio import resample

RATES = [(44100, 8000), (8000, 44100), (16000, 8000), (8000, 16000), (44100, 48000), (3, 7), (7, 3)]


def torchaudio_definition(x, orig, new, zeros=6, rolloff=0.99):
    """The block form: every `orig` inputs give `new` outputs through a bank of `new` filters."""
    common = math.gcd(orig, new)
    orig, new = orig // common, new // common
    base = min(orig, new) * rolloff
    width = math.ceil(zeros * orig / base)
    idx = np.arange(-width, width + orig) / orig
    t = np.clip((idx[None] - np.arange(new)[:, None] / new) * base, -zeros, zeros)
    bank = np.sinc(t) * np.cos(t * np.pi / zeros / 2) ** 2 * base / orig
    padded = np.pad(x, (width, width + orig))
    starts = range(0, len(padded) - bank.shape[1] + 1, orig)
    out = np.concatenate([bank @ padded[s : s + bank.shape[1]] for s in starts])
    return out[: math.ceil(new * len(x) / orig)]


@pytest.mark.parametrize(("orig", "new"), RATES)
@pytest.mark.parametrize("length", [1, 50, 1001])
def test_equals_the_definition(orig, new, length):
    x = np.random.default_rng(length).standard_normal(length)
    expected = torchaudio_definition(x, orig, new)
    got = resample(x, orig, new)
    assert got.shape == (math.ceil(new * length / orig),)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
    single = resample(x.astype(np.float32), orig, new)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(("orig", "new"), RATES[:5])
def test_a_sine_stays_that_sine(orig, new):
    frequency = 0.2 * min(orig, new)  # 40 % of the lower Nyquist rate: well inside the pass band
    x = np.sin(2 * np.pi * frequency * np.arange(orig // 4) / orig)
    y = resample(x, orig, new)
    expected = np.sin(2 * np.pi * frequency * np.arange(len(y)) / new)
    inner = slice(len(y) // 10, -len(y) // 10)  # away from the silence before and after
    # the ripple of a 6-zero Hann sinc is about 0.2 %
    np.testing.assert_allclose(y[inner], expected[inner], atol=5e-3)


def test_what_would_alias_is_removed():
    x = np.sin(2 * np.pi * 7000 * np.arange(44100) / 44100)
    assert np.abs(resample(x, 44100, 8000)[100:-100]).max() < 2e-3


def test_against_scipy_in_the_pass_band():
    signal = pytest.importorskip("scipy.signal")
    rng = np.random.default_rng(0)
    low = signal.resample_poly(rng.standard_normal(500), 8, 1)  # nothing above 1/8 of the band
    ours, theirs = resample(low, 2, 1), signal.resample_poly(low, 1, 2)
    np.testing.assert_allclose(ours[50:-50], theirs[50:-50], atol=0.01)  # two different filters


def test_batches_dtypes_and_chunks(monkeypatch):
    x = np.random.default_rng(0).standard_normal((2, 3, 500)).astype(np.float32)
    y = resample(x, 441, 80)
    assert y.shape == (2, 3, 91)
    np.testing.assert_allclose(y[1, 2], resample(x[1, 2], 441, 80), atol=1e-6)
    monkeypatch.setattr(sys.modules["lucid.audio.resample"], "_CHUNK", 1)  # one output at a time
    np.testing.assert_allclose(resample(x, 441, 80), y, atol=1e-6)
    assert resample(x.astype(np.float16), 2, 1).dtype == np.float16
    same = resample(x, 8000, 8000)
    np.testing.assert_array_equal(same, x)
    assert same is not x
    assert resample(np.zeros((3, 0)), 2, 1).shape == (3, 0)
    assert resample(np.zeros((0, 5)), 2, 1).shape == (0, 3)


def test_coprime_rates_need_little_memory():
    tone = [np.sin(2 * np.pi * 440 * np.arange(2000) / rate) for rate in (44100, 44101)]
    y = resample(tone[0], 44100, 44101)  # the block form would build 44101 x 44115 weights
    np.testing.assert_allclose(y[50:-50], tone[1][50 : len(y) - 50], atol=2e-3)  # the pass band


@pytest.mark.parametrize(
    ("x", "orig", "new", "error", "message"),
    [
        (np.zeros(4), 0, 1, ValueError, "orig must be at least 1 Hz, got 0"),
        (np.zeros(4), 1, -5, ValueError, "new must be at least 1 Hz, got -5"),
        (np.zeros(4), 8000.0, 1, TypeError, "orig must be an int in Hz, got 8000.0"),
        (np.zeros(4, int), 2, 1, TypeError, r"expects float samples.*got int64 \(4,\)"),
    ],
)
def test_refuses(x, orig, new, error, message):
    with pytest.raises(error, match=message):
        resample(x, orig, new)


@pytest.mark.parametrize("rates", [(4294967295, 8000), (8000, 4294967295)])
def test_absurd_rates_are_refused_before_they_take_the_memory(rates):
    with pytest.raises(ValueError, match="takes a filter of more than 67108864 weights"):
        resample(np.zeros(10, np.float32), *rates)


def test_rates_without_a_common_factor_are_fine():
    assert resample(np.zeros(10, np.float32), 768000, 767999).shape == (10,)
