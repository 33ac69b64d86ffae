"""Watching a function run on placeholders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from lucid.autograd import replay
from lucid.autograd.tape import Traced
from lucid.compiler.restore import get, has_array, put, rememberer
from lucid.compiler.watch import Watcher


class Slot:
    """A tensor that was there before the trace: what it was, and what it is inside."""

    def __init__(self, tensor: Traced, array: mx.array) -> None:
        self.tensor, self.restore = tensor, rememberer(tensor)
        self.required_grad, self.is_cut = tensor.requires_grad, tensor._node is not None
        self.entry = self.array = array
        self.entry_grad = self.grad = get(tensor, "grad")
        self.is_read = False
        self.grad_is_read = self.grad_is_written = False
        tensor._node, tensor._index = None, 0  # the graph outside ends here


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
        if slot is None and not self.is_born(tensor):
            slot = self.slots[id(tensor)] = Slot(tensor, get(tensor, "array"))
        return slot

    def read(self, tensor: Traced, name: str) -> Any:
        slot = self._of(tensor)
        if slot is None:
            return get(tensor, name)
        if name == "array":
            slot.is_read = True
            return slot.array
        slot.grad_is_read = slot.grad_is_read or not slot.grad_is_written
        return slot.grad

    def write(self, tensor: Traced, name: str, value: Any) -> None:
        if not has_array(tensor):
            self.bear(tensor)
        slot = self._of(tensor)
        if slot is None:
            put(tensor, name, value)
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
