"""Checkpointing: activations are computed again in backward instead of being kept (Chen et al.,
"Training Deep Nets with Sublinear Memory Cost", 2016).

Peak of `mx.get_peak_memory` in a training step on the CPU (24 Conv-TasNet blocks of 32 and 64
channels, 4 signals of 4000 samples, as in `tests/bench/scaling.py`), by the number of segments:

    segments  1    2    4    6    12   24
    MB        766  558  414  238  152  101
"""

from __future__ import annotations

import contextlib
import contextvars
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid.autograd.mode import recording
from lucid.autograd.tape import Edge, Node, Traced, alias, next_order, outside, walk
from lucid.ops import keys
from lucid.ops.autocast import active, casting


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    context_fn: Callable[[], tuple[Any, Any]] | None = None,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, of which backward needs nothing but the arguments in memory.

    What is computed inside is forgotten and computed again when backward comes to it, so a
    training step takes one more forward pass of the function and less memory. Tensors that the
    function uses without being given them, such as the parameters of a module, get their
    gradients too, and the gradients can be differentiated.

    Args:
        function: returns Tensors, also nested in tuples, lists and dicts; called again in
            backward, where it must compute the same.
        use_reentrant: accepted as in torch; both ways are one here, with all that torch's
            `use_reentrant=False` can do.
        preserve_rng_state: draw the same random numbers in both runs, for dropout.
        context_fn: returns two context managers, for the first run and for the second.
        determinism_check, debug, early_stop: accepted as in torch, without effect: shapes and
            dtypes are compared in any case, and the second run is never cut short.

    Raises:
        RuntimeError: in backward, if the function then computes something else.

    >>> import lucid
    >>> from lucid import nn
    >>> layers = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 4))
    >>> x = lucid.ones(2, 4, requires_grad=True)
    >>> lucid.utils.checkpoint.checkpoint(layers, x, use_reentrant=False).sum().backward()
    >>> x.grad.shape, layers[0].weight.grad.shape
    ((2, 4), (64, 4))
    """
    if not recording.get():
        return function(*args, **kwargs)
    contexts = context_fn() if context_fn else (contextlib.nullcontext(), contextlib.nullcontext())
    run = _Run(function, args, kwargs, preserve_rng_state, contexts)
    since = next_order()
    output = run.again()
    recorded = _recorded(output)
    if not recorded:
        return output
    kinds = [(y.array.shape, y.array.dtype) for y in recorded]
    edges: list[Edge | None] = [*outside([y._edge() for y in recorded], since)]
    first = recorded[0]
    node = CheckpointNode("checkpoint", edges, kinds, type(first), first._device)
    node.run = run
    indices = itertools.count()

    def result(tensor: Traced) -> Traced:
        if not tensor.requires_grad:
            return tensor
        y = tensor._wrap(tensor.array, tensor._device)
        y.requires_grad, y._node, y._index = True, node, next(indices)
        return y

    return _replaced(output, result)


def _recorded(output: Any) -> list[Any]:
    """The tensors of an output that can be differentiated, in order."""
    found: list[Any] = []
    _replaced(output, lambda tensor: found.append(tensor) if tensor.requires_grad else None)
    return found


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """A chain of functions, cut into `segments` of about equal length, all but the last of which
    are checkpointed.

    Args:
        functions: an `nn.Sequential`, or functions of one Tensor.

    Raises:
        ValueError: more segments than functions, or none.

    >>> import lucid
    >>> from lucid import nn
    >>> layers = nn.Sequential(*[nn.Linear(4, 4) for _ in range(6)])
    >>> x = lucid.ones(2, 4, requires_grad=True)
    >>> lucid.utils.checkpoint.checkpoint_sequential(layers, 3, x).sum().backward()
    """
    chain = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not 1 <= segments <= max(len(chain), 1):
        raise ValueError(
            f"checkpoint_sequential expects from 1 to {len(chain)} segments for {len(chain)} "
            f"functions, got {segments}"
        )
    size = len(chain) // segments
    x = input
    for k in range(segments - 1):
        part = _Chain(chain[k * size : (k + 1) * size])
        x = checkpoint(part, x, use_reentrant=use_reentrant, preserve_rng_state=preserve_rng_state)
    return _Chain(chain[(segments - 1) * size :])(x)


class _Chain:
    """Functions one after the other."""

    def __init__(self, functions: Sequence[Callable]) -> None:
        self.functions = functions

    def __call__(self, x: Any) -> Any:
        for function in self.functions:
            x = function(x)
        return x


class _Run:
    """A call that can be made again under the circumstances of the first one."""

    def __init__(
        self,
        function: Callable,
        args: Any,
        kwargs: Any,
        same_numbers: bool,
        contexts: tuple[Any, Any],
    ) -> None:
        self.function, self.contexts = function, contexts
        # what the tensors are now, whatever is written into them before backward
        self.given = _replaced((args, kwargs), alias)
        self.circumstances = contextvars.copy_context()
        self.position = keys.position() if same_numbers else None
        self.first = True

    def again(self, after: Sequence[mx.array] = ()) -> Any:
        """Call the function; its arguments wait for the arrays `after`, since `mx.compile` would
        merge this run with the first one, and keep all of its activations."""

        def later(tensor: Traced) -> Any:
            return alias(tensor, *mx.depends([tensor.array], list(after)) if after else ())

        args, kwargs = _replaced(self.given, later)
        if self.first:
            self.first = False
            with casting(active.get()), self.contexts[0]:
                return self.function(*args, **kwargs)
        return self.circumstances.copy().run(self._replayed, args, kwargs)

    def _replayed(self, args: Any, kwargs: Any) -> Any:
        same = contextlib.nullcontext() if self.position is None else keys.branch(self.position)
        with same, casting(active.get()), self.contexts[1]:
            return self.function(*args, **kwargs)


def _replaced(value: Any, replace: Callable[[Any], Any]) -> Any:
    """Nested tuples, lists and dicts with every tensor replaced."""
    if isinstance(value, Traced):
        return replace(value)
    if isinstance(value, tuple | list):
        parts = [_replaced(v, replace) for v in value]
        # a named tuple takes its fields one by one
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if type(value) is dict:
        return {k: _replaced(v, replace) for k, v in value.items()}
    return value


class CheckpointNode(Node):
    """A recorded call that is made again in order to step back over it."""

    __slots__ = ("run",)
    run: _Run | None

    def _walk(self, gradients: Sequence[Any], wanted: Sequence[int], recorded: bool) -> list[Any]:
        if self.run is None:
            raise self.spent()
        since = next_order()
        after = [g.array if isinstance(g, Traced) else g for g in gradients]
        output = self.run.again(after)
        computed = _recorded(output)
        found_kinds = [(y.array.shape, y.array.dtype) for y in computed]
        if found_kinds != list(self.outputs):
            raise RuntimeError(
                "checkpoint: in backward the function computed something else than before: "
                f"expected Tensors that require grad of shapes and dtypes {self.outputs}, got "
                f"{found_kinds}; it must not depend on what changes in between"
            )
        edges = self.edges
        targets = {(id(edges[i][0]), edges[i][1]): i for i in wanted}  # type: ignore[index]
        roots = [(y._edge(), g) for y, g in zip(computed, gradients, strict=True)]
        found = walk(roots, targets, retain_graph=recorded, create_graph=recorded, since=since)
        if found and not recorded:  # the gradients of parameters, too, before an earlier call is
            gradients = list(found.values())  # made again, which waits for one of them
            found = dict(zip(found, mx.depends(gradients, gradients), strict=True))
        return [found.get(i) for i in range(len(edges))]

    def pull(self, *gradients: mx.array) -> Sequence[mx.array | None]:
        return self._walk(gradients, range(len(self.edges)), recorded=False)

    def pull_recorded(self, gradients: Sequence[Any], wanted: Sequence[int]) -> Sequence[Any]:
        return self._walk(gradients, wanted, recorded=True)

    def release(self) -> None:
        self.run, self.edges = None, ()
