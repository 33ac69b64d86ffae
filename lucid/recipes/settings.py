"""Checks that the settings of all recipes share."""

from __future__ import annotations

import math
import os
from typing import Any


def check(config: Any, counts: tuple[str, ...]) -> None:
    """Raise ValueError where a setting of `config` makes no sense; `counts` are 1 to 2**31 - 1."""
    for name in (*counts, "batch_size"):
        if not 1 <= getattr(config, name) < 1 << 31:
            raise ValueError(f"{name} must be from 1 to 2**31 - 1, got {getattr(config, name)}")
    if not 0 <= config.seed < 1 << 63:
        raise ValueError(f"seed must be from 0 to 2**63 - 1, got {config.seed}")
    if not 0 < config.learning_rate < math.inf:
        raise ValueError(f"learning_rate must be a number above 0, got {config.learning_rate}")
    if not 4000 <= config.sample_rate <= 192_000:
        raise ValueError(f"sample_rate must be from 4000 to 192000 Hz, got {config.sample_rate}")
    if not 0.1 <= config.seconds <= 60:
        raise ValueError(f"seconds must be from 0.1 to 60, got {config.seconds}")


def as_text(config: Any, *folders: str) -> None:
    """Turn paths among the settings into text, which a checkpoint can hold."""
    for name in folders:
        path = getattr(config, name)
        if path is not None:
            object.__setattr__(config, name, os.fspath(path))  # the dataclass is frozen
