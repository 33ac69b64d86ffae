"""The machine of a run, in words."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import lucid

PACKAGES = ("mlx", "numpy", "torch", "jax")


def describe() -> dict[str, str]:
    """What the numbers depend on."""
    return {
        "CPU": f"{_model()}, {os.cpu_count()} cores",
        "memory": _memory(),
        "system": platform.platform(),
        "Python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
        "BLAS that lucid loaded": str(lucid.blas or "none: MLX's own"),
        "C++ compiler (mx.compile needs it)": _compiler(),
    }


def _model() -> str:
    """The processor, as Linux names it, with its frequency and instructions where it says so."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    facts = {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    flags = facts.get("flags", "").split()
    wide = next((f for f in ("amx_tile", "avx512f", "avx2") if f in flags), "")
    return " ".join(filter(None, [facts.get("model name", platform.processor()), wide]))


def _memory() -> str:
    if not hasattr(os, "sysconf"):
        return "unknown"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _compiler() -> str:
    path = shutil.which("g++")
    if path is None:
        return "none"
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0]
