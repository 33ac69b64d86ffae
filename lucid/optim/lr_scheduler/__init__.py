"""Schedules of the learning rate: call `scheduler.step()` after `optimizer.step()`."""

from lucid.optim.lr_scheduler.cosine import CosineAnnealingLR
from lucid.optim.lr_scheduler.factor import (
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    StepLR,
)
from lucid.optim.lr_scheduler.one_cycle import OneCycleLR
from lucid.optim.lr_scheduler.plateau import ReduceLROnPlateau
from lucid.optim.lr_scheduler.scheduler import LRScheduler
from lucid.optim.lr_scheduler.sequential import SequentialLR
