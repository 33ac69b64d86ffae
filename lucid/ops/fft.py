"""Fourier transforms of real signals along the last axis; MLX computes them in float32."""

from __future__ import annotations

import mlx.core as mx

from lucid.ops.complex import scaled
from lucid.ops.op import op


@op(linear=True)
def rfft(x, /):
    """X[k] = sum_t x[t] e^(-2 pi i k t / n) for k = 0 to n // 2.

    Shapes: (..., n) real -> (..., n // 2 + 1) complex64.

    >>> import lucid
    >>> lucid.ops.rfft(lucid.tensor([1.0, 0.0, 0.0, 0.0])).tolist()
    [(1+0j), (1+0j), (1+0j)]
    """
    if x.dtype == mx.complex64 or x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError("expects a real signal of at least one sample on its last axis")
    n = x.shape[-1]
    return _rfft(x), lambda g: _irfft(scaled(g, n / _weights(n)), n)


@op(linear=True)
def irfft(z, /, *, n):
    """The real signal of `n` samples whose `rfft` is `z`.

    The imaginary parts of z[0], and of z[n/2] for an even n, have no influence.

    Shapes: (..., n // 2 + 1) complex -> (..., n) float32.

    >>> import lucid
    >>> x = lucid.tensor([1.0, 2.0, 4.0])
    >>> lucid.ops.irfft(lucid.ops.rfft(x), n=3)
    Tensor([1., 2., 4.], grad=None)
    """
    if n < 1 or z.ndim == 0 or z.shape[-1] != n // 2 + 1:
        raise ValueError(
            f"{n} samples have {n // 2 + 1} frequencies, got a spectrum of shape {z.shape}"
        )
    return _irfft(z, n), lambda g: scaled(_rfft(g), _weights(n) / n)


def _weights(n: int) -> mx.array:
    """How often a frequency occurs in the full spectrum: 2, but 1 for 0 and for n/2."""
    k = mx.arange(n // 2 + 1)
    return mx.where((k == 0) | (2 * k == n), 1.0, 2.0)


def _rfft(x: mx.array) -> mx.array:
    if x.size == 0:
        return mx.zeros((*x.shape[:-1], x.shape[-1] // 2 + 1), mx.complex64)
    return mx.fft.rfft(x.astype(mx.float32))


def _irfft(z: mx.array, n: int) -> mx.array:
    if z.size == 0:
        return mx.zeros((*z.shape[:-1], n))
    return mx.fft.irfft(z.astype(mx.complex64), n)
