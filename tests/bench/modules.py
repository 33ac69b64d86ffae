"""Single layers of the suite `ops`, written once for all peers; see `models` for what a kit is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Single(NamedTuple):
    """A layer and the shape of its input: (N, C, ...), or as it is where there are no channels
    to move."""

    make: Callable[[Any], Any]
    shape: tuple[int, ...]
    channels_first: bool = True


def cross_entropy(kit: Any, classes: int, count: int) -> Callable[[Any], Any]:
    labels = kit.labels(np.random.default_rng(0).integers(0, classes, count))
    return lambda scores: kit.cross_entropy(scores, labels)


SINGLES = {
    "Conv1d 128 K7": Single(lambda kit: kit.nn.Conv1d(128, 128, 7, 1, 3), (8, 128, 1024)),
    "DepthSeparableConv1d 256 K9": Single(
        lambda kit: kit.nn.DepthSeparableConv1d(256, 256, 9, 1, 4), (8, 256, 1024)
    ),
    "ConvTranspose1d 128 to 64 K8 s4": Single(
        lambda kit: kit.nn.ConvTranspose1d(128, 64, 8, 4, 2), (8, 128, 512)
    ),
    "Conv2d 32 3x3": Single(lambda kit: kit.nn.Conv2d(32, 32, 3, 1, 1), (4, 32, 64, 64)),
    "GroupNorm of 1 group": Single(lambda kit: kit.nn.GroupNorm(1, 128), (8, 128, 2000)),
    "BatchNorm1d": Single(lambda kit: kit.nn.BatchNorm1d(128), (16, 128, 1000)),
    "LayerNorm": Single(lambda kit: kit.nn.LayerNorm(256), (16, 400, 256), False),
    "MaxPool1d 4": Single(lambda kit: kit.nn.MaxPool1d(4), (16, 64, 2048)),
    "PReLU": Single(lambda kit: kit.nn.PReLU(), (8, 128, 2000)),
    "GELU": Single(lambda kit: kit.nn.GELU(), (8, 128, 2000)),
    "Tanh": Single(lambda kit: kit.nn.Tanh(), (8, 128, 2000)),
    "Sigmoid": Single(lambda kit: kit.nn.Sigmoid(), (8, 128, 2000)),
    "Softmax": Single(lambda kit: kit.nn.Softmax(), (16, 400, 256), False),
    "cross_entropy": Single(lambda kit: cross_entropy(kit, 256, 6400), (6400, 256), False),
    "LSTM 64 to 128": Single(lambda kit: kit.nn.LSTM(64, 128), (16, 100, 64), False),
    "GRU 64 to 128": Single(lambda kit: kit.nn.GRU(64, 128), (16, 100, 64), False),
    "MultiheadAttention 128, 4 heads": Single(
        lambda kit: kit.nn.SelfAttention(128, 4), (8, 200, 128), False
    ),
}
