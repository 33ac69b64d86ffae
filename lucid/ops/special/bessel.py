"""Bessel functions of orders 0 and 1, of both kinds."""

from __future__ import annotations

import math
from collections.abc import Callable

import mlx.core as mx

from lucid.ops import precise
from lucid.ops.division import div
from lucid.ops.elementary import sinc
from lucid.ops.op import op
from lucid.ops.precise import with_derivative
from lucid.ops.rules import rounded_once
from lucid.ops.samplewise import first
from lucid.ops.series import chebyshev

# Chebyshev series computed with 40 digits by mpmath 1.3. For x in [0, 8], in x**2 / 32 - 1:
# J_0(x), J_1(x) / x
_J = (
    (
        0.15772797147489012,
        -0.008723442352852221,
        0.2651786132033368,
        -0.37009499387264977,
        0.15806710233209725,
        -0.034893769411408884,
        0.004819180069467605,
        -0.00046062616620627504,
        3.246032882100508e-05,
        -1.7619469077621507e-06,
        7.608163592418782e-08,
        -2.679253530557673e-09,
        7.848696314479465e-11,
        -1.9438346867370164e-12,
        4.125320595634374e-14,
        -7.588508125447546e-16,
        1.2218515873961411e-17,
    ),
    (
        0.08104484632565812,
        -0.1489751450676521,
        0.1609992623572097,
        -0.08268049176681791,
        0.022213639654966037,
        -0.003646940600769276,
        0.0004050337728354822,
        -3.255554866857259e-05,
        1.9858774049915165e-06,
        -9.521984756750436e-08,
        3.687133759097148e-09,
        -1.178026622695885e-10,
        3.160154580348003e-12,
        -7.221755239651773e-14,
        1.4232144003513942e-15,
        -2.4441972916190464e-17,
        3.6912682997929334e-19,
    ),
)
# Y_0(x) - 2/pi log(x) J_0(x), and (Y_1(x) - 2/pi (log(x) J_1(x) - 1 / x)) / x
_Y = (
    (
        -0.03314611320328494,
        -0.2744743055297453,
        0.17903431407718265,
        0.26156734625504663,
        -0.17730201278114358,
        0.04719668959576339,
        -0.007287962479552079,
        0.0007531135932577742,
        -5.632079141056987e-05,
        3.206532537654801e-06,
        -1.44072332740187e-07,
        5.248794787330516e-09,
        -1.5837552541812015e-10,
        4.02633081830612e-12,
        -8.747341203310769e-14,
        1.6434898714919468e-15,
        -2.6977881152566837e-17,
        3.9032584173475982e-19,
    ),
    (
        0.0025380132357417816,
        -0.01608717304766875,
        -0.09591204536083074,
        0.08445197259652346,
        -0.028328123944594365,
        0.005289897544167113,
        -0.0006414551451326356,
        5.505982873338744e-05,
        -3.53808001868935e-06,
        1.7707804556154404e-07,
        -7.11055004989928e-09,
        2.344337905911516e-10,
        -6.4651518414115946e-12,
        1.51429151205002e-13,
        -3.0511859694473254e-15,
        5.34668038572867e-17,
        -8.224911372021585e-19,
        1.1198518333682237e-20,
    ),
)
# For x above 8, in 128 / x**2 - 1, with c = x - (2 n + 1) pi / 4 (Abramowitz and Stegun 9.2.5):
# sqrt(pi x / 2) J_n(x) = P_n cos(c) - Q_n sin(c), with sin and cos exchanged for Y_n. P_n, x Q_n:
_P = (
    (
        0.9994603493475187,
        -0.0005365220468132117,
        3.0751847875194745e-06,
        -5.1705945376060975e-08,
        1.6306464635151382e-09,
        -7.86409137723707e-11,
        5.168262387349193e-12,
        -4.3045788699253914e-13,
        4.3265957431549404e-14,
        -5.069034095935236e-15,
        6.748072215733873e-16,
        -1.0011513723467786e-16,
        1.6305919233744186e-17,
        -2.880866169482871e-18,
    ),
    (
        1.0009030408600137,
        0.0008989898330859408,
        -3.987284300488908e-06,
        6.177633960644299e-08,
        -1.8718907491063067e-09,
        8.816898659582339e-11,
        -5.704863640395645e-12,
        4.699195515230542e-13,
        -4.6842237839904895e-14,
        5.452674896044717e-15,
        -7.221180842274018e-16,
        1.0667689114335412e-16,
        -1.7312313216116335e-17,
        3.0492991197665872e-18,
    ),
)
_Q = (
    (
        -0.12444683684269607,
        0.0005470815954089319,
        -5.9315987288485175e-06,
        1.4377965798375193e-07,
        -5.817532749493056e-09,
        3.376097523734991e-10,
        -2.565397936797308e-11,
        2.404916100281365e-12,
        -2.6690625482579414e-13,
        3.4041800321963686e-14,
        -4.87994410531204e-15,
        7.729703176242605e-16,
        -1.3348852171502517e-16,
        2.4865952389390515e-17,
        -4.952892629886516e-18,
        1.0473158973776097e-18,
    ),
    (
        0.3742222965562826,
        -0.0007702178839325664,
        7.3108922063643636e-06,
        -1.676782510726674e-07,
        6.583354662120443e-09,
        -3.749090950541556e-10,
        2.8121750359748866e-11,
        -2.61145253946232e-12,
        2.8774212663332235e-13,
        -3.649001916061838e-14,
        5.206626366226707e-15,
        -8.215318025458595e-16,
        1.4141084390211833e-16,
        -2.626761589838529e-17,
        5.2192649196714085e-18,
        -1.101261718787959e-18,
    ),
)


def _far(n: int, x: mx.array) -> tuple[mx.array, mx.array]:
    """J_n and Y_n for x >= 8."""
    t = mx.square(8 / x) * 2 - 1
    p, q = chebyshev(_P[n], t), chebyshev(_Q[n], t) / x
    # cos(x - pi/4) by the sum of angles: the difference itself would be rounded
    s, c = precise.sin(x), precise.cos(x)
    cosine, sine = ((c + s), (s - c)) if n == 0 else ((s - c), (-s - c))
    scale = mx.rsqrt(math.pi * x)
    return scale * (p * cosine - q * sine), scale * (p * sine + q * cosine)


def _first(n: int, x: mx.array) -> mx.array:
    """J_n(x), even for n = 0 and odd for n = 1."""
    size = mx.abs(x)
    small = mx.minimum(size, 8.0)
    near = chebyshev(_J[n], mx.square(small) / 32 - 1) * small**n
    finite = mx.minimum(mx.maximum(size, 8.0), 1e30)
    y = mx.where(size <= 8, near, mx.where(mx.isinf(size), 0.0, _far(n, finite)[0]))
    y = mx.where(mx.isnan(x), x, y)
    return mx.where(x < 0, -y, y) if n else y


def _second(n: int, x: mx.array) -> mx.array:
    """Y_n(x); -inf at 0 and NaN below."""
    small = mx.where((x > 0) & (x <= 8), x, 1.0)
    t = mx.square(small) / 32 - 1
    near = chebyshev(_Y[n], t) * small**n
    singular = mx.log(small) * chebyshev(_J[n], t) * small**n - (1 / small if n else 0)
    finite = mx.minimum(mx.maximum(x, 8.0), 1e30)
    far = mx.where(mx.isinf(x), 0.0, _far(n, finite)[1])
    y = mx.where(x <= 8, near + 2 / math.pi * singular, far)
    return mx.where(x > 0, y, mx.where(x == 0, -math.inf, math.nan))


def _over(y: Callable, x: mx.array) -> mx.array:
    """y(x) / x, whose limit at 0 is 1/2 where y is J_1."""
    return mx.where(x == 0, 0.5, y(x) / mx.where(x == 0, 1, x))


_j0: Callable = with_derivative(lambda x: _first(0, x), lambda x: -_j1(x))
_j1: Callable = with_derivative(lambda x: _first(1, x), lambda x: _j0(x) - _over(_j1, x))
_y0: Callable = with_derivative(lambda x: _second(0, x), lambda x: -_y1(x))
_y1: Callable = with_derivative(lambda x: _second(1, x), lambda x: _y0(x) - _y1(x) / x)


@op(samples=first)
@rounded_once
def bessel_j0(x, /):
    """The Bessel function of the first kind of order 0: the mean of cos(x sin a) over all angles a.

    >>> lucid.special.bessel_j0(lucid.tensor([0.0, 1.0]))
    Tensor([1.    , 0.7652], grad=None)
    """
    return _j0(x), lambda g: -g * _j1(x)


@op(samples=first)
@rounded_once
def bessel_j1(x, /):
    """The Bessel function of the first kind of order 1: the mean of cos(a - x sin a) over all a.

    >>> lucid.special.bessel_j1(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 0.4401], grad=None)
    """
    return _j1(x), lambda g: g * (_j0(x) - _over(_j1, x))


@op(samples=first)
@rounded_once
def bessel_y0(x, /):
    """The Bessel function Y0 of the second kind of order 0; NaN for negative x.

    It solves x y'' + y' + x y = 0 as J0 does, and is -inf at 0 (Abramowitz and Stegun, 9.1).

    >>> lucid.special.bessel_y0(lucid.tensor([0.0, 1.0]))
    Tensor([  -inf, 0.0883], grad=None)
    """
    return _y0(x), lambda g: -g * _y1(x)


@op(samples=first)
@rounded_once
def bessel_y1(x, /):
    """The Bessel function of the second kind of order 1, -Y0'; NaN for negative x.

    >>> lucid.special.bessel_y1(lucid.tensor([0.0, 1.0]))
    Tensor([   -inf, -0.7812], grad=None)
    """
    return _y1(x), lambda g: g * (_y0(x) - _y1(x) / x)


def spherical_bessel_j0(input):
    """sin(x) / x, and 1 at 0.

    >>> lucid.special.spherical_bessel_j0(lucid.tensor([0.0, 1.0]))
    Tensor([1.    , 0.8415], grad=None)
    """
    return sinc(div(input, math.pi))
