"""Watching a function run on placeholders."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from lucid.autograd import replay
from lucid.autograd.tape import Traced
from lucid.compiler.watch import Watcher


class Slot:
    """A tensor that was there before the trace: what it was, and what it is inside."""

    def __init__(self, tensor: Traced, array: mx.array) -> None:
        self.tensor, self.before = tensor, dict(vars(tensor))
        self.entry = self.array = array
        self.entry_grad = self.grad = self.before.get("grad")
        self.is_read = False
        self.grad_is_read = self.grad_is_written = False
        self.is_cut = tensor._node is not None
        if self.is_cut:  # the graph outside ends here
            tensor._node, tensor._index = None, 0

    @property
    def required_grad(self) -> bool:
        return self.before.get("requires_grad", False)

    def restore(self) -> None:
        own = vars(self.tensor)
        own.clear()
        own.update(self.before)


class Tracer(Watcher):
    """Gives the function placeholders, and leaves every tensor outside as it is.

    Args:
        inputs: tensors that were there before, with their placeholders.
        planned: placeholders for the arrays of each action, in order.
    """

    def __init__(
        self,
        inputs: Sequence[tuple[Traced, mx.array]],
        planned: Sequence[Sequence[mx.array]],
    ) -> None:
        super().__init__()
        self.planned = planned
        self.found: list[list[mx.array]] = []  # the arrays of each action
        self.agrees = True  # the actions so far are the planned ones
        self.slots = {id(tensor): Slot(tensor, array) for tensor, array in inputs}

    def _of(self, tensor: Traced) -> Slot | None:
        """The slot of a tensor; None of one that was born inside."""
        slot = self.slots.get(id(tensor))
        own = vars(tensor)
        if slot is None and own.get("_born") is not self:
            slot = self.slots[id(tensor)] = Slot(tensor, own["array"])
        return slot

    def read(self, tensor: Traced, name: str) -> Any:
        slot = self._of(tensor)
        if slot is None:
            return vars(tensor).get(name)
        if name == "array":
            slot.is_read = True
            return slot.array
        slot.grad_is_read = slot.grad_is_read or not slot.grad_is_written
        return slot.grad

    def write(self, tensor: Traced, name: str, value: Any) -> None:
        own = vars(tensor)
        if "array" not in own:
            own["_born"] = self
            self.born.append(weakref.ref(tensor))
        slot = self._of(tensor)
        if slot is None:
            own[name] = value
        elif name == "array":
            slot.array = value
        else:
            slot.grad, slot.grad_is_written = value, True

    def act(self, action: replay.Action, undo: list[replay.Undo]) -> list[mx.array]:
        if self.is_acting:
            return action()[0]
        found = super().act(action, undo)
        position = len(self.found)
        self.found.append(found)
        if position < len(self.planned):
            planned = self.planned[position]
            if [(a.shape, a.dtype) for a in planned] == [(a.shape, a.dtype) for a in found]:
                return list(planned)
        self.agrees = False
        return found

    def take_back(self) -> None:
        super().take_back()
        for slot in self.slots.values():
            slot.restore()
