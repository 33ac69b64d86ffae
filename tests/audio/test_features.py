"""Mel scales, filterbanks and spectrograms, without other libraries."""

import numpy as np
import pytest

import lucid
from lucid.audio import (
    MFCC,
    MelSpectrogram,
    Spectrogram,
    hann_window,
    hz_to_mel,
    log_mel,
    mel_filterbank,
    mel_spectrogram,
    mel_to_hz,
    mfcc,
    power_to_db,
    spectrogram,
    stft,
)


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_scales_are_inverse_and_rise(scale):
    hz = np.linspace(0, 20000, 500)
    mel = hz_to_mel(hz, scale)
    assert (np.diff(mel) > 0).all()
    np.testing.assert_allclose(mel_to_hz(mel, scale), hz, atol=1e-8)


def test_known_points():
    # Slaney's scale: 3 mels per 200 Hz up to 1 kHz = 15 mels, and 27 more at 6.4 kHz
    np.testing.assert_allclose(hz_to_mel([200.0, 1000.0, 6400.0]), [3, 15, 42])
    np.testing.assert_allclose(hz_to_mel(700.0, "htk"), 2595 * np.log10(2))


def test_filters_are_triangles_of_one_area():
    filters = mel_filterbank(16000, 2048, 40).numpy()
    # with Slaney's norm each has area 1 Hz * 1; the sum over bins is within the grid's error
    np.testing.assert_allclose(filters.sum(1) * 16000 / 2048, 1, atol=0.01)
    peaks = mel_filterbank(16000, 2048, 40, norm=None).numpy()
    inner = peaks[:, 5:-5].sum(0)  # neighbouring triangles add up to 1 between the outer peaks
    assert inner.max() <= 1 + 1e-6
    assert peaks.max(1).min() > 0.8


def test_spectrogram_is_the_power_of_the_stft():
    x = lucid.randn(2, 1000)
    z = np.abs(stft(x, 256, 128, window=hann_window(256)).numpy().astype(complex))
    for power in (1.0, 2.0, 0.5):
        got = spectrogram(x, 256, power=power)
        np.testing.assert_allclose(got.numpy(), z**power, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("power", [1.0, 2.0, 0.5])
def test_silence_has_a_finite_gradient(power):
    x = lucid.zeros(1, 1000, requires_grad=True)
    mel_spectrogram(x, 8000, 256, n_mels=20, power=power).sum().backward()
    assert x.grad.tolist() == [[0.0] * 1000]
    x.grad = None
    log_mel(x, 8000, 256, n_mels=20, power=power).sum().backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_a_batch_is_its_clips():
    x = lucid.randn(2, 3, 800)
    whole = mfcc(x, 8000, 13, 256, n_mels=20)
    one = mfcc(x[1, 2], 8000, 13, 256, n_mels=20)
    np.testing.assert_allclose(whole.numpy()[1, 2], one.numpy(), atol=1e-4)
    nothing = lucid.zeros(0, 800, requires_grad=True)
    mel = mel_spectrogram(nothing, 8000, 256, n_mels=20)
    assert mel.shape == (0, 20, 7)
    mel.sum().backward()
    assert nothing.grad.shape == (0, 800)


def test_modules_are_their_functions():
    x = lucid.randn(2, 800)
    pairs = [
        (Spectrogram(256, power=1.0), spectrogram(x, 256, power=1.0)),
        (MelSpectrogram(8000, 256, n_mels=20), mel_spectrogram(x, 8000, 256, n_mels=20)),
        (MelSpectrogram(8000, 256, n_mels=20, log=True), log_mel(x, 8000, 256, n_mels=20)),
        (MFCC(8000, 13, n_fft=256, n_mels=20), mfcc(x, 8000, 13, 256, n_mels=20)),
    ]
    for module, expected in pairs:
        np.testing.assert_array_equal(module(x).numpy(), expected.numpy())
        assert not module.state_dict()


def test_all_cepstra_keep_the_energy():
    """The DCT is orthonormal, and its first row is the mean."""
    x = lucid.randn(800)
    db = power_to_db(mel_spectrogram(x, 8000, 256, n_mels=20)).numpy()
    cepstra = mfcc(x, 8000, 20, 256, n_mels=20, top_db=None).numpy()
    np.testing.assert_allclose((cepstra**2).sum(0), (db**2).sum(0), rtol=1e-5)
    np.testing.assert_allclose(cepstra[0], db.mean(0) * 20**0.5, rtol=1e-5)


def test_decibels():
    db = power_to_db(lucid.tensor([[1.0, 1e-3], [1e-12, 10.0]]), top_db=60.0)
    np.testing.assert_allclose(db.numpy(), [[0, -30], [-50, 10]], atol=1e-5)
    with pytest.raises(ValueError, match="floor > 0 and top_db >= 0, got 0 and None"):
        power_to_db(lucid.ones(1, 1), floor=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_mels": 0}, "1 <= n_mels <= n_fft, got n_mels=0 and n_fft=256"),
        ({"n_mels": 10**9}, "1 <= n_mels <= n_fft, got n_mels=1000000000 and n_fft=256"),
        ({"f_min": -1.0}, "got f_min=-1.0"),
        ({"f_max": 5000.0}, "f_max=5000.0, sample_rate=8000"),
        ({"f_min": 3000.0, "f_max": 2000.0}, "f_min=3000.0, f_max=2000.0"),
        ({"scale": "bark"}, 'must be "slaney" or "htk", got \'bark\''),
        ({"norm": "area"}, "norm must be \"slaney\" or None, got 'area'"),
    ],
)
def test_filterbank_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        mel_filterbank(**{"sample_rate": 8000, "n_fft": 256, "n_mels": 20, **arguments})


def test_features_refuse():
    x = lucid.ones(800)
    with pytest.raises(ValueError, match="power above 0, got 0"):
        spectrogram(x, 256, power=0)
    with pytest.raises(ValueError, match="floor above 0, got 0"):
        log_mel(x, 8000, 256, n_mels=20, floor=0)
    with pytest.raises(ValueError, match="1 <= n_mfcc <= n_mels=20, got 21"):
        mfcc(x, 8000, 21, 256, n_mels=20)


def test_empty_filters_are_announced():
    with pytest.warns(UserWarning, match=r"\d+ of 200 filters hold no bin of n_fft=256 at 8000 Hz"):
        mel_filterbank(8000, 256, 200)
