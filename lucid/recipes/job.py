"""What a recipe brings to the training loop."""

from __future__ import annotations

from typing import Any, ClassVar

from lucid import nn
from lucid.data import DataLoader
from lucid.tensor import Tensor

Row = dict[str, float]  # of metrics.csv


class Job:
    """A model, batches, a loss, and a test."""

    recipe: ClassVar[str]  # "keywords"
    score: ClassVar[str]  # the metric that should become large
    units: ClassVar[dict[str, str]]  # of the metrics
    config: Any  # a dataclass of plain values
    data: dict[str, Any]  # what the model needs to know of the data; part of the checkpoint
    model: nn.Module
    optimizer: Any
    schedule: Any
    loader: DataLoader
    steps: int  # of the whole training
    clip: float | None  # the largest norm of the gradient

    def __init__(self, config: Any, data: Any) -> None:
        raise NotImplementedError

    def loss(self, batch: Any) -> Tensor:
        """The loss of one batch, a scalar."""
        raise NotImplementedError

    def evaluate(self) -> Row:
        """The metrics on the test set."""
        raise NotImplementedError
