"""Samples of the distributions that a tensor describes: Bernoulli's, multinomial, Poisson's."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd import laziness
from lucid.ops.device import on_device
from lucid.ops.keys import Generator, next_key
from lucid.tensor import draws


def bernoulli(input: Any, p: Any = None, *, generator: Generator | None = None) -> Any:
    """1 with the probability that `input` gives, elementwise, else 0; or `p` for all of them.

    Raises:
        TypeError: probabilities that are not floating point.

    >>> import lucid
    >>> lucid.bernoulli(lucid.tensor([0.0, 1.0]))
    Tensor([0., 1.], grad=None)
    """
    if p is None and not mx.issubdtype(input.dtype, mx.floating):
        raise TypeError(f"bernoulli expects floating point probabilities, got {input.dtype}")
    return input.detach().bernoulli_(input.detach() if p is None else p, generator=generator)


def multinomial(
    input: Any,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Any:
    """Indices drawn with the probabilities in each row of `input`, unnormalised.

    Without replacement the indices are the first arrivals of an exponential race: the largest
    num_samples of log p + Gumbel noise (Kool et al., "Stochastic Beams and Where to Find Them",
    2019).

    Shapes: (m,) or (n, m) -> (num_samples,) or (n, num_samples), int64.

    Raises:
        TypeError: weights that are not floating point.
        ValueError: negative, infinite or all-zero weights, or too few of them.

    >>> import lucid
    >>> lucid.multinomial(lucid.tensor([0.0, 3.0]), 4, replacement=True).tolist()
    [1, 1, 1, 1]
    """
    weights = input.array
    if not mx.issubdtype(weights.dtype, mx.floating):
        raise TypeError(f"multinomial expects floating point weights, got {weights.dtype}")
    if weights.ndim not in (1, 2) or weights.shape[-1] == 0:
        raise ValueError(f"multinomial expects weights (m,) or (n, m), m > 0, got {input.shape}")
    if num_samples < 1 or (not replacement and num_samples > weights.shape[-1]):
        raise ValueError(
            f"multinomial expects at least 1 sample and, without replacement, at most "
            f"{weights.shape[-1]}, got num_samples={num_samples}"
        )
    shape = (*weights.shape[:-1], num_samples)
    with on_device(input.device):
        weights = weights.astype(mx.float32)
        if weights.size and not laziness.is_tracing():
            _check_weights(weights, 1 if replacement else num_samples)
        key = next_key(generator)
        if weights.size == 0:
            drawn = mx.zeros(shape)
        elif replacement:
            drawn = mx.random.categorical(mx.log(weights), num_samples=num_samples, key=key)
        else:
            race = mx.log(weights) + mx.random.gumbel(weights.shape, key=key)
            drawn = mx.argsort(-race, axis=-1)[..., :num_samples]
        return input._wrap(drawn.astype(mx.int64), input.device)


def _check_weights(weights: mx.array, least: int) -> None:
    draws.require(
        mx.all(mx.isfinite(weights) & (weights >= 0)).item(),
        "multinomial expects finite weights of at least 0, got negative, infinite or NaN ones",
    )
    found: Any = mx.min(mx.sum(weights > 0, axis=-1)).item()
    draws.require(
        found >= least,
        f"multinomial needs {least} weights above 0 in each row, one has {found} only",
    )


def poisson(input: Any, generator: Generator | None = None) -> Any:
    """Counts k with the probability rate**k e**-rate / k!, for the rates in `input`; in its dtype.

    MLX has no such sampler: NumPy draws, seeded with the next key.

    Raises:
        TypeError: rates that are not floating point.
        ValueError: a negative rate or NaN.

    >>> lucid.poisson(lucid.tensor([0.0, 4.0])).shape
    (2,)
    """
    rate = np.array(input.array.astype(mx.float32))
    if not mx.issubdtype(input.dtype, mx.floating):
        raise TypeError(f"poisson expects floating point rates, got {input.dtype}")
    draws.require(
        (rate >= 0).all(), "poisson expects rates of at least 0, got negative ones or NaN"
    )
    drawn = np.random.default_rng(np.array(next_key(generator))).poisson(rate)
    return input._wrap(mx.array(drawn).astype(input.dtype), input.device)
