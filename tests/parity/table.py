"""torch's tables, and the walk of one entry for a process of its own."""

from __future__ import annotations

import functools
import warnings

import torch
from torch.testing._internal.common_methods_invocations import op_db

from . import walk
from .names import entry_name


@functools.cache
def entries() -> dict:
    """torch's table of operations, by name and variant."""
    return {entry_name(op): op for op in op_db}


def walk_entry(name: str) -> list[walk.Result]:
    """All dtypes of one entry."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    op = entries()[name]
    return [r for dtype in walk.DTYPES if (r := walk.walk(op, dtype)) is not None]
