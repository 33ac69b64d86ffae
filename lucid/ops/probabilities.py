"""Softmax and its kin: distributions along a dimension."""

from __future__ import annotations

import warnings

import mlx.core as mx

from lucid.ops import precise
from lucid.ops.autocast import autocasts
from lucid.ops.cast import astype
from lucid.ops.device import on_device
from lucid.ops.keys import next_key
from lucid.ops.op import op
from lucid.ops.reduce import axes_of, floating, total
from lucid.ops.rules import rounded_once
from lucid.ops.samplewise import within
from lucid.ops.spelling import numpy_names


@op(samples=within)
@rounded_once
def _softmax(x, /, *, dim):
    x, axes = floating(x), axes_of(x.ndim, dim)
    if x.size == 0 or x.ndim == 0:
        return mx.ones_like(x), lambda g: mx.zeros_like(g)
    y = precise.softmax(x, axis=axes)
    return y, lambda g: y * (g - total(g * y, axes, True))


@op(samples=within)
@rounded_once
def _log_softmax(x, /, *, dim):
    x, axes = floating(x), axes_of(x.ndim, dim)
    if x.size == 0 or x.ndim == 0:
        return mx.zeros_like(x), lambda g: mx.zeros_like(g)
    # subtracting the maximum first: logsumexp of large x would round the normaliser away
    centred = x - precise.largest(x, axes)
    y = centred - mx.log(total(precise.exp(centred), axes, True))
    return y, lambda g: g - precise.exp(y) * total(g, axes, True)


@numpy_names
@autocasts
def softmax(input, dim=None, dtype=None):
    """e**x divided by its sum along `dim`; `dtype` is that of the computation and the result.

    A `dim` of None is guessed, with a warning, as torch does: 0 for 0, 1 or 3 dimensions, else 1.

    >>> import lucid
    >>> lucid.softmax(lucid.zeros(2), dim=0)
    Tensor([0.5, 0.5], grad=None)
    """
    x = input if dtype is None else astype(input, dtype)
    return _softmax(x, dim=_guessed("softmax", x.ndim, dim))


@autocasts
def softmin(input, dim=None, dtype=None):
    """The softmax of -x along `dim`; arguments as `softmax`.

    >>> import lucid
    >>> lucid.nn.functional.softmin(lucid.tensor([0.0, 1.0]), dim=0)
    Tensor([0.7311, 0.2689], grad=None)
    """
    return softmax(-input, _guessed("softmin", input.ndim, dim), dtype)


@numpy_names
@autocasts
def log_softmax(input, dim=None, dtype=None):
    """x - logsumexp(x) along `dim`: the logarithm of softmax, computed without overflow.

    >>> lucid.log_softmax(lucid.tensor([0.0, 0.0, 1000.0]), dim=0)
    Tensor([-1000., -1000.,     0.], grad=None)
    """
    x = input if dtype is None else astype(input, dtype)
    return _log_softmax(x, dim=_guessed("log_softmax", x.ndim, dim))


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """Samples of the categorical distribution of the logits, relaxed by a softmax of temperature
    `tau` along `dim` (Jang et al., Maddison et al., 2017).

    `hard` gives one-hot vectors with the gradient of the relaxed ones; `eps` does nothing, as in
    torch.

    >>> import lucid
    >>> y = lucid.nn.functional.gumbel_softmax(lucid.zeros(5, 3), hard=True)
    >>> y.sum(-1)
    Tensor([1., 1., 1., 1., 1.], grad=None)
    """
    with on_device(logits._device):
        noise = mx.random.gumbel(logits.shape, key=next_key()).astype(logits.dtype)
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    with on_device(logits._device):
        top = soft.array == mx.max(soft.array, axis=dim, keepdims=True)
        first = mx.logical_and(top, mx.cumsum(top.astype(mx.int32), axis=dim) == 1)
        first = first.astype(soft.dtype)
    return soft - soft.detach() + first


def _guessed(name, ndim, dim):
    if dim is not None:
        return dim
    warnings.warn(f"{name} guesses its dimension; write dim=...", UserWarning, stacklevel=3)
    return 0 if ndim in (0, 1, 3) else 1
