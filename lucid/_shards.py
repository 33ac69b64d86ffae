"""Arrays in shards: runs of samples, each computed by a thread of its own.

A CPU stream of MLX is one thread, whatever the machine has. So there a large array is computed as
`get_num_threads()` shards along its first axis, each from the shards of the arrays before it, on a
stream of its own. Their concatenation is what everybody sees; MLX being lazy, nobody computes it
unless somebody reads the whole array. So a network goes through its layers in shards from the batch
to the loss, and back. Which array is the concatenation of which is remembered here.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import mlx.core as mx

from lucid._device import on_cpu

T = TypeVar("T")
LEAST = 1 << 17  # elements; below, starting the other threads costs what they save
_MOST = 8  # MLX keeps ten operations under way at a time, over all its streams


class _Lanes(threading.local):  # a stream belongs to the thread that made it
    def __init__(self) -> None:
        self.streams: list[Any] = []
        self.inside = False


_lanes = _Lanes()


def _default() -> int:
    """What OMP_NUM_THREADS says, or the cores that this process may use."""
    wish = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wish.isdecimal() and int(wish) > 0:
        return int(wish)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_cores = _default()


class _Known(weakref.ref):
    """The shards of an array that is still there."""

    __slots__ = ("key", "shards")
    key: int
    shards: list[mx.array]


_known: dict[int, _Known] = {}  # by the id of the array


def get_num_threads() -> int:
    """How many threads compute on a CPU: see `set_num_threads`.

    >>> import lucid
    >>> lucid.get_num_threads() >= 1
    True
    """
    return min(_cores, _MOST)


def set_num_threads(count: int) -> None:
    """Let `count` threads compute on a CPU, where there is work enough for them.

    A large array is computed as so many runs of samples (along its first axis), each by a thread
    of its own; what has one sample, is small or lies on a GPU is not. From the start there are
    OMP_NUM_THREADS threads, or where that is not set one for each core that the process may use.
    There are 8 at most: MLX keeps ten operations under way at a time. The setting is for all of
    the process, and for what is computed from now on. Sums over samples are taken shard by shard,
    so that results depend on the number within the accuracy of their dtype.

    Raises TypeError where count is no int, ValueError where it is below 1.

    >>> import lucid
    >>> before = lucid.get_num_threads()
    >>> lucid.set_num_threads(1)  # such as for one of many processes on a machine
    >>> lucid.get_num_threads()
    1
    >>> lucid.set_num_threads(before)
    """
    global _cores
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(
            f"set_num_threads expects an int, got {count!r} ({type(count).__name__}); "
            "pass the number of threads"
        )
    if count < 1:
        raise ValueError(f"set_num_threads expects at least 1 thread, got {count}; 1 uses one core")
    _cores = count


def is_inside() -> bool:
    """Whether what runs here is for one shard already."""
    return _lanes.inside


def pays(x: mx.array, times: int = 1) -> bool:
    """Whether to compute with x in shards; `times` what a usual pass does with each element."""
    return (
        times * x.size >= LEAST
        and x.shape[0] > 1
        and on_cpu()
        and not _lanes.inside
        and get_num_threads() > 1
    )


def each(functions: Sequence[Callable[[], T]]) -> list[T]:
    """The results of all, where each is computed by a thread of its own."""
    lanes = _lanes
    if lanes.inside:
        return [function() for function in functions]
    while len(lanes.streams) < len(functions) - 1:
        lanes.streams.append(mx.new_stream(mx.cpu))
    try:
        lanes.inside = True
        results = []
        for stream, function in zip(lanes.streams, functions[:-1], strict=False):
            with mx.stream(stream):
                results.append(function())
        return [*results, functions[-1]()]
    finally:
        lanes.inside = False


def of(x: mx.array) -> list[mx.array] | None:
    """The shards that x was joined of."""
    known = _known.get(id(x))
    return None if known is None else known.shards


def cut(x: mx.array, count: int | None = None) -> list[mx.array]:
    """The shards of an array of two or more samples: those it was joined of, or parts of it.

    As many as there are threads, or `count`.

    Parts are not remembered: somebody may write into an array of MLX that is not from here.
    """
    known, ends = of(x), _ends(x.shape[0], count or get_num_threads())
    if known is not None and len(known) == len(ends) - 1:
        return known
    return [x[a:b] for a, b in itertools.pairwise(ends)]


def lengths(N: int) -> list[int]:
    """How many of N samples each shard has."""
    return [b - a for a, b in itertools.pairwise(_ends(N, get_num_threads()))]


def _ends(N: int, count: int) -> list[int]:
    n = min(count, N)
    return [N * i // n for i in range(n + 1)] if n else [0]


def join(shards: list[mx.array]) -> mx.array:
    """The array that consists of the shards."""
    whole = mx.concatenate(shards)
    known = _Known(whole, _forget)
    known.key, known.shards = id(whole), shards
    _known[known.key] = known
    return whole


def forget(x: mx.array) -> None:
    """x is computed as a whole: its shards need not be held, parts of it cost nothing."""
    _known.pop(id(x), None)


def added(arrays: Iterable[mx.array]) -> mx.array:
    """The sum of one array for each shard."""
    first, *others = arrays
    for other in others:
        first = first + other
    return first


def mapped(function: Callable[..., mx.array], *arrays: mx.array) -> mx.array:
    """function(*arrays), by shards if the first one has them; all have the same samples."""
    if of(arrays[0]) is None or _lanes.inside:
        return function(*arrays)
    parts = zip(*map(cut, arrays), strict=True)
    return join(each([partial(function, *part) for part in parts]))


def computed(arrays: Iterable[mx.array]) -> list[mx.array]:
    """What is to be computed for arrays that nobody may read as a whole."""
    return [part for x in arrays for part in (of(x) or (x,))]


def _forget(known: _Known) -> None:
    if _known.get(known.key) is known:
        del _known[known.key]
