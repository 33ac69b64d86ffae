"""Where lucid keeps what it need not make twice; all of it may be deleted."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """`lucid` in the user's cache folder, which need not exist yet.

    Raises RuntimeError where the user has no home.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lucid"
