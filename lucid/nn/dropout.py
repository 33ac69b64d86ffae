"""Dropout: the noise that training adds (Srivastava et al., 2014)."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from lucid.nn.module import Module
from lucid.ops.device import on_device
from lucid.ops.keys import next_key
from lucid.tensor import Tensor

# Functions ---------------------------------------------------------------------------------------


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element zero with probability p, the others scaled by 1 / (1 - p).

    Raises:
        ValueError: p outside [0, 1].

    >>> import lucid
    >>> lucid.nn.functional.dropout(lucid.ones(2), p=0.0)
    Tensor([1., 1.], grad=None)
    """
    return _dropped("dropout", input, p, training, inplace, input.shape)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels zero with probability p, the others scaled by 1 / (1 - p).

    Shapes: input (N, C, L) or (C, L).

    Raises:
        ValueError: p outside [0, 1]; another number of dimensions.

    >>> import lucid
    >>> y = lucid.nn.functional.dropout1d(lucid.ones(4, 8))
    >>> bool((y == y[:, :1]).all())
    True
    """
    if input.ndim not in (2, 3):
        raise ValueError(f"dropout1d expects x of shape (N, C, L) or (C, L), got {input.shape}")
    return _dropped("dropout1d", input, p, training, inplace, (*input.shape[:-1], 1))


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels zero with probability p, the others scaled by 1 / (1 - p).

    Shapes: input (N, C, H, W); as in torch the first two dimensions are samples and channels,
    whatever follows.

    Raises:
        ValueError: p outside [0, 1]; fewer than two dimensions.

    >>> import lucid
    >>> lucid.nn.functional.dropout2d(lucid.ones(1, 2, 3, 3), p=1.0).sum()
    Tensor(0., grad=None)
    """
    return _dropped("dropout2d", input, p, training, inplace, _channels("dropout2d", input))


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Each element, with probability p, the value that SELU takes at minus infinity; then all
    scaled and shifted so that mean 0 and variance 1 stay (Klambauer et al., 2017).

    >>> lucid.alpha_dropout(lucid.ones(3))
    Tensor([1., 1., 1.], grad=None)
    """
    return _alpha_dropped("alpha_dropout", input, p, training, inplace, input.shape)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels. Shapes: input (N, C, ...).

    >>> lucid.feature_alpha_dropout(lucid.ones(1, 3)).shape
    (1, 3)
    """
    name = "feature_alpha_dropout"
    shape = _channels(name, input) if training else ()
    return _alpha_dropped(name, input, p, training, inplace, shape)


def _channels(name: str, x: Tensor) -> tuple[int, ...]:
    if x.ndim < 2:
        raise ValueError(f"{name} expects x of shape (N, C, ...), got {x.shape}")
    return (*x.shape[:2], *[1] * (x.ndim - 2))


def _dropped(
    name: str, x: Tensor, p: float, training: bool, inplace: bool, shape: tuple[int, ...]
) -> Tensor:
    _check(name, p)
    if not training or p == 0 or x.numel() == 0:
        return x
    y = x * 0.0 if p == 1 else x * (_kept(x, p, shape) * (1 / (1 - p)))
    return x._rebind(y) if inplace else y


def _alpha_dropped(
    name: str, x: Tensor, p: float, training: bool, inplace: bool, shape: tuple[int, ...]
) -> Tensor:
    _check(name, p)
    if not training or p == 0 or x.numel() == 0:
        return x
    alpha = 1.7580993408473766  # minus SELU's limit
    if p == 1:
        y = x * 0.0
    else:
        kept = _kept(x, p, shape)
        a = 1 / math.sqrt((1 - p) * (1 + p * alpha * alpha))
        y = a * (x * kept + alpha * (kept - 1)) + a * alpha * p
    return x._rebind(y) if inplace else y


def _check(name: str, p: Any) -> None:
    if isinstance(p, bool) or not isinstance(p, int | float):
        raise TypeError(f"{name}: p must be a number, got {type(p).__name__}: {p!r}")
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p must be a probability from 0 to 1, got {p}")


def _kept(x: Tensor, p: float, shape: tuple[int, ...]) -> Tensor:
    """Ones, and with probability p zeros."""
    with on_device(x.device):
        kept = mx.random.bernoulli(1 - p, shape, key=next_key()).astype(x.dtype)
    return x._wrap(kept, x.device)


# Modules -----------------------------------------------------------------------------------------


class Dropout(Module):
    """In training each element is zero with probability p, the others scaled by 1 / (1 - p).

    Raises:
        ValueError: p outside [0, 1].

    >>> import lucid
    >>> lucid.nn.Dropout(0.5).eval()(lucid.ones(2))
    Tensor([1., 1.], grad=None)
    """

    function = staticmethod(dropout)

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        _check(type(self).__name__, p)
        self.p, self.inplace = p, inplace

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """In training whole channels of (N, C, L) or (C, L) are zero with probability p.

    >>> import lucid
    >>> lucid.nn.Dropout1d(1.0)(lucid.ones(1, 1, 2)).tolist()
    [[[0.0, 0.0]]]
    """

    function = staticmethod(dropout1d)


class Dropout2d(Dropout):
    """In training whole channels of (N, C, H, W) are zero with probability p.

    >>> import lucid
    >>> lucid.nn.Dropout2d(1.0)(lucid.ones(1, 1, 1, 2)).tolist()
    [[[[0.0, 0.0]]]]
    """

    function = staticmethod(dropout2d)


class AlphaDropout(Dropout):
    """Dropout that keeps mean 0 and variance 1, for networks of SELU (Klambauer et al., 2017).

    >>> import lucid
    >>> lucid.nn.AlphaDropout(0.2).eval()(lucid.ones(2))
    Tensor([1., 1.], grad=None)
    """

    function = staticmethod(alpha_dropout)


class FeatureAlphaDropout(Dropout):
    """`AlphaDropout` of whole channels of (N, C, ...).

    >>> import lucid
    >>> y = lucid.nn.FeatureAlphaDropout(0.2)(lucid.ones(1, 4, 9))
    >>> bool((y == y[..., :1]).all())
    True
    """

    function = staticmethod(feature_alpha_dropout)
