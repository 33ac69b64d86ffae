"""Parametrizations: a parameter as a function of others, under torch's names and keys.

Source: the interface of `torch.nn.utils.parametrize`. The module's state holds
`parametrizations.weight.original` (or `original0`, `original1`, ... where the function takes
several) in place of `weight`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from lucid.autograd import no_grad
from lucid.nn.computed import Computed, find, take
from lucid.nn.container import ModuleDict, ModuleList
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.tensor import Tensor

_cache: ContextVar[dict[int, Tensor] | None] = ContextVar("_cache", default=None)


class ParametrizationList(ModuleList):
    """The functions that make one tensor out of the originals, which it owns.

    Args:
        functions: Modules, applied one after the other. The first takes the originals.
        original: the parameter or buffer to start from.
        unsafe: allow another shape or dtype.

    Raises:
        ValueError: the functions change the shape or dtype.
        TypeError: `right_inverse` gives something else than Tensors.
    """

    def __init__(self, functions: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        super().__init__(functions)
        self.unsafe = unsafe
        before = original.detach()
        inverse = self._inverted(before)
        self.is_tensor = isinstance(inverse, Tensor)
        self.ntensors = 1 if self.is_tensor else len(inverse)
        if self.is_tensor:
            original.data = inverse
            self._own("original", original)
        for i, part in enumerate(() if self.is_tensor else inverse):
            trained = isinstance(original, Parameter)
            self._own(f"original{i}", Parameter(part, original.requires_grad) if trained else part)
        with no_grad():
            value = self()
        try:
            check_unchanged(value, before, unsafe)
        except ValueError:
            original.data = before
            raise

    def _own(self, name: str, tensor: Tensor) -> None:
        if isinstance(tensor, Parameter):
            self.register_parameter(name, tensor)
        else:
            self.register_buffer(name, tensor)

    def _originals(self) -> list[Tensor]:
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def _inverted(self, value: Tensor) -> Any:
        """What the originals must be for the value; a function without inverse passes it on."""
        with no_grad():
            for function in reversed(list(self)):
                inverse = getattr(function, "right_inverse", None)
                if inverse is not None:
                    value = inverse(value)
        several = isinstance(value, list | tuple) and all(isinstance(v, Tensor) for v in value)
        if not (isinstance(value, Tensor) or several):
            raise TypeError(
                "right_inverse of a parametrization must return a Tensor or a sequence of Tensors, "
                f"got {type(value).__name__}"
            )
        return value

    def forward(self) -> Tensor:
        functions = iter(self)
        value = next(functions)(*self._originals())
        for function in functions:
            value = function(value)
        return value

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the tensor has this value."""
        found = self._inverted(value.detach())
        for original, new in zip(
            self._originals(), [found] if self.is_tensor else found, strict=True
        ):
            original.data = new.to(original.dtype)


def check_unchanged(value: Any, original: Tensor, unsafe: bool) -> None:
    """Raise where a parametrization changes shape or dtype, and that is not allowed."""
    if not isinstance(value, Tensor):
        raise ValueError(f"a parametrization must return a Tensor, got {type(value).__name__}")
    if not unsafe and (value.shape, value.dtype) != (original.shape, original.dtype):
        raise ValueError(
            f"the parametrization gives {value.dtype} of shape {value.shape} for a tensor of "
            f"{original.dtype} and shape {original.shape}; pass unsafe=True to allow it"
        )


class _Parametrized(Computed):
    """The attribute `name` out of `module.parametrizations[name]`."""

    def __init__(self, name: str, old_keys: Mapping[str, str]) -> None:
        self.name, self.old_keys = name, old_keys

    def value(self, module: Any) -> Tensor:
        function = module.parametrizations[self.name]
        cache = _cache.get()
        if cache is None:
            return function()
        if id(function) not in cache:
            cache[id(function)] = function()
        return cache[id(function)]

    def assign(self, module: Any, value: Any) -> None:
        module.parametrizations[self.name].right_inverse(value)

    def other_names(self) -> Mapping[str, str]:
        own = f"parametrizations.{self.name}"
        return {f"{self.name}_{old}": f"{own}.{new}" for old, new in self.old_keys.items()}


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute the parameter or buffer `tensor_name` by `parametrization` from now on.

    Args:
        module: what has the tensor; it is changed in place and returned.
        tensor_name: its name, such as "weight".
        parametrization: a Module from the original tensor to the value. With a method
            `right_inverse` the value stays what it is, assigning works, and the original may be
            several tensors. A second one is applied to the first one's value.
        unsafe: allow it to change shape or dtype.

    Raises:
        ValueError: no such tensor, or another shape or dtype.

    >>> from lucid import nn
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).mT
    >>> layer = nn.Linear(3, 3)
    >>> layer = nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    >>> list(layer.state_dict())
    ['bias', 'parametrizations.weight.original']
    """
    if is_parametrized(module, tensor_name):
        functions: Any = module.parametrizations[tensor_name]
        value = getattr(module, tensor_name).detach()
        with no_grad():
            check_unchanged(parametrization(value), value, unsafe)
            inverse = getattr(parametrization, "right_inverse", None)
            if inverse is not None:
                functions.right_inverse(inverse(value))
        functions.append(parametrization)
        return module
    functions = ParametrizationList([parametrization], find(module, tensor_name), unsafe)
    take(module, tensor_name, _Parametrized(tensor_name, getattr(parametrization, "old_keys", {})))
    if "parametrizations" not in module._modules:
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = functions
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the module computes this tensor (None: any) by parametrizations.

    >>> from lucid import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    >>> [nn.utils.parametrize.is_parametrized(layer, name) for name in ("weight", "bias")]
    [True, False]
    """
    lists = module._modules.get("parametrizations")
    if not isinstance(lists, ModuleDict):
        return False
    return len(lists) > 0 if tensor_name is None else tensor_name in lists


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make the tensor an ordinary parameter or buffer again; returns the module.

    Args:
        module: what has it.
        tensor_name: its name.
        leave_parametrized: keep the computed value; False: the original one.

    Raises:
        ValueError: it is not parametrized, or has several originals of which none can stay.

    >>> from lucid import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    >>> sorted(nn.utils.parametrize.remove_parametrizations(layer, "weight").state_dict())
    ['bias', 'weight']
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"{type(module).__name__} has no parametrization of {tensor_name!r}")
    functions: Any = module.parametrizations[tensor_name]
    if not leave_parametrized and not functions.is_tensor:
        raise ValueError(
            f"{tensor_name!r} has {functions.ntensors} originals; only leave_parametrized=True can "
            "remove its parametrization"
        )
    originals = functions._originals()
    tensor = originals[0]
    if leave_parametrized:
        with no_grad():
            value = getattr(module, tensor_name).detach()
        if functions.is_tensor:
            tensor.data = value
        elif isinstance(tensor, Parameter):
            tensor = Parameter(value, any(t.requires_grad for t in originals))
        else:
            tensor = value
    del module.parametrizations[tensor_name]
    del module._computed[tensor_name]
    if len(module.parametrizations) == 0:
        del module.parametrizations
    if isinstance(tensor, Parameter):
        module.register_parameter(tensor_name, tensor)
    else:
        module.register_buffer(tensor_name, tensor)
    return module


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once inside, however often it is read.

    >>> from lucid import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    >>> with nn.utils.parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    if _cache.get() is not None:
        yield
        return
    token = _cache.set({})
    try:
        yield
    finally:
        _cache.reset(token)
