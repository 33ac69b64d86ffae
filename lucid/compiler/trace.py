"""Tracing a function: MLX compiles what its Python does to placeholders."""

from __future__ import annotations

import contextvars
import pickle
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

from lucid.autograd import laziness, replay
from lucid.autograd.tape import Traced
from lucid.compiler.guard import Guard
from lucid.compiler.outcome import Collector, Outcome, Unsteady
from lucid.compiler.places import Fixed, Place
from lucid.compiler.restore import restorer
from lucid.compiler.tracer import Tracer
from lucid.compiler.watch import watching
from lucid.ops.autocast import active, casting
from lucid.ops.device import default_device
from lucid.tensor import Tensor

ATTEMPTS = 6  # the first finds the state, the second is right; more where that finds some more

PIECE = 1 << 9  # bytes of results that are computed in one go,
TINY = 1 << 16  # and of all results of a network that has no pieces


class _Again(Exception):
    """The trace found another state than it was given."""


class Recording(NamedTuple):
    """A function as it was traced."""

    compiled: Callable  # of (leaves, state, arrays of actions), by MLX
    outcome: Outcome
    state: list[Place]  # tensors that are read, besides the leaves; fixed ones first
    actions: list[replay.Action]
    pieces: list[slice]  # of what comes out, in the order in which it is computed


class Trace:
    """Traces a function for arguments of one form. Afterwards all of Python is as before.

    Args:
        function: what is compiled, called as `function(*call[0], **call[1])`.
        call: its arguments, of which `leaves` are the tensors: stand-ins, which nobody else has.
        guard: what the trace takes for granted.
    """

    def __init__(
        self,
        function: Callable,
        call: tuple[Any, Any],
        leaves: Sequence[Tensor],
        guard: Guard,
    ) -> None:
        self.function, self.call, self.leaves, self.guard = function, call, leaves, guard
        self.name = getattr(function, "__qualname__", type(function).__name__)
        self.context = contextvars.copy_context()
        self.born: list[Any] = []  # references to the tensors made inside
        self._state: list[Traced] = []
        self._places: list[Place] = []
        self.planned: list[list[mx.array]] = []  # the arrays of each action

    def run(self) -> Recording:
        """Trace it until the state that it touches is known."""
        found: list[Any] = []

        def arrays(given: Any, state: Any, hosts: Any) -> list[mx.array]:
            if found:  # MLX wants to trace once more: the state has other shapes or dtypes
                raise replay.Changed
            outcome, actions, out = self._arrays(given, state, hosts)
            found.extend([outcome, self._places, actions, _pieces(out)])
            return out

        for _ in range(ATTEMPTS):
            compiled = mx.compile(arrays)
            try:
                compiled(*self.likes())
            except _Again:
                continue
            return Recording(compiled, *found)
        raise Unsteady(
            f"{self.name} touches other tensors each time it is called, so it cannot be compiled"
        )

    def likes(self) -> tuple[list[mx.array], list[mx.array], list[mx.array]]:
        """Arrays in the place of those that the traced function takes."""
        return likes(self.leaves), likes(self._state), [a for found in self.planned for a in found]

    def _arrays(
        self, given: list[mx.array], state: list[mx.array], hosts: list[mx.array]
    ) -> tuple[Outcome, list[replay.Action], list[mx.array]]:
        tracer, result = self.traced(given, state, hosts)
        try:
            collector = Collector(self.name, tracer, self.leaves, self.guard)
            outcome, out = collector.collect(result)
        finally:
            tracer.take_back()
        own = {id(leaf) for leaf in self.leaves}
        slots = [s for s in tracer.slots.values() if id(s.tensor) not in own]
        read = [s.tensor for s in slots if s.is_read]
        agrees = (
            tracer.agrees
            and len(tracer.found) == len(self.planned)
            and {id(t) for t in read} == {id(t) for t in self._state}
        )
        if not agrees:  # fixed ones first, which are quicker to collect
            self._state = sorted(read, key=lambda t: not isinstance(collector.place(t), Fixed))
            self._places = [collector.place(t) for t in self._state]
            self.planned = tracer.found
            raise _Again  # before MLX makes a graph of it, half the time of tracing an LSTM
        self.born += tracer.born
        return outcome, tracer.actions, out

    def traced(
        self, given: list[mx.array], state: list[mx.array], hosts: list[mx.array]
    ) -> tuple[Tracer, Any]:
        """Run the function on placeholders: what watched it, and what it returned."""
        dice = _dice()
        left = iter(hosts)
        planned = [[next(left) for _ in found] for found in self.planned]
        inputs = list(zip([*self.leaves, *self._state], [*given, *state], strict=True))
        tracer = Tracer(inputs, planned)
        tracer.used = self.guard.used
        tracer.undo += [restorer(owner) for owner in self.guard.owners]
        try:
            args, kwargs = self.call
            with watching(tracer), laziness.tracing(), casting(active.get()):
                result = self.function(*args, **kwargs)
            if _dice() != dice:
                raise Unsteady(
                    f"{self.name} draws from Python's or NumPy's random numbers, which its "
                    "compiled form would do only once; draw them outside, or with lucid.rand"
                )
        except BaseException:
            tracer.take_back()
            raise
        return tracer, result


def likes(tensors: Sequence[Traced]) -> list[mx.array]:
    """Arrays of the same shapes and dtypes, which nobody computes.

    MLX refuses to trace where an input is also a constant, such as weights that two models share.
    """
    return [mx.zeros(t.array.shape, t.array.dtype) for t in tensors]


def _pieces(arrays: Sequence[mx.array]) -> list[slice]:
    """How to have the results computed: the last ones first, and on the CPU a few at a time.

    Gradients come out in the order of the parameters, so those that backward has first are the
    last. Asked for everything at once, MLX keeps the activations of all layers until it comes to
    their gradients: the peak of a HiFi-GAN step is 93 MB instead of 139 in the same time. On a GPU
    each piece would be a command buffer of its own.
    """
    if default_device() != "cpu" or sum(a.nbytes for a in arrays) < TINY:
        return [slice(None)]
    found, stop, size = [], len(arrays), 0
    for i in reversed(range(len(arrays))):
        size += arrays[i].nbytes
        if size >= PIECE or i == 0:
            found.append(slice(i, stop))
            stop, size = i, 0
    return found


def _dice() -> bytes:
    """Where the random numbers of Python and NumPy stand."""
    return pickle.dumps((random.getstate(), np.random.get_state()))
