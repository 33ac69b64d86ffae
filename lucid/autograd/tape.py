"""The tape: what was computed, and the walk back over it. It knows no operation.

A recorded result points at its `Node`; a node's edges point at the nodes (or leaf tensors) that
its inputs came from. Arrays are immutable, so what a rule keeps can never be overwritten, and a
tensor that is assigned to (`x[i] = v`, `x += y`) is bound to a new array and a new node.

The walk is iterative, counts consumers, and checks every gradient's shape against the value that
it belongs to. In the ordinary walk gradients are raw `mx.array`s. With `create_graph=True` they
are tensors and each rule is recorded in its turn; the rule of a rule is `mx.vjp` of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid import _shards
from lucid._sums import sum_over
from lucid.autograd import anomaly, laziness
from lucid.autograd.mode import recording

Edge = tuple[Any, int]  # (a Node or a leaf Traced, which of its outputs)
PLACES = {"cpu": mx.cpu, "gpu": mx.gpu}
next_order = itertools.count().__next__


class Traced:
    """What the tape needs of a tensor. `lucid.Tensor` is the class that people use."""

    __slots__ = ("__dict__", "__weakref__", "_device", "_index", "_node", "array", "requires_grad")
    array: mx.array
    requires_grad: bool
    _node: Node | None  # None: a leaf, or a constant
    _index: int  # which output of the node
    _device: str
    # what few tensors have
    grad: Any = None
    _hooks: list[Callable] | None = None  # of a leaf; a recorded tensor's hooks are its node's
    _accumulated: list[Callable] | None = None  # hooks of a leaf whose `.grad` was added to
    _known: bool = False  # its values came from Python or NumPy: reading them waits for no one

    @staticmethod
    def _wrap(array: mx.array, device: str, node: Node | None = None, index: int = 0) -> Any:
        """A new tensor: output `index` of a recorded `node`, or a constant."""
        raise NotImplementedError

    def _edge(self) -> Edge | None:
        if not self.requires_grad:
            return None
        return (self, 0) if self._node is None else (self._node, self._index)


def alias(tensor: Any, array: mx.array | None = None) -> Any:
    """A tensor at the same place of the graph, whatever happens to `tensor` in place."""
    same = tensor._wrap(tensor.array if array is None else array, tensor._device)
    edge = tensor._edge()
    if edge is not None:  # of a leaf: the leaf itself stands for the node
        same.requires_grad, (same._node, same._index) = True, edge
    return same


def Variable(data: Any, requires_grad: bool = False) -> Any:
    """What a Tensor was called in old PyTorch code: a leaf with the values of `data`."""
    leaf = data._wrap(data.array, data._device)
    return leaf.requires_grad_(requires_grad)


class Node:
    """One recorded operation. A subclass says how to step back over it."""

    __slots__ = ("cls", "device", "edges", "hooks", "name", "order", "origin", "outputs")
    origin: str  # the line that recorded it; in anomaly mode only
    materializes = True  # an output that nobody used has a gradient of zeros, not of None

    def __init__(
        self,
        name: str,
        edges: Sequence[Edge | None],
        outputs: Sequence[Any],  # shape and dtype of each; None of what is no tensor
        cls: type[Traced],
        device: str,
    ) -> None:
        self.name, self.edges, self.outputs = name, edges, outputs
        self.cls, self.device = cls, device
        self.hooks: dict[int, list[Callable]] | None = None
        self.order = next_order()  # edges lead to smaller ones
        if anomaly.on:
            self.origin = anomaly.origin()

    def __repr__(self) -> str:
        return f"<{self.name} backward>"

    def pull(self, *gradients: mx.array) -> Sequence[mx.array | None]:
        """Gradients of the outputs to gradients of the inputs, one per edge."""
        raise NotImplementedError

    def pull_recorded(self, gradients: Sequence[Any], wanted: Sequence[int]) -> Sequence[Any]:
        """The same step on tensors, itself recorded; only these edges need a gradient."""
        raise NotImplementedError

    def release(self) -> None:
        """Forget what the step back needs, so that memory goes back as the walk goes on."""

    def spent(self) -> RuntimeError:
        return RuntimeError(
            f"backward through {self.name!r} a second time, but its graph was freed by the first "
            "backward; pass retain_graph=True to the first one, or compute the result again"
        )


def specification(edge: Edge) -> tuple[tuple[int, ...], mx.Dtype]:
    """Shape and dtype of the value that an edge points at, which its gradient must have."""
    source, index = edge
    if isinstance(source, Node):
        return source.outputs[index]
    return source.array.shape, source.array.dtype


def fit(
    name: str, gradients: Any, edges: Sequence[Edge | None], *, broadcasts: bool = False
) -> list[mx.array | None]:
    """Check a rule's gradients against the values that the edges point at.

    A single array counts as a tuple of one. Gradients take their input's dtype; with
    `broadcasts` they are summed over the axes along which the input was repeated.
    """
    if not isinstance(gradients, tuple | list):
        gradients = (gradients,)
    if len(gradients) != len(edges):
        raise RuntimeError(
            f"the backward rule of {name!r} returned {len(gradients)} gradients for "
            f"{len(edges)} inputs; return one per input, None where there is none"
        )
    fitted: list[mx.array | None] = []
    for gradient, edge in zip(gradients, edges, strict=True):
        if gradient is None or edge is None:
            fitted.append(None)
            continue
        shape, dtype = specification(edge)
        if gradient.shape != shape:
            if broadcasts:
                gradient = sum_to(gradient, shape)
            if gradient.shape != shape:
                raise RuntimeError(
                    f"the backward rule of {name!r} returned a gradient of shape {gradient.shape} "
                    f"for input {len(fitted)} of shape {shape}; gradient and input must have the "
                    "same shape"
                )
        if gradient.dtype != dtype:
            gradient = _shards.mapped(lambda g, dtype=dtype: g.astype(dtype), gradient)
        fitted.append(gradient)
    return fitted


def sum_to(array: mx.array, shape: tuple[int, ...]) -> mx.array:
    """Sum over the axes along which an array of `shape` was repeated to broadcast to `array`."""
    if array.shape == shape:
        return array
    if array.size == 0:  # MLX's sum over an empty array can hang
        return mx.zeros(shape, array.dtype)
    extra = array.ndim - len(shape)
    if extra:
        array = sum_over(array, tuple(range(extra)))
    repeated = tuple(i for i, n in enumerate(shape) if n == 1 and array.shape[i] != 1)
    return sum_over(array, repeated, keepdims=True) if repeated else array


def _uses(roots: Sequence[Edge | None]) -> dict[Any, int]:
    """How many edges lead to each node and leaf of the graph behind `roots`, these included."""
    counts: dict[Any, int] = {}
    found: list[Sequence[Edge | None]] = [roots]
    for edges in found:  # which grows meanwhile
        for edge in edges:
            if edge is None:
                continue
            source = edge[0]
            if source in counts:
                counts[source] += 1
            else:
                counts[source] = 1
                if isinstance(source, Node):
                    found.append(source.edges)
    return counts


def _uses_towards(targets: set[int], roots: Sequence[Edge | None], since: int) -> dict[Any, int]:
    """The same, counting only what leads to `targets`, ids of nodes and leaves.

    Nodes older than `since` are ends of the graph.
    """
    users: dict[Any, list[Any]] = {}
    found: list[tuple[Any, Sequence[Edge | None]]] = [(None, roots)]
    for user, edges in found:  # which grows meanwhile
        for edge in edges:
            if edge is None:
                continue
            source = edge[0]
            if source in users:
                users[source].append(user)
            else:
                users[source] = [user]
                if isinstance(source, Node) and source.order >= since:
                    found.append((source, source.edges))
    leading: set[Any] = {source for source in users if id(source) in targets}
    if len(leading) < len(targets):  # perhaps behind what an earlier walk released
        leading |= {s for s in users if isinstance(s, Node) and not s.edges}
    stack = list(leading)
    leading.add(None)  # whoever asked for the roots
    while stack:
        for user in users[stack.pop()]:
            if user not in leading:
                leading.add(user)
                stack.append(user)
    leading.remove(None)
    return {s: sum(user is None or user in leading for user in users[s]) for s in leading}


def outside(roots: Sequence[Edge], since: int) -> list[Edge]:
    """Where the graph behind `roots` begins: its leaves, and results older than `since`."""
    begins: dict[tuple[int, int], Edge] = {}
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        edge = stack.pop()
        source = edge[0]
        if not isinstance(source, Node) or source.order < since:
            begins[id(source), edge[1]] = edge
        elif id(source) not in seen:
            seen.add(id(source))
            stack += [e for e in source.edges if e is not None]
    return list(begins.values())


def _hooked(source: Any, index: int, gradient: Any, recorded: bool) -> Any:
    """The gradient after the hooks of that tensor; each may return a replacement."""
    if isinstance(source, Node):
        hooks = source.hooks.get(index, ()) if source.hooks else ()
        cls, device, name = source.cls, source.device, source.name
    else:
        hooks, cls, device, name = source._hooks or (), type(source), source._device, "leaf"
    for hook in list(hooks):
        tensor = gradient if recorded else cls._wrap(gradient, device)
        replaced = hook(tensor)
        if replaced is None:
            continue
        if not isinstance(replaced, Traced) or replaced.array.shape != tensor.array.shape:
            got = getattr(replaced, "shape", type(replaced).__name__)
            raise RuntimeError(
                f"a gradient hook on {name!r} must return None or a Tensor of shape "
                f"{tensor.array.shape}, got {got}"
            )
        gradient = replaced if recorded else replaced.array
    return gradient


def walk(
    roots: Sequence[tuple[Edge, Any]],
    targets: dict[tuple[int, int], int] | None,
    *,
    retain_graph: bool,
    create_graph: bool,
    since: int = 0,
) -> dict[int, Any]:
    """Carry the gradients of `roots` back to the leaves.

    Args:
        roots: pairs of an edge and its gradient: an `mx.array`, a tensor with `create_graph`.
        targets: None adds to the leaves' `.grad`, and the leaves are returned, by id. Otherwise
            `{(id(source), index): key}`: those gradients are returned as `{key: gradient}`, no
            `.grad` is touched, and only what leads to a target is walked over.
        retain_graph: keep what the rules need, so that the walk can be done again.
        create_graph: record the walk itself.
        since: with targets, how far back: nodes of a smaller `order` are not walked over.
    """
    edges: Sequence[Edge | None] = [edge for edge, _ in roots]
    results: Sequence[Any] = [gradient for _, gradient in roots]
    aims: dict[int, list[tuple[int, int]]] = {}
    for (key, index), name in (targets or {}).items():
        aims.setdefault(key, []).append((index, name))
    waiting = _uses(edges) if targets is None else _uses_towards(set(aims), edges, since)
    pending: dict[Any, list[Any]] = {}  # gradients of the outputs of what waits
    ready: list[Any] = []
    captured: dict[int, Any] = {}
    ahead = laziness.Ahead()
    plain = targets is None and not create_graph and not anomaly.on
    token = recording.set(create_graph)
    try:
        while True:
            for edge, gradient in zip(edges, results, strict=True):
                if edge is None or edge[0] not in waiting:
                    continue
                source, index = edge
                if gradient is not None:
                    slots = pending.get(source)
                    if slots is None:
                        count = len(source.outputs) if isinstance(source, Node) else 1
                        slots = pending[source] = [None] * count
                    before = slots[index]
                    slots[index] = gradient if before is None else _plus(before, gradient, source)
                waiting[source] -= 1
                if not waiting[source]:
                    ready.append(source)
            if not ready:
                return captured
            source = ready.pop()
            gradients = pending.pop(source, None)
            edges = results = ()
            is_node = isinstance(source, Node)
            if gradients is None:  # every path to it had no gradient
                gradients = [None] * (len(source.outputs) if is_node else 1)
            if source.hooks if is_node else source._hooks:
                for index, gradient in enumerate(gradients):
                    if gradient is not None:
                        gradients[index] = _hooked(source, index, gradient, create_graph)
            for index, name in aims.get(id(source), ()) if aims else ():
                if gradients[index] is not None:
                    captured[name] = gradients[index]
            if not is_node:
                if targets is None and gradients[0] is not None:
                    _accumulate(source, gradients[0], create_graph)
                    captured[id(source)] = source
                continue
            if source.order < since:
                continue
            if not source.edges:
                raise source.spent()
            if plain and len(gradients) == 1 and gradients[0] is not None:
                edges, results = source.edges, source.pull(gradients[0])
            else:
                wanted = [i for i, e in enumerate(source.edges) if e and e[0] in waiting]
                if not wanted:
                    continue
                edges = source.edges
                results = _pull(source, gradients, wanted, create_graph)
            if not retain_graph:
                source.release()
            if not create_graph:
                ahead.add(results)
    finally:
        recording.reset(token)


def _pull(node: Node, gradients: list[Any], wanted: Sequence[int], recorded: bool) -> Sequence[Any]:
    """One step back over `node`; an output that nobody used has gradient zero."""
    if all(g is None for g in gradients):
        return [None] * len(node.edges)
    for index, gradient in enumerate(gradients):
        if gradient is None and node.materializes and node.outputs[index] is not None:
            zeros = mx.zeros(*node.outputs[index], stream=PLACES[node.device])
            gradients[index] = node.cls._wrap(zeros, node.device) if recorded else zeros
    if not anomaly.on:
        return node.pull_recorded(gradients, wanted) if recorded else node.pull(*gradients)
    with anomaly.stepping(node):
        results = node.pull_recorded(gradients, wanted) if recorded else node.pull(*gradients)
    anomaly.check(node, results)
    return results


def _plus(a: Any, b: Any, source: Any) -> Any:
    """The sum of two gradients of `source`, where its tensor lies."""
    device = source.device if isinstance(source, Node) else source._device
    if isinstance(a, mx.array) and _shards.of(a):
        return _shards.mapped(mx.add, a, b)
    return mx.add(a, b, stream=PLACES[device]) if isinstance(a, mx.array) else a + b


def _accumulate(leaf: Traced, gradient: Any, recorded: bool) -> None:
    before = leaf.grad
    if before is None:
        leaf.grad = gradient if recorded else leaf._wrap(gradient, leaf._device)
    elif recorded:
        leaf.grad = before + gradient
    else:  # the same Tensor goes on, as in torch: whoever holds `x.grad` sees the sum, which
        # depends on what it was recorded of before
        before.array = _plus(before.array, gradient, leaf)
    for hook in list(leaf._accumulated or ()):
        hook(leaf)
