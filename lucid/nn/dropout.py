"""Dropout: the noise that training adds (Srivastava et al., 2014)."""

from __future__ import annotations

from lucid.nn import functional as F
from lucid.nn.module import Module
from lucid.tensor import Tensor


class Dropout(Module):
    """In training each element is zero with probability p, the others scaled by 1 / (1 - p).

    Raises:
        ValueError: p outside [0, 1].

    >>> import lucid
    >>> lucid.nn.Dropout(0.5).eval()(lucid.ones(2))
    Tensor([1., 1.], grad=None)
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if isinstance(p, bool) or not isinstance(p, int | float):
            raise TypeError(f"{type(self).__name__}: p must be a number, got {type(p).__name__}")
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p must be from 0 to 1, got {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout1d(Dropout):
    """In training whole channels of (N, C, L) are zero with probability p."""

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout1d(x, self.p, self.training)
