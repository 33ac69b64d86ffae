"""Starting the walk: `Tensor.backward`, `lucid.autograd.backward` and `lucid.autograd.grad`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from lucid.autograd import laziness
from lucid.autograd.function import Function
from lucid.autograd.tape import PLACES, Edge, Traced, walk


def backward(
    tensors: Any,
    gradients: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` to the `.grad` of the leaves that they depend on.

    Args:
        tensors: a Tensor or several.
        gradients: what to start from, one Tensor of the same shape per tensor; None means ones.
        retain_graph: keep the graph for another backward. Default: what `create_graph` is.
        create_graph: record the walk itself, so that the gradients can be differentiated.
        inputs: only these leaves get a `.grad`. Default: all.

    Raises:
        RuntimeError: a tensor does not require grad, or its graph was freed.
        ValueError: a gradient of the wrong shape.

    >>> import lucid
    >>> x = lucid.tensor([1.0, 2.0], requires_grad=True)
    >>> lucid.autograd.backward((x * x).sum())
    >>> x.grad
    Tensor([2., 4.], grad=None)
    """
    retain = create_graph if retain_graph is None else retain_graph
    outputs = _several(tensors)
    if inputs is None:
        roots = _roots(tensors, gradients, create_graph)
        leaves = walk(roots, None, retain_graph=retain, create_graph=create_graph)
        laziness.settle([*outputs, *(leaf.grad for leaf in leaves.values())])
        return
    wanted = _several(inputs)
    if not wanted:
        raise ValueError("backward got no inputs to fill; leave inputs out to fill all leaves")
    found = grad(
        tensors,
        wanted,
        gradients,
        retain_graph=retain,
        create_graph=create_graph,
        allow_unused=True,
    )
    for leaf, g in zip(wanted, found, strict=True):
        if g is not None:
            leaf.grad = g if leaf.grad is None else leaf.grad + g
            for hook in list(leaf._accumulated or ()):
                hook(leaf)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to `inputs`; no `.grad` is touched.

    Args:
        outputs: a Tensor or several.
        inputs: a Tensor or several: leaves, or results in the middle of the graph. Only what lies
            between them and the outputs is walked over.
        grad_outputs: what to start from, one per output; None means ones.
        retain_graph: keep the graph for another walk. Default: what `create_graph` is.
        create_graph: record the walk, so that the gradients can be differentiated.
        only_inputs: True; the name is torch's.
        allow_unused: None for an input that the outputs do not depend on, instead of an error.
            Default: what `materialize_grads` is.
        is_grads_batched: `grad_outputs` have one more dimension in front, and so have the
            results: one walk for each.
        materialize_grads: zeros for an input that the outputs do not depend on.

    Returns:
        A tuple of Tensors, one per input.

    Raises:
        RuntimeError: an output does not require grad, an input is not part of the graph, or the
            graph was freed.

    >>> import lucid
    >>> x = lucid.tensor(3.0, requires_grad=True)
    >>> (dy,) = lucid.autograd.grad(x**3, x, create_graph=True)
    >>> lucid.autograd.grad(dy, x)[0].item()
    18.0
    """
    if not only_inputs:
        raise ValueError("only_inputs=False is not offered; use backward() to fill every .grad")
    if materialize_grads and allow_unused is False:
        raise ValueError("materialize_grads=True needs allow_unused to be True or left out")
    retain = create_graph if retain_graph is None else retain_graph
    options = {"create_graph": create_graph, "materialize_grads": materialize_grads}
    options["allow_unused"] = materialize_grads if allow_unused is None else allow_unused
    if is_grads_batched:
        return _batched(outputs, inputs, grad_outputs, retain, options)
    roots = _roots(outputs, grad_outputs, create_graph)
    wanted = _several(inputs)
    targets: dict[tuple[int, int], int] = {}
    for position, x in enumerate(wanted):
        edge = x._edge() if isinstance(x, Traced) else None
        if edge is None:
            raise RuntimeError(
                f"input {position} of grad does not require grad; set requires_grad=True on it "
                "before the outputs are computed"
            )
        targets[id(edge[0]), edge[1]] = targets.get((id(edge[0]), edge[1]), position)
    found = walk(roots, targets, retain_graph=retain, create_graph=create_graph)
    results: list[Any] = []
    for position, x in enumerate(wanted):
        edge = x._edge()
        g = found.get(targets[id(edge[0]), edge[1]])
        if g is None and not options["allow_unused"]:
            raise RuntimeError(
                f"input {position} of grad was not used to compute the outputs; "
                "pass allow_unused=True to get None for it"
            )
        if g is None and materialize_grads:
            g = mx.zeros(x.array.shape, x.array.dtype, stream=PLACES[x._device])
        results.append(x._wrap(g, x._device) if isinstance(g, mx.array) else g)
    laziness.settle([*_several(outputs), *(g for g in results if g is not None)])
    return tuple(results)


def _batched(
    outputs: Any, inputs: Any, grad_outputs: Any, retain: bool, options: dict[str, bool]
) -> tuple[Any, ...]:
    """`grad` for each of the gradients stacked in `grad_outputs`, its results stacked."""
    seeds = _several(grad_outputs)
    shapes = [tuple(seed.array.shape) if isinstance(seed, Traced) else () for seed in seeds]
    count = min(shape[0] if shape else 0 for shape in shapes)
    if count == 0 or any(shape[0] != count for shape in shapes):
        raise ValueError(
            "is_grads_batched expects grad_outputs with a first dimension of one size in common, "
            f"got shapes {shapes}"
        )
    rows = [
        grad(_several(outputs), inputs, [s[i] for s in seeds], retain or i + 1 < count, **options)
        for i in range(count)
    ]
    return tuple(None if c[0] is None else _Stack.apply(*c) for c in zip(*rows, strict=True))


class _Stack(Function):
    """Tensors of one shape along a new first dimension. The ops lie above this package."""

    @staticmethod
    def forward(ctx: Any, *rows: Any) -> Any:
        array = mx.stack([r.array for r in rows], stream=PLACES[rows[0]._device])
        return rows[0]._wrap(array, rows[0]._device)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return tuple(gradient[i] for i in range(gradient.shape[0]))


def _several(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, Sequence) else [tensors]


def _roots(tensors: Any, gradients: Any, recorded: bool) -> list[tuple[Edge, Any]]:
    """Each tensor's edge with the gradient to start from."""
    outputs = _several(tensors)
    several = isinstance(tensors, Sequence)
    seeds = list(gradients) if several and gradients is not None else [gradients] * len(outputs)
    if len(seeds) != len(outputs):
        raise ValueError(f"got {len(seeds)} gradients for {len(outputs)} tensors; give one each")
    roots = []
    for y, seed in zip(outputs, seeds, strict=True):
        edge = y._edge() if isinstance(y, Traced) else None
        if edge is None:
            raise RuntimeError(
                "backward needs a Tensor that requires grad, got "
                f"{'a constant Tensor' if isinstance(y, Traced) else type(y).__name__}; "
                "set requires_grad=True on an input, or leave no_grad"
            )
        roots.append((edge, _seed(y, seed, recorded)))
    return roots


def _seed(y: Traced, seed: Any, recorded: bool) -> Any:
    if seed is None:
        array = mx.ones(y.array.shape, y.array.dtype, stream=PLACES[y._device])
        return y._wrap(array, y._device) if recorded else array
    array = seed.array if isinstance(seed, Traced) else mx.array(seed)
    if array.shape != y.array.shape:
        raise ValueError(
            f"backward of a tensor of shape {y.array.shape} expects a gradient of the same "
            f"shape, got {array.shape}"
        )
    if recorded:
        return seed if isinstance(seed, Traced) else y._wrap(array, y._device)
    return array.astype(y.array.dtype)
