"""Parts of complex tensors. The gradient of z = a + bi is dL/da + i dL/db, as in torch."""

from __future__ import annotations

import mlx.core as mx

from lucid.ops.op import op


@op(linear=True)
def real(z, /):
    """The real part."""
    return mx.real(z), lambda g: g.astype(mx.complex64)


@op(linear=True)
def imag(z, /):
    """The imaginary part."""
    return mx.imag(z), lambda g: g * mx.array(1j)


@op(linear=True)
def conj(z, /):
    """The complex conjugate."""
    return mx.conjugate(z), mx.conjugate


@op(linear=True)
def complex(re, im, /):
    """re + i im, complex64.

    >>> import lucid
    >>> lucid.ops.complex(lucid.ones(1), 2 * lucid.ones(1)).tolist()
    [(1+2j)]
    """
    if re.shape != im.shape:
        raise ValueError(f"expects parts of one shape, got {re.shape} and {im.shape}")
    return re + im * mx.array(1j), lambda g: (mx.real(g), mx.imag(g))


@op
def abs_power(z, /, power=2.0):
    """|z|**power for a power above 0; its gradient at 0 is 0, also where the slope is infinite.

    >>> import lucid
    >>> lucid.ops.abs_power(lucid.tensor([3 + 4j])).tolist()
    [25.0]
    """
    re, im = mx.real(z), mx.imag(z)
    square = re * re + im * im
    if power == 2:
        return square, lambda g: 2 * g * z
    safe = mx.where(square > 0, square, 1)  # keeps NaN out of the branch that is not taken
    y = mx.where(square > 0, mx.power(safe, power / 2), 0)

    def rule(g):
        slope = power * mx.power(safe, power / 2 - 1)
        return mx.where(square > 0, g * slope, 0) * z

    return y, rule
