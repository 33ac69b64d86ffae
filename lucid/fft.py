"""Fourier transforms: the names of `torch.fft`. The functions are those of `lucid.ops.fft`."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.ops.fft import (
    fft,
    fft2,
    fftn,
    fftshift,
    hfft,
    hfft2,
    hfftn,
    ifft,
    ifft2,
    ifftn,
    ifftshift,
    ihfft,
    ihfft2,
    ihfftn,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftn,
)
from lucid.tensor import Tensor


def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, **settings: Any) -> Tensor:
    """The frequency of each value of `fft`, for samples `d` apart.

    >>> import lucid
    >>> lucid.fft.fftfreq(4).tolist()
    [0.0, 0.25, -0.5, -0.25]
    """
    places = Tensor.arange(n, dtype=dtype or mx.float32, **settings)
    return (places - n * (places >= (n + 1) // 2)) / (n * d)


def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, **settings: Any) -> Tensor:
    """The frequency of each value of `rfft`, for samples `d` apart.

    >>> lucid.fft.rfftfreq(4)
    Tensor([0.  , 0.25, 0.5 ], grad=None)
    """
    return Tensor.arange(n // 2 + 1, dtype=dtype or mx.float32, **settings) / (n * d)
