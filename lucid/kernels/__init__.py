"""Numerical kernels on raw mx.arrays: definitions in plain mx operations and Metal launchers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# What `import lucid` has no use for loads when it is first named; type checkers see it all.
if TYPE_CHECKING:
    from lucid.kernels.overview import Status, status

__all__ = ["Status", "status"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("lucid.kernels.overview"), name)
    raise AttributeError(f"module 'lucid.kernels' has no attribute {name!r}")
