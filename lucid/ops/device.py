"""Where operations run: "cpu" or "gpu" ("metal" is another name for the same)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import mlx.core as mx

from lucid._device import on_cpu

FOREIGN = ("cuda", "xpu", "hip")  # where torch runs and lucid does not
_NAMES = {"cpu": "cpu", "gpu": "gpu", "metal": "gpu", "mps": "gpu"}


class device(str):
    """The name of a device, "cpu" or "gpu" ("metal" and "mps" are other names for "gpu").

    Attributes:
        type: that name.
        index: None: there is one of each.

    Raises:
        ValueError: there is no such device.

    >>> import lucid
    >>> lucid.device("mps").type
    'gpu'
    """

    def __new__(cls, type: Any, index: int | None = None) -> device:
        if isinstance(type, mx.Device | mx.DeviceType):
            type = "gpu" if type in (mx.Device(mx.gpu), mx.gpu) else "cpu"
        name, _, number = str(type).partition(":")
        if name in FOREIGN:
            raise ValueError(
                f'device {type!r}: lucid runs on "cpu" and on "gpu", Apple\'s GPU by way of Metal; '
                'write device="gpu"'
            )
        if name not in _NAMES or number not in ("", "0") or index not in (None, 0):
            raise ValueError(f'device must be "cpu", "gpu" or "metal", got {type!r}')
        return super().__new__(cls, _NAMES[name])

    @property
    def type(self) -> str:
        return str(self)

    index = None  # type: ignore[assignment]

    def __enter__(self) -> device:
        """New tensors lie there until the block ends."""
        _outer.append(_default)
        set_default_device(self)
        return self

    def __exit__(self, *exception: object) -> None:
        set_default_device(_outer.pop())


DEVICES = {name: device(name) for name in ("cpu", "gpu")}
_outer: list[str] = []  # the defaults around the blocks that we are in
_NOTHING: AbstractContextManager = nullcontext()
_KINDS = {"cpu": mx.cpu, "gpu": mx.gpu}
_default = "cpu" if on_cpu() else "gpu"


def default_device() -> str:
    """The device of new tensors: the GPU where there is one, as in MLX.

    >>> import lucid
    >>> lucid.default_device() in ("cpu", "gpu")
    True
    """
    return _default


def set_default_device(device: Any) -> None:
    """Put new tensors on `device`, "cpu" or "gpu" (also called "metal").

    Raises:
        ValueError: an unknown name.
        RuntimeError: a GPU on a machine that has none.

    >>> import lucid
    >>> lucid.set_default_device("cpu")
    """
    global _default
    _default = resolve(device)
    mx.set_default_device(mx.Device(_KINDS[_default]))


def resolve(place: Any) -> str:
    """The canonical name of a device given as None (the default), a name or an `mx.Device`."""
    if place is None:
        return _default
    name = str(device(place))
    if name == "gpu" and not mx.is_available(mx.Device(mx.gpu)):
        raise RuntimeError(
            f"device {str(place)!r} was asked for, but MLX sees no GPU on this machine; "
            'use device="cpu", or run on a Mac with Apple silicon'
        )
    return name


def is_device(x: Any) -> bool:
    """Whether x names a device, be it one that lucid cannot use."""
    if isinstance(x, mx.Device | mx.DeviceType):
        return True
    return isinstance(x, str) and x.partition(":")[0] in (*_NAMES, *FOREIGN)


def is_default(device: str) -> bool:
    """True where MLX runs operations on `device` without being told."""
    return device == _default


def on_device(device: str) -> AbstractContextManager:
    """Run MLX operations on `device`; nothing to do where it is MLX's default."""
    return _NOTHING if device == _default else mx.stream(mx.Device(_KINDS[device]))
