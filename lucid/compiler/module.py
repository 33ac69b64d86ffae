"""A compiled module: the same module, whose calls are compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lucid.compiler.compiled import Compiled
from lucid.nn.module import Module


class CompiledModule(Module):
    """What `lucid.compile(module)` returns: another face of the module.

    It is of the module's class and shares all of its attributes: parameters, mode, hooks, state.
    Only calling it is another matter; `forward` stays the module's own.
    """

    __slots__ = ("_compiled",)
    _compiled: Compiled

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._compiled(args, kwargs)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return compiled_module, (self._compiled.function, self._compiled.buckets)


_FACES: dict[type, type] = {}


def compiled_module(module: Module, buckets: Sequence[int] = ()) -> Any:
    """A face of `module` whose calls are compiled."""
    kind = type(module)
    if isinstance(module, CompiledModule):
        return module
    if kind not in _FACES:
        _FACES[kind] = type(kind.__name__, (CompiledModule, kind), {"__slots__": ()})
    face: Any = object.__new__(_FACES[kind])
    object.__setattr__(face, "__dict__", vars(module))
    object.__setattr__(face, "_compiled", Compiled(module, buckets))
    return face
