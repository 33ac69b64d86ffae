"""Random numbers: one stream for all threads, seeded once."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid.ops import keys
from lucid.tensor import Tensor

randn = Tensor.randn
rand = Tensor.rand
randint = Tensor.randint
randperm = Tensor.randperm


def manual_seed(seed: int) -> None:
    """Start the stream of random numbers at `seed`.

    >>> import lucid
    >>> lucid.manual_seed(0); a = lucid.randn(3)
    >>> lucid.manual_seed(0); b = lucid.randn(3)
    >>> bool((a == b).all())
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 1 << 64:
        raise ValueError(f"a seed must be an int from 0 to 2**64 - 1, got {seed!r}")
    keys.set_state(seed)


seed = manual_seed


def get_state() -> np.ndarray:
    """The state of the stream, to be handed to `set_state` later.

    >>> import lucid
    >>> state = lucid.random.get_state(); a = lucid.randn(3)
    >>> lucid.random.set_state(state); b = lucid.randn(3)
    >>> bool((a == b).all())
    True
    """
    high, low = divmod(keys.get_state(), 1 << 32)
    return np.array([high, low], np.uint32)


def set_state(state: Any) -> None:
    """Go on with the stream where `get_state` was called.

    Raises:
        ValueError: not what `get_state` returned.
    """
    words = np.asarray(state)
    if words.dtype != np.uint32 or words.shape != (2,):
        raise ValueError(
            "a state of the random stream is an array of 2 uint32, got "
            f"{words.dtype} of shape {words.shape}"
        )
    high, low = words.tolist()
    keys.set_state(high << 32 | low)
