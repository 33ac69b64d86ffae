"""Peak memory of this process, over what it held before."""

from __future__ import annotations

import gc
import re
import resource
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def growth(function: Callable[[], Any], calls: Sequence[int]) -> list[float]:
    """Peak megabytes over what is held now, after so many calls. In a process of its own: an
    allocator keeps what other work has freed."""
    gc.collect()
    held, done, peaks = _restart(), 0, []
    for count in calls:
        for _ in range(count - done):
            function()
        done = count
        peaks.append(round((_peak() - held) / 1e6, 1))
    return peaks


def _restart() -> float:
    """Bytes held now, which from now on are the peak (on Linux; elsewhere the peak stays)."""
    if CLEAR.exists():
        CLEAR.write_text("5")
    return _peak()


def _peak() -> float:
    if STATUS.exists():
        found = re.search(r"VmHWM:\s*(\d+) kB", STATUS.read_text())
        if found:
            return 1024.0 * int(found[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else 1024 * peak)
