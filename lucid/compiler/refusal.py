"""Errors of functions that cannot be compiled, which name the user's line."""

from __future__ import annotations

import os
import sysconfig
import traceback
from typing import Any

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PYTHON = sysconfig.get_path("stdlib") + os.sep  # and packages below it
_OURS = "which a traced function cannot"
# MLX's words, and ours in operations whose result has a shape that depends on values
_SIGNS = (
    "during function transformations",
    "Not allowed inside a graph transformation",
    _OURS,
)


class DataDependentError(RuntimeError):
    """A compiled function looks at the values of a Tensor, which it does not have while traced."""


def looked_at_values(error: BaseException) -> bool:
    """Whether MLX refused to compute a placeholder."""
    seen: Any = error
    while seen is not None:
        if any(sign in str(seen) for sign in _SIGNS):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def explained(name: str, error: BaseException) -> DataDependentError:
    """The error that says where, and what to do."""
    frames = traceback.extract_tb(error.__traceback__)
    users = [f for f in frames if not os.path.abspath(f.filename).startswith(_HERE)]
    users = [f for f in users if f"{os.sep}mlx{os.sep}" not in f.filename] or list(frames)
    users = [f for f in users if not f.filename.startswith(_PYTHON)] or users
    place = users[-1]
    return DataDependentError(
        f"{name} looks at the values of a Tensor in {place.filename}, line {place.lineno}: "
        f"`{place.line}`. A compiled function is traced once, without values: no .item(), float(), "
        "int(), .tolist(), .numpy(), print or `if` of a Tensor, and no shape that depends on "
        "values. Return the Tensor and look at it outside, choose with lucid.where, or leave that "
        f"part uncompiled{f' ({error})' if _OURS in str(error) else ''}"
    )
