"""How the shaders sort a signal by phase, so that every tap reads it with stride 1."""

from __future__ import annotations

from math import gcd
from typing import NamedTuple


class Phases(NamedTuple):
    """Tap k = p + m*rows of a convolution with stride S and dilation D reads rows[p][t + m*step],
    where rows[p][q] = x[q*S + p*D - left]. As template values PHASES and STEP of `metal/phases.h`.
    """

    rows: int
    step: int

    def span(self, K: int, length: int) -> int:
        """Values of a row that K taps meet at `length` positions."""
        return length + (K - 1) // self.rows * self.step


def phases(K: int, stride: int, dilation: int, length: int) -> Phases:
    """The fewest rows, unless the taps lie so far apart that a row for each holds fewer values.

    `length` is the number of positions that are staged at once.

    >>> phases(16, 8, 1, 32)
    Phases(rows=8, step=1)
    >>> phases(3, 1, 512, 32)
    Phases(rows=3, step=0)
    """
    common = gcd(stride, dilation)
    few = Phases(min(K, stride // common), dilation // common)
    return few if few.rows * few.span(K, length) <= K * length else Phases(K, 0)
