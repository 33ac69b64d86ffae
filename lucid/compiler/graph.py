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
from lucid.compiler.outcome import Unsteady
from lucid.compiler.places import Fixed, Place
from lucid.compiler.trace import Trace, likes
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
        self._trace = Trace(function, call, leaves, guard)
        recording = self._trace.run()
        outcome = self._outcome = recording.outcome
        self._compiled, self._actions = recording.compiled, recording.actions
        self._pieces = recording.pieces
        self._fixed, self._others = _split(recording.state)
        self._written, self._written_others = _split(outcome.written)
        self._fresh = [device for device, _, _ in outcome.fresh]
        self._single = type(outcome.form) is Hole and type(outcome.results[0]) is int
        simple: list[Any] = [g for g in outcome.grads if _is_simple(*g)]
        self._new_grads = [(place.tensor, number) for place, number in simple]
        self._other_grads = [g for g in outcome.grads if not _is_simple(*g)]
        self._facts = list(map(_graph_facts, outcome.watched))
        self._hooks_before = [tuple(h and list(h) for h in _hooks(t)) for t in outcome.hooked]
        self.ids = frozenset(map(id, outcome.watched))
        self._backward: Callable[..., Any] = mx.compile(self._gradients)
        if outcome.derivative.roots:  # now, while Python is what it was in the forward pass
            self._backward(*self._trace.likes(), self._seeds())
        for leaf, like in zip(leaves, likes(leaves), strict=True):
            leaf.array = like  # the first batch need not be kept
        self._check_leaks()

    def backward(self, inputs: Any, gradients: Sequence[mx.array | None]) -> list[mx.array | None]:
        """The gradients of the sources; `inputs` are what the forward pass had.

        None is the gradient of a result that nobody used, and of a source that only leads there.
        """
        used = [g is not None for g in gradients]
        seeds = self._seeds() if not all(used) else gradients
        out = self._backward(
            *inputs, [s if g is None else g for g, s in zip(gradients, seeds, strict=True)]
        )
        mx.async_eval(out)
        found = iter(out)
        reached = [next(found) if reached else None for reached in self._reached]
        behind = self._outcome.derivative.behind
        wanted = set().union(*(b for b, u in zip(behind, used, strict=True) if u))
        return [g if i in wanted else None for i, g in enumerate(reached)]

    def _seeds(self) -> list[mx.array]:
        outcome = self._outcome
        kinds = [outcome.fresh[outcome.results[i]] for i in outcome.derivative.roots]
        return [mx.zeros(shape, dtype) for _, shape, dtype in kinds]

    def _gradients(self, given: Any, state: Any, hosts: Any, seeds: Any) -> list[mx.array]:
        """What MLX compiles for `backward`."""
        trace, derivative = self._trace, self._outcome.derivative
        tracer, result = trace.context.copy().run(lambda: trace.traced(given, state, hosts))
        trace.born += tracer.born
        results: list[Tensor] = []
        try:
            flatten(result, results, [])
            edges: list[Any] = [results[i]._edge() for i in derivative.roots]
            targets = {(id(t), 0): i for i, t in enumerate(derivative.tensors)}
            with watching(tracer), laziness.tracing():
                found = walk(
                    list(zip(edges, seeds, strict=True)),
                    targets,
                    retain_graph=False,
                    create_graph=False,
                )
        finally:
            tracer.take_back()
        if any(tracer.found[len(trace.planned) :]):
            raise Unsteady(
                f"backward through what {trace.name} returns draws random numbers anew, as "
                "checkpoint does for dropout, which it cannot do outside; compile a function that "
                "calls backward itself"
            )
        self._reached = [i in found for i in range(len(targets))]
        return [found[i] for i in sorted(found)]

    def _check_leaks(self) -> None:
        """Placeholders must not live on: they have no values."""
        trace = self._trace
        if _alive(trace.born):
            gc.collect()  # perhaps in a cycle
        for shape in _alive(trace.born):
            raise Unsteady(
                f"a Tensor of shape {shape} made inside {trace.name} is kept by something outside, "
                "such as a list or a global; return it instead"
            )
        trace.born.clear()

    def fits(self, leaves: Sequence[Tensor]) -> bool:
        """Whether what the trace took for granted still holds."""
        outcome = self._outcome
        return (
            self.guard.holds()
            and list(map(_graph_facts, outcome.watched)) == self._facts
            and list(map(_hooks, outcome.hooked)) == self._hooks_before
            and all(p.get(leaves).grad is None for p in outcome.without_grad)
            and all(p.get(leaves).grad is not None for p in outcome.with_grad)
        )

    def __call__(self, leaves: Sequence[Tensor]) -> Any:
        """Call it with the tensors among the arguments.

        What was there before is let go of before anything is computed, so that MLX can put a new
        parameter where the old one was. After that only memory may be lacking.

        Raises:
            replay.Changed: it has to be traced again. Then nothing changed.
            RuntimeError: an input was recorded in another thread and is not computed.
        """
        given = [x.array for x in leaves]
        state = [t.array for t in self._fixed]
        if self._others:
            state += [place.get(leaves).array for place in self._others]
        hosts: list[mx.array] = []
        undo: list[replay.Undo] = []
        try:
            ready(mx.async_eval, [*given, *state])
            for action in self._actions:
                arrays, back = action()
                undo.append(back)
                hosts += arrays
            out = self._compiled(given, state, hosts)
        except BaseException:
            for back in reversed(undo):
                back()
            raise
        inputs = (given, state, hosts) if self._outcome.derivative.roots else None
        del given, state, hosts
        result = self._put(leaves, out, inputs)
        for piece in self._pieces:
            mx.async_eval(out[piece])
        return result

    def _put(self, leaves: Sequence[Tensor], out: Sequence[mx.array], inputs: Any) -> Any:
        """Put what comes out where the function puts it; what the function returns."""
        for tensor, array in zip(self._written, out, strict=False):
            tensor.array = array
        if self._written_others:
            for place, array in zip(self._written_others, out[len(self._written) :], strict=False):
                place.get(leaves).array = array
        count = len(self._written) + len(self._written_others)
        new = [_wrap(a, d) for a, d in zip(out[count:], self._fresh, strict=True)]
        for tensor, number in self._new_grads:
            tensor.grad = new[number]
        for place, found in self._other_grads:
            place.get(leaves).grad = found if found is None else _of(found, leaves, new)
        for owner, key, form, values in self._outcome.rebound:
            owner[key] = filled(form, [_of(v, leaves, new) for v in values])
        for place, flag in self._outcome.flags:
            place.get(leaves).requires_grad = flag
        return self._result(leaves, new, inputs)

    def _result(self, leaves: Sequence[Tensor], new: Sequence[Tensor], inputs: Any) -> Any:
        results = [_of(v, leaves, new) for v in self._outcome.results]
        derivative = self._outcome.derivative
        for position in derivative.spent:
            results[position].requires_grad, results[position]._node = True, _SPENT
        if derivative.roots:
            roots = [results[i] for i in derivative.roots]
            record(self.backward, derivative.sources, leaves, roots, inputs)
        if self._single:
            return results[0]
        return filled(self._outcome.form, results)


def ready(evaluate: Callable[[list[mx.array]], None], arrays: list[mx.array]) -> None:
    """Evaluate what the graph takes.

    Raises:
        RuntimeError: an input was recorded in another thread and is not computed.
    """
    try:
        evaluate(arrays)
    except RuntimeError as error:
        if "in current thread" not in str(error):
            raise
        raise RuntimeError(
            "a compiled function was given, or uses, a Tensor that another thread recorded and has "
            "not computed, which MLX can do only there; in that thread, end with "
            "lucid.autograd.laziness.flush() or look at a value"
        ) from error


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
    materializes = False
    backward: Callable | None
    inputs: Any

    def pull(self, *gradients: mx.array | None) -> Sequence[mx.array | None]:
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


def record(
    backward: Callable,
    sources: Sequence[Place],
    leaves: Sequence[Tensor],
    results: Sequence[Tensor],
    inputs: Any,
) -> None:
    """Make `results` differentiable in what the function used."""
    edges = [place.get(leaves)._edge() for place in sources]
    kinds = [(y.array.shape, y.array.dtype) for y in results]
    node = CompiledNode("compiled", edges, kinds, Tensor, results[0]._device)
    node.backward, node.inputs = backward, inputs
    for index, y in enumerate(results):
        y.requires_grad, y._node, y._index = True, node, index
