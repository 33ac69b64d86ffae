"""Modules made of modules, and lists and dicts that register what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from lucid.nn.check import integer
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.tensor import Tensor


class Identity(Module):
    """Returns its input; any arguments are accepted and ignored.

    >>> import lucid
    >>> lucid.nn.Identity(64, dropout=0.1)(lucid.ones(2))
    Tensor([1., 1.], grad=None)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class _List(Module):
    """What Sequential and ModuleList share: modules under the names "0", "1", ..."""

    def _renumber(self, modules: Iterable[Module]) -> None:
        modules = list(modules)
        self._modules.clear()
        for i, m in enumerate(modules):
            self.add_module(str(i), m)

    def _key(self, index: Any) -> str:
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise TypeError(
                f"{type(self).__name__} takes an int or a slice, got {type(index).__name__}"
            )
        i, n = index.__index__(), len(self)
        if not -n <= i < n:
            raise IndexError(f"index {i} is out of range: {type(self).__name__} holds {n} modules")
        return list(self._modules)[i]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(list(self._modules.values()))

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(self._key(index), module)

    def __delitem__(self, index: Any) -> None:
        keys = list(self._modules)
        for key in keys[index] if isinstance(index, slice) else [self._key(index)]:
            del self._modules[key]
        if all(key.isdigit() for key in keys):
            self._renumber(self._modules.values())

    def append(self, module: Module) -> Any:
        """Add a module at the end."""
        number = len(self)
        while str(number) in self._modules:  # a slice keeps its names, so a number may be taken
            number += 1
        self.add_module(str(number), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add several modules at the end."""
        for m in list(modules):
            self.append(m)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Put a module before position `index`."""
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def pop(self, index: Any) -> Any:
        """Take a module out."""
        module = self[index]
        del self[index]
        return module

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError

    def __add__(self, modules: Iterable[Module]) -> Any:
        both = type(self)()
        return both.extend(self).extend(modules)

    def __iadd__(self, modules: Iterable[Module]) -> Any:
        return self.extend(modules)


class Sequential(_List):
    """Modules called one after the other.

    Args:
        modules: modules in order, or one dict of names to modules.

    Raises:
        TypeError: what is no module.

    >>> import lucid
    >>> from lucid import nn
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> net(lucid.ones(3, 4)).shape
    (3, 2)
    >>> net[:2]
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, m in modules[0].items():
                self.add_module(name, m)
        else:
            self.extend(modules)

    def forward(self, input: Any) -> Any:
        for m in self._modules.values():
            input = m(input)
        return input

    def __mul__(self, times: int) -> Sequential:
        return Sequential().extend(list(self) * _times(times))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Sequential:
        return self.extend(list(self) * (_times(times) - 1))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(dict(list(self._modules.items())[index]))
        return self._modules[self._key(index)]


def _times(times: Any) -> int:
    return integer("Sequential", "the number of repetitions", times, 1)


class ModuleList(_List):
    """A list of modules; it has no forward of its own.

    Raises:
        TypeError: what is no module.
        IndexError: a place past the end.

    >>> from lucid import nn
    >>> layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    >>> [name for name, _ in layers.named_parameters()][:2]
    ['0.weight', '0.bias']
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[self._key(index)]


class _Dict(Module, MutableMapping[str, Any]):
    """What ModuleDict and ParameterDict share: all that a dict can, on one kind of attribute."""

    _kind: str

    def _held(self) -> dict[str, Any]:
        return self.__dict__[self._kind]

    def __getitem__(self, key: str) -> Any:
        return self._held()[key]

    def __delitem__(self, key: str) -> None:
        del self._held()[key]

    def __len__(self) -> int:
        return len(self._held())

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._held()))

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._held()))

    def __contains__(self, key: object) -> bool:
        return key in self._held()

    __eq__, __hash__ = object.__eq__, object.__hash__  # a module is only ever itself


class ModuleDict(_Dict):
    """A dict of modules; it has no forward of its own.

    Raises:
        TypeError: what is no module.
        KeyError: an unknown name.

    >>> from lucid import nn
    >>> heads = nn.ModuleDict({"speech": nn.Linear(4, 2), "music": nn.Linear(4, 3)})
    >>> heads["music"].out_features
    3
    """

    _kind = "_modules"

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        super().__init__()
        self.update(modules)

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)


class ParameterList(Module):
    """A list of parameters; Tensors are made Parameters.

    >>> import lucid
    >>> gains = lucid.nn.ParameterList(lucid.ones(2) for _ in range(3))
    >>> [name for name, _ in gains.named_parameters()]
    ['0', '1', '2']
    """

    def __init__(self, values: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.extend(values)

    def append(self, value: Tensor) -> ParameterList:
        """Add a parameter at the end."""
        self.register_parameter(str(len(self)), _parameter(value))
        return self

    def extend(self, values: Iterable[Tensor]) -> ParameterList:
        """Add several parameters at the end."""
        for p in list(values):
            self.append(p)
        return self

    __iadd__ = extend

    def __getitem__(self, index: Any) -> Any:
        found = list(self._parameters.values())[index]
        return type(self)(found) if isinstance(index, slice) else found

    def __setitem__(self, index: int, value: Tensor) -> None:
        key = list(self._parameters)[index]
        self.register_parameter(key, _parameter(value))

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(list(self._parameters.values()))


class ParameterDict(_Dict):
    """A dict of parameters; Tensors are made Parameters.

    >>> import lucid
    >>> scales = lucid.nn.ParameterDict({"left": lucid.ones(2)}) | {"right": lucid.zeros(2)}
    >>> list(scales)
    ['left', 'right']
    """

    _kind = "_parameters"

    def __init__(
        self, parameters: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]] = ()
    ) -> None:
        super().__init__()
        self.update(parameters or ())

    def __setitem__(self, key: str, parameter: Tensor) -> None:
        self.register_parameter(key, _parameter(parameter))

    def copy(self) -> ParameterDict:
        """Another dict of the same parameters."""
        return type(self)(self)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """Another dict, with one value under all keys."""
        return type(self)(dict.fromkeys(keys, default))

    def __or__(self, other: Mapping[str, Tensor]) -> ParameterDict:
        both = self.copy()
        both.update(other)
        return both

    def __ror__(self, other: Mapping[str, Tensor]) -> ParameterDict:
        both = type(self)(other)
        both.update(self)
        return both

    def __ior__(self, other: Mapping[str, Tensor]) -> ParameterDict:
        self.update(other)
        return self


def _parameter(tensor: Any) -> Any:
    return Parameter(tensor) if type(tensor) is Tensor else tensor
