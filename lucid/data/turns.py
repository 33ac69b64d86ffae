"""Which worker of a `DataLoader` goes on, where two would only be in each other's way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE = 0.005  # seconds; batches that take longer are worth a second thread
_REST = 16  # batches


class Turns:
    """`with turns.next():` one worker at a time makes its batch, as long as batches are quick.

    Python runs one thread at a time, and its lock changes hands whenever a file is opened or an
    array copied: an item that takes 45 us takes 100 with two threads at work (2 cores, short
    recordings), 55 where they take turns. A turn that is long, because a disk is slow or NumPy
    computes, is not waited for, nor are those after it: then threads do work side by side.
    """

    def __init__(self, patience: float = _PATIENCE) -> None:
        self._lock = threading.Lock()
        self._patience = patience
        self._rest = 0  # batches that are made without asking

    @contextmanager
    def next(self) -> Iterator[None]:
        mine = self._ask()
        try:
            yield
        finally:
            if mine:
                self._lock.release()

    def _ask(self) -> bool:
        if self._rest > 0:
            self._rest -= 1
            return False
        mine = self._lock.acquire(timeout=self._patience)
        if not mine:
            self._rest = _REST
        return mine
