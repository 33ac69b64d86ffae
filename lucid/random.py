"""Random numbers: one stream for all threads, seeded once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lucid.ops.keys import Generator, default_generator
from lucid.tensor import Tensor
from lucid.tensor.distributions import bernoulli, multinomial, poisson  # noqa: F401

randn, randn_like = Tensor.randn, Tensor.randn_like
rand, rand_like = Tensor.rand, Tensor.rand_like
randint, randint_like = Tensor.randint, Tensor.randint_like
randperm, normal = Tensor.randperm, Tensor.normal


def manual_seed(seed: int) -> Generator:
    """Start the stream of random numbers at `seed`, from -2**63 to 2**64 - 1.

    >>> import lucid
    >>> _ = lucid.manual_seed(0); a = lucid.randn(3)
    >>> _ = lucid.manual_seed(0); b = lucid.randn(3)
    >>> bool((a == b).all())
    True
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the stream somewhere that nobody can foresee; returns the seed.

    >>> with lucid.random.fork_rng():
    ...     lucid.seed() == lucid.initial_seed()
    True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """What the stream was started with.

    >>> _ = lucid.manual_seed(7)
    >>> lucid.initial_seed()
    7
    """
    return default_generator.initial_seed()


def get_rng_state() -> np.ndarray:
    """The state of the stream, to be handed to `set_rng_state` later.

    >>> import lucid
    >>> state = lucid.get_rng_state(); a = lucid.randn(3)
    >>> lucid.set_rng_state(state); b = lucid.randn(3)
    >>> bool((a == b).all())
    True
    """
    return default_generator.get_state()


def set_rng_state(state: Any) -> None:
    """Go on with the stream where `get_rng_state` was called.

    Raises:
        ValueError: not what `get_rng_state` returned.

    >>> state = lucid.get_rng_state(); a = lucid.randn(3)
    >>> lucid.set_rng_state(state); b = lucid.randn(3)
    >>> lucid.equal(a, b)
    True
    """
    default_generator.set_state(state)


get_state, set_state = get_rng_state, set_rng_state


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Iterator[None]:
    """What is drawn inside leaves the stream as it was. `devices` is accepted as torch does.

    >>> import lucid
    >>> state = lucid.get_rng_state()
    >>> with lucid.random.fork_rng():
    ...     noise = lucid.randn(3)
    >>> bool((lucid.get_rng_state() == state).all())
    True
    """
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
