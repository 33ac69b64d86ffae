"""Short-time Fourier transform and its inverse, with the meaning they have in torch."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd.tape import Traced
from lucid.ops.arrange import flip
from lucid.ops.autocast import autocasts
from lucid.ops.complex import conj, imag, real
from lucid.ops.division import div
from lucid.ops.fft import fft, ifft, irfft, rfft
from lucid.ops.frame import frame, overlap_add
from lucid.ops.join import cat, stack
from lucid.ops.math import mul
from lucid.ops.pad import pad
from lucid.ops.shape import expand, transpose

# torch.istft takes a window whose squares sum to less than this somewhere as not invertible
_SILENT = 1e-11


@autocasts
def stft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
) -> Any:
    """The spectra of overlapping, windowed frames: `torch.stft`.

    X[k, t] = sum_j window[j] x[t * hop_length + j] e^(-2 pi i j k / n_fft), j = 0 to n_fft - 1.

    Args:
        input: (..., L), real or complex.
        n_fft: samples in a frame.
        hop_length: samples between frames; n_fft // 4 by default.
        win_length: samples of the window, centred in the frame; n_fft by default.
        window: (win_length,), such as `hann_window(win_length)`; ones by default.
        center: frame t is centred on sample t * hop_length, `input` being padded by n_fft // 2 at
            either side; otherwise it starts there.
        pad_mode: "reflect", "constant" (zeros) or "replicate".
        normalized: divide by sqrt(n_fft).
        onesided: only the frequencies 0 to n_fft // 2, the others being their conjugates: the
            default for real input, and not to be had for complex.
        return_complex: False gives real and imaginary parts on a last axis of size 2.

    Shapes: (..., L) -> (..., F, T) complex64 with F = n_fft // 2 + 1 and, centred,
    T = L // hop_length + 1. Computed in float32; differentiable in `input` and `window`.

    Raises ValueError for sizes that do not fit.

    >>> import lucid
    >>> lucid.stft(lucid.ones(2, 1000), 256, window=lucid.hann_window(256)).shape
    (2, 129, 16)
    """
    hop, window = frame_settings("stft", n_fft, hop_length, win_length, window, input)
    is_complex = any(x is not None and x.dtype == mx.complex64 for x in (input, window))
    onesided = not is_complex if onesided is None else onesided
    if is_complex:
        if onesided:
            raise ValueError("stft: a complex signal or window has no onesided spectrum")
        frames = frames_of(input, n_fft, hop, window, center, pad_mode)
        z = transpose(fft(frames), -1, -2)
    else:
        z = transpose(spectra(input, n_fft, hop, window, center, pad_mode), -1, -2)
        if not onesided:
            z = cat([z, conj(flip(z[..., 1 : (n_fft + 1) // 2, :], -2))], dim=-2)
    z = mul(z, n_fft**-0.5) if normalized else z
    return z if return_complex in (None, True) else stack([real(z), imag(z)], dim=-1)


def spectra(x: Any, n_fft: int, hop: int, window: Any, center: bool, pad_mode: str) -> Any:
    """(..., L) -> (..., T, F): the frames last but one, as the FFT and a mel matrix want them."""
    return rfft(frames_of(x, n_fft, hop, window, center, pad_mode))


def frames_of(x: Any, n_fft: int, hop: int, window: Any, center: bool, pad_mode: str) -> Any:
    """(..., L) -> (..., T, n_fft): overlapping frames, windowed."""
    if center:
        x = _padded(x, n_fft // 2, pad_mode)
    if x.shape[-1] < n_fft:
        raise ValueError(
            f"stft: a signal of {x.shape[-1]} samples has no frame of n_fft={n_fft}; pad it"
        )
    frames = frame(x, size=n_fft, hop=hop)
    return frames if window is None else mul(frames, window)


def _padded(x: Any, count: int, mode: str) -> Any:
    """`count` more samples at either end."""
    length = x.shape[-1]
    if mode == "reflect":
        if length <= count:
            raise ValueError(
                f"stft: reflecting n_fft // 2 = {count} samples needs a signal longer than that, "
                f'got {length}; use pad_mode="constant", or center=False'
            )
        left, right = flip(x[..., 1 : count + 1], -1), flip(x[..., length - count - 1 : -1], -1)
    elif mode == "replicate":
        shape = (*x.shape[:-1], count)
        left, right = expand(x[..., :1], shape), expand(x[..., -1:], shape)
    elif mode == "constant":
        return pad(x, (count, count))
    else:
        raise ValueError(
            f'stft: pad_mode must be "reflect", "replicate" or "constant", got {mode!r}'
        )
    return cat([left, x, right], dim=-1)


@autocasts
def istft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Any:
    """The signal with the least squared distance to the spectra `input`: `torch.istft`.

    Frames are transformed back, windowed, added up, and divided by the sum of squared windows. With
    the settings of `stft` that undoes it. `length` cuts the result, or pads it with zeros; without
    it, (T - 1) * hop_length samples come back when centred.

    Shapes: (..., F, T) complex -> (..., L) float32. Source: Griffin and Lim, "Signal Estimation
    from Modified Short-Time Fourier Transform" (1984).

    Raises ValueError for sizes that do not fit, and where the windows leave a gap (NOLA).

    >>> import lucid
    >>> x = lucid.randn(1000)
    >>> w = lucid.hann_window(256)
    >>> back = lucid.istft(lucid.stft(x, 256, window=w), 256, window=w, length=1000)
    >>> bool((abs(back - x) < 1e-5).all())
    True
    """
    hop, window = frame_settings("istft", n_fft, hop_length, win_length, window, input)
    z = input
    onesided = (z.ndim < 2 or z.shape[-2] != n_fft) if onesided is None else onesided
    if onesided and return_complex:
        raise ValueError("istft: a onesided spectrum is that of a real signal")
    frequencies = n_fft // 2 + 1 if onesided else n_fft
    if z.ndim < 2 or z.shape[-2] != frequencies or z.shape[-1] == 0:
        raise ValueError(
            f"istft: n_fft={n_fft}, onesided={onesided} expects a spectrum of shape "
            f"(..., {frequencies}, T) with T > 0, got {z.shape}"
        )
    if length is not None and length < 1:
        raise ValueError(f"istft: expects a length of at least 1, got {length}")
    z = transpose(z, -1, -2)
    frames = ifft(z) if return_complex else irfft(z[..., : n_fft // 2 + 1], n=n_fft)
    frames = mul(frames, n_fft**0.5) if normalized else frames
    y = overlap_add(frames if window is None else mul(frames, window), hop=hop)
    start = n_fft // 2 if center else 0
    end = min(y.shape[-1], start + length) if length is not None else y.shape[-1] - start
    weights = np.ones(n_fft) if window is None else np.abs(window.numpy())
    energy = _window_energy(weights.astype(np.float32).tobytes(), z.shape[-2], hop)[start:end]
    if not energy.size or energy.min() < _SILENT:
        raise ValueError(
            f"istft: with n_fft={n_fft} and hop_length={hop} the squared windows of "
            f"{z.shape[-2]} frames sum to 0 somewhere within samples {start} to {end}, so the "
            "signal is lost there; use a smaller hop_length, another window, or center=True"
        )
    if window is not None and (window.requires_grad or window.dtype == mx.complex64):
        squares = expand(mul(window, window), (z.shape[-2], n_fft))
        y = div(y[..., start:end], overlap_add(squares, hop=hop)[start:end])
    else:
        y = mul(y[..., start:end], z._wrap(mx.array(1 / energy, mx.float32), z._device))
    missing = 0 if length is None else length - y.shape[-1]
    return pad(y, (0, missing)) if missing > 0 else y


@lru_cache(maxsize=16)
def _window_energy(window: bytes, count: int, hop: int) -> np.ndarray:
    """The overlap-add of `count` squared windows (float32 values as bytes)."""
    squares = np.square(np.frombuffer(window, np.float32), dtype=np.float64)
    total = np.zeros((count - 1) * hop + squares.size)
    for t in range(count):
        total[t * hop : t * hop + squares.size] += squares
    return total


def frame_settings(
    name: str,
    n_fft: int,
    hop_length: int | None,
    win_length: int | None,
    window: Any,
    x: Any,
) -> tuple[int, Any]:
    """The hop, and the window as (n_fft,), or None where it is all ones."""
    hop = n_fft // 4 if hop_length is None else hop_length
    size = n_fft if win_length is None else win_length
    if not isinstance(x, Traced) or x.array.ndim == 0:
        given = "a Tensor of shape ()" if isinstance(x, Traced) else type(x).__name__
        raise TypeError(f"{name}: expects a Tensor with a last axis of time, got {given}")
    if not all(isinstance(count, int | np.integer) for count in (n_fft, hop, size)):
        raise TypeError(
            f"{name}: n_fft, hop_length and win_length are ints, got {n_fft!r}, {hop!r}, {size!r}"
        )
    if n_fft < 1 or hop < 1 or not 1 <= size <= n_fft:
        raise ValueError(
            f"{name}: expects n_fft >= 1, hop_length >= 1 and 1 <= win_length <= n_fft, got "
            f"n_fft={n_fft}, hop_length={hop}, win_length={size}"
        )
    if window is None:
        if size == n_fft:
            return hop, None
        window = np.ones(size, np.float32)
    if not isinstance(window, Traced):
        window = x._wrap(mx.array(np.asarray(window, np.float32)), x._device)
    if window.shape != (size,):
        raise ValueError(
            f"{name}: expects a window of shape ({size},), win_length, got {window.shape}"
        )
    left = (n_fft - size) // 2
    if size == n_fft:
        return hop, window
    return hop, pad(window, (left, n_fft - size - left))
