"""Augmentation of waveforms and spectrograms: pure functions on NumPy arrays, time last.

Whatever is random takes a `numpy.random.Generator`, so the same generator gives the same result.
Inside a `lucid.data.DataLoader` it is the one handed to `Dataset.draw(index, rng)`.
"""

from __future__ import annotations

import numpy as np


def crop_or_pad(
    x: np.ndarray,
    length: int,
    rng: np.random.Generator | None = None,
    *,
    repeat: bool = False,
) -> np.ndarray:
    """Bring the last axis of `x` to `length`: cut a part out, or put `x` among zeros.

    The place is drawn from `rng`, uniformly; without one it is the middle. `repeat=True` repeats a
    short `x` instead of adding zeros (before cutting), as suits noise.

    Shapes: (..., L) -> (..., length). Raises ValueError for a length below 1, or an empty `x` to
    repeat.

    >>> crop_or_pad(np.array([1.0, 2.0, 3.0]), 5)
    array([0., 1., 2., 3., 0.])
    >>> crop_or_pad(np.array([1.0, 2.0, 3.0]), 7, repeat=True)
    array([1., 2., 3., 1., 2., 3., 1.])
    """
    x = np.asarray(x)
    if length < 1:
        raise ValueError(f"crop_or_pad: expects a length of at least 1, got {length}")
    if repeat and x.shape[-1] < length:
        if x.shape[-1] == 0:
            raise ValueError(f"crop_or_pad: nothing to repeat in x of shape {x.shape}")
        times = -(-length // x.shape[-1])
        x = np.concatenate([x] * times, axis=-1)
    start = place(abs(length - x.shape[-1]), rng)
    if x.shape[-1] >= length:
        if repeat and rng is None:
            start = 0
        return x[..., start : start + length].copy()
    out = np.zeros((*x.shape[:-1], length), x.dtype)
    out[..., start : start + x.shape[-1]] = x
    return out


def place(spare: int, rng: np.random.Generator | None) -> int:
    """Where a part begins that may begin at 0 to `spare`: anywhere, without `rng` in the middle."""
    return spare // 2 if rng is None else int(rng.integers(spare + 1))


def gain(x: np.ndarray, db: float) -> np.ndarray:
    """Scale `x`, floats, by `db` decibels: x * 10**(db/20).

    Raises TypeError for integers, which would be cut off, and ValueError beyond 600 dB.

    >>> gain(np.array([1.0, -1.0]), 20.0)
    array([ 10., -10.])
    """
    x = _floats("gain", x)
    return x * np.asarray(10 ** (_decibels("gain", db) / 20), x.dtype)


def random_gain(
    x: np.ndarray, low_db: float, high_db: float, rng: np.random.Generator
) -> np.ndarray:
    """Scale `x` by a gain drawn uniformly between `low_db` and `high_db` decibels.

    >>> random_gain(np.ones(2, np.float32), 0.0, 0.0, np.random.default_rng(0))
    array([1., 1.], dtype=float32)
    """
    return gain(x, rng.uniform(low_db, high_db))


def mix(speech: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Add `noise` to `speech`, scaled so that their energies stand `snr_db` decibels apart.

    Shapes: (..., L) both, equal; every row over the last axis is scaled on its own. The speech is
    not touched. Where speech or noise is all zeros no scale gives the ratio, and the speech is
    returned as it is.

    Raises ValueError where the shapes differ: `crop_or_pad(noise, L, rng, repeat=True)` first;
    TypeError for integers.

    >>> mix(np.array([1.0, -1.0]), np.array([3.0, 3.0]), snr_db=20.0)
    array([ 1.1, -0.9])
    """
    speech, noise = _floats("mix", speech), _floats("mix", noise)
    if speech.shape != noise.shape:
        raise ValueError(
            f"mix: speech {speech.shape} and noise {noise.shape} differ in shape; bring the noise "
            "to length with crop_or_pad(noise, length, rng, repeat=True)"
        )
    speech_energy = np.sum(np.square(speech, dtype=np.float64), axis=-1, keepdims=True)
    noise_energy = np.sum(np.square(noise, dtype=np.float64), axis=-1, keepdims=True)
    ratio = (
        speech_energy
        / np.where(noise_energy > 0, noise_energy, 1)
        / 10 ** (_decibels("mix", snr_db) / 10)
    )
    return speech + noise * np.sqrt(ratio).astype(speech.dtype)


def _decibels(name: str, db: float) -> float:
    if not -600 <= db <= 600:  # NaN too; beyond it the factor leaves float32
        raise ValueError(f"{name}: expects decibels from -600 to 600, got {db}")
    return db


def _floats(name: str, x: np.ndarray) -> np.ndarray:
    x = np.asarray(x)
    if not np.issubdtype(x.dtype, np.floating):
        raise TypeError(
            f"{name}: expects float samples, got {x.dtype}; divide integers by their full scale "
            "first (int16: 32768)"
        )
    return x


def time_mask(
    x: np.ndarray,
    max_width: int,
    rng: np.random.Generator,
    *,
    count: int = 1,
    value: float = 0.0,
) -> np.ndarray:
    """Set `count` spans of the last axis to `value`: 0 to `max_width` long, anywhere.

    For waveforms (..., L) and spectrograms (..., F, L) alike. Source: Park et al., "SpecAugment"
    (2019).

    >>> time_mask(np.ones(8), 4, np.random.default_rng(0))
    array([1., 1., 1., 0., 0., 0., 0., 1.])
    """
    return _mask(x, -1, max_width, rng, count, value)


def frequency_mask(
    x: np.ndarray,
    max_width: int,
    rng: np.random.Generator,
    *,
    count: int = 1,
    value: float = 0.0,
) -> np.ndarray:
    """Set `count` bands of the last axis but one to `value`: `time_mask` for frequencies.

    Shapes: (..., F, L) -> (..., F, L). Source: Park et al., "SpecAugment" (2019).

    >>> frequency_mask(np.ones((4, 1)), 3, np.random.default_rng(0))[:, 0]
    array([1., 0., 0., 0.])
    """
    if x.ndim < 2:
        raise ValueError(f"frequency_mask: expects x of shape (..., F, L), got {x.shape}")
    return _mask(x, -2, max_width, rng, count, value)


def _mask(
    x: np.ndarray, axis: int, max_width: int, rng: np.random.Generator, count: int, value: float
) -> np.ndarray:
    if max_width < 0 or count < 0:
        raise ValueError(
            f"masking: expects max_width >= 0 and count >= 0, got {max_width} and {count}"
        )
    out = x.copy()
    along = np.moveaxis(out, axis, 0)  # a view
    for _ in range(count):
        width = int(rng.integers(min(max_width, len(along)) + 1))
        start = int(rng.integers(len(along) - width + 1))
        along[start : start + width] = value
    return out


def random_roll(x: np.ndarray, max_shift: int, rng: np.random.Generator) -> np.ndarray:
    """Rotate the last axis by up to `max_shift` either way; what leaves comes in at the other end.

    >>> random_roll(np.arange(5), 2, np.random.default_rng(0))
    array([3, 4, 0, 1, 2])
    """
    return np.roll(x, _shift(max_shift, rng), axis=-1)


def random_shift(x: np.ndarray, max_shift: int, rng: np.random.Generator) -> np.ndarray:
    """Move the last axis by up to `max_shift` either way; zeros come in.

    >>> random_shift(np.arange(1, 6), 2, np.random.default_rng(0))
    array([0, 0, 1, 2, 3])
    """
    by = _shift(max_shift, rng)
    length = x.shape[-1]
    out = np.zeros_like(x)
    kept = max(0, length - abs(by))
    if by >= 0:
        out[..., length - kept :] = x[..., :kept]
    else:
        out[..., :kept] = x[..., length - kept :]
    return out


def _shift(max_shift: int, rng: np.random.Generator) -> int:
    if max_shift < 0:
        raise ValueError(f"expects max_shift >= 0, got {max_shift}")
    return int(rng.integers(-max_shift, max_shift + 1))
