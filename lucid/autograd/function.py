"""`Function`: an operation of your own, with its derivative written by hand."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid.autograd.mode import no_grad, recording
from lucid.autograd.tape import Node, Traced, alias, fit


class Context:
    """What `forward` hands to `backward`. Any attribute may be set on it."""

    saved_tensors: tuple[Any, ...] = ()
    needs_input_grad: tuple[bool, ...] = ()
    _materializes = True
    _constant: frozenset[int] = frozenset()  # ids of outputs
    _dirty: frozenset[int] = frozenset()  # ids of inputs

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for `backward`, where they are `ctx.saved_tensors`.

        Inputs and outputs of `forward` stay connected, so that `backward` can be differentiated.
        """
        self.saved_tensors = tensors

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """These outputs of `forward` require no grad."""
        self._constant = frozenset(map(id, outputs))

    def mark_dirty(self, *inputs: Any) -> None:
        """`forward` changed these inputs in place, and returns them."""
        self._dirty = frozenset(map(id, inputs))

    def set_materialize_grads(self, value: bool) -> None:
        """Whether the gradient of an output that nobody used comes as zeros (the default) or as
        None."""
        self._materializes = bool(value)


class Function:
    """An operation with a hand-written derivative, called by `apply`.

    `forward(ctx, *args)` computes on Tensors, unrecorded. `backward(ctx, *gradients)` takes one
    gradient per output and returns one per argument (None where there is none). It may use any
    tensor operation; with `create_graph=True` it is recorded. As in torch, `forward(*args)` may
    do without the context, where `setup_context(ctx, inputs, output)` fills it.

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

    setup_context: Callable[[Any, tuple[Any, ...], Any], None] | None = None

    @staticmethod
    def forward(*args: Any) -> Any:
        raise NotImplementedError("a Function needs a static method forward(ctx, *args)")

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise NotImplementedError("a Function needs a static method backward(ctx, *gradients)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run `forward` and record `backward`."""
        edges = [a._edge() if isinstance(a, Traced) else None for a in args]
        context = Context()
        context.needs_input_grad = tuple(e is not None for e in edges)
        with no_grad():
            if cls.setup_context is None:
                out = cls.forward(context, *args)
            else:
                out = cls.forward(*args)
                cls.setup_context(context, args, out)
        several = isinstance(out, tuple | list)
        outs = list(out) if several else [out]
        first = next((y for y in outs if isinstance(y, Traced)), None)
        if first is None:
            raise TypeError(
                f"{cls.__name__}.forward must return a Tensor or a tuple with one, "
                f"got {type(out).__name__}"
            )
        # a new tensor each, but of what was changed in place: forward may return one of its inputs
        results = [
            y._wrap(y.array, y._device)
            if isinstance(y, Traced) and id(y) not in context._dirty
            else y
            for y in outs
        ]
        if recording.get() and any(edges):
            for y in args:
                if id(y) in context._dirty and y.requires_grad and y._node is None:
                    raise RuntimeError(
                        f"{cls.__name__} changed a leaf that requires grad in place; give it a "
                        "copy, e.g. x.clone()"
                    )
            kinds = [
                (y.array.shape, y.array.dtype) if isinstance(y, Traced) else None for y in outs
            ]
            node = FunctionNode(cls.__name__, edges, kinds, type(first), first._device)
            node.function, node.context = cls, context
            for index, y in enumerate(results):
                constant = not isinstance(y, Traced) or id(outs[index]) in context._constant
                if not constant and mx.issubdtype(y.array.dtype, mx.inexact):
                    y.requires_grad, y._node, y._index = True, node, index
            node.save(context.saved_tensors, args, outs)
            context.saved_tensors = ()
        return tuple(results) if several else results[0]


class FunctionNode(Node):
    """A recorded `Function`."""

    __slots__ = ("context", "function", "saved")
    function: type[Function] | None
    context: Context | None
    saved: Sequence[Any]  # tensors, and for an output its array and which one it is

    @property
    def materializes(self) -> bool:  # type: ignore[override]
        return self.context is None or self.context._materializes

    def save(self, tensors: Sequence[Any], args: Sequence[Any], outs: Sequence[Any]) -> None:
        """Keep what `backward` needs: inputs as they are now, and outputs without a cycle."""
        assert self.context is not None
        inputs = {id(a) for a in args} - self.context._dirty
        outputs = {id(y): i for i, y in enumerate(outs)}
        self.saved = [
            (t.array, outputs[id(t)])
            if isinstance(t, Traced) and id(t) in outputs and id(t) not in inputs
            else alias(t)
            if isinstance(t, Traced)
            else t
            for t in tensors
        ]

    def _restored(self, saved: Any) -> Any:
        if not isinstance(saved, tuple):
            return saved
        array, index = saved
        output = self.cls._wrap(array, self.device)
        output.requires_grad, output._node, output._index = True, self, index
        return output

    def _backward(self, gradients: Sequence[Any]) -> list[Any]:
        if self.function is None or self.context is None:
            raise self.spent()
        self.context.saved_tensors = tuple(self._restored(t) for t in self.saved)
        try:
            found = self.function.backward(self.context, *gradients)
        finally:
            self.context.saved_tensors = ()
        found = list(found) if isinstance(found, tuple | list) else [found]
        if len(found) > len(self.edges) and all(g is None for g in found[len(self.edges) :]):
            del found[len(self.edges) :]  # torch too lets surplus Nones pass
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

    def pull(self, *gradients: mx.array | None) -> Sequence[mx.array | None]:
        found = self._backward(
            [None if g is None else self.cls._wrap(g, self.device) for g in gradients]
        )
        return fit(self.name, [None if g is None else g.array for g in found], self.edges)

    def pull_recorded(self, gradients: Sequence[Any], wanted: Sequence[int]) -> Sequence[Any]:
        found = self._backward(gradients)
        # which checks the shapes
        fit(self.name, [None if g is None else g.array for g in found], self.edges)
        return [g if e else None for g, e in zip(found, self.edges, strict=True)]

    def release(self) -> None:
        self.function = self.context = None
        self.edges = self.saved = ()


def once_differentiable(backward: Callable) -> Callable:
    """Mark a `Function.backward` that cannot be differentiated itself: it runs unrecorded, and
    differentiating its results raises a RuntimeError."""

    @functools.wraps(backward)
    def wrapped(ctx: Any, *gradients: Any) -> Any:
        with no_grad():
            found = backward(ctx, *gradients)
        several = isinstance(found, tuple | list)
        reasons = [t for t in (*gradients, *ctx.saved_tensors) if isinstance(t, Traced)]
        marked = [
            _Refusal.apply(g, *reasons) if isinstance(g, Traced) else g
            for g in (found if several else (found,))
        ]
        return tuple(marked) if several else marked[0]

    return wrapped


class _Refusal(Function):
    """The first of its arguments, which cannot be differentiated in any."""

    @staticmethod
    def forward(ctx: Any, gradient: Any, *reasons: Any) -> Any:
        return gradient

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise RuntimeError(
            "differentiating a backward that is marked @once_differentiable; take the mark away "
            "if its operations may be recorded"
        )
