"""Suite `steps`: seconds of a training step, eager and compiled."""

from __future__ import annotations

from collections.abc import Iterator

from .case import Case
from .models import NETWORKS

PASSES = ("eager", "compiled")


def cases() -> Iterator[Case]:
    for name in NETWORKS:
        # Later losses differ more: Adam's first steps are the signs of gradients.
        yield Case(
            "steps", "steps", name, "step", {"network": name}, PASSES, tolerance=1e-2, calls=3
        )
