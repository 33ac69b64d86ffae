"""`Module`: what owns parameters. torch's semantics and torch's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lucid.nn.hooks import Hooked
from lucid.nn.parameter import Buffer, Parameter
from lucid.nn.stateful import Stateful
from lucid.nn.summary import Summary, summarise
from lucid.nn.tree import Tree
from lucid.tensor import Tensor


class Module(Tree, Stateful, Hooked):
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
        own["_state_hooks"] = {kind: {} for kind in ("pre", "post", "load_pre", "load_post")}
        self._no_hooks()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define forward()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._pre_hooks or self._hooks or self._backward_hooks or self._backward_pre_hooks:
            return self._call_hooked(args, kwargs)
        return self.forward(*args, **kwargs)

    # Attributes -----------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        registered = isinstance(value, Parameter | Module | Buffer)
        if "_parameters" not in own:
            if registered:
                raise AttributeError(
                    f"{type(self).__name__}.__init__ must call super().__init__() before it "
                    f"assigns {name!r}"
                )
            own[name] = value
        elif name in own["_computed"]:
            own["_computed"][name].assign(self, value)
        elif isinstance(value, Buffer):
            self._put("_buffers", name, value)
            if not value.persistent:
                self._transient.add(name)
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
        if "_computed" in own:  # and then the others are there, too
            for slot in ("_parameters", "_modules", "_buffers"):
                if name in own[slot]:
                    return own[slot][name]
            if name in own["_computed"]:
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

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under a name; None keeps the name for an absent one.

        Raises:
            KeyError: no name, one with a dot, or one that is taken by something else.
            TypeError: neither a Parameter nor None.

        >>> import lucid
        >>> layer = lucid.nn.Identity()
        >>> layer.register_parameter("gain", lucid.nn.Parameter(lucid.ones(2)))
        >>> layer.gain
        Parameter([1., 1.], grad=None, requires_grad=True)
        """
        self._register("_parameters", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not trained; `persistent=False`: not in state_dict.

        Raises:
            KeyError, TypeError: as `register_parameter`, for a Tensor.

        >>> import lucid
        >>> layer = lucid.nn.Identity()
        >>> layer.register_buffer("window", lucid.ones(2))
        >>> list(layer.state_dict())
        ['window']
        """
        self._register("_buffers", name, tensor)
        if not persistent:
            self._transient.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child under a name.

        Raises:
            KeyError, TypeError: as `register_parameter`, for a Module.

        >>> import lucid
        >>> net = lucid.nn.Sequential()
        >>> net.add_module("act", lucid.nn.ReLU())
        >>> net.act
        ReLU()
        """
        self._register("_modules", name, module)

    register_module = add_module

    # Modes and gradients --------------------------------------------------------------------

    def train(self, mode: bool = True) -> Module:
        """Training mode (dropout, batch statistics) for this module and all below.

        Raises:
            TypeError: a mode that is no bool.

        >>> import lucid
        >>> lucid.nn.Dropout().train(False).training
        False
        """
        if not isinstance(mode, bool):
            raise TypeError(f"train expects a bool, got {type(mode).__name__}: {mode!r}")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Module:
        """Evaluation mode: the same as `train(False)`.

        >>> import lucid
        >>> lucid.nn.Dropout().eval()(lucid.ones(2))
        Tensor([1., 1.], grad=None)
        """
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Switch the gradients of all parameters on or off.

        >>> import lucid
        >>> layer = lucid.nn.Linear(2, 2).requires_grad_(False)
        >>> [p.requires_grad for p in layer.parameters()]
        [False, False]
        """
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; `set_to_none=False` fills them with zeros instead.

        >>> import lucid
        >>> layer = lucid.nn.Linear(1, 1, bias=False)
        >>> layer(lucid.ones(1)).sum().backward()
        >>> layer.zero_grad(set_to_none=False)
        >>> layer.weight.grad
        Tensor([[0.]], grad=None)
        """
        for p in self.parameters():
            p.grad = None if set_to_none or p.grad is None else Tensor.zeros_like(p)

    def apply(self, fn: Callable[[Module], Any]) -> Module:
        """Call `fn` on every module below and then on this one.

        >>> import lucid
        >>> net = lucid.nn.Sequential(lucid.nn.ReLU(), lucid.nn.Tanh())
        >>> net = net.apply(lambda module: print(type(module).__name__))
        ReLU
        Tanh
        Sequential
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # Training helpers -----------------------------------------------------------------------

    def _regularization(self) -> Tensor | None:
        """This module's own penalty, without its children's. Layers with one override it."""
        return None

    def regularization_loss(self) -> Tensor:
        """The sum of all penalties in the tree, to be added to the loss; 0 where there is none.

        A layer takes part by defining `_regularization() -> Tensor | None`.

        >>> import lucid
        >>> lucid.nn.Linear(2, 2).regularization_loss()
        Tensor(0., grad=None)
        """
        total = None
        for module in self.modules():
            own = module._regularization()
            if own is not None:
                total = own if total is None else total + own
        return Tensor(0.0) if total is None else total

    def parameter_count(self, only_trainable: bool = False) -> int:
        """How many numbers the parameters hold; shared ones count once.

        >>> import lucid
        >>> lucid.nn.Linear(3, 2).parameter_count()
        8
        """
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
