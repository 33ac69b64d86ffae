"""Short-time Fourier transform and its inverse, with the meaning they have in torch."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from lucid import ops
from lucid.tensor import Tensor

# torch.istft takes a window whose squares sum to less than this somewhere as not invertible
_SILENT = 1e-11


def hann_window(n: int, periodic: bool = True) -> Tensor:
    """w[t] = (1 - cos(2 pi t / n)) / 2: periodic as in torch, or symmetric (n - 1 for n).

    >>> hann_window(4)
    Tensor([0. , 0.5, 1. , 0.5], grad=None)
    """
    return Tensor(_cosine_window(n, periodic, 0.5))


def hamming_window(n: int, periodic: bool = True) -> Tensor:
    """w[t] = 0.54 - 0.46 cos(2 pi t / n): periodic as in torch, or symmetric (n - 1 for n)."""
    return Tensor(_cosine_window(n, periodic, 0.54))


def _cosine_window(n: int, periodic: bool, level: float) -> np.ndarray:
    if n < 1:
        raise ValueError(f"a window needs at least one sample, got {n}")
    if n == 1:
        return np.ones(1, np.float32)
    phase = 2 * np.pi * np.arange(n) / (n if periodic else n - 1)
    return (level - (1 - level) * np.cos(phase)).astype(np.float32)


def stft(
    x: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool = True,
    return_complex: bool = True,
) -> Tensor:
    """The spectra of overlapping, windowed frames: `torch.stft`.

    Args:
        x: real, (..., L).
        n_fft: samples in a frame.
        hop_length: samples between frames; n_fft // 4 by default.
        win_length: samples of the window, centred in the frame; n_fft by default.
        window: (win_length,), such as `hann_window(win_length)`; ones by default.
        center: frame t is centred on sample t * hop_length, `x` being padded by n_fft // 2 at
            either side; otherwise it starts there.
        pad_mode: "reflect", "constant" (zeros) or "replicate".
        normalized: divide by sqrt(n_fft).
        onesided: only the frequencies 0 to n_fft // 2, the others being their conjugates.
        return_complex: False gives real and imaginary parts on a last axis of size 2.

    Shapes: (..., L) -> (..., F, T) complex64 with F = n_fft // 2 + 1 and, centred,
    T = L // hop_length + 1. Computed in float32; differentiable in `x` and `window`.

    Raises ValueError for sizes that do not fit.

    >>> import lucid
    >>> stft(lucid.ones(2, 1000), 256, window=hann_window(256)).shape
    (2, 129, 16)
    """
    hop, window = frame_settings("stft", n_fft, hop_length, win_length, window, x)
    z = spectra(x, n_fft, hop, window, center, pad_mode).transpose(-1, -2)
    if normalized:
        z = z * n_fft**-0.5
    if not onesided:
        mirrored = ops.conj(z[..., 1 : (n_fft + 1) // 2, :].flip(-2))
        z = ops.cat([z, mirrored], dim=-2)
    if return_complex:
        return z
    return ops.stack([ops.real(z), ops.imag(z)], dim=-1)


def spectra(
    x: Tensor, n_fft: int, hop: int, window: Tensor | None, center: bool, pad_mode: str
) -> Tensor:
    """(..., L) -> (..., T, F): the frames last but one, as the FFT and a mel matrix want them."""
    if center:
        x = _padded(x, n_fft // 2, pad_mode)
    if x.shape[-1] < n_fft:
        raise ValueError(
            f"stft: a signal of {x.shape[-1]} samples has no frame of n_fft={n_fft}; pad it"
        )
    frames = ops.frame(x, size=n_fft, hop=hop)
    return ops.rfft(frames if window is None else frames * window)


def _padded(x: Tensor, count: int, mode: str) -> Tensor:
    """`count` more samples at either end."""
    length = x.shape[-1]
    if mode == "reflect":
        if length <= count:
            raise ValueError(
                f"stft: reflecting n_fft // 2 = {count} samples needs a signal longer than that, "
                f'got {length}; use pad_mode="constant", or center=False'
            )
        left, right = x[..., 1 : count + 1].flip(-1), x[..., length - count - 1 : -1].flip(-1)
    elif mode == "replicate":
        shape = (*x.shape[:-1], count)
        left, right = x[..., :1].expand(*shape), x[..., -1:].expand(*shape)
    elif mode == "constant":
        left = right = Tensor.zeros(*x.shape[:-1], count, dtype=x.dtype, device=x.device)
    else:
        raise ValueError(
            f'stft: pad_mode must be "reflect", "replicate" or "constant", got {mode!r}'
        )
    return ops.cat([left, x, right], dim=-1)


def istft(
    z: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool = True,
    length: int | None = None,
) -> Tensor:
    """The signal with the least squared distance to the spectra `z`: `torch.istft`.

    Frames are transformed back, windowed, added up, and divided by the sum of squared windows. With
    the settings of `stft` that undoes it. `length` cuts the result, or pads it with zeros; without
    it, (T - 1) * hop_length samples come back when centred.

    Shapes: (..., F, T) complex -> (..., L) float32. Source: Griffin and Lim, "Signal Estimation
    from Modified Short-Time Fourier Transform" (1984).

    Raises ValueError for sizes that do not fit, and where the windows leave a gap (NOLA).

    >>> import lucid
    >>> x = lucid.randn(1000)
    >>> w = hann_window(256)
    >>> back = istft(stft(x, 256, window=w), 256, window=w, length=1000)
    >>> bool((abs(back - x) < 1e-5).all())
    True
    """
    hop, window = frame_settings("istft", n_fft, hop_length, win_length, window, z)
    frequencies = n_fft // 2 + 1 if onesided else n_fft
    if z.ndim < 2 or z.shape[-2] != frequencies or z.shape[-1] == 0:
        raise ValueError(
            f"istft: n_fft={n_fft}, onesided={onesided} expects a spectrum of shape "
            f"(..., {frequencies}, T) with T > 0, got {z.shape}"
        )
    if length is not None and length < 1:
        raise ValueError(f"istft: expects a length of at least 1, got {length}")
    if window is not None and window.requires_grad:
        raise ValueError("istft: takes the window as a constant; pass window.detach()")
    frames = ops.irfft(z[..., : n_fft // 2 + 1, :].transpose(-1, -2), n=n_fft)
    if normalized:
        frames = frames * n_fft**0.5
    y = ops.overlap_add(frames if window is None else frames * window, hop=hop)
    start = n_fft // 2 if center else 0
    end = min(y.shape[-1], start + length) if length is not None else y.shape[-1] - start
    weights = np.ones(n_fft, np.float32) if window is None else window.numpy()
    energy = _window_energy(weights.tobytes(), z.shape[-1], hop)[start:end]
    if not energy.size or energy.min() < _SILENT:
        raise ValueError(
            f"istft: with n_fft={n_fft} and hop_length={hop} the squared windows of "
            f"{z.shape[-1]} frames sum to 0 somewhere within samples {start} to {end}, so the "
            "signal is lost there; use a smaller hop_length, another window, or center=True"
        )
    y = y[..., start:end] * Tensor(1 / energy, device=z.device)
    missing = 0 if length is None else length - y.shape[-1]
    if missing <= 0:
        return y
    return ops.cat([y, Tensor.zeros(*y.shape[:-1], missing, device=y.device)], dim=-1)


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
    x: Tensor,
) -> tuple[int, Tensor | None]:
    """The hop, and the window as (n_fft,), or None where it is all ones."""
    hop = n_fft // 4 if hop_length is None else hop_length
    size = n_fft if win_length is None else win_length
    if not isinstance(x, Tensor) or x.ndim == 0:
        given = "a Tensor of shape ()" if isinstance(x, Tensor) else type(x).__name__
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
    if not isinstance(window, Tensor):
        window = Tensor(window, device=x.device)
    if window.shape != (size,):
        raise ValueError(
            f"{name}: expects a window of shape ({size},), win_length, got {window.shape}"
        )
    left = (n_fft - size) // 2
    if size == n_fft:
        return hop, window
    sides = [Tensor.zeros(n, device=x.device) for n in (left, n_fft - size - left)]
    return hop, ops.cat([sides[0], window, sides[1]])
