"""`lucid.debug`: checks that cost time, for finding a mistake."""

from __future__ import annotations

_on = False


class debug:
    """Check what is otherwise only made safe; as a switch, or inside a `with` block.

    Index tensors that a GPU is still computing are not waited for: one that is out of range reads
    or writes the nearest element that there is. With `debug` each is checked, and the error names
    the operation, the value, the range and the position.

    Args:
        mode: on, or off.

    >>> import lucid
    >>> with lucid.debug():
    ...     lucid.ones(3)[lucid.tensor([1])]
    Tensor([1.], grad=None)
    >>> switch = lucid.debug(True); switch = lucid.debug(False)
    """

    def __init__(self, mode: bool = True) -> None:
        global _on
        self._mode, self._outer = bool(mode), [_on]
        self._entered = False
        _on = self._mode

    def __enter__(self) -> None:
        global _on
        if self._entered:  # once more: the first time, the constructor did it
            self._outer.append(_on)
            _on = self._mode
        self._entered = True

    def __exit__(self, *exception: object) -> None:
        global _on
        _on = self._outer.pop()


def is_debugging() -> bool:
    """True after `debug(True)` and inside `with debug():`."""
    return _on
