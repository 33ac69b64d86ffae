"""A tensor that cannot fit is refused in Python: MLX would take the process down with it."""

from __future__ import annotations

import math
import os

import mlx.core as mx

LIMIT = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")  # bytes of memory installed
SAFE = LIMIT // 8  # so many elements always fit: the widest dtypes take 8 bytes


def check_size(name: str, shape: tuple[int, ...], dtype: mx.Dtype) -> None:
    """Raise MemoryError for a tensor larger than this machine's memory."""
    if math.prod(shape) * dtype.size > LIMIT:
        raise MemoryError(
            f"{name}: shape {shape} takes {math.prod(shape) * dtype.size / 1e9:.3g} GB of memory; "
            f"this machine has {LIMIT / 1e9:.3g}"
        )
