"""Attributes of a module that are computed from its parameters whenever they are read.

A weight-normalised layer has no `weight` of its own: reading `layer.weight` computes it. The
module keeps `{"weight": a Computed}` in `_computed`, where its attribute look-up ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lucid.tensor import Tensor


class Computed:
    """How one attribute comes about."""

    def value(self, module: Any) -> Tensor:
        """What reading the attribute gives."""
        raise NotImplementedError

    def assign(self, module: Any, value: Any) -> None:
        """Change the parameters behind it, so that it has this value."""
        raise NotImplementedError

    def other_names(self) -> Mapping[str, str]:
        """Names that checkpoints of other versions use for this module's state, and its own."""
        return {}


def find(module: Any, name: str) -> Tensor:
    """The parameter or buffer `name`.

    Raises:
        ValueError: the module has no such tensor, or computes it already.
    """
    if name in module._computed:
        raise ValueError(
            f"{type(module).__name__} computes its {name!r} already; remove that first"
        )
    tensor = module._parameters.get(name)
    tensor = module._buffers.get(name) if tensor is None else tensor
    if tensor is None:
        raise ValueError(
            f"{type(module).__name__} has no parameter or buffer {name!r}; it has "
            f"{[*module._parameters, *module._buffers]}"
        )
    return tensor


def take(module: Any, name: str, computed: Computed) -> Tensor:
    """Take the parameter or buffer `name` out of the module and compute it from now on."""
    tensor = find(module, name)
    delattr(module, name)
    module._computed[name] = computed
    return tensor


def renamed(module: Any, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A state dict with the names that this module tree has, where other versions have others."""
    aliases = {}
    for path, m in module.named_modules(remove_duplicate=False):
        prefix = f"{path}." if path else ""
        for computed in m._computed.values():
            for theirs, ours in computed.other_names().items():
                if prefix + theirs in given and prefix + ours not in given:
                    aliases[prefix + theirs] = prefix + ours
    return {aliases.get(n, n): v for n, v in given.items()} if aliases else given
