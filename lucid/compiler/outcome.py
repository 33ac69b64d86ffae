"""What a traced function does, as places and numbers, to be done again without its Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import mlx.core as mx

from lucid.autograd.tape import Node, Traced, outside
from lucid.compiler.guard import Guard
from lucid.compiler.places import Argument, Entry, Fixed, Gradient, Place
from lucid.compiler.restore import get
from lucid.compiler.tracer import Slot, Tracer
from lucid.compiler.tree import flatten, template
from lucid.tensor import Tensor

Value = Any  # the number of a new tensor, or the Place of one that was there before


class Unsteady(RuntimeError):
    """The function cannot be compiled: something of it would be done only once."""


class Derivative(NamedTuple):
    """Which results can be differentiated, and with respect to what from outside."""

    roots: list[int]  # positions among the results
    spent: list[int]  # of those through whose graph a backward went
    sources: list[Place]
    tensors: list[Traced]  # the sources
    behind: list[set[int]]  # each root: the positions of the sources that lead to it


class Outcome(NamedTuple):
    """The arrays that come out are those of `written`, then those of the new tensors."""

    written: list[Place]  # tensors that are changed in place; fixed ones first
    fresh: list[tuple[str, tuple[int, ...], mx.Dtype]]  # device, shape and dtype of each new tensor
    form: Any  # what is returned, with holes
    results: list[Value]  # what goes into them
    grads: list[tuple[Place, Value | None]]  # the new `.grad` of tensors
    rebound: list[tuple[dict[str, Any], str, Any, list[Value]]]  # attributes with new tensors
    flags: list[tuple[Place, bool]]  # the new `requires_grad` of tensors
    derivative: Derivative
    # what of the tensors outside was taken for granted
    without_grad: list[Place]
    with_grad: list[Place]
    watched: list[Traced]
    hooked: list[Traced]


class Collector:
    """Finds the outcome of a trace.

    Args:
        name: of the function, for errors.
        tracer: what watched it.
        leaves: the stand-ins for the tensors among its arguments.
        guard: what the trace takes for granted.
    """

    def __init__(self, name: str, tracer: Tracer, leaves: Sequence[Tensor], guard: Guard) -> None:
        self.name, self.tracer, self.leaves, self.guard = name, tracer, leaves, guard
        self._owners = {
            id(s.entry_grad): s.tensor for s in tracer.slots.values() if s.entry_grad is not None
        }
        self._entries: list[tuple[dict[str, Any], str]] = []
        self._numbers: dict[int, int] = {}
        self._new: list[Traced] = []

    def collect(self, result: Any) -> tuple[Outcome, list[mx.array]]:
        """The outcome and the arrays that come out; `result` is what the function returned."""
        form, results = template(result)
        rebound = self._rebound()
        self._entries = [(owner, key) for owner, key, _, _ in rebound]
        derivative = self._derivative(results)
        values = [self._value(y) for y in results]
        attributes = [(o, k, f, [self._value(t) for t in inside]) for o, k, f, inside in rebound]
        slots = list(self.tracer.slots.values())
        written = [(self.place(s.tensor), s.array) for s in slots if self._is_written(s)]
        written.sort(key=lambda pair: not isinstance(pair[0], Fixed))
        grads = [(self.place(s.tensor), self._grad(s)) for s in slots if s.grad is not s.entry_grad]
        turned = [s.tensor for s in slots if s.tensor.requires_grad != s.required_grad]
        self._check_python()
        outcome = Outcome(
            [place for place, _ in written],
            [(t._device, get(t, "array").shape, get(t, "array").dtype) for t in self._new],
            form,
            values,
            grads,
            attributes,
            [(self.place(t), t.requires_grad) for t in turned],
            derivative,
            *self._facts(),
        )
        return outcome, [array for _, array in written] + [get(t, "array") for t in self._new]

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

    def _value(self, tensor: Traced) -> Value:
        if not self.tracer.is_born(tensor):
            return self.place(tensor)
        if id(tensor) not in self._numbers:
            self._numbers[id(tensor)] = len(self._new)
            self._new.append(tensor)
        return self._numbers[id(tensor)]

    def _rebound(self) -> list[tuple[dict[str, Any], str, Any, list[Tensor]]]:
        """Attributes and entries of dicts that hold tensors born inside."""
        found = []
        for owner in self.guard.dicts():
            for key, value in owner.items():
                if not isinstance(value, Tensor | list | tuple):
                    continue
                form, inside = template(value)
                if any(self.tracer.is_born(t) for t in inside):
                    for t in inside:
                        self._keeps_no_graph(t)
                    found.append((owner, key, form, inside))
        return found

    def _is_written(self, slot: Slot) -> bool:
        """Whether a tensor outside was changed in place."""
        if slot.array is slot.entry:
            return False
        if slot.tensor._node is not None:
            raise Unsteady(
                f"a Tensor of shape {slot.array.shape} from outside {self.name} is changed in "
                "place and keeps the graph of this call; write .detach() behind what goes into it"
            )
        return True

    def _grad(self, slot: Slot) -> Value | None:
        """The new `.grad` of a tensor outside."""
        if slot.is_cut:
            raise Unsteady(
                f"a backward inside {self.name} comes to a Tensor of shape {slot.array.shape} that "
                "was computed outside; call backward outside, or hand in x.detach()"
            )
        self._keeps_no_graph(slot.grad)
        return None if slot.grad is None else self._value(slot.grad)

    def _keeps_no_graph(self, tensor: Any) -> None:
        if tensor is not None and self.tracer.is_born(tensor) and tensor._node is not None:
            raise Unsteady(
                f"a Tensor of shape {tensor.array.shape} that outlives the call of {self.name} "
                "keeps its graph; write .detach() behind it"
            )

    def _check_python(self) -> None:
        for owner, key in self._entries:
            self.guard.loosen(owner, key)
        changes = self.guard.changes()
        if changes:
            raise Unsteady(
                f"{self.name} changes Python values, which its compiled form would do only once: "
                f"{'; '.join(changes[:3])}. Do it outside, or keep the value in a Tensor"
            )

    def _derivative(self, results: Sequence[Tensor]) -> Derivative:
        roots, spent = [], []
        behind: list[set[int]] = []
        sources: list[Slot] = []
        for position, y in enumerate(results):
            if not self.tracer.is_born(y) or not y.requires_grad:
                continue
            if y._node is None:
                raise Unsteady(
                    f"{self.name} returns a new leaf that requires grad; make it outside"
                )
            if _is_spent(y._node):
                spent.append(position)
                continue
            roots.append(position)
            begins = (source for source, _ in outside([(y._node, y._index)], 0))
            found = [s for s in (self.tracer.slots.get(id(b)) for b in begins) if s is not None]
            sources += [s for s in found if s not in sources]
            behind.append({sources.index(s) for s in found})
        tensors = [s.tensor for s in sources]
        return Derivative(roots, spent, [self.place(t) for t in tensors], tensors, behind)

    def _facts(self) -> tuple[list[Place], list[Place], list[Traced], list[Traced]]:
        without: list[Place] = []
        having: list[Place] = []
        watched, hooked = [], []
        for slot in self.tracer.slots.values():
            place = self.place(slot.tensor)
            if slot.grad_is_read:
                (without if slot.entry_grad is None else having).append(place)
            if isinstance(place, Fixed):
                watched.append(slot.tensor)
                if slot.grad_is_written:
                    hooked.append(slot.tensor)
        return without, having, watched, hooked


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
