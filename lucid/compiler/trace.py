"""Tracing a function: what goes in, what comes out, and where that lies in Python."""

from __future__ import annotations

import contextvars
import pickle
import random
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd import laziness, replay
from lucid.autograd.tape import Node, Traced, outside
from lucid.compiler.guard import Guard
from lucid.compiler.places import Argument, Entry, Fixed, Gradient, Place
from lucid.compiler.tracer import Slot, Tracer
from lucid.compiler.tree import flatten, template
from lucid.compiler.watch import get, restorer, watching
from lucid.ops.autocast import active, casting
from lucid.ops.device import default_device
from lucid.tensor import Tensor

ATTEMPTS = 6  # the first finds the state, the second is right; more where that finds some more

PIECE = 1 << 14  # bytes of results; those of tiny networks are computed in one go


class Unsteady(RuntimeError):
    """The function cannot be compiled: something of it would be done only once."""


class _Again(Exception):
    """The trace found another state than it was given."""


class Trace:
    """A function traced for arguments of one form. After `run` all of Python is as before.

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
        self.state: list[Traced] = []  # tensors that are read, besides the leaves
        self.planned: list[list[mx.array]] = []  # the arrays of each action
        self.context = contextvars.copy_context()

    def run(self) -> Callable:
        """The function of (leaves, state, arrays of actions) that `mx.compile` made."""
        for _ in range(ATTEMPTS):
            self.finished = False
            compiled = mx.compile(self._arrays)
            try:
                compiled(likes(self.leaves), likes(self.state), self.hosts())
            except _Again:
                continue
            self.finished = True
            return compiled
        raise Unsteady(
            f"{self.name} touches other tensors each time it is called, so it cannot be compiled"
        )

    def hosts(self) -> list[mx.array]:
        """The arrays of all actions."""
        return [a for found in self.planned for a in found]

    def _arrays(
        self, given: list[mx.array], state: list[mx.array], hosts: list[mx.array]
    ) -> list[mx.array]:
        if self.finished:  # MLX wants to trace once more: the state has other shapes or dtypes
            raise replay.Changed
        tracer = self.traced(given, state, hosts)
        try:
            found = self._collect(tracer)
        finally:
            tracer.take_back()
        own = {id(leaf) for leaf in self.leaves}
        slots = [s for s in tracer.slots.values() if id(s.tensor) not in own]
        read = [s.tensor for s in slots if s.is_read]
        agrees = (
            tracer.agrees
            and len(tracer.found) == len(self.planned)
            and {id(t) for t in read} == {id(t) for t in self.state}
        )
        if not agrees:  # fixed ones first, which are quicker to collect
            self.state = sorted(read, key=lambda t: not isinstance(self.place(t), Fixed))
            self.planned = tracer.found
            raise _Again  # before MLX makes a graph of it, half the time of tracing an LSTM
        self.actions, self.born = tracer.actions, tracer.born
        return found

    def traced(self, given: list[mx.array], state: list[mx.array], hosts: list[mx.array]) -> Tracer:
        """Run the function on placeholders."""
        dice = _dice()
        left = iter(hosts)
        planned = [[next(left) for _ in found] for found in self.planned]
        inputs = list(zip([*self.leaves, *self.state], [*given, *state], strict=True))
        tracer = Tracer(inputs, planned)
        tracer.undo += [restorer(owner) for owner in self.guard.owners]
        try:
            args, kwargs = self.call
            with watching(tracer), laziness.tracing(), casting(active.get()):
                self.result = self.function(*args, **kwargs)
            if _dice() != dice:
                raise Unsteady(
                    f"{self.name} draws from Python's or NumPy's random numbers, which its "
                    "compiled form would do only once; draw them outside, or with lucid.rand"
                )
        except BaseException:
            tracer.take_back()
            raise
        return tracer

    # What comes out -------------------------------------------------------------------------

    def _collect(self, tracer: Tracer) -> list[mx.array]:
        """The arrays that come out; attributes say where they go."""
        self._owners = {
            id(s.entry_grad): s.tensor for s in tracer.slots.values() if s.entry_grad is not None
        }
        self.fresh: list[Any] = []  # device of each new tensor that comes out
        self.kinds: list[Any] = []  # its shape and dtype
        self._numbers: dict[int, int] = {}
        self._arrays_out: list[mx.array] = []
        self._tracer = tracer
        self.form, results = template(self.result)
        rebound = self._rebound(tracer)
        self._entries = [(owner, key) for owner, key, _, _ in rebound]
        self._differentiate(results, tracer)
        self.results = [self._number(y) for y in results]
        self.rebound = [
            (owner, key, form, [self._number(t) for t in inside])
            for owner, key, form, inside in rebound
        ]
        written = []
        self.grads: list[tuple[Place, Any]] = []
        self.flags: list[tuple[Place, bool]] = []
        for slot in list(tracer.slots.values()):
            tensor = slot.tensor
            if slot.array is not slot.entry:
                if tensor._node is not None:
                    raise Unsteady(
                        f"a Tensor of shape {slot.array.shape} from outside {self.name} is changed "
                        "in place and keeps the graph of this call; write .detach() behind what "
                        "goes into it"
                    )
                written.append((self.place(tensor), slot.array))
            if slot.grad is not slot.entry_grad:
                if slot.is_cut:
                    raise Unsteady(
                        f"a backward inside {self.name} comes to a Tensor of shape "
                        f"{slot.array.shape} that was computed outside; call backward outside, or "
                        "hand in x.detach()"
                    )
                self._keeps_no_graph(slot.grad)
                grad = None if slot.grad is None else self._number(slot.grad)
                self.grads.append((self.place(tensor), grad))
            if tensor.requires_grad != slot.required_grad:
                self.flags.append((self.place(tensor), tensor.requires_grad))
        for owner, key in self._entries:
            self.guard.loosen(owner, key)
        changes = self.guard.changes()
        if changes:
            raise Unsteady(
                f"{self.name} changes Python values, which its compiled form would do only once: "
                f"{'; '.join(changes[:3])}. Do it outside, or keep the value in a Tensor"
            )
        written.sort(key=lambda pair: not isinstance(pair[0], Fixed))
        self.written = [place for place, _ in written]
        self._facts(tracer)
        arrays = [array for _, array in written] + self._arrays_out
        self.pieces = _pieces(arrays)
        del self.result, results, rebound, self._tracer, self._numbers, self._arrays_out
        return arrays

    def _number(self, tensor: Traced) -> Any:
        """The number of a new tensor that comes out, or the place of one that was there."""
        if not self._tracer.is_born(tensor):
            return self.place(tensor)
        if id(tensor) not in self._numbers:
            self._numbers[id(tensor)] = len(self.fresh)
            self.fresh.append(tensor._device)
            array = get(tensor, "array")
            self.kinds.append((array.shape, array.dtype))
            self._arrays_out.append(array)
        return self._numbers[id(tensor)]

    def place(self, tensor: Traced) -> Place:
        """Where a tensor that was there before is to be found in other calls."""
        for index, leaf in enumerate(self.leaves):
            if leaf is tensor:
                return Argument(index)
        if id(tensor) in self._owners:
            return Gradient(self.place(self._owners[id(tensor)]))
        for owner, key in self._entries:
            inside: list[Tensor] = []
            flatten(self.guard.before(owner, key), inside, [])
            for number, t in enumerate(inside):
                if t is tensor:
                    return Entry(owner, key, number)
        return Fixed(tensor)

    def _rebound(self, tracer: Tracer) -> list[tuple[dict[str, Any], str, Any, list[Tensor]]]:
        """Attributes of modules and objects that hold tensors born inside."""
        found = []
        for owner in self.guard.dicts():
            for key, value in owner.items():
                if not isinstance(value, Tensor | list | tuple):
                    continue
                form, inside = template(value)
                if any(tracer.is_born(t) for t in inside):
                    for t in inside:
                        self._keeps_no_graph(t)
                    found.append((owner, key, form, inside))
        return found

    def _keeps_no_graph(self, tensor: Any) -> None:
        if tensor is not None and self._tracer.is_born(tensor) and tensor._node is not None:
            raise Unsteady(
                f"a Tensor of shape {tensor.array.shape} that outlives the call of {self.name} "
                "keeps its graph; write .detach() behind it"
            )

    def _differentiate(self, results: Sequence[Tensor], tracer: Tracer) -> None:
        """Which results can be differentiated, and with respect to what from outside."""
        self.roots: list[int] = []
        self.spent: list[int] = []  # backward went through their graph
        sources: list[Slot] = []
        for position, y in enumerate(results):
            if not tracer.is_born(y) or not y.requires_grad:
                continue
            if y._node is None:
                raise Unsteady(
                    f"{self.name} returns a new leaf that requires grad; make it outside"
                )
            if _is_spent(y._node):
                self.spent.append(position)
                continue
            self.roots.append(position)
            for source, _ in outside([(y._node, y._index)], 0):
                slot = tracer.slots.get(id(source))
                if slot is not None and slot not in sources:
                    sources.append(slot)
        self.sources = [self.place(s.tensor) for s in sources]
        self.source_tensors = [s.tensor for s in sources]

    def _facts(self, tracer: Tracer) -> None:
        """What of the tensors outside was taken for granted."""
        self.without_grad: list[Place] = []
        self.with_grad: list[Place] = []
        self.watched: list[Traced] = []
        self.hooked: list[Traced] = []
        for slot in tracer.slots.values():
            place = self.place(slot.tensor)
            if slot.grad_is_read:
                (self.without_grad if slot.entry_grad is None else self.with_grad).append(place)
            if isinstance(place, Fixed):
                self.watched.append(slot.tensor)
                if slot.grad_is_written:
                    self.hooked.append(slot.tensor)


def likes(tensors: Sequence[Traced]) -> list[mx.array]:
    """Arrays of the same shapes and dtypes, which nobody computes.

    MLX refuses to trace where an input is also a constant, such as weights that two models share.
    """
    return [mx.zeros(t.array.shape, t.array.dtype) for t in tensors]


def _pieces(arrays: Sequence[mx.array]) -> list[slice]:
    """How to have the results computed: the last ones first, and on the CPU a few at a time.

    Gradients come out in the order of the parameters, so those that backward has first are the
    last. Asked for everything at once, MLX keeps the activations of all layers until it comes to
    their gradients: the peak of a HiFi-GAN step went from 192 to 169 MB in the same time, of an
    LSTM's from 29 to 26 MB in 2 % more. On a GPU each piece would be a command buffer of its own.
    """
    if default_device() != "cpu":
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


def _is_spent(node: Node) -> bool:
    """Whether a backward went through the graph behind."""
    stack, seen = [node], {id(node)}
    while stack:
        edges = stack.pop().edges
        if not edges:
            return True
        for edge in edges:
            if edge is not None and isinstance(edge[0], Node) and id(edge[0]) not in seen:
                seen.add(id(edge[0]))
                stack.append(edge[0])
    return False
