"""`Module`: what owns parameters. torch's semantics and torch's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lucid.nn import state
from lucid.nn.hooks import RemovableHandle, call_watched
from lucid.nn.parameter import Parameter
from lucid.nn.summary import Summary, summarise
from lucid.tensor import Tensor


class Module:
    """The base of all layers and models.

    A subclass calls `super().__init__()`, assigns Parameters and Modules as attributes, and
    defines `forward`. Calling the module runs `forward` with the hooks around it.

    >>> import lucid
    >>> from lucid import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = nn.Parameter(lucid.tensor(2.0))
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> Scale()(lucid.ones(2))
    Tensor([2., 2.], grad=None, requires_grad=True)
    """

    training: bool

    def __init__(self) -> None:
        own = self.__dict__
        own["training"] = True
        own["_parameters"] = {}
        own["_buffers"] = {}
        own["_modules"] = {}
        own["_transient"] = set()  # names of the buffers that state_dict leaves out
        own["_computed"] = {}  # attributes that are computed when read: see lucid.nn.computed
        own["_pre_hooks"] = {}
        own["_hooks"] = {}
        own["_backward_hooks"] = {}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define forward()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not (self._pre_hooks or self._hooks or self._backward_hooks):
            return self.forward(*args, **kwargs)
        for hook in list(self._pre_hooks.values()):
            changed = hook(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        if self._backward_hooks:
            output = call_watched(self, args, kwargs)
        else:
            output = self.forward(*args, **kwargs)
        for hook in list(self._hooks.values()):
            changed = hook(self, args, output)
            if changed is not None:
                output = changed
        return output

    # Attributes -----------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        registered = isinstance(value, Parameter | Module)
        if "_parameters" not in own:
            if registered:
                raise AttributeError(
                    f"{type(self).__name__}.__init__ must call super().__init__() before it "
                    f"assigns {name!r}"
                )
            own[name] = value
        elif name in own["_computed"]:
            own["_computed"][name].assign(self, value)
        elif registered:
            self._put("_parameters" if isinstance(value, Parameter) else "_modules", name, value)
        else:
            for slot in _SLOTS:
                if name in own[slot]:
                    self._check_slot(slot, name, value)
                    own[slot][name] = value
                    return
            object.__setattr__(self, name, value)

    def _check_slot(self, slot: str, name: str, value: Any) -> None:
        kind, what, expected = _SLOTS[slot]
        if value is not None and not isinstance(value, kind):
            raise TypeError(
                f"{name!r} is a {what} of {type(self).__name__} and takes a {expected} or None, "
                f"got {type(value).__name__}"
                + ("; wrap it: nn.Parameter(tensor)" if isinstance(value, Tensor) else "")
            )

    def _register(self, slot: str, name: str, value: Any) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise KeyError(f"a name must be a string that is not empty, without '.', got {name!r}")
        if hasattr(self, name) and not any(name in self.__dict__[s] for s in _SLOTS):
            raise KeyError(f"{type(self).__name__} already has an attribute {name!r}")
        self._check_slot(slot, name, value)
        self._put(slot, name, value)

    def _put(self, slot: str, name: str, value: Any) -> None:
        """Under `slot` and nowhere else; a name that was there keeps its place in the order."""
        own = self.__dict__
        for names in (own, *(own[s] for s in _SLOTS if s != slot)):
            names.pop(name, None)
        self._transient.discard(name)
        own[slot][name] = value

    def __getattr__(self, name: str) -> Any:  # only where ordinary look-up found nothing
        own = self.__dict__
        for slot in _SLOTS:
            if slot in own and name in own[slot]:
                return own[slot][name]
        if name in own.get("_computed", ()):
            return own["_computed"][name].value(self)
        if name in (*_SLOTS, "_pre_hooks"):
            raise AttributeError(f"{type(self).__name__}.__init__ must call super().__init__()")
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        for slot in _SLOTS:
            if name in self.__dict__[slot]:
                self._transient.discard(name)
                del self.__dict__[slot][name]
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = [*self._parameters, *self._buffers, *self._modules, *self._computed]
        return sorted({*super().__dir__(), *(n for n in names if n.isidentifier())})

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Add a parameter under a name; None keeps the name for an absent one."""
        self._register("_parameters", name, parameter)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not trained; `persistent=False`: not in state_dict."""
        self._register("_buffers", name, tensor)
        if not persistent:
            self._transient.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child under a name."""
        self._register("_modules", name, module)

    # Walking the tree -----------------------------------------------------------------------

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below, with dotted names; a shared one once."""
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if remove_duplicate:
                if id(module) in seen:
                    continue
                seen.add(id(module))
            yield name, module
            below = [(_join(name, n), m) for n, m in module._modules.items() if m is not None]
            stack.extend(reversed(below))

    def modules(self) -> Iterator[Module]:
        """This module and all below, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below, with names, each once."""
        unique: dict[int, tuple[str, Module]] = {}
        for name, module in self._modules.items():
            if module is not None:
                unique.setdefault(id(module), (name, module))
        return iter(unique.values())

    def children(self) -> Iterator[Module]:
        """The modules directly below, each once."""
        return (module for _, module in self.named_children())

    def _named(
        self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        tree = self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]
        for name, module in tree:
            for own, tensor in module.__dict__[kind].items():
                if tensor is None or (remove_duplicate and id(tensor) in seen):
                    continue
                seen.add(id(tensor))
                yield _join(name, own), tensor

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names; a shared one once, under its first name."""
        return self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """All buffers with dotted names; a shared one once."""
        return self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers, each once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module of a dotted name; "" is this one."""
        module: Module = self
        for part in target.split(".") if target else ():
            child = module._modules.get(part)
            if child is None:
                raise AttributeError(
                    f"{type(self).__name__} has no module {target!r}: {type(module).__name__} "
                    f"has no {part!r}, only {list(module._modules)}"
                )
            module = child
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of a dotted name."""
        return self._get("_parameters", target)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of a dotted name."""
        return self._get("_buffers", target)

    def _get(self, kind: str, target: str) -> Any:
        path, _, name = target.rpartition(".")
        tensors = self.get_submodule(path).__dict__[kind]
        if tensors.get(name) is None:
            raise AttributeError(
                f"{type(self).__name__} has no {kind[1:-1]} {target!r}; there are {list(tensors)}"
            )
        return tensors[name]

    # State ----------------------------------------------------------------------------------

    def state_dict(self, prefix: str = "") -> dict[str, Tensor]:
        """All parameters and persistent buffers by dotted name, outside the graph.

        Arrays are immutable, so it is a snapshot: later training does not change it.
        """
        return state.collect(self, prefix)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> state.Keys:
        """Take parameters and buffers from a state dict; dtype and device stay the module's.

        Args:
            state_dict: names to Tensors, NumPy arrays, `mx.array`s or PyTorch tensors.
            strict: names must agree exactly. Shapes must agree always.

        Returns:
            The names `(missing_keys, unexpected_keys)`.

        Raises:
            RuntimeError: a difference; every one is listed, and nothing was changed.
        """
        return state.load(self, state_dict, strict)

    def train(self, mode: bool = True) -> Module:
        """Training mode (dropout, batch statistics) for this module and all below."""
        if not isinstance(mode, bool):
            raise TypeError(f"train expects a bool, got {type(mode).__name__}: {mode!r}")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Module:
        """Evaluation mode: the same as `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Switch the gradients of all parameters on or off."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; `set_to_none=False` fills them with zeros instead."""
        for p in self.parameters():
            p.grad = None if set_to_none or p.grad is None else Tensor.zeros_like(p)

    def apply(self, function: Callable[[Module], Any]) -> Module:
        """Call `function` on every module below and then on this one."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def to(self, *args: Any, dtype: Any = None, device: Any = None) -> Module:
        """Move to a device, a floating dtype, or both: in place, the Parameters stay the same.

        >>> import lucid
        >>> lucid.nn.Linear(2, 2).to(lucid.float16).weight.dtype
        mlx.core.float16
        """
        state.convert(self, args, dtype, device)
        return self

    def half(self) -> Module:
        """Floating parameters and buffers in float16."""
        return self.to(dtype="float16")

    def double(self) -> Module:
        """Floating parameters and buffers in float64 (CPU only)."""
        return self.to(dtype="float64")

    def float(self) -> Module:
        """Floating parameters and buffers in float32."""
        return self.to(dtype="float32")

    def cpu(self) -> Module:
        """On the CPU."""
        return self.to(device="cpu")

    # Hooks ----------------------------------------------------------------------------------

    def register_forward_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, args)` before `forward`; what it returns replaces the arguments."""
        return RemovableHandle(self._pre_hooks, hook)

    def register_forward_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, args, output)` after `forward`; a result replaces the output."""
        return RemovableHandle(self._hooks, hook)

    def register_full_backward_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when a backward has passed this module.

        Both are tuples with one entry per positional input and per output, None where there is
        no gradient. A tuple that the hook returns replaces grad_input.
        """
        return RemovableHandle(self._backward_hooks, hook)

    # Training helpers -----------------------------------------------------------------------

    def _regularization(self) -> Tensor | None:
        """This module's own penalty, without its children's. Layers with one override it."""
        return None

    def regularization_loss(self) -> Tensor:
        """The sum of all penalties in the tree, to be added to the loss; 0 where there is none.

        A layer takes part by defining `_regularization() -> Tensor | None`.
        """
        total = None
        for module in self.modules():
            own = module._regularization()
            if own is not None:
                total = own if total is None else total + own
        return Tensor(0.0) if total is None else total

    def parameter_count(self, only_trainable: bool = False) -> int:
        """How many numbers the parameters hold; shared ones count once."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad or not only_trainable)

    def summary(self, *inputs: Any) -> Summary:
        """A table of the layers with parameter counts, and output shapes if an input is given.

        Args:
            inputs: what `forward` takes: Tensors, or shapes such as (1, 1, 16000).

        >>> print(Module().summary().splitlines()[-1])
        total 0 parameters, 0 trainable, 0.00 kB
        """
        return summarise(self, inputs)

    def extra_repr(self) -> str:
        """The settings shown in `repr`. Subclasses override it."""
        return ""

    def __repr__(self) -> str:
        children = [
            (name, repr(child).replace("\n", "\n  ")) for name, child in self._modules.items()
        ]
        lines = [f"({name}): {text}" for name, text in children]
        extra = self.extra_repr()
        if not lines:
            return f"{type(self).__name__}({extra})"
        body = "".join(f"  {line}\n" for line in ([extra] if extra else []) + lines)
        return f"{type(self).__name__}(\n{body})"


_SLOTS = {  # where each kind of attribute lives, what it is called, what it takes
    "_parameters": (Parameter, "parameter", "nn.Parameter"),
    "_buffers": (Tensor, "buffer", "Tensor"),
    "_modules": (Module, "child module", "nn.Module"),
}


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
