"""Threads that used MLX are waited for at the very end of the process.

MLX keeps what it compiled for each thread, and lets go of it when the thread is gone for Python
already (`Thread.join` has returned). It needs Python for that; if Python is just ending, C++ calls
that a crash: "terminate called without an active exception", SIGABRT (MLX 0.32.4).
"""

from __future__ import annotations

import atexit
import os
import threading
import time

PATIENCE = 1.0  # seconds; what is to be let go of takes milliseconds
_used: set[int] = set()  # the system's numbers of threads; no lock, which `fork` could find taken


def note() -> None:
    """This thread uses MLX."""
    if threading.current_thread() is not threading.main_thread():
        _used.difference_update([number for number in tuple(_used) if not _is_there(number)])
        _used.add(threading.get_native_id())


def _is_there(number: int) -> bool:
    return os.path.exists(f"/proc/self/task/{number}")


@atexit.register
def wait() -> None:
    """Until the threads are gone that Python has done with."""
    ended = _used - {t.native_id for t in threading.enumerate() if t.native_id is not None}
    if ended and not os.path.exists("/proc/self/task"):  # not on Linux: nobody tells
        time.sleep(PATIENCE / 10)
    stop = time.monotonic() + PATIENCE
    while any(map(_is_there, ended)) and time.monotonic() < stop:
        time.sleep(0.001)
