"""`vmap`: a function of samples becomes one of batches.

It is traced once by `mx.vmap`, whose operations then work on the whole batch; a convolution
becomes one convolution (`lucid.kernels.batching`). Where MLX cannot map over an operation, and
where the function looks at values (`if x.sum() > 0`, `x[mask]`, `.item()`) or writes into a tensor
from outside (the running mean of a `BatchNorm1d`), it is called once per sample and the results
are stacked: that always works, and takes the time of as many calls. Such are `x[mask]`, `istft`
and the decompositions of matrices, which check values.

The result is differentiable in the arguments and in whatever the function uses: its gradient is
the `vmap` of the function's gradient, so that every order follows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid import ops
from lucid.autograd import anomaly, enable_grad, is_grad_enabled, laziness, no_grad
from lucid.autograd.tape import Edge, Node, alias, next_order, outside, specification, walk
from lucid.func.repair import repaired
from lucid.func.tree import flatten, spread
from lucid.kernels import batching
from lucid.ops import autocast, keys
from lucid.tensor import Tensor

Function = Callable[[Sequence[Tensor]], list[Tensor]]


def vmap(
    func: Callable,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    """The function that applies `func` to every sample of a batch.

    Args:
        in_dims: which dimension of each positional argument counts the samples; None: all samples
            share it. One for all, or nested as the arguments are. Keyword arguments are shared.
        out_dims: where that dimension goes in the results; nested as they are. None: it is not
            there, since the result is the same for all samples.
        randomness: "error" refuses random numbers, "same" draws the same for every sample,
            "different" others for each, by calling `func` sample by sample.
        chunk_size: at most so many samples at a time.

    Raises:
        ValueError: when called, of dims that do not fit the arguments, batches of different sizes
            or of none, or results that are not Tensors.
        RuntimeError: random numbers, with randomness="error".

    >>> import lucid
    >>> lucid.func.vmap(lambda x, y: (x * y).sum())(lucid.ones(2, 3), lucid.ones(2, 3))
    Tensor([3., 3.], grad=None)
    """
    if randomness not in ("error", "same", "different"):
        raise ValueError(f'randomness must be "error", "same" or "different", got {randomness!r}')

    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"chunk_size must be None or at least 1, got {chunk_size}")

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, rebuild = flatten(args)
        dims = spread(in_dims if isinstance(in_dims, int | None) else tuple(in_dims), args)
        size = _batch_size(leaves, dims)
        xs = [x if d is None else ops.movedim(x, d, 0) for x, d in zip(leaves, dims, strict=True)]
        batched = [d is not None for d in dims]
        form: list[Any] = []
        caster = autocast.active.get()

        def on_leaves(tensors: Sequence[Tensor]) -> list[Tensor]:
            with autocast.casting(caster):
                output = func(*rebuild(tensors), **kwargs)
            results, rebuild_output = flatten(output)
            if not results:
                raise ValueError(
                    f"vmap expects a function that returns Tensors, got {output!r:.60}"
                )
            form[:] = [rebuild_output, spread(out_dims, output)]
            return results

        function = _with_randomness(on_leaves, randomness)
        loop = randomness == "different"
        step = chunk_size or size
        chunks = [
            _apply(
                function,
                [x[i : i + step] if b else x for x, b in zip(xs, batched, strict=True)],
                batched,
                loop,
            )
            for i in range(0, size, step)
        ]
        columns = [c[0] if len(c) == 1 else ops.cat(c) for c in zip(*chunks, strict=True)]
        rebuild_output, places = form
        placed = [
            y[0] if d is None else ops.movedim(y, 0, d)
            for y, d in zip(columns, places, strict=True)
        ]
        return rebuild_output(placed)

    return mapped


def _batch_size(leaves: Sequence[Tensor], dims: Sequence[Any]) -> int:
    sizes = []
    for x, d in zip(leaves, dims, strict=True):
        if d is None:
            continue
        if not isinstance(d, int) or not -x.ndim <= d < x.ndim:
            raise ValueError(f"in_dims has {d!r} for a Tensor of shape {x.shape}")
        sizes.append(x.shape[d])
    if not sizes:
        raise ValueError("vmap expects a Tensor to map over; all in_dims are None")
    if len(set(sizes)) > 1 or sizes[0] == 0:
        raise ValueError(f"vmap expects batches of one size of at least 1, got the sizes {sizes}")
    return sizes[0]


def _with_randomness(function: Function, randomness: str) -> Function:
    """The function, which draws the same numbers every time, or none, or others."""
    if randomness == "different":
        return function
    position = keys.position()
    if randomness == "same":
        keys.next_key()  # the next call of vmap draws others

    def guarded(tensors: Sequence[Tensor]) -> list[Tensor]:
        with keys.branch(position):
            results = function(tensors)
            if randomness == "error" and keys.position() != position:
                raise _Random(
                    'a function drew random numbers inside vmap; pass randomness="same" or '
                    'randomness="different"'
                )
        return results

    return guarded


class _Random(RuntimeError):
    """Random numbers where there should be none."""


def _apply(
    function: Function, xs: Sequence[Tensor], batched: Sequence[bool], loop: bool
) -> list[Tensor]:
    """function(xs) for each sample; the batch is the first dimension of `batched` ones."""
    if not loop and not anomaly.on:  # which looks at values
        try:
            return _traced(function, xs, batched)
        except _Random:
            raise
        except Exception:  # whatever MLX cannot map over; what is wrong raises again below
            pass
    return _looped(function, xs, batched)


def _looped(function: Function, xs: Sequence[Tensor], batched: Sequence[bool]) -> list[Tensor]:
    """The same, sample by sample."""
    size = next(x.shape[0] for x, b in zip(xs, batched, strict=True) if b)
    rows = [
        function([x[i] if b else x for x, b in zip(xs, batched, strict=True)]) for i in range(size)
    ]
    return [ops.stack(list(column)) for column in zip(*rows, strict=True)]


def _traced(function: Function, xs: Sequence[Tensor], batched: Sequence[bool]) -> list[Tensor]:
    """The same by `mx.vmap`, recorded as one node."""
    recording, since = is_grad_enabled(), next_order()
    outsiders: list[Edge] = []
    differentiable: list[bool] = []

    def on_arrays(*arrays: mx.array) -> list[mx.array]:
        fresh = [x._wrap(a, x.device) for x, a in zip(xs, arrays, strict=True)]
        for leaf, x in zip(fresh, xs, strict=True):
            leaf.requires_grad = recording and x.requires_grad
        ys = function(fresh)
        roots = [edge for y in ys if (edge := y._edge()) is not None]
        own = {id(leaf) for leaf in fresh}
        outsiders[:] = [e for e in outside(roots, since) if id(e[0]) not in own]
        differentiable[:] = [y.requires_grad for y in ys]
        return [y.array for y in ys]

    changes: list[laziness.Change] = []
    try:
        with laziness.tracing() as changes, batching.mapping(), repaired():
            axes = tuple(0 if b else None for b in batched)
            arrays = mx.vmap(on_arrays, in_axes=axes)(*[x.array for x in xs])
    finally:
        written = laziness.undo_changes(changes)
    if written:
        raise RuntimeError("a tensor from outside was written into")
    size = next(x.shape[0] for x, b in zip(xs, batched, strict=True) if b)
    # what depends on no sample may come with a batch of 1
    arrays = [a if a.shape[0] == size else mx.broadcast_to(a, (size, *a.shape[1:])) for a in arrays]
    first = xs[0]
    results = [first._wrap(a, first.device) for a in arrays]
    if recording and any(differentiable):
        node = MappedNode(
            "vmap",
            [*(x._edge() for x in xs), *outsiders],
            [(a.shape, a.dtype) for a in arrays],
            Tensor,
            first.device,
        )
        node.function, node.xs, node.batched = function, [alias(x) for x in xs], batched
        node.differentiable = differentiable
        for index, y in enumerate(results):
            if differentiable[index]:
                y.requires_grad, y._node, y._index = True, node, index
    return results


class MappedNode(Node):
    """A recorded `vmap`. Its backward is the `vmap` of the backward of its function."""

    __slots__ = ("batched", "differentiable", "function", "xs")
    function: Function | None
    xs: Sequence[Tensor]
    batched: Sequence[bool]
    differentiable: list[bool]

    def pull_recorded(self, gradients: Sequence[Any], wanted: Sequence[int]) -> Sequence[Any]:
        if self.function is None:
            raise self.spent()
        count, edges = len(self.xs), self.edges
        function, differentiable = self.function, self.differentiable

        def of_sample(tensors: Sequence[Tensor]) -> list[Tensor]:
            since = next_order()
            leaves = [
                _leaf(x) if edge is not None else x
                for x, edge in zip(tensors[:count], edges[:count], strict=True)
            ]
            with enable_grad():
                ys = function(leaves)
            recorded = is_grad_enabled()
            roots: list[Any] = [
                (y._edge(), g if recorded else g.array)
                for y, g, d in zip(ys, tensors[count:], differentiable, strict=True)
                if d
            ]
            places: Any = [leaf._edge() for leaf in leaves] + list(edges[count:])
            targets = {(id(places[i][0]), places[i][1]): i for i in wanted}
            found = walk(roots, targets, retain_graph=True, create_graph=recorded, since=since)
            return [_gradient(found.get(i), edges[i], places[i], self.device) for i in wanted]

        batched = [*self.batched, *(True for _ in gradients)]
        pulled = _apply(of_sample, [*self.xs, *gradients], batched, loop=False)
        results: list[Any] = [None] * len(edges)
        for i, g in zip(wanted, pulled, strict=True):
            # what all samples share has the sum of their gradients
            results[i] = g if i < count and self.batched[i] else g.sum(0)
        return results

    def pull(self, *gradients: mx.array) -> Sequence[mx.array | None]:
        wanted = [i for i, edge in enumerate(self.edges) if edge is not None]
        with no_grad():
            found = self.pull_recorded([Tensor._wrap(g, self.device) for g in gradients], wanted)
        return [None if g is None else g.array for g in found]

    def release(self) -> None:
        self.function, self.edges, self.xs = None, (), ()


def _leaf(x: Tensor) -> Tensor:
    """A place of its own in the graph, which goes on to x where x is recorded."""
    if is_grad_enabled() and x.requires_grad:
        return ops.clone(x)
    return x.detach().requires_grad_()


def _gradient(found: Any, edge: Any, place: Any, device: str) -> Tensor:
    if isinstance(found, Tensor):
        return found
    if found is None:  # of a sample of x, or of something shared
        found = mx.zeros(*specification(place))
    return Tensor._wrap(found, device)
