"""What MLX's CPU build on Linux needs before it loads; nothing happens on other systems.

Two facts, measured on two cores: MLX ships a reference BLAS, and OpenBLAS in its place makes a
matrix product some 30 times faster; and the C library gives every large buffer back to the
system, so that the next one pays for its pages again. Both are process-wide settings:
`LUCID_BLAS=0` and `LUCID_MALLOC=0` switch them off.
"""

from __future__ import annotations

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_BLAS = ("libopenblas.so.0", "libmkl_rt.so.2", "libmkl_rt.so.3")

blas: str | None = None  # the library in place of MLX's own


def prepare() -> None:
    """Load a fast BLAS where there is one, and keep freed memory for the next buffer."""
    global blas
    if sys.platform != "linux":
        return
    if os.environ.get("LUCID_MALLOC") != "0":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):  # glibc
            libc.mallopt(_M_MMAP_MAX, 0)
            libc.mallopt(_M_TRIM_THRESHOLD, 1 << 30)
    if os.environ.get("LUCID_BLAS") != "0" and "mlx.core" not in sys.modules:
        for name in _BLAS:
            try:
                ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
            except OSError:
                continue
            blas = name
            return
