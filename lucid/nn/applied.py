"""`Applied`: the base of modules that are a function with fixed settings."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from lucid.nn.module import Module


class Applied(Module):
    """Calls `function` with its settings by keyword, and shows them in its `repr`.

    The settings are attributes: changing one changes what the module does. Those named in
    `buffers` are registered as such.
    """

    function: Callable[..., Any]  # of the subclass, a staticmethod

    def __init__(self, buffers: Collection[str] = (), **settings: Any) -> None:
        super().__init__()
        self._settings = tuple(settings)
        for name, value in settings.items():
            if name in buffers:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, *inputs: Any, **others: Any) -> Any:
        if not self._settings:
            return self.function(*inputs, **others)
        own = {name: getattr(self, name) for name in self._settings}
        return self.function(*inputs, **own, **others)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._settings)
