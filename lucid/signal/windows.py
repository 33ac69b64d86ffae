"""Windows, with the names and settings of `torch.signal.windows`, and those of torch's older names.

Each is a function of the sample t and of the period N: M - 1 samples where the window is
symmetric, M where it is periodic (sym=False), as for spectra. The values are computed in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.ops.cast import dtype_of
from lucid.tensor import Tensor


def _window(
    M: int,
    sym: bool,
    settings: dict[str, Any],
    values: Callable[[np.ndarray, int], np.ndarray],
) -> Tensor:
    """`values` of the samples and the period; settings are dtype, device, requires_grad."""
    unknown = settings.keys() - {"dtype", "device", "requires_grad"}
    if unknown:
        raise TypeError(f"a window takes dtype, device and requires_grad, got {sorted(unknown)}")
    dtype = dtype_of(settings.pop("dtype", None) or mx.float32)
    if dtype not in (mx.float32, mx.float64):
        raise TypeError(f"a window is float32 or float64, got {dtype}; convert it afterwards")
    if isinstance(M, bool) or not isinstance(M, int | np.integer):
        raise TypeError(f"a window has an int of samples, got {M!r}")
    if M < 0:
        raise ValueError(f"a window has 0 samples or more, got {M}")
    period = M - 1 if sym else M
    made = np.ones(M) if M < 2 else values(np.arange(M), period)
    return Tensor(made, dtype=dtype, **settings)


def general_cosine(M: int, *, a: Any, sym: bool = True, **settings: Any) -> Tensor:
    """w[t] = a[0] - a[1] cos(2 pi t / N) + a[2] cos(4 pi t / N) - ...

    Here as in the other windows t goes from 0 to M - 1, and N is M - 1, or with sym=False M.

    Raises:
        TypeError: a dtype other than float32 and float64.
        ValueError: no coefficients, or a negative M.

    >>> import lucid
    >>> lucid.signal.windows.general_cosine(3, a=[0.5, 0.5]).tolist()
    [0.0, 1.0, 0.0]
    """
    if not isinstance(a, list | tuple | np.ndarray) or not len(a):
        raise ValueError(f"general_cosine expects a list of coefficients, got {a!r}")
    terms = lambda t, N: sum(  # noqa: E731
        (-1) ** k * c * np.cos(2 * np.pi * k * t / N) for k, c in enumerate(a)
    )
    return _window(M, sym, settings, terms)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **settings: Any) -> Tensor:
    """w[t] = alpha - (1 - alpha) cos(2 pi t / N) with N = M - 1, or N = M with sym=False.

    >>> lucid.signal.windows.general_hamming(3, alpha=0.6)
    Tensor([0.2, 1. , 0.2], grad=None)
    """
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, **settings)


def hamming(M: int, *, sym: bool = True, **settings: Any) -> Tensor:
    """w[t] = 0.54 - 0.46 cos(2 pi t / N) with N = M - 1, or N = M with sym=False.

    >>> lucid.signal.windows.hamming(5)
    Tensor([0.08, 0.54, 1.  , 0.54, 0.08], grad=None)
    """
    return general_hamming(M, sym=sym, **settings)


def hann(M: int, *, sym: bool = True, **settings: Any) -> Tensor:
    """w[t] = (1 - cos(2 pi t / N)) / 2 with N = M - 1, or N = M with sym=False.

    >>> import lucid
    >>> lucid.signal.windows.hann(4, sym=False).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    return general_hamming(M, alpha=0.5, sym=sym, **settings)


def blackman(M: int, *, sym: bool = True, **settings: Any) -> Tensor:
    """w[t] = 0.42 - 0.5 cos(2 pi t / N) + 0.08 cos(4 pi t / N), N = M - 1, or with sym=False M.

    >>> lucid.signal.windows.blackman(4, sym=False)[1:]
    Tensor([0.34, 1.  , 0.34], grad=None)
    """
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, **settings)


def nuttall(M: int, *, sym: bool = True, **settings: Any) -> Tensor:
    """Four cosines with side lobes below -98 dB (Heinzel et al., 2002, "Nuttall4c").

    It is `general_cosine` with a = [0.3635819, 0.4891775, 0.1365995, 0.0106411].

    >>> lucid.signal.windows.nuttall(4, sym=False)
    Tensor([0.0004, 0.227 , 1.    , 0.227 ], grad=None)
    """
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, **settings)


def bartlett(M: int, *, sym: bool = True, **settings: Any) -> Tensor:
    """A triangle: w[t] = 1 - |2 t / N - 1| with N = M - 1, or N = M with sym=False.

    >>> lucid.signal.windows.bartlett(5)
    Tensor([0. , 0.5, 1. , 0.5, 0. ], grad=None)
    """
    return _window(M, sym, settings, lambda t, N: 1 - np.abs(2 * t / N - 1))


def cosine(M: int, *, sym: bool = True, **settings: Any) -> Tensor:
    """Half a sine: w[t] = sin(pi (t + 1/2) / (N + 1)) with N = M - 1, or N = M with sym=False.

    >>> lucid.signal.windows.cosine(3)
    Tensor([0.5, 1. , 0.5], grad=None)
    """
    return _window(M, sym, settings, lambda t, N: np.sin(np.pi * (t + 0.5) / (N + 1)))


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, **settings: Any
) -> Tensor:
    """w[t] = e^(-|t - center| / tau), the center being N / 2 unless told.

    N is M - 1, or with sym=False M.

    Raises:
        ValueError: tau not above 0, or a center of a symmetric window.

    >>> lucid.signal.windows.exponential(3)
    Tensor([0.3679, 1.    , 0.3679], grad=None)
    """
    if tau <= 0:
        raise ValueError(f"exponential: tau must be above 0, got {tau}")
    if sym and center is not None:
        raise ValueError("exponential: a symmetric window has its center in the middle")
    middle = lambda N: N / 2 if center is None else center  # noqa: E731
    return _window(M, sym, settings, lambda t, N: np.exp(-np.abs(t - middle(N)) / tau))


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **settings: Any) -> Tensor:
    """w[t] = e^(-((t - N / 2) / std)^2 / 2) with N = M - 1, or N = M with sym=False.

    Raises:
        ValueError: std not above 0.

    >>> lucid.signal.windows.gaussian(3)
    Tensor([0.6065, 1.    , 0.6065], grad=None)
    """
    if std <= 0:
        raise ValueError(f"gaussian: std must be above 0, got {std}")
    return _window(M, sym, settings, lambda t, N: np.exp(-(((t - N / 2) / std) ** 2) / 2))


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **settings: Any) -> Tensor:
    """w[t] = I0(beta sqrt(1 - (2 t / N - 1)^2)) / I0(beta), I0 being Bessel's function.

    N is M - 1, or with sym=False M.

    Raises:
        ValueError: a negative beta.

    >>> lucid.signal.windows.kaiser(3, beta=2.0)
    Tensor([0.4387, 1.    , 0.4387], grad=None)
    """
    if beta < 0:
        raise ValueError(f"kaiser: beta must not be negative, got {beta}")

    def values(t: np.ndarray, N: int) -> np.ndarray:
        return np.i0(beta * np.sqrt(np.maximum(0, 1 - (2 * t / N - 1) ** 2))) / np.i0(beta)

    return _window(M, sym, settings, values)


def hann_window(window_length: int, periodic: bool = True, **settings: Any) -> Tensor:
    """`hann`, periodic unless told.

    >>> import lucid
    >>> lucid.hann_window(4)
    Tensor([0. , 0.5, 1. , 0.5], grad=None)
    """
    return hann(window_length, sym=not periodic, **settings)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    **settings: Any,
) -> Tensor:
    """`hamming`, periodic unless told: alpha - beta cos(2 pi t / N).

    >>> lucid.hamming_window(4)
    Tensor([0.08, 0.54, 1.  , 0.54], grad=None)
    """
    return general_cosine(window_length, a=[alpha, beta], sym=not periodic, **settings)


def blackman_window(window_length: int, periodic: bool = True, **settings: Any) -> Tensor:
    """`blackman`, periodic unless told.

    >>> lucid.blackman_window(4)[1:]
    Tensor([0.34, 1.  , 0.34], grad=None)
    """
    return blackman(window_length, sym=not periodic, **settings)


def bartlett_window(window_length: int, periodic: bool = True, **settings: Any) -> Tensor:
    """`bartlett`, periodic unless told.

    >>> lucid.bartlett_window(4)
    Tensor([0. , 0.5, 1. , 0.5], grad=None)
    """
    return bartlett(window_length, sym=not periodic, **settings)


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, **settings: Any
) -> Tensor:
    """`kaiser`, periodic unless told.

    >>> lucid.kaiser_window(4, beta=2.0)
    Tensor([0.4387, 0.8348, 1.    , 0.8348], grad=None)
    """
    return kaiser(window_length, beta=beta, sym=not periodic, **settings)
