"""What audio code asks of `torch.jit`: decorators, which leave a function as it is.

There is no second language here: MLX is lazy, and what a function computes needs no script.

>>> import lucid
>>> @lucid.jit.script
... def gate(x, y):
...     return x.tanh() * y.sigmoid()
>>> gate(lucid.zeros(2), lucid.ones(2)).shape
(2,)
"""

from __future__ import annotations

from typing import Any


def script(obj: Any, *_: Any, **__: Any) -> Any:
    """The function or module itself."""
    return obj


def _unchanged(fn: Any) -> Any:
    """The function itself."""
    return fn


def ignore(drop: Any = False, **_: Any) -> Any:
    """The function itself; also `@ignore()` and `@ignore(drop=True)`."""
    return drop if callable(drop) else _unchanged


export = unused = script_method = _unchanged


def is_scripting() -> bool:
    """False."""
    return False


is_tracing = is_scripting
