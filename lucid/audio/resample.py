"""Band-limited resampling between any two integer rates."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

# How many input samples are gathered at a time; bounds the memory that a long file takes.
_CHUNK = 1 << 21
# The largest filter, half a gigabyte: real rates need a thousandth, a damaged header can ask for TB
_LARGEST_FILTER = 1 << 26


def resample(
    x: np.ndarray, orig: int, new: int, *, lowpass_filter_width: int = 6, rolloff: float = 0.99
) -> np.ndarray:
    """Resample the last axis of `x` from `orig` to `new` samples per second.

    Shapes: (..., L) -> (..., ceil(new * L / orig)); the float type is kept (float16 is computed in
    float32).

    Every output is a sum of inputs weighted with a sinc of cut-off `rolloff` times the lower
    Nyquist rate, under a Hann window that spans `lowpass_filter_width` zero crossings each side;
    outside `x` lies silence. Source: J. O. Smith, "Digital Audio Resampling" (CCRMA, Stanford); the
    constants and the placement of samples are those of `torchaudio.functional.resample`.

    Raises ValueError for rates below 1 or too large, TypeError for rates that are not ints or
    samples that are not floats.

    >>> resample(np.ones((2, 441), np.float32), 44100, 8000).shape
    (2, 80)
    """
    x = np.asarray(x)
    for name, rate in (("orig", orig), ("new", new)):
        if isinstance(rate, bool) or not isinstance(rate, (int, np.integer)):
            raise TypeError(f"resample: {name} must be an int in Hz, got {rate!r}")
        if rate < 1:
            raise ValueError(f"resample: {name} must be at least 1 Hz, got {rate}")
    if not np.issubdtype(x.dtype, np.floating) or x.ndim == 0:
        raise TypeError(
            f"resample: expects float samples of shape (..., L), got {x.dtype} {x.shape}"
        )
    if lowpass_filter_width < 1 or not 0 < rolloff <= 1:
        raise ValueError(
            "resample: needs lowpass_filter_width >= 1 and 0 < rolloff <= 1, got "
            f"{lowpass_filter_width} and {rolloff}"
        )
    common = math.gcd(orig, new)
    orig, new = int(orig // common), int(new // common)
    if orig == new:
        return x.copy()
    if (2 * lowpass_filter_width / rolloff + 5) * max(orig, new) > _LARGEST_FILTER:
        raise ValueError(
            f"resample: {orig * common} to {new * common} Hz takes a filter of more than "
            f"{_LARGEST_FILTER} weights; are these the rates?"
        )
    if x.size == 0:
        return np.zeros((*x.shape[:-1], -(-new * x.shape[-1] // orig)), x.dtype)
    weights = _filters(orig, new, lowpass_filter_width, rolloff)
    out = _apply(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), weights, orig, new)
    return out.reshape(*x.shape[:-1], out.shape[1]).astype(x.dtype, copy=False)


@lru_cache(maxsize=16)
def _filters(orig: int, new: int, zeros: int, rolloff: float) -> np.ndarray:
    """The weights (new, 2 * width + 1) of the `new` phases, centred on tap `width`.

    Output n sits at n * orig / new = centre + phase / new input samples.
    """
    cutoff = rolloff * min(orig, new) / orig  # in units of the input's Nyquist rate
    width = math.ceil(zeros / cutoff) + 1  # one more on the right, for the fraction
    taps = np.arange(-width, width + 1)
    t = (taps[None, :] - np.arange(new)[:, None] / new) * cutoff
    window = np.where(np.abs(t) < zeros, np.cos(t * np.pi / (2 * zeros)) ** 2, 0)
    return np.sinc(t) * window * cutoff


def _apply(x: np.ndarray, weights: np.ndarray, orig: int, new: int) -> np.ndarray:
    """(B, L) -> (B, ceil(new * L / orig)), a chunk of outputs at a time."""
    batch, length = x.shape
    taps = weights.shape[1]
    dtype = np.float64 if x.dtype == np.float64 else np.float32
    weights = weights.astype(dtype)
    padded = np.pad(x.astype(dtype, copy=False), ((0, 0), (taps // 2, taps // 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, taps, axis=-1)
    out = np.empty((batch, -(-new * length // orig)), dtype)
    step = max(1, _CHUNK // max(1, taps * batch))
    for start in range(0, out.shape[1], step):
        n = np.arange(start, min(start + step, out.shape[1]))
        phase = n * orig % new
        out[:, n] = np.einsum("bnk,nk->bn", windows[:, n * orig // new], weights[phase])
    return out
