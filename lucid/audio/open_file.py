"""An audio file, opened and checked, of which any part can be read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_START = 1 << 14  # bytes; all of a short recording
_MOST = 1 << 30  # bytes that a call is asked for; systems refuse or shorten 2 GB
_FLAGS = os.O_RDONLY | os.O_NONBLOCK  # a pipe is not waited for


class OpenFile:
    """The file at `path`, its `size` in bytes, and `read`. Close it, or open it by `with`.

    As few calls of the system as can be: each of them lets go of Python's lock, and two threads
    that pass it to and fro are slower than one. What `open` makes takes three times as many.

    Raises FileNotFoundError, IsADirectoryError, and ValueError for a pipe or a device.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, _FLAGS)
        except (OSError, ValueError):  # ValueError: a name with a zero byte
            _check(path, _status(path))
            raise
        try:
            status = os.fstat(self._file)
            _check(path, status)
            self.size = status.st_size
            self._start = os.pread(self._file, _START, 0)
        except BaseException:
            self.close()
            raise

    def read(self, place: int, count: int) -> bytes:
        """`count` bytes from `place` on, fewer at the end of the file."""
        end = place + count
        if end <= len(self._start):
            return self._start[place:end]
        parts = []
        while place < end:
            part = os.pread(self._file, min(end - place, _MOST), place)
            if not part:
                break
            parts.append(part)
            place += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        os.close(self._file)

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except (OSError, ValueError):
        if path.exists():
            raise
        raise FileNotFoundError(f"{path}: no such audio file") from None


def _check(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(f"{path}: is a folder, expected an audio file")
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path}: is a device or a pipe, expected an audio file")
