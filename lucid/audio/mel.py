"""Mel filterbanks, in the two conventions that people train with."""

from __future__ import annotations

import warnings

import numpy as np

from lucid.tensor import Tensor

# Slaney's Auditory Toolbox (1998): linear up to 1 kHz, then 27 mels for a factor of 6.4
_LINEAR_HZ = 200 / 3
_KNEE_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27


def hz_to_mel(hz: np.ndarray | float, scale: str = "slaney") -> np.ndarray:
    """Frequencies in mel. "htk": 2595 log10(1 + f / 700); "slaney": the Auditory Toolbox.

    >>> hz_to_mel([500.0, 1000.0]).round(6), hz_to_mel(1000.0, "htk").round(2)
    (array([ 7.5, 15. ]), np.float64(999.99))
    """
    hz = np.asarray(hz, np.float64)
    if _check_scale(scale) == "htk":
        return 2595 * np.log10(1 + hz / 700)
    above = np.log(np.maximum(hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.minimum(hz, _KNEE_HZ) / _LINEAR_HZ + above


def mel_to_hz(mel: np.ndarray | float, scale: str = "slaney") -> np.ndarray:
    """The inverse of `hz_to_mel`.

    >>> mel_to_hz(hz_to_mel([100.0, 5000.0])).round(6)
    array([ 100., 5000.])
    """
    mel = np.asarray(mel, np.float64)
    if _check_scale(scale) == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    knee = _KNEE_HZ / _LINEAR_HZ
    return np.minimum(mel, knee) * _LINEAR_HZ * np.exp(np.maximum(mel - knee, 0) * _LOG_STEP)


def mel_filterbank(
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    f_min: float = 0.0,
    f_max: float | None = None,
    scale: str = "slaney",
    norm: str | None = "slaney",
) -> Tensor:
    """Triangular filters, evenly spaced in mel, that sum the bins of an `n_fft` spectrum to bands.

    Neighbouring triangles meet at each other's feet; `norm="slaney"` divides each by half its width
    in Hz, `norm=None` leaves the peak at 1. With the defaults these are the numbers of
    `librosa.filters.mel`; `scale="htk", norm=None` gives those of `torchaudio` (transposed).

    Shapes: (n_mels, n_fft // 2 + 1). Raises ValueError for frequencies outside 0 to sample_rate / 2
    and unknown names; warns (UserWarning) where a filter lies between two bins and is all zeros.

    >>> mel_filterbank(8000, 256, 20).shape
    (20, 129)
    """
    f_max = sample_rate / 2 if f_max is None else f_max
    if n_fft < 2 or not 1 <= n_mels <= n_fft:
        raise ValueError(
            f"mel_filterbank: expects n_fft >= 2 and 1 <= n_mels <= n_fft, got n_mels={n_mels} and "
            f"n_fft={n_fft}"
        )
    if not 0 <= f_min < f_max <= sample_rate / 2:
        raise ValueError(
            "mel_filterbank: expects 0 <= f_min < f_max <= sample_rate / 2, got "
            f"f_min={f_min}, f_max={f_max}, sample_rate={sample_rate}"
        )
    if norm not in ("slaney", None):
        raise ValueError(f'mel_filterbank: norm must be "slaney" or None, got {norm!r}')
    low, high = hz_to_mel(f_min, scale), hz_to_mel(f_max, scale)
    corners = mel_to_hz(np.linspace(low, high, n_mels + 2), scale)
    bins = np.arange(n_fft // 2 + 1) * sample_rate / n_fft
    left, middle, right = (corners[i : i + n_mels, None] for i in range(3))
    rising, falling = (bins - left) / (middle - left), (right - bins) / (right - middle)
    filters = np.maximum(0, np.minimum(rising, falling))
    if norm == "slaney":
        filters *= 2 / (right - left)
    empty = int((filters.max(axis=1) == 0).sum())
    if empty:
        warnings.warn(
            f"mel_filterbank: {empty} of {n_mels} filters hold no bin of n_fft={n_fft} at "
            f"{sample_rate} Hz and stay 0; use fewer mels or a larger n_fft",
            stacklevel=2,
        )
    return Tensor(filters.astype(np.float32))


def _check_scale(scale: str) -> str:
    if scale not in ("slaney", "htk"):
        raise ValueError(f'the mel scale must be "slaney" or "htk", got {scale!r}')
    return scale
