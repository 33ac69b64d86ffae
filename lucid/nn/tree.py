"""Walking the tree of modules, and finding things in it by dotted name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lucid.nn.parameter import Parameter
from lucid.tensor import Tensor

if TYPE_CHECKING:
    from lucid.nn.module import Module


class Tree:
    """Methods that see a module and all below it."""

    _modules: dict[str, Any]

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below, with dotted names; a shared one once.

        >>> from lucid import nn
        >>> net = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh()))
        >>> [name for name, _ in net.named_modules()]
        ['', '0', '1', '1.0']
        """
        seen: set[int] = set()
        stack: list[tuple[str, Any]] = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if remove_duplicate:
                if id(module) in seen:
                    continue
                seen.add(id(module))
            yield name, module
            below = [(_join(name, n), m) for n, m in module._modules.items() if m is not None]
            stack.extend(reversed(below))

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below, each once.

        >>> from lucid import nn
        >>> net = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh()))
        >>> [type(m).__name__ for m in net.modules()]
        ['Sequential', 'ReLU', 'Sequential', 'Tanh']
        """
        return (m for _, m in self.named_modules(remove_duplicate=remove_duplicate))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below, with names, each once.

        >>> from lucid import nn
        >>> net = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh()))
        >>> [name for name, _ in net.named_children()]
        ['0', '1']
        """
        unique: dict[int, tuple[str, Module]] = {}
        for name, module in self._modules.items():
            if module is not None:
                unique.setdefault(id(module), (name, module))
        return iter(unique.values())

    def children(self) -> Iterator[Module]:
        """The modules directly below, each once.

        >>> from lucid import nn
        >>> list(nn.Sequential(nn.ReLU(), nn.Tanh()).children())
        [ReLU(), Tanh()]
        """
        return (module for _, module in self.named_children())

    def _named(
        self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        tree: Any = self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]
        for name, module in tree:
            for own, tensor in module.__dict__[kind].items():
                if tensor is None or (remove_duplicate and id(tensor) in seen):
                    continue
                seen.add(id(tensor))
                yield _join(name, own), tensor

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names; a shared one once, under its first name.

        >>> from lucid import nn
        >>> [name for name, _ in nn.Sequential(nn.Linear(2, 2), nn.PReLU()).named_parameters()]
        ['0.weight', '0.bias', '1.weight']
        """
        return self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, each once.

        >>> from lucid import nn
        >>> [p.shape for p in nn.Linear(3, 2).parameters()]
        [(2, 3), (2,)]
        """
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """All buffers with dotted names; a shared one once.

        >>> from lucid import nn
        >>> [name for name, _ in nn.BatchNorm1d(2).named_buffers()]
        ['running_mean', 'running_var', 'num_batches_tracked']
        """
        return self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers, each once.

        >>> from lucid import nn
        >>> [b.shape for b in nn.BatchNorm1d(2).buffers()]
        [(2,), (2,), ()]
        """
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module of a dotted name; "" is this one.

        Raises:
            AttributeError: no module of that name.

        >>> from lucid import nn
        >>> nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh())).get_submodule("1.0")
        Tanh()
        """
        module: Any = self
        for part in target.split(".") if target else ():
            child = module._modules.get(part)
            if child is None:
                raise AttributeError(
                    f"{type(self).__name__} has no module {target!r}: {type(module).__name__} "
                    f"has no {part!r}, only {list(module._modules)}"
                )
            module = child
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module under a dotted name, in place of the one there.

        Args:
            target: the name.
            module: the module.
            strict: there must be a module of that name.

        Raises:
            AttributeError: no module above it, or with `strict` none of its name.

        >>> from lucid import nn
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU()))
        >>> net.set_submodule("1.0", nn.Tanh())
        >>> net[1][0]
        Tanh()
        """
        if not target:
            raise ValueError('set_submodule needs the name of a submodule, got ""')
        if strict:
            self.get_submodule(target)
        path, _, name = target.rpartition(".")
        parent: Any = self.get_submodule(path)
        parent.add_module(name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of a dotted name.

        Raises:
            AttributeError: no parameter of that name.

        >>> from lucid import nn
        >>> nn.Sequential(nn.Linear(3, 2)).get_parameter("0.weight").shape
        (2, 3)
        """
        return self._get("_parameters", target)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of a dotted name.

        Raises:
            AttributeError: no buffer of that name.

        >>> from lucid import nn
        >>> nn.Sequential(nn.BatchNorm1d(2)).get_buffer("0.running_var").tolist()
        [1.0, 1.0]
        """
        return self._get("_buffers", target)

    def _get(self, kind: str, target: str) -> Any:
        path, _, name = target.rpartition(".")
        tensors = self.get_submodule(path).__dict__[kind]
        if tensors.get(name) is None:
            raise AttributeError(
                f"{type(self).__name__} has no {kind[1:-1]} {target!r}; there are {list(tensors)}"
            )
        return tensors[name]


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
