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

from lucid.autograd import anomaly
from lucid.autograd.mode import set_grad_enabled

Edge = tuple[Any, int]  # (a Node or a leaf Traced, which of its outputs)
PLACES = {"cpu": mx.cpu, "gpu": mx.gpu}
next_order = itertools.count().__next__


class Traced:
    """What the tape needs of a tensor. `lucid.Tensor` is the class that people use."""

    array: mx.array
    requires_grad: bool = False
    grad: Any = None
    _node: Node | None = None  # None: a leaf, or a constant
    _index: int = 0  # which output of the node
    _hooks: list[Callable] | None = None  # of a leaf; a recorded tensor's hooks are its node's
    _accumulated: list[Callable] | None = None  # hooks of a leaf whose `.grad` was added to
    _device: str
    _known: bool = False  # its values came from Python or NumPy: reading them waits for no one

    @classmethod
    def _wrap(cls, array: mx.array, device: str) -> Any:
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
    name: str,
    gradients: Any,
    specifications: Sequence[tuple[tuple[int, ...], mx.Dtype] | None],
    *,
    broadcasts: bool = False,
) -> list[mx.array | None]:
    """Check a rule's gradients against the inputs that they belong to.

    A single array counts as a tuple of one. Gradients take their input's dtype; with
    `broadcasts` they are summed over the axes along which the input was repeated.
    """
    if not isinstance(gradients, tuple | list):
        gradients = (gradients,)
    if len(gradients) != len(specifications):
        raise RuntimeError(
            f"the backward rule of {name!r} returned {len(gradients)} gradients for "
            f"{len(specifications)} inputs; return one per input, None where there is none"
        )
    fitted: list[mx.array | None] = []
    for position, (gradient, specification_) in enumerate(
        zip(gradients, specifications, strict=True)
    ):
        if gradient is None or specification_ is None:
            fitted.append(None)
            continue
        shape, dtype = specification_
        if broadcasts:
            gradient = sum_to(gradient, shape)
        if gradient.shape != shape:
            raise RuntimeError(
                f"the backward rule of {name!r} returned a gradient of shape {gradient.shape} for "
                f"input {position} of shape {shape}; gradient and input must have the same shape"
            )
        fitted.append(gradient if gradient.dtype == dtype else gradient.astype(dtype))
    return fitted


def sum_to(array: mx.array, shape: tuple[int, ...]) -> mx.array:
    """Sum over the axes along which an array of `shape` was repeated to broadcast to `array`."""
    if array.shape == shape:
        return array
    if array.size == 0:  # MLX's sum over an empty array can hang
        return mx.zeros(shape, array.dtype)
    extra = array.ndim - len(shape)
    if extra:
        array = array.sum(axis=tuple(range(extra)))
    repeated = tuple(i for i, n in enumerate(shape) if n == 1 and array.shape[i] != 1)
    return array.sum(axis=repeated, keepdims=True) if repeated else array


def _consumers(sources: Sequence[Any], targets: set[int] | None, since: int) -> dict[int, int]:
    """How many recorded uses each node or leaf has in the graph behind `sources`.

    Nodes older than `since` are ends of the graph. With `targets`, ids of nodes and leaves, what
    leads to none of them is left out.
    """
    users: dict[int, list[int]] = {id(source): [] for source in sources}
    found = list(sources)
    for source in found:  # which grows meanwhile
        if not isinstance(source, Node) or source.order < since:
            continue
        user = id(source)
        for edge in source.edges:
            if edge is None:
                continue
            key = id(edge[0])
            by = users.get(key)
            if by is None:
                users[key] = [user]
                found.append(edge[0])
            else:
                by.append(user)
    if targets is None:
        return {key: len(by) for key, by in users.items()}
    leading = {key for key in targets if key in users}
    if len(leading) < len(targets):  # perhaps behind what an earlier walk released
        leading |= {id(s) for s in found if isinstance(s, Node) and not s.edges}
    stack = list(leading)
    while stack:
        for user in users[stack.pop()]:
            if user not in leading:
                leading.add(user)
                stack.append(user)
    return {key: sum(user in leading for user in users[key]) for key in leading}


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
    pending: dict[int, list[Any]] = {}
    for (source, index), gradient in roots:
        _add(pending, source, index, gradient)
    sources = list({id(edge[0]): edge[0] for edge, _ in roots}.values())
    aims: dict[int, list[tuple[int, int]]] = {}
    for (key, index), name in (targets or {}).items():
        aims.setdefault(key, []).append((index, name))
    waiting = _consumers(sources, None if targets is None else set(aims), since)
    ready = [s for s in sources if waiting.get(id(s)) == 0]
    captured: dict[int, Any] = {}
    with set_grad_enabled(create_graph):
        while ready:
            source = ready.pop()
            is_node = isinstance(source, Node)
            gradients = pending.pop(id(source), None)
            if gradients is None:  # every path to it had no gradient
                gradients = [None] * (len(source.outputs) if is_node else 1)
            if source.hooks if is_node else source._hooks:
                for index, gradient in enumerate(gradients):
                    if gradient is not None:
                        gradients[index] = _hooked(source, index, gradient, create_graph)
            for index, name in aims.get(id(source), ()):
                if gradients[index] is not None:
                    captured[name] = gradients[index]
            if targets is None and not is_node and gradients[0] is not None:
                _accumulate(source, gradients[0], create_graph)
                captured[id(source)] = source
            if not is_node or source.order < since:
                continue
            edges = source.edges
            if not edges:
                raise source.spent()
            wanted = [i for i, edge in enumerate(edges) if edge and id(edge[0]) in waiting]
            if not wanted:
                continue
            results = _pull(source, gradients, wanted, create_graph)
            if not retain_graph:
                source.release()
            for i in wanted:
                (parent, index), gradient = edges[i], results[i]
                if gradient is not None:
                    _add(pending, parent, index, gradient)
                waiting[id(parent)] -= 1
                if waiting[id(parent)] == 0:
                    ready.append(parent)
    return captured


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


def _add(pending: dict[int, list[Any]], source: Any, index: int, gradient: Any) -> None:
    slots = pending.get(id(source))
    if slots is None:
        slots = [None] * (len(source.outputs) if isinstance(source, Node) else 1)
        pending[id(source)] = slots
    before = slots[index]
    device = source.device if isinstance(source, Node) else source._device
    slots[index] = gradient if before is None else _plus(before, gradient, device)


def _plus(a: Any, b: Any, device: str) -> Any:
    """The sum of two gradients, where their tensor lies."""
    return mx.add(a, b, stream=PLACES[device]) if isinstance(a, mx.array) else a + b


def _accumulate(leaf: Traced, gradient: Any, recorded: bool) -> None:
    before = leaf.grad
    if before is None:
        leaf.grad = gradient if recorded else leaf._wrap(gradient, leaf._device)
    elif recorded:
        leaf.grad = before + gradient
    else:  # the same Tensor goes on, as in torch: whoever holds `x.grad` sees the sum, which
        # depends on what it was recorded of before
        before.array = _plus(before.array, gradient, leaf._device)
    for hook in list(leaf._accumulated or ()):
        hook(leaf)
