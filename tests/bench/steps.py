"""Suite `steps`: seconds of a training step, eager and compiled."""

from __future__ import annotations

from collections.abc import Iterator

from .case import Case
from .models import NETWORKS, TINY

PASSES = ("eager", "compiled")


def cases() -> Iterator[Case]:
    for name in NETWORKS:
        if name != TINY:
            yield training(name, "steps")


def training(network: str, suite: str) -> Case:
    return Case(
        suite,
        "training step",
        network,
        "step",
        {"network": network},
        PASSES,
        tolerance=1e-2,  # of later losses: Adam's first steps are the signs of gradients
        calls=3,
        memory=("lucid", "torch"),
        questions=("primitives", "launches"),
    )
