"""What all peers have: a program to import them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from ..case import Built


class Peer:
    """A library. Its methods build the cases of their names; one without a method is a gap."""

    program: str  # that imports it

    def imports(self) -> Built:
        """In a fresh process, its start included."""
        _fresh(self.program)  # which compiles the sources
        return Built({"import": partial(_fresh, self.program)}, lambda _: [])

    def cpu(self, name: str) -> float:
        """Least seconds of all threads for that."""
        return min(_fresh(self.program) for _ in range(5))


def _fresh(program: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, env=_installed())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _installed() -> dict[str, str]:
    """An environment where Python keeps its bytecode, as it does of what is installed, whatever
    this one says; in a folder of its own, so that no sources get any beside them."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir(), "lucid-bench"))}
