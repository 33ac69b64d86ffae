"""Spectrograms, mel spectrograms and cepstra: differentiable, for any leading dimensions.

Each is a function; the Module of the same name keeps its settings, for use inside a model.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from lucid import ops
from lucid.audio.mel import mel_filterbank
from lucid.nn import Module
from lucid.ops.stft import frame_settings, spectra
from lucid.signal.windows import hann_window
from lucid.tensor import Tensor


def spectrogram(
    x: Tensor,
    n_fft: int = 400,
    hop_length: int | None = None,
    win_length: int | None = None,
    *,
    power: float = 2.0,
    center: bool = True,
    pad_mode: str = "reflect",
) -> Tensor:
    """|STFT| ** power with a periodic Hann window; 2 is energy, 1 is magnitude.

    `win_length` is n_fft by default and `hop_length` half of it, as in torchaudio. The gradient is
    finite everywhere: where the spectrum is 0, it is taken as 0.

    Shapes: (..., L) -> (..., n_fft // 2 + 1, T), see `stft` for T.

    >>> import lucid
    >>> spectrogram(lucid.ones(2, 8000), 400, 160).shape
    (2, 201, 51)
    """
    settings = (n_fft, hop_length, win_length, power, center, pad_mode)
    return _powers(x, *settings).transpose(-1, -2)


def mel_spectrogram(
    x: Tensor,
    sample_rate: int,
    n_fft: int = 400,
    hop_length: int | None = None,
    win_length: int | None = None,
    *,
    n_mels: int = 80,
    f_min: float = 0.0,
    f_max: float | None = None,
    power: float = 2.0,
    scale: str = "slaney",
    norm: str | None = "slaney",
    center: bool = True,
    pad_mode: str = "reflect",
) -> Tensor:
    """The spectrogram summed to mel bands; see `spectrogram` and `mel_filterbank`.

    The defaults are librosa's filters; `scale="htk", norm=None` are torchaudio's.

    Shapes: (..., L) -> (..., n_mels, T).

    >>> import lucid
    >>> mel_spectrogram(lucid.ones(2, 8000), 8000, 400, 160, n_mels=40).shape
    (2, 40, 51)
    """
    filters = _filters(sample_rate, n_fft, n_mels, f_min, f_max, scale, norm, x.device)
    bins = _powers(x, n_fft, hop_length, win_length, power, center, pad_mode)
    return (bins @ filters).transpose(-1, -2)


def log_mel(
    x: Tensor, sample_rate: int, n_fft: int = 400, *args: Any, floor: float = 1e-5, **options: Any
) -> Tensor:
    """log(max(mel_spectrogram(...), floor)), the natural logarithm.

    All other arguments are those of `mel_spectrogram`. Vocoders (HiFi-GAN, Vocos) use power=1 and
    the floor 1e-5 or 1e-7.

    Shapes: (..., L) -> (..., n_mels, T).

    >>> import lucid
    >>> log_mel(lucid.zeros(1, 8000), 8000, n_mels=40)[0, 0, 0].item()  # log(1e-5)
    -11.512925148010254
    """
    if not floor > 0:  # NaN too
        raise ValueError(f"log_mel: expects a floor above 0, got {floor}")
    mel = mel_spectrogram(x, sample_rate, n_fft, *args, **options)
    return mel.clamp(min=floor).log()


def power_to_db(x: Tensor, *, floor: float = 1e-10, top_db: float | None = None) -> Tensor:
    """10 log10(max(x, floor)) in decibels, raised to at most `top_db` below the maximum.

    The maximum is taken over the last two axes, so that each clip of a batch has its own.

    >>> import lucid
    >>> power_to_db(lucid.tensor([[1.0, 100.0, 1e-9]]), top_db=80.0)
    Tensor([[  0.,  20., -60.]], grad=None)
    """
    if floor <= 0 or (top_db is not None and top_db < 0):
        raise ValueError(
            f"power_to_db: expects floor > 0 and top_db >= 0, got {floor} and {top_db}"
        )
    db = x.clamp(min=floor).log() * (10 / np.log(10))
    if top_db is None:
        return db
    return db.maximum(db.amax((-2, -1), keepdim=True) - top_db)


def mfcc(
    x: Tensor,
    sample_rate: int,
    n_mfcc: int = 20,
    n_fft: int = 400,
    *args: Any,
    top_db: float | None = 80.0,
    **options: Any,
) -> Tensor:
    """Mel-frequency cepstral coefficients: the orthonormal DCT-II of the mel bands in decibels.

    All other arguments are those of `mel_spectrogram`. Source: Davis and Mermelstein (1980), as in
    `librosa.feature.mfcc` and `torchaudio.transforms.MFCC`.

    Shapes: (..., L) -> (..., n_mfcc, T).

    >>> import lucid
    >>> mfcc(lucid.randn(2, 8000), 8000, 13, 400, 160, n_mels=40).shape
    (2, 13, 51)
    """
    mel = mel_spectrogram(x, sample_rate, n_fft, *args, **options)
    n_mels = mel.shape[-2]
    if not 1 <= n_mfcc <= n_mels:
        raise ValueError(f"mfcc: expects 1 <= n_mfcc <= n_mels={n_mels}, got {n_mfcc}")
    return _dct(n_mfcc, n_mels, x.device) @ power_to_db(mel, top_db=top_db)


class Spectrogram(Module):
    """`spectrogram` with its settings kept.

    >>> import lucid
    >>> Spectrogram(n_fft=256, hop_length=128, power=1.0)(lucid.ones(1, 1, 8000)).shape
    (1, 1, 129, 63)
    """

    def __init__(self, n_fft: int = 400, **options: Any) -> None:
        super().__init__()
        self.options = {"n_fft": n_fft, **options}

    def forward(self, x: Tensor) -> Tensor:
        return spectrogram(x, **self.options)


class MelSpectrogram(Module):
    """`mel_spectrogram` with its settings kept; `log=True` makes it `log_mel`.

    >>> import lucid
    >>> features = MelSpectrogram(8000, n_fft=256, hop_length=128, n_mels=32, log=True)
    >>> features(lucid.ones(4, 8000)).shape
    (4, 32, 63)
    """

    def __init__(
        self, sample_rate: int, n_fft: int = 400, *, log: bool = False, **options: Any
    ) -> None:
        super().__init__()
        self.log = log
        self.options = {"sample_rate": sample_rate, "n_fft": n_fft, **options}

    def forward(self, x: Tensor) -> Tensor:
        return (log_mel if self.log else mel_spectrogram)(x, **self.options)


class MFCC(Module):
    """`mfcc` with its settings kept.

    >>> import lucid
    >>> MFCC(8000, n_mfcc=13, n_fft=256, hop_length=128, n_mels=32)(lucid.ones(4, 8000)).shape
    (4, 13, 63)
    """

    def __init__(self, sample_rate: int, n_mfcc: int = 20, **options: Any) -> None:
        super().__init__()
        self.options = {"sample_rate": sample_rate, "n_mfcc": n_mfcc, **options}

    def forward(self, x: Tensor) -> Tensor:
        return mfcc(x, **self.options)


def _powers(
    x: Tensor,
    n_fft: int,
    hop_length: int | None,
    win_length: int | None,
    power: float,
    center: bool,
    pad_mode: str,
) -> Tensor:
    """(..., L) -> (..., T, F), |STFT| ** power."""
    if power <= 0:
        raise ValueError(f"spectrogram: expects a power above 0, got {power}")
    win_length = n_fft if win_length is None else win_length
    hop_length = win_length // 2 if hop_length is None else hop_length
    hann = _hann(win_length, x.device)
    hop, window = frame_settings("spectrogram", n_fft, hop_length, win_length, hann, x)
    return ops.abs_power(spectra(x, n_fft, hop, window, center, pad_mode), power)


@lru_cache(maxsize=32)
def _hann(n: int, device: str) -> Tensor:
    return Tensor(hann_window(n), device=device).eval()


@lru_cache(maxsize=32)
def _filters(
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    f_min: float,
    f_max: float | None,
    scale: str,
    norm: str | None,
    device: str,
) -> Tensor:
    """The filterbank as a matrix for the right of a product: (F, n_mels)."""
    filters = mel_filterbank(sample_rate, n_fft, n_mels, f_min, f_max, scale, norm)
    return Tensor(filters.numpy().T, device=device).eval()


@lru_cache(maxsize=8)
def _dct(n_mfcc: int, n_mels: int, device: str) -> Tensor:
    """Rows of the orthonormal DCT-II."""
    m = np.arange(n_mels) + 0.5
    matrix = np.sqrt(2 / n_mels) * np.cos(np.pi / n_mels * np.arange(n_mfcc)[:, None] * m)
    matrix[0] /= np.sqrt(2)
    return Tensor(matrix, device=device).eval()
