"""Parts of complex tensors. The gradient of z = a + bi is dL/da + i dL/db, as in torch."""

from __future__ import annotations

import math

import mlx.core as mx

from lucid.ops.cut import unbind
from lucid.ops.elementary import cos, sin
from lucid.ops.join import stack
from lucid.ops.math import mul
from lucid.ops.op import op
from lucid.ops.rules import scaled
from lucid.ops.samplewise import first


@op(linear=True, samples=first)
def real(z, /):
    """The real part; real numbers are theirs.

    >>> lucid.real(lucid.tensor([1 + 2j]))
    Tensor([1.], grad=None)
    """
    if z.dtype != mx.complex64:
        return z, lambda g: g
    return mx.real(z), lambda g: g.astype(mx.complex64)


@op(linear=True, samples=first)
def imag(z, /):
    """The imaginary part.

    >>> lucid.imag(lucid.tensor([1 + 2j]))
    Tensor([2.], grad=None)
    """
    return mx.imag(z), lambda g: g * mx.array(1j)


@op(linear=True, samples=first)
def conj(z, /):
    """The complex conjugate, real - i imag.

    >>> lucid.conj(lucid.tensor([1 + 2j]))
    Tensor([1.-2.j], grad=None, dtype=complex64)
    """
    return mx.conjugate(z), mx.conjugate


@op(broadcasts=True, linear=True)
def _complex(re, im, /):
    z = re.astype(mx.complex64) + im.astype(mx.complex64) * mx.array(1j)
    return z, lambda g: (mx.real(g), mx.imag(g))


def complex(real, imag):
    """real + i imag, complex64.

    Raises:
        TypeError: parts of different dtypes, or not floating point.

    >>> import lucid
    >>> lucid.complex(lucid.ones(1), 2 * lucid.ones(1)).tolist()
    [(1+2j)]
    """
    if real.dtype != imag.dtype or not mx.issubdtype(real.dtype, mx.floating):
        raise TypeError(
            f"complex: expects parts of one floating point dtype, got {real.dtype} and {imag.dtype}"
        )
    return _complex(real, imag)


def polar(abs, angle):
    """abs * e^(i angle), complex64.

    >>> import lucid
    >>> lucid.polar(lucid.tensor([2.0]), lucid.tensor([0.0])).tolist()
    [(2+0j)]
    """
    return complex(mul(abs, cos(angle)), mul(abs, sin(angle)))


def view_as_real(input):
    """The real and imaginary parts in a new last dimension of size 2.

    Raises:
        TypeError: real numbers.

    >>> lucid.view_as_real(lucid.tensor([1 + 2j, 3 - 4j]))
    Tensor([[ 1.,  2.],
            [ 3., -4.]], grad=None)
    """
    if input.dtype != mx.complex64:
        raise TypeError(f"view_as_real expects a complex tensor, got {input.dtype}")
    return stack([real(input), imag(input)], -1)


def view_as_complex(input):
    """Pairs of real and imaginary parts, in a last dimension of size 2, as complex numbers.

    Raises:
        ValueError: a last dimension of another size.

    >>> lucid.view_as_complex(lucid.tensor([[1.0, 2.0], [3.0, -4.0]]))
    Tensor([1.+2.j, 3.-4.j], grad=None, dtype=complex64)
    """
    if input.ndim == 0 or input.shape[-1] != 2:
        raise ValueError(f"view_as_complex expects a last dimension of 2, got shape {input.shape}")
    return complex(*unbind(input, -1))


@op(samples=first)
def abs_power(z, /, power=2.0):
    """|z|**power for a power above 0; its gradient at 0 is 0, also where the slope is infinite.

    >>> import lucid
    >>> lucid.ops.abs_power(lucid.tensor([3 + 4j])).tolist()
    [25.0]
    """
    re, im = mx.real(z), mx.imag(z)
    square = re * re + im * im
    if power == 2:
        return square, lambda g: scaled(z, 2 * g)
    safe = mx.where(square > 0, square, 1)  # keeps NaN out of the branch that is not taken
    y = mx.where(square > 0, mx.power(safe, power / 2), 0)

    def rule(g):
        slope = power * mx.power(safe, power / 2 - 1)
        return scaled(z, mx.where(square > 0, g * slope, 0))

    return y, rule


@op(samples=first)
def angle(x, /):
    """The angle of complex numbers in radians, atan2(imag, real); of negative numbers pi, else 0.

    >>> lucid.angle(lucid.tensor([1 + 1j, -1 + 0j]))
    Tensor([0.7854, 3.1416], grad=None)
    """
    if x.dtype != mx.complex64:
        y = mx.where(x < 0, math.pi, mx.where(mx.isnan(x), math.nan, 0.0))
        dtype = x.dtype if mx.issubdtype(x.dtype, mx.inexact) else mx.float32
        return y.astype(dtype), lambda g: mx.zeros_like(x)

    def rule(g):  # i z / |z|^2, and 0 at 0
        square = mx.square(mx.real(x)) + mx.square(mx.imag(x))
        zero = square == 0
        return mx.where(zero, 0, g / mx.where(zero, 1, square)) * x * mx.array(1j)

    return mx.arctan2(mx.imag(x), mx.real(x)), rule
