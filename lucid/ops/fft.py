"""Fourier transforms, with the meaning that they have in `torch.fft`; MLX computes in complex64.

All are made of three linear operations: complex to complex, real to half a spectrum, and back.
`norm` says where the sum over n values is scaled: "backward" (the default): by 1/n in the inverse;
"forward": by 1/n in the transform; "ortho": by 1/sqrt(n) in both.
"""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from lucid.ops.arrange import roll
from lucid.ops.autocast import autocasts
from lucid.ops.cast import astype
from lucid.ops.complex import conj, scaled
from lucid.ops.math import mul
from lucid.ops.op import op
from lucid.ops.pad import pad
from lucid.ops.reduce import axes_of
from lucid.ops.samplewise import within


def _over_axes(x, /, *, axes, inverse):
    return within(x, axes)


def _over_axis(x, /, *, axis, n=None):
    return within(x, axis)


@op(linear=True, samples=_over_axes)
def _c2c(x, /, *, axes, inverse):
    """The discrete Fourier transform over `axes`, or its inverse."""
    n = math.prod(x.shape[a] for a in axes)
    is_real = x.dtype != mx.complex64

    def rule(g):
        g = _transformed(g, axes, not inverse)
        g = scaled(g, mx.array(1 / n if inverse else float(n))) if axes else g
        return mx.real(g) if is_real else g

    return _transformed(x, axes, inverse), rule


def _transformed(x: mx.array, axes: tuple[int, ...], inverse: bool) -> mx.array:
    x = x.astype(mx.complex64)
    if x.size == 0 or not axes:
        return x
    return (mx.fft.ifftn if inverse else mx.fft.fftn)(x, axes=axes)


@op(linear=True, samples=_over_axis)
def _r2c(x, /, *, axis):
    """X[k] = sum_t x[t] e^(-2 pi i k t / n) for k = 0 to n // 2."""
    n = x.shape[axis]
    return _rfft(x, axis), lambda g: _irfft(scaled(g, n / _weights(n, g.ndim, axis)), n, axis)


@op(linear=True, samples=_over_axis)
def _c2r(z, /, *, n, axis):
    """The real signal of `n` samples of which z is half a spectrum.

    The imaginary parts of z[0], and of z[n/2] for an even n, have no influence.
    """
    return _irfft(z, n, axis), lambda g: scaled(_rfft(g, axis), _weights(n, g.ndim, axis) / n)


def _weights(n: int, ndim: int, axis: int) -> mx.array:
    """How often a frequency occurs in the full spectrum: 2, but 1 for 0 and for n/2."""
    k = mx.arange(n // 2 + 1)
    weights = mx.where((k == 0) | (2 * k == n), 1.0, 2.0)
    return weights.reshape([-1 if i == axis else 1 for i in range(ndim)])


def _rfft(x: mx.array, axis: int) -> mx.array:
    if x.size == 0:
        shape = list(x.shape)
        shape[axis] = shape[axis] // 2 + 1
        return mx.zeros(shape, mx.complex64)
    return mx.fft.rfft(x.astype(mx.float32), axis=axis)


def _irfft(z: mx.array, n: int, axis: int) -> mx.array:
    if z.size == 0:
        shape = list(z.shape)
        shape[axis] = n
        return mx.zeros(shape)
    return mx.fft.irfft(z.astype(mx.complex64), n, axis=axis)


def _resized(name: str, x: Any, n: int | None, axis: int) -> Any:
    """The first n values along an axis, followed by zeros where there are fewer."""
    size = x.shape[axis]
    n = size if n is None else n
    if n < 1:
        raise ValueError(f"{name}: expects at least one value along dim {axis}, got {n}")
    return x if n == size else pad(x, [0, 0] * (x.ndim - 1 - axis) + [0, n - size])


def _factor(norm: str | None, n: int, inverse: bool) -> float:
    """What a result of MLX, which scales as "backward" says, is multiplied with."""
    powers = {None: 0.0, "backward": 0.0, "ortho": 0.5, "forward": 1.0}
    if norm not in powers:
        raise ValueError(f'norm must be "backward", "ortho" or "forward", got {norm!r}')
    return n ** (powers[norm] if inverse else -powers[norm])


def _times(x: Any, factor: float) -> Any:
    return x if factor == 1 else mul(x, factor)


def _places(name: str, x: Any, s: Any, dim: Any) -> tuple[list[int | None], list[int]]:
    """Sizes (None: as they are) and axes of a transform over several dimensions."""
    if x.ndim == 0 and dim is not None:
        raise IndexError(f"{name}: dim={dim} of a 0-dimensional tensor")
    if dim is None:
        dim = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    axes = list(axes_of(x.ndim, tuple(dim) if not isinstance(dim, int) else dim))
    sizes: list[int | None] = (
        [None] * len(axes) if s is None else [None if n == -1 else n for n in s]
    )
    if len(sizes) != len(axes):
        raise ValueError(f"{name}: s={s} has another length than dim={dim}")
    return sizes, axes


def _complex(name: str, x: Any, s: Any, dim: Any, norm: str | None, inverse: bool) -> Any:
    sizes, axes = _places(name, x, s, dim)
    for n, axis in zip(sizes, axes, strict=True):
        x = _resized(name, x, n, axis)
    count = math.prod(x.shape[a] for a in axes)
    return _times(_c2c(x, axes=tuple(axes), inverse=inverse), _factor(norm, count, inverse))


def _one(n: int | None) -> list[int] | None:
    if n is not None and n < 1:  # of several sizes, -1 means: as it is
        raise ValueError(f"expects at least one value to transform, got n={n}")
    return None if n is None else [n]


@autocasts
def fft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """X[k] = sum_t x[t] e^(-2 pi i k t / n) along `dim`, cut or padded with zeros to `n`.

    Shapes: (..., n) -> (..., n), complex64.

    >>> import lucid
    >>> lucid.fft.fft(lucid.tensor([1.0, 2.0])).tolist()
    [(3+0j), (-1+0j)]
    """
    return _complex("fft", input, _one(n), (dim,), norm, False)


@autocasts
def ifft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """x[t] = sum_k X[k] e^(2 pi i k t / n) / n along `dim`: the inverse of `fft`.

    >>> lucid.fft.ifft(lucid.tensor([3.0, -1.0])).tolist()
    [(1+0j), (2+0j)]
    """
    return _complex("ifft", input, _one(n), (dim,), norm, True)


@autocasts
def fftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """`fft` over several dimensions, all by default, cut or padded to the sizes `s`.

    Raises:
        ValueError: s and dim of different lengths, or a size below 1 (-1 keeps a size).

    >>> lucid.fft.fftn(lucid.ones(2, 2)).tolist()
    [[(4+0j), 0j], [0j, 0j]]
    """
    return _complex("fftn", input, s, dim, norm, False)


@autocasts
def ifftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """The inverse of `fftn`.

    >>> lucid.fft.ifftn(lucid.tensor([[4.0, 0.0], [0.0, 0.0]])).tolist()
    [[(1+0j), (1+0j)], [(1+0j), (1+0j)]]
    """
    return _complex("ifftn", input, s, dim, norm, True)


@autocasts
def fft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Any:
    """`fftn` over two dimensions.

    >>> lucid.fft.fft2(lucid.zeros(5, 4, 8)).shape
    (5, 4, 8)
    """
    return fftn(input, s, dim, norm)


@autocasts
def ifft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Any:
    """`ifftn` over two dimensions.

    >>> lucid.fft.ifft2(lucid.zeros(5, 4, 8)).shape
    (5, 4, 8)
    """
    return ifftn(input, s, dim, norm)


@autocasts
def rfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """`fftn` of real numbers: the last dimension keeps the frequencies 0 to n // 2.

    The others are their conjugates.

    Raises:
        ValueError: complex numbers, which `fftn` takes.

    >>> lucid.fft.rfftn(lucid.zeros(4, 8)).shape
    (4, 5)
    """
    sizes, axes = _places("rfftn", input, s, dim)
    if input.dtype == mx.complex64 or not axes:
        raise ValueError(
            f"rfft: expects a real signal and a dimension, got {input.dtype} of {input.shape}; "
            "fft takes complex ones"
        )
    for n, axis in zip(sizes, axes, strict=True):
        input = _resized("rfftn", input, n, axis)
    count = math.prod(input.shape[a] for a in axes)
    z = _r2c(input, axis=axes[-1])
    z = _c2c(z, axes=tuple(axes[:-1]), inverse=False) if axes[1:] else z
    return _times(z, _factor(norm, count, False))


@autocasts
def irfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """The inverse of `rfftn`; the last size is 2 (m - 1) for m frequencies unless told.

    Raises:
        ValueError: no dimension to transform, or no samples along one.

    >>> lucid.fft.irfftn(lucid.fft.rfftn(lucid.tensor([[1.0, 2.0], [3.0, 4.0]])))
    Tensor([[1., 2.],
            [3., 4.]], grad=None)
    """
    sizes, axes = _places("irfftn", input, s, dim)
    if not axes:
        raise ValueError(f"irfftn: expects a dimension to transform, got shape {input.shape}")
    last = 2 * (input.shape[axes[-1]] - 1) if sizes[-1] is None else sizes[-1]
    if last < 1:
        raise ValueError(f"irfftn: expects at least one sample along dim {axes[-1]}, got {last}")
    sizes[-1] = last // 2 + 1
    for n, axis in zip(sizes, axes, strict=True):
        input = _resized("irfftn", input, n, axis)
    z = _c2c(input, axes=tuple(axes[:-1]), inverse=True) if axes[1:] else input
    count = last * math.prod(input.shape[a] for a in axes[:-1])
    z = z if z.dtype == mx.complex64 else astype(z, mx.complex64)
    return _times(_c2r(z, n=last, axis=axes[-1]), _factor(norm, count, True))


@autocasts
def rfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """`fft` of real numbers: the frequencies 0 to n // 2, of which the others are conjugates.

    Shapes: (..., n) real -> (..., n // 2 + 1) complex64.

    >>> import lucid
    >>> lucid.fft.rfft(lucid.tensor([1.0, 0.0, 0.0, 0.0])).tolist()
    [(1+0j), (1+0j), (1+0j)]
    """
    return rfftn(input, _one(n), (dim,), norm)


@autocasts
def irfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The real signal of `n` samples, 2 (m - 1) by default, of which m frequencies are given.

    The imaginary parts of the first, and of that of n/2 for an even n, have no influence.

    >>> import lucid
    >>> x = lucid.tensor([1.0, 2.0, 4.0])
    >>> lucid.fft.irfft(lucid.fft.rfft(x), n=3)
    Tensor([1., 2., 4.], grad=None)
    """
    return irfftn(input, _one(n), (dim,), norm)


@autocasts
def rfft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Any:
    """`rfftn` over two dimensions.

    >>> lucid.fft.rfft2(lucid.zeros(5, 4, 8)).shape
    (5, 4, 5)
    """
    return rfftn(input, s, dim, norm)


@autocasts
def irfft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Any:
    """`irfftn` over two dimensions.

    >>> lucid.fft.irfft2(lucid.zeros(5, 4, 5)).shape
    (5, 4, 8)
    """
    return irfftn(input, s, dim, norm)


_OTHER = {None: "forward", "backward": "forward", "forward": "backward"}


def hfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """The real spectrum of a signal whose other half, in the last dimension, is conjugate.

    >>> lucid.fft.hfftn(lucid.zeros(4, 5)).shape
    (4, 8)
    """
    return irfftn(conj(input), s, dim, _OTHER.get(norm, norm))


def ihfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Any:
    """The inverse of `hfftn`: half of the signal.

    >>> lucid.fft.ihfftn(lucid.zeros(4, 8)).shape
    (4, 5)
    """
    return conj(rfftn(input, s, dim, _OTHER.get(norm, norm)))


@autocasts
def hfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The real spectrum of a signal whose other half is conjugate.

    It has `n` values, 2 (m - 1) by default, for the first m samples of the signal.

    >>> lucid.fft.hfft(lucid.tensor([1.0, 0.0, 0.0]))
    Tensor([1., 1., 1., 1.], grad=None)
    """
    return hfftn(input, _one(n), (dim,), norm)


@autocasts
def ihfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The inverse of `hfft`: half of the signal.

    >>> lucid.fft.ihfft(lucid.ones(4)).real
    Tensor([1., 0., 0.], grad=None)
    """
    return ihfftn(input, _one(n), (dim,), norm)


def hfft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Any:
    """`hfftn` over two dimensions.

    >>> lucid.fft.hfft2(lucid.zeros(5, 4, 5)).shape
    (5, 4, 8)
    """
    return hfftn(input, s, dim, norm)


def ihfft2(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Any:
    """`ihfftn` over two dimensions.

    >>> lucid.fft.ihfft2(lucid.zeros(5, 4, 8)).shape
    (5, 4, 5)
    """
    return ihfftn(input, s, dim, norm)


def fftshift(input: Any, dim: Any = None) -> Any:
    """Move the zero frequency to the middle of `dim`, of all dimensions by default.

    >>> import lucid
    >>> lucid.fft.fftshift(lucid.tensor([0, 1, 2, -2, -1])).tolist()
    [-2, -1, 0, 1, 2]
    """
    axes = axes_of(input.ndim, dim)
    return roll(input, [input.shape[a] // 2 for a in axes], list(axes))


def ifftshift(input: Any, dim: Any = None) -> Any:
    """Undo `fftshift`.

    >>> lucid.fft.ifftshift(lucid.tensor([-2, -1, 0, 1, 2]))
    Tensor([ 0,  1,  2, -2, -1], grad=None)
    """
    axes = axes_of(input.ndim, dim)
    return roll(input, [-(input.shape[a] // 2) for a in axes], list(axes))
