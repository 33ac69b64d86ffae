"""Hooks of a Module: the handle that removes one, and the watch for full backward hooks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from lucid.autograd import Function
from lucid.tensor import Tensor

_numbers = itertools.count()


class RemovableHandle:
    """Registers a hook in `hooks` and takes it out again.

    >>> from lucid import nn
    >>> layer = nn.Identity()
    >>> with layer.register_forward_hook(lambda module, args, output: print("called")):
    ...     _ = layer(1)
    called
    """

    def __init__(self, hooks: dict[int, Callable], hook: Callable) -> None:
        if not callable(hook):
            raise TypeError(f"a hook must be callable, got {type(hook).__name__}")
        self._hooks, self._number = hooks, next(_numbers)
        hooks[self._number] = hook

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self._hooks.pop(self._number, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class _Outputs(Function):
    """The identity on a module's outputs; notes their gradients."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *outputs: Any) -> Any:
        ctx.call = call
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        ctx.call.grad_output = gradients
        if not ctx.call.watches_input:
            ctx.call.run((None,) * ctx.call.input_count)
        return None, *gradients


class _Inputs(Function):
    """The identity on a module's inputs; runs the hooks once their gradients are known."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *inputs: Any) -> Any:
        ctx.call = call
        return inputs

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return None, *ctx.call.run(gradients)


class _Call:
    """One call of a module with full backward hooks."""

    def __init__(self, module: Any, args: tuple[Any, ...]) -> None:
        self.module = module
        self.input_count = len(args)
        self.positions = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        self.watches_input = any(args[i].requires_grad for i in self.positions)
        self.grad_output: tuple[Any, ...] = ()

    def run(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        """Call the hooks with the gradients of the inputs; return those that hold after them."""
        slots: list[Any] = [None] * self.input_count
        if self.watches_input:
            for i, g in zip(self.positions, gradients, strict=True):
                slots[i] = g
        grad_input = tuple(slots)
        for hook in list(self.module._backward_hooks.values()):
            changed = hook(self.module, grad_input, self.grad_output)
            if changed is None:
                continue
            changed = changed if isinstance(changed, tuple) else (changed,)
            if len(changed) != self.input_count:
                raise RuntimeError(
                    f"a backward hook of {type(self.module).__name__} must return None or "
                    f"{self.input_count} gradients, one per positional input, got {len(changed)}"
                )
            grad_input = changed
        return tuple(grad_input[i] for i in self.positions)


def call_watched(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`module.forward` with its full backward hooks armed."""
    call = _Call(module, args)
    if call.watches_input:
        arguments = list(args)
        watched = _Inputs.apply(call, *(args[i] for i in call.positions))
        for i, x in zip(call.positions, watched, strict=True):
            arguments[i] = x
        args = tuple(arguments)
    output = module.forward(*args, **kwargs)
    outputs = output if isinstance(output, tuple) else (output,)
    if not all(isinstance(y, Tensor) for y in outputs):
        raise TypeError(
            f"full backward hooks need {type(module).__name__}.forward to return a Tensor or a "
            f"tuple of Tensors, got {type(output).__name__}"
        )
    watched = _Outputs.apply(call, *outputs)
    return watched if isinstance(output, tuple) else watched[0]
