"""`Applied`: the base of modules that are a function with fixed settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lucid.nn.module import Module


class Applied(Module):
    """Calls `function` with its settings by keyword, and shows them in its `repr`.

    The settings are attributes: changing one changes what the module does.
    """

    function: Callable[..., Any]  # of the subclass, a staticmethod

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings = tuple(settings)
        for name, value in settings.items():
            setattr(self, name, value)

    def forward(self, *inputs: Any, **others: Any) -> Any:
        own = {name: getattr(self, name) for name in self._settings}
        return self.function(*inputs, **own, **others)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._settings)
