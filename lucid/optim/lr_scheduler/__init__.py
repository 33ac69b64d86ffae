"""Schedules of the learning rate: call `scheduler.step()` after `optimizer.step()`."""

from lucid.optim.lr_scheduler.cosine import CosineAnnealingLR
from lucid.optim.lr_scheduler.cyclic import CyclicLR
from lucid.optim.lr_scheduler.factor import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from lucid.optim.lr_scheduler.one_cycle import OneCycleLR
from lucid.optim.lr_scheduler.plateau import ReduceLROnPlateau
from lucid.optim.lr_scheduler.restarts import CosineAnnealingWarmRestarts
from lucid.optim.lr_scheduler.scheduler import LRScheduler
from lucid.optim.lr_scheduler.sequential import ChainedScheduler, SequentialLR
from lucid.optim.lr_scheduler.warmup import NoamLR, WarmupHoldDecay

# the name of the base that many schedules written for torch derive from
_LRScheduler = LRScheduler
