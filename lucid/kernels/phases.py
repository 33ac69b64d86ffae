"""How the shaders sort a signal by phase, so that every tap reads it with stride 1."""

from __future__ import annotations

from math import gcd
from typing import NamedTuple


class Phases(NamedTuple):
    """Tap k = p + m*planes of a convolution of stride S and dilation D reads plane[p][t + m*step],
    where plane[p][q] = x[q*S + p*D - left]. PHASES and STEP of `metal/phases.h`."""

    planes: int
    step: int

    def span(self, K: int, length: int) -> int:
        """Values of a plane that K taps meet at `length` positions."""
        return length + (K - 1) // self.planes * self.step


def phases(K: int, stride: int, dilation: int, length: int) -> Phases:
    """The fewest planes, unless the taps lie so far apart that a plane for each holds fewer values.

    `length` is the number of positions that are staged at once.

    >>> phases(16, 8, 1, 32)
    Phases(planes=8, step=1)
    >>> phases(3, 1, 512, 32)
    Phases(planes=3, step=0)
    """
    common = gcd(stride, dilation)
    few = Phases(min(K, stride // common), dilation // common)
    return few if few.planes * few.span(K, length) <= K * length else Phases(K, 0)
