"""A traced function, called again: arrays are collected, handed to MLX, and put into place."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import mlx.core as mx

from lucid.autograd import laziness, replay
from lucid.autograd.tape import Node, walk
from lucid.compiler.guard import Guard
from lucid.compiler.places import Fixed
from lucid.compiler.trace import Trace, Unsteady, likes
from lucid.compiler.tree import Hole, filled, flatten
from lucid.compiler.watch import watching
from lucid.tensor import Tensor

_graph_facts = attrgetter("requires_grad", "_node")
_new = Tensor.__new__
_hooks = attrgetter("_hooks", "_accumulated")


class Graph:
    """A compiled function for arguments of one form.

    Args:
        function: what is compiled.
        call: its arguments `(args, kwargs)`, whose tensors are stand-ins.
        leaves: these stand-ins.
        guard: what the trace takes for granted.
    """

    def __init__(
        self, function: Callable, call: tuple[Any, Any], leaves: Sequence[Tensor], guard: Guard
    ) -> None:
        self.guard = guard
        trace = Trace(function, call, leaves, guard)
        self._compiled = trace.run()
        self._fixed, self._others = _split([trace.place(t) for t in trace.state])
        self._written, self._written_others = _split(trace.written)
        self._actions, self._pieces = trace.actions, trace.pieces
        self._fresh, self._results, self._form = trace.fresh, trace.results, trace.form
        self._single = type(self._form) is Hole and type(self._results[0]) is int
        self._rebound, self._flags = trace.rebound, trace.flags
        simple = [_is_simple(p, i) for p, i in trace.grads]
        grads: list[Any] = trace.grads
        self._new_grads = [(p.tensor, i) for (p, i), s in zip(grads, simple, strict=True) if s]
        self._other_grads = [g for g, s in zip(grads, simple, strict=True) if not s]
        self._without_grad, self._with_grad = trace.without_grad, trace.with_grad
        self._watched, self._hooked = trace.watched, trace.hooked
        self._facts = list(map(_graph_facts, self._watched))
        self._hooks_before = [tuple(h and list(h) for h in _hooks(t)) for t in self._hooked]
        self.ids = frozenset(map(id, self._watched))
        self._roots, self._spent, self._sources = trace.roots, trace.spent, trace.sources
        self._trace = trace
        self._backward: Callable[..., Any] = mx.compile(self._gradients)
        if self._roots:  # now, while Python is what it was in the forward pass
            shapes = [trace.kinds[self._results[i]] for i in self._roots]
            seeds = [mx.zeros(*kind) for kind in shapes]
            self._backward(likes(leaves), likes(trace.state), trace.hosts(), seeds)
        for leaf, like in zip(leaves, likes(leaves), strict=True):
            leaf.array = like  # the first batch need not be kept
        self._check_leaks(trace)

    def backward(self, inputs: Any, gradients: Sequence[mx.array]) -> list[mx.array | None]:
        """The gradients of the sources; `inputs` are what the forward pass had."""
        out = self._backward(*inputs, list(gradients))
        mx.async_eval(out)
        found = iter(out)
        return [next(found) if reached else None for reached in self._reached]

    def _gradients(self, given: Any, state: Any, hosts: Any, seeds: Any) -> list[mx.array]:
        """What MLX compiles for `backward`."""
        trace = self._trace
        tracer = trace.context.copy().run(lambda: trace.traced(given, state, hosts))
        trace.born += tracer.born
        results: list[Tensor] = []
        try:
            flatten(trace.result, results, [])
            edges: list[Any] = [results[i]._edge() for i in self._roots]
            targets = {(id(t), 0): i for i, t in enumerate(trace.source_tensors)}
            with watching(tracer), laziness.tracing():
                found = walk(
                    list(zip(edges, seeds, strict=True)),
                    targets,
                    retain_graph=False,
                    create_graph=False,
                )
        finally:
            tracer.take_back()
            del trace.result
        self._reached = [i in found for i in range(len(targets))]
        return [found[i] for i in sorted(found)]

    def _check_leaks(self, trace: Trace) -> None:
        """Placeholders must not live on: they have no values."""
        if _alive(trace.born):
            gc.collect()  # perhaps in a cycle
        for shape in _alive(trace.born):
            raise Unsteady(
                f"a Tensor of shape {shape} made inside {trace.name} is kept by something outside, "
                "such as a list or a global; return it instead"
            )

    def fits(self, leaves: Sequence[Tensor]) -> bool:
        """Whether what the trace took for granted still holds."""
        return (
            self.guard.holds()
            and list(map(_graph_facts, self._watched)) == self._facts
            and list(map(_hooks, self._hooked)) == self._hooks_before
            and all(p.get(leaves).grad is None for p in self._without_grad)
            and all(p.get(leaves).grad is not None for p in self._with_grad)
        )

    def __call__(self, leaves: Sequence[Tensor]) -> Any:
        """Call it with the tensors among the arguments.

        Raises:
            replay.Changed: it has to be traced again. Then nothing changed.
        """
        given = [x.array for x in leaves]
        state = [t.array for t in self._fixed]
        if self._others:
            state += [place.get(leaves).array for place in self._others]
        hosts: list[mx.array] = []
        undo: list[replay.Undo] = []
        try:
            for action in self._actions:
                arrays, back = action()
                undo.append(back)
                hosts += arrays
            out = self._compiled(given, state, hosts)
            for piece in self._pieces:
                mx.async_eval(out[piece])
        except BaseException:
            for back in reversed(undo):
                back()
            raise
        for tensor, array in zip(self._written, out, strict=False):
            tensor.array = array
        if self._written_others:
            for place, array in zip(self._written_others, out[len(self._written) :], strict=False):
                place.get(leaves).array = array
        count = len(self._written) + len(self._written_others)
        new = [_wrap(a, d) for a, d in zip(out[count:], self._fresh, strict=True)]
        self._put(leaves, new)
        return self._result(leaves, new, (given, state, hosts))

    def _put(self, leaves: Sequence[Tensor], new: Sequence[Tensor]) -> None:
        """Put new tensors where the function puts them."""
        for tensor, number in self._new_grads:
            tensor.grad = new[number]
        for place, found in self._other_grads:
            place.get(leaves).grad = found if found is None else _of(found, leaves, new)
        for owner, key, form, numbers in self._rebound:
            owner[key] = filled(form, [_of(n, leaves, new) for n in numbers])
        for place, flag in self._flags:
            place.get(leaves).requires_grad = flag

    def _result(self, leaves: Sequence[Tensor], new: Sequence[Tensor], inputs: Any) -> Any:
        results = [_of(n, leaves, new) for n in self._results]
        for position in self._spent:
            results[position].requires_grad, results[position]._node = True, _SPENT
        if self._roots:
            record(self, leaves, [results[i] for i in self._roots], inputs)
        if self._single:
            return results[0]
        return filled(self._form, results)


def _alive(references: Sequence[Any]) -> list[tuple[int, ...]]:
    """The shapes of tensors that are still there."""
    return [t.array.shape for t in (reference() for reference in references) if t is not None]


def _is_simple(place: Any, grad: Any) -> bool:
    return isinstance(place, Fixed) and type(grad) is int


def _split(places: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Tensors that are always the same, which come first, and the places of the others."""
    fixed = [p.tensor for p in places if isinstance(p, Fixed)]
    return fixed, list(places[len(fixed) :])


def _of(found: Any, leaves: Sequence[Tensor], new: Sequence[Tensor]) -> Any:
    return new[found] if type(found) is int else found.get(leaves)


def _wrap(array: mx.array, device: str) -> Tensor:
    """A constant; being computed already, it need not be watched as those of `Tensor._wrap`."""
    tensor: Tensor = _new(Tensor)
    tensor.array, tensor._device = array, device
    tensor._node, tensor._index, tensor.requires_grad = None, 0, False
    return tensor


# Differentiating what a compiled function returned ----------------------------------------------


class CompiledNode(Node):
    """A call of a compiled function, recorded.

    Its backward is compiled too. It computes the function again, since what the forward pass
    computed on its way is gone: as much work as in `checkpoint`, and as little memory.
    """

    __slots__ = ("backward", "inputs")
    backward: Callable | None
    inputs: Any

    def pull(self, *gradients: mx.array) -> Sequence[mx.array | None]:
        if self.backward is None:
            raise self.spent()
        return self.backward(self.inputs, gradients)

    def pull_recorded(self, gradients: Sequence[Any], wanted: Sequence[int]) -> Sequence[Any]:
        raise RuntimeError(
            "a compiled function has no second derivative (create_graph=True); call the function "
            "itself, or compile one that computes the derivatives too"
        )

    def release(self) -> None:
        self.backward, self.edges, self.inputs = None, (), None


_SPENT: Node = CompiledNode("compiled", (), (), Tensor, "cpu")
_SPENT.release()


def record(graph: Graph, leaves: Sequence[Tensor], results: Sequence[Tensor], inputs: Any) -> None:
    """Make `results` differentiable in what the function used."""
    edges = [place.get(leaves)._edge() for place in graph._sources]
    kinds = [(y.array.shape, y.array.dtype) for y in results]
    node = CompiledNode("compiled", edges, kinds, Tensor, results[0]._device)
    node.backward, node.inputs = graph.backward, inputs
    for index, y in enumerate(results):
        y.requires_grad, y._node, y._index = True, node, index
