"""Random arrays: what the samplers of tensors draw. Each takes the next key of `generator`."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.autograd import laziness
from lucid.ops.keys import next_key

# How many bits a uniform number may have, so that none is rounded up to 1.
DIGITS = {mx.float16: 11, mx.bfloat16: 8}


def normal(shape: tuple[int, ...], dtype: mx.Dtype, generator: Any) -> mx.array:
    """Numbers of mean 0 and variance 1, in float32 or, where wanted, complex64."""
    key = next_key(generator)
    if 0 in shape:
        return mx.zeros(shape)
    if dtype != mx.complex64:
        return mx.random.normal(shape, key=key)
    re, im = mx.random.normal((2, *shape), scale=0.5**0.5, key=key)
    return re + im * mx.array(1j)


def uniform(shape: tuple[int, ...], dtype: mx.Dtype, generator: Any) -> mx.array:
    """Numbers on [0, 1), with as many bits as `dtype` keeps; complex, of both parts."""
    key = next_key(generator)
    if 0 in shape:
        return mx.zeros(shape)
    if dtype == mx.complex64:
        re, im = mx.random.uniform(shape=(2, *shape), key=key)
        return re + im * mx.array(1j)
    values = mx.random.uniform(shape=shape, key=key)
    if dtype not in DIGITS:
        return values
    steps = 1 << DIGITS[dtype]
    return mx.floor(values * steps) / steps


def exponential(shape: tuple[int, ...], generator: Any) -> mx.array:
    """Numbers of density e**-x."""
    return -mx.log1p(-uniform(shape, mx.float32, generator))


def integers(low: int, high: int, shape: tuple[int, ...], generator: Any) -> mx.array:
    """Integers from `low` up to, not including, `high`."""
    key = next_key(generator)
    if 0 in shape:
        return mx.zeros(shape, mx.int64)
    # 63 random bits from three draws: MLX draws at most 24, by way of float32
    a, b, c = mx.random.randint(0, 1 << 21, (3, *shape), key=key).astype(mx.int64)
    return ((a << 42) + (b << 21) + c) % (high - low) + low


def coins(p: mx.array, shape: tuple[int, ...], generator: Any) -> mx.array:
    """True with probability `p`, which broadcasts."""
    if p.size and not laziness.is_tracing():
        require(
            mx.all((p >= 0) & (p <= 1)).item(),
            "bernoulli expects probabilities from 0 to 1, got some outside",
        )
    return uniform(shape, mx.float32, generator) < p.astype(mx.float32)


def require(holds: Any, message: str) -> None:
    """Raise a ValueError unless it holds."""
    if not holds:
        raise ValueError(message)
