"""Keep MLX's laziness out of sight: pending work never grows without bound.

MLX computes nothing until somebody asks. A loop such as `total = total + loss(model(x), y)`, or
one that collects `model(x).detach()`, would therefore hold every batch until the results are
read. So every `HORIZON` operations all tensors that came into being since, and that somebody
still holds, are evaluated in the background. Nobody has to call `eval()`. On a CPU that begins as
soon as there is work enough, so that it goes on beside Python: a step of HiFi-GAN took 255 ms, and
takes 195.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mlx.core as mx

from lucid import _shards, _threads
from lucid._device import on_cpu
from lucid.autograd import replay

HORIZON = 256
WORK = 1 << 19  # elements to compute, which on a CPU takes longer than recording them
Change = tuple[weakref.ref, list[Any], dict[str, Any]]  # a tensor, and what its attributes were
_SLOTS = ("array", "requires_grad", "_node", "_index", "_device")  # of a tensor: see the tape


class _Recent:
    """What one thread recorded of late: MLX evaluates in the thread that recorded."""

    __slots__ = ("changed", "elements", "in_shards", "tensors", "tracing")

    def __init__(self) -> None:
        self.tensors: list[weakref.ref] = []
        # those of which the shards alone are computed, by their ids
        self.in_shards: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self.tracing = 0
        self.elements = 0  # of those tensors
        self.changed: list[Change] = []


class _Thread(threading.local):  # slow to look into: `watch` does so once
    def __init__(self) -> None:
        _threads.note()
        self.recent = _Recent()


_thread = _Thread()


def watch(tensor: Any) -> None:
    """Remember a new result; now and then, start computing those that are still held."""
    recent = _thread.recent
    tensors = recent.tensors
    tensors.append(weakref.ref(tensor))
    recent.elements += tensor.array.size
    if recent.elements >= WORK or len(tensors) >= HORIZON:
        recent.elements = 0
        if len(tensors) >= HORIZON or on_cpu():
            recent.tensors = []
            _begin(_alive(tensors))


def _alive(references: Sequence[weakref.ref]) -> list[Any]:
    return [t for reference in references if (t := reference()) is not None]


def _begin(tensors: Sequence[Any]) -> None:
    """Start computing `tensors`, but not the wholes of those that are in shards."""
    if tensors and not _thread.recent.tracing:
        _start(_shards.computed(t.array for t in tensors))
        _thread.recent.in_shards.update((id(t), t) for t in tensors if _shards.of(t.array))


class Ahead:
    """Gradients of a walk back, which are started on as soon as they keep a CPU busy."""

    __slots__ = ("elements", "waiting")

    def __init__(self) -> None:
        self.waiting: list[mx.array] = []
        self.elements = 0

    def add(self, gradients: Sequence[mx.array | None]) -> None:
        for gradient in gradients:
            if gradient is not None:
                self.waiting.append(gradient)
                self.elements += gradient.size
        if self.elements < WORK and len(self.waiting) < HORIZON:
            return
        if self.elements >= WORK and on_cpu() and not _thread.recent.tracing:
            _start(_shards.computed(self.waiting))
        self.waiting, self.elements = [], 0


def settle(tensors: Sequence[Any]) -> None:
    """Start computing `tensors` now, and let go of the graph behind them.

    They are for long: as a whole, which other threads can read.
    """
    if tensors and not _thread.recent.tracing:
        _start([t.array for t in tensors])


def _start(arrays: Sequence[mx.array]) -> None:
    try:
        mx.async_eval(arrays)
    except ValueError as error:  # inside mx.compile, mx.grad or mx.vmap of somebody else
        if "graph transformation" not in str(error):
            raise


def flush() -> None:
    """Compute all that this thread recorded and somebody still holds; return when it is done.

    Other threads may use the results then: MLX cannot evaluate in one what another recorded.
    """
    recent = _thread.recent
    if not recent.tracing:
        held = [*_alive(recent.tensors), *recent.in_shards.values()]
        recent.tensors = []
        recent.in_shards.clear()
        mx.eval([t.array for t in held])


def is_tracing() -> bool:
    """True while MLX traces a function: values cannot be read."""
    return _thread.recent.tracing > 0


def after(gradient: mx.array, array: mx.array) -> mx.array:
    """`array` once more, for what a backward rule makes of it that the forward pass made before.

    MLX compiles equal expressions into one. An input that is padded, unfolded or centred in the
    forward pass, and again in the backward pass, would be kept in between: a compiled step of
    HiFi-GAN took 157 MB instead of 93, where it could be 3 % quicker.
    """
    if replay.watcher() is None or _thread.recent.tracing != 1:  # vmap inside knows no Depends
        return array
    return mx.depends([array], [gradient])[0]


def note_change(tensor: Any) -> None:
    """`tensor` is about to be changed in place: remember, while MLX traces, what it is."""
    if _thread.recent.tracing:
        slots = [getattr(tensor, name) for name in _SLOTS]
        _thread.recent.changed.append((weakref.ref(tensor), slots, dict(vars(tensor))))


def undo_changes(changes: Sequence[Change]) -> bool:
    """Give tensors that outlived a trace back what they were before it; true if there are any.

    What a trace wrote into them was a placeholder.
    """
    alive = [(t, *before) for ref, *before in changes if (t := ref()) is not None]
    for tensor, slots, others in reversed(alive):
        for name, value in zip(_SLOTS, slots, strict=True):
            setattr(tensor, name, value)
        vars(tensor).clear()
        vars(tensor).update(others)
    return bool(alive)


@contextmanager
def tracing() -> Iterator[list[Change]]:
    """While MLX traces a function (compile, vmap, grad) nothing may be evaluated.

    Yields a list that grows by the changes in place, for `undo_changes`.
    """
    recent = _thread.recent
    changed, recent.changed = recent.changed, []
    outside, recent.tensors = recent.tensors, []  # what is recorded inside stays inside
    recent.tracing += 1
    try:
        yield recent.changed
    finally:
        recent.tracing -= 1
        recent.tensors, recent.changed = outside, changed
