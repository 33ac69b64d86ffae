"""torch's tables, and the walk of one entry for a process of its own."""

from __future__ import annotations

import functools
import warnings

import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db

from . import modules, names, walk
from .result import Result


@functools.cache
def entries() -> dict:
    """torch's tables of operations and of modules, by name and variant."""
    operations = {names.entry_name(op): op for op in op_db}
    return operations | {modules.entry_name(info): info for info in module_db}


def is_offered(name: str) -> bool:
    """Has lucid something of this name?"""
    entry = entries()[name]
    return (modules.resolve(entry) if _is_module(entry) else names.resolve(entry)) is not None


def _is_module(entry) -> bool:
    return hasattr(entry, "module_cls")


def walk_entry(name: str) -> list[Result]:
    """All dtypes of one entry."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    entry = entries()[name]
    if _is_module(entry):
        return [modules.walk(entry, dtype) for dtype in modules.DTYPES]
    return [r for dtype in walk.DTYPES if (r := walk.walk(entry, dtype)) is not None]
