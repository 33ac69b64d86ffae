"""`Function`: an operation of your own, with its derivative written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from lucid.autograd.mode import no_grad, recording
from lucid.autograd.tape import Node, Traced, fit, specification


class Context:
    """What `forward` hands to `backward`. Any attribute may be set on it."""

    saved_tensors: tuple[Any, ...] = ()
    needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for `backward`, where they are `ctx.saved_tensors`."""
        self.saved_tensors = tensors


class Function:
    """An operation with a hand-written derivative, called by `apply`.

    `forward(ctx, *args)` computes on Tensors, unrecorded. `backward(ctx, *gradients)` takes one
    gradient per output and returns one per argument (None where there is none). It may use any
    tensor operation; with `create_graph=True` it is recorded.

    >>> import lucid
    >>> class Cube(lucid.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...     @staticmethod
    ...     def backward(ctx, gradient):
    ...         (x,) = ctx.saved_tensors
    ...         return gradient * 3 * x * x
    >>> x = lucid.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad.item()
    12.0
    """

    @staticmethod
    def forward(ctx: Context, *args: Any) -> Any:
        raise NotImplementedError("a Function needs a static method forward(ctx, *args)")

    @staticmethod
    def backward(ctx: Context, *gradients: Any) -> Any:
        raise NotImplementedError("a Function needs a static method backward(ctx, *gradients)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run `forward` and record `backward`."""
        edges = [a._edge() if isinstance(a, Traced) else None for a in args]
        context = Context()
        context.needs_input_grad = tuple(e is not None for e in edges)
        with no_grad():
            out = cls.forward(context, *args)
        several = isinstance(out, tuple | list)
        outs = list(out) if several else [out]
        for y in outs:
            if not isinstance(y, Traced):
                raise TypeError(
                    f"{cls.__name__}.forward must return a Tensor or a tuple of them, "
                    f"got {type(y).__name__}"
                )
        # a new tensor each: forward may return one of its inputs
        results = [y._wrap(y.array, y._device) for y in outs]
        if recording.get() and any(edges):
            kinds = [(y.array.shape, y.array.dtype) for y in outs]
            node = FunctionNode(cls.__name__, edges, kinds, type(results[0]), outs[0]._device)
            node.function, node.context = cls, context
            for index, y in enumerate(results):
                if mx.issubdtype(y.array.dtype, mx.inexact):
                    y.requires_grad, y._node, y._index = True, node, index
        return tuple(results) if several else results[0]


class FunctionNode(Node):
    """A recorded `Function`."""

    __slots__ = ("context", "function")
    function: type[Function] | None
    context: Context | None

    def _backward(self, gradients: Sequence[Any]) -> list[Any]:
        if self.function is None or self.context is None:
            raise self.spent()
        found = self.function.backward(self.context, *gradients)
        found = list(found) if isinstance(found, tuple | list) else [found]
        if len(found) != len(self.edges):
            raise RuntimeError(
                f"{self.name}.backward returned {len(found)} gradients for {len(self.edges)} "
                "arguments of forward; return one per argument, None where there is none"
            )
        for g in found:
            if g is not None and not isinstance(g, Traced):
                raise TypeError(
                    f"{self.name}.backward must return Tensors or None, got {type(g).__name__}"
                )
        return found

    def pull(self, *gradients: mx.array) -> Sequence[mx.array | None]:
        found = self._backward([self.cls._wrap(g, self.device) for g in gradients])
        specifications = [e and specification(e) for e in self.edges]
        arrays = [None if g is None else g.array for g in found]
        return fit(self.name, arrays, specifications)

    def pull_recorded(self, *gradients: Any) -> Sequence[Any]:
        return [
            g if e else None for g, e in zip(self._backward(gradients), self.edges, strict=True)
        ]

    def release(self) -> None:
        self.function = self.context = None
        self.edges = ()
