"""Where operations run: "cpu" or "gpu" ("metal" is another name for the same)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import mlx.core as mx

_NOTHING: AbstractContextManager = nullcontext()
_KINDS = {"cpu": mx.cpu, "gpu": mx.gpu}
_default = "gpu" if mx.default_device() == mx.Device(mx.gpu) else "cpu"


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


def resolve(device: Any) -> str:
    """The canonical name of a device given as None (the default), a name or an `mx.Device`."""
    if device is None:
        return _default
    if isinstance(device, mx.Device | mx.DeviceType):
        name = "gpu" if device in (mx.Device(mx.gpu), mx.gpu) else "cpu"
    else:
        name = {"metal": "gpu", "mps": "gpu"}.get(str(device), str(device))
    if name not in _KINDS:
        raise ValueError(f'device must be "cpu", "gpu" or "metal", got {device!r}')
    if name == "gpu" and not mx.is_available(mx.Device(mx.gpu)):
        raise RuntimeError(
            f"device {device!r} was asked for, but MLX sees no GPU on this machine; "
            'use device="cpu", or run on a Mac with Apple silicon'
        )
    return name


def is_default(device: str) -> bool:
    """True where MLX runs operations on `device` without being told."""
    return device == _default


def on_device(device: str) -> AbstractContextManager:
    """Run MLX operations on `device`; nothing to do where it is MLX's default."""
    return _NOTHING if device == _default else mx.stream(mx.Device(_KINDS[device]))
