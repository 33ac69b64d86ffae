"""Hooks of a Module: registering and removing them, and the watch for full backward hooks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from lucid.autograd import Function
from lucid.tensor import Tensor

_numbers = itertools.count()


class Hook(NamedTuple):
    """A forward hook, and how it is to be called."""

    function: Callable
    with_kwargs: bool = False
    always: bool = False  # also where `forward` raised

    def run(self, module: Any, args: tuple, kwargs: dict[str, Any], *output: Any) -> Any:
        """Call it; `output` is there for hooks after `forward`."""
        given = (args, kwargs) if self.with_kwargs else (args,)
        return self.function(module, *given, *output)


class RemovableHandle:
    """Registers a hook in `hooks` and takes it out again.

    >>> from lucid import nn
    >>> layer = nn.Identity()
    >>> with layer.register_forward_hook(lambda module, args, output: print("called")):
    ...     _ = layer(1)
    called
    """

    def __init__(self, hooks: dict[int, Any], hook: Any, prepend: bool = False) -> None:
        function = hook.function if isinstance(hook, Hook) else hook
        if not callable(function):
            raise TypeError(f"a hook must be callable, got {type(function).__name__}")
        self._hooks, self._number = hooks, next(_numbers)
        before = dict(hooks) if prepend else {}
        if prepend:
            hooks.clear()
        hooks[self._number] = hook
        hooks.update(before)

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self._hooks.pop(self._number, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class Hooked:
    """Methods that register hooks, and the call of `forward` with hooks around it."""

    forward: Callable
    _pre_hooks: dict[int, Hook]
    _hooks: dict[int, Hook]
    _backward_pre_hooks: dict[int, Callable]
    _backward_hooks: dict[int, Callable]

    def _no_hooks(self) -> None:
        own = self.__dict__
        own["_pre_hooks"], own["_hooks"] = {}, {}
        own["_backward_pre_hooks"], own["_backward_hooks"] = {}, {}

    def _is_watched(self) -> bool:
        """Whether calling the module does more than `forward`."""
        return bool(
            self._pre_hooks or self._hooks or self._backward_hooks or self._backward_pre_hooks
        )

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before `forward`; what it returns replaces the arguments.

        Args:
            hook: returns None, or the new arguments: a tuple, or a single one.
            prepend: call it before the hooks that are there.
            with_kwargs: call `hook(module, args, kwargs)`, which returns None or both.

        >>> import lucid
        >>> from lucid import nn
        >>> layer = nn.ReLU()
        >>> handle = layer.register_forward_pre_hook(lambda module, args: -args[0])
        >>> layer(lucid.tensor([-1.0, 2.0]))
        Tensor([1., 0.], grad=None)
        """
        return RemovableHandle(self._pre_hooks, Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after `forward`; a result replaces the output.

        Args:
            hook: returns None or the new output.
            prepend: call it before the hooks that are there.
            with_kwargs: call `hook(module, args, kwargs, output)`.
            always_call: also where `forward` raises, the output being None then.

        >>> import lucid
        >>> from lucid import nn
        >>> layer = nn.ReLU()
        >>> handle = layer.register_forward_hook(lambda module, args, output: output + 1)
        >>> layer(lucid.tensor([-1.0, 2.0]))
        Tensor([1., 3.], grad=None)
        """
        called = Hook(hook, with_kwargs, always_call)
        return RemovableHandle(self._hooks, called, prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` when a backward reaches this module's outputs.

        A tuple that the hook returns replaces grad_output.

        >>> import lucid
        >>> from lucid import nn
        >>> layer, x = nn.ReLU(), lucid.ones(2, requires_grad=True)
        >>> handle = layer.register_full_backward_pre_hook(lambda module, grads: (3 * grads[0],))
        >>> layer(x).sum().backward()
        >>> x.grad
        Tensor([3., 3.], grad=None)
        """
        return RemovableHandle(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when a backward has passed this module.

        Both are tuples with one entry per positional input and per output, None where there is
        no gradient. A tuple that the hook returns replaces grad_input.

        >>> import lucid
        >>> from lucid import nn
        >>> layer, x = nn.ReLU(), lucid.ones(2, requires_grad=True)
        >>> handle = layer.register_full_backward_hook(lambda module, grads, _: print(grads))
        >>> layer(x).sum().backward()
        (Tensor([1., 1.], grad=None),)
        """
        return RemovableHandle(self._backward_hooks, hook, prepend)

    def _call_hooked(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """`forward` with all hooks around it."""
        for hook in list(self._pre_hooks.values()):
            changed = hook.run(self, args, kwargs)
            if changed is None:
                continue
            if hook.with_kwargs:
                args, kwargs = _both(self, changed)
            else:
                args = changed if isinstance(changed, tuple) else (changed,)
        try:
            if self._backward_hooks or self._backward_pre_hooks:
                output = call_watched(self, args, kwargs)
            else:
                output = self.forward(*args, **kwargs)
        except Exception:
            for hook in list(self._hooks.values()):
                if hook.always:
                    hook.run(self, args, kwargs, None)
            raise
        for hook in list(self._hooks.values()):
            changed = hook.run(self, args, kwargs, output)
            if changed is not None:
                output = changed
        return output


def _both(module: Any, changed: Any) -> tuple[tuple, dict[str, Any]]:
    if isinstance(changed, tuple) and len(changed) == 2 and isinstance(changed[1], dict):
        return changed
    raise RuntimeError(
        f"a forward pre-hook of {type(module).__name__} with with_kwargs=True must return None or "
        f"a tuple (args, kwargs), got {changed!r:.60}"
    )


class _Outputs(Function):
    """The identity on a module's outputs; notes their gradients."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *outputs: Any) -> Any:
        ctx.call = call
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        gradients = ctx.call.begin(gradients)
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
        self.output_count = 0
        self.output_positions: list[int] = []
        self.grad_output: tuple[Any, ...] = ()

    def begin(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        """Call the hooks before the backward; return the outputs' gradients after them."""
        slots: list[Any] = [None] * self.output_count
        for i, g in zip(self.output_positions, gradients, strict=True):
            slots[i] = g
        grad_output = tuple(slots)
        for hook in list(self.module._backward_pre_hooks.values()):
            changed = hook(self.module, grad_output)
            if changed is None:
                continue
            changed = changed if isinstance(changed, tuple) else (changed,)
            if len(changed) != self.output_count:
                raise RuntimeError(
                    f"a backward pre-hook of {type(self.module).__name__} must return None or "
                    f"{self.output_count} gradients, one per output, got {len(changed)}"
                )
            grad_output = changed
        self.grad_output = grad_output
        return tuple(grad_output[i] for i in self.output_positions)

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
    outputs = list(output) if isinstance(output, tuple) else [output]
    call.output_count = len(outputs)
    call.output_positions = [i for i, y in enumerate(outputs) if isinstance(y, Tensor)]
    if not call.output_positions:
        raise TypeError(
            f"full backward hooks need {type(module).__name__}.forward to return a Tensor or a "
            f"tuple with Tensors, got {type(output).__name__}"
        )
    watched = _Outputs.apply(call, *(outputs[i] for i in call.output_positions))
    for i, y in zip(call.output_positions, watched, strict=True):
        outputs[i] = y
    return tuple(outputs) if isinstance(output, tuple) else outputs[0]
