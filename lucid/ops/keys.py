"""Random keys: one stream for the whole process, and a key of its own for every draw.

MLX's own random state is kept per thread, and a process may abort at exit after another thread
has drawn from it (MLX 0.32.4). With an explicit key nothing is kept there.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd import replay

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15


class Generator:
    """A stream of random numbers of its own: what the samplers take as `generator=`.

    Args:
        device: accepted as torch does; the numbers depend on the seed only.

    >>> import lucid
    >>> g = lucid.Generator().manual_seed(7); a = lucid.randn(3, generator=g)
    >>> b = lucid.randn(3, generator=g.manual_seed(7))
    >>> bool((a == b).all())
    True
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = str(device)
        self._lock = threading.Lock()
        self._start(0)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream at `seed`, from -2**63 to 2**64 - 1; returns the generator."""
        whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
        if not whole or not -(1 << 63) <= seed < 1 << 64:
            raise ValueError(f"a seed must be an int from -2**63 to 2**64 - 1, got {seed!r}")
        return self._moved(lambda: self._start(int(seed)))

    def _start(self, seed: int) -> Generator:
        self._seed = self._state = seed & _MASK
        return self

    def seed(self) -> int:
        """Start the stream somewhere that nobody can foresee; returns the seed."""
        self._moved(lambda: self._start(int.from_bytes(os.urandom(8), "little")))
        return self._seed

    def initial_seed(self) -> int:
        """What the stream was started with.

        Raises:
            RuntimeError: inside a compiled function, which would go on with that of now.
        """
        if replay.watcher() is not None:
            raise RuntimeError(
                "initial_seed() inside a compiled function would be that of its first call; read "
                "it outside and hand it over"
            )
        return self._seed

    def get_state(self) -> np.ndarray:
        """Where the stream stands, to be handed to `set_state` later."""
        words = np.empty(2, np.uint32)

        def note() -> tuple[list[mx.array], replay.Undo]:
            words[:] = divmod(self._state, 1 << 32)
            return [], lambda: None

        replay.arrays(note, [])
        return words

    def set_state(self, state: Any) -> Generator:
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

        def go() -> None:
            high, low = words.tolist()
            with self._lock:
                self._state = high << 32 | low

        return self._moved(go)

    def _moved(self, move: Callable[[], Any]) -> Generator:
        """Let the stream stand elsewhere; inside a compiled function, in each call."""

        def action() -> tuple[list[mx.array], replay.Undo]:
            seed, state = self._seed, self._state
            move()

            def back() -> None:
                self._seed, self._state = seed, state

            return [], back

        replay.arrays(action, [])
        return self

    def __reduce__(self) -> Any:
        return _restored, (self.device, self._seed, self.get_state())

    def _next(self) -> int:
        """64 bits: the next output of SplitMix64 (Steele, Lea and Flood, 2014)."""
        with self._lock:
            z = self._state = (self._state + _STEP) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)


def _restored(device: str, seed: int, state: np.ndarray) -> Generator:
    return Generator(device)._start(seed).set_state(state)


default_generator = Generator()
default_generator.seed()
_branch: ContextVar[Generator | None] = ContextVar("branch", default=None)


def next_key(generator: Generator | None = None) -> mx.array:
    """A new key, from `generator` or from the stream of the process."""
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(f"generator must be a lucid.Generator, got {type(generator).__name__}")
    stream = generator or _branch.get() or default_generator
    return _key(stream) if replay.watcher() is None else replay.arrays(_Draw(stream), [])[0]


def _key(stream: Generator) -> mx.array:
    return mx.array(divmod(stream._next(), 1 << 32), mx.uint32)


class _Draw:
    """Drawing a key, as an action."""

    def __init__(self, stream: Generator) -> None:
        self.stream = stream

    def __call__(self) -> tuple[list[mx.array], replay.Undo]:
        stream, before = self.stream, self.stream._state
        return [_key(stream)], lambda: setattr(stream, "_state", before)


class _Position(int):
    """Where a stream stands; `now` follows it when a compiled function is called again."""

    now: int


def position() -> int:
    """Where the stream stands that this thread draws from: what `branch` goes on from."""
    stream = _branch.get() or default_generator
    if replay.watcher() is None:
        return stream._state
    place = _Position(stream._state)

    def note() -> tuple[list[mx.array], replay.Undo]:
        place.now = stream._state
        return [], lambda: None

    replay.arrays(note, [])
    return place


class _Later(Generator):
    """A stream that asks where it begins when somebody draws from it."""

    def __init__(self, begin: Callable[[], int]) -> None:
        self.device, self._lock, self._begin = "cpu", threading.Lock(), begin

    def __getattr__(self, name: str) -> Any:
        if name not in ("_seed", "_state"):
            raise AttributeError(name)
        return vars(self._start(self._begin()))[name]


@contextmanager
def branch(state: int | Callable[[], int]) -> Iterator[None]:
    """Let this thread draw from a stream of its own, begun at `state`; the other one stands still.

    So what is drawn inside does not depend on what other threads draw at the same time. A `state`
    that takes long to compute may be a function: it is called at the first draw.
    """
    stream = _Later(state) if callable(state) else Generator()._start(state)
    if isinstance(state, _Position):

        def start() -> tuple[list[mx.array], replay.Undo]:
            stream._start(state.now)
            return [], lambda: None

        replay.arrays(start, [])
    token = _branch.set(stream)
    try:
        yield
    finally:
        _branch.reset(token)
