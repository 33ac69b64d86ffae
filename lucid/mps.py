"""The GPU of a Mac under torch's name: what scripts ask of `torch.mps`.

>>> import lucid
>>> lucid.mps.current_allocated_memory() >= 0
True
"""

from __future__ import annotations

import mlx.core as mx

from lucid.random import manual_seed  # noqa: F401  torch.mps has it, too


def is_available() -> bool:
    """True where there is a GPU that MLX runs on."""
    return mx.is_available(mx.Device(mx.gpu))


def device_count() -> int:
    """1 where there is a GPU, else 0."""
    return int(is_available())


def synchronize() -> None:
    """Wait until everything that was started is computed."""
    mx.synchronize()


def empty_cache() -> None:
    """Give the memory that MLX keeps for reuse back to the system."""
    mx.clear_cache()


def current_allocated_memory() -> int:
    """Bytes in arrays that are alive."""
    return mx.get_active_memory()
