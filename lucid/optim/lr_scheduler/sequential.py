"""Schedules made of schedules: one after another, or several at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from lucid.optim.lr_scheduler.plateau import ReduceLROnPlateau
from lucid.optim.lr_scheduler.scheduler import LRScheduler, check_count, check_optimizer
from lucid.optim.optimizer import Optimizer


class _Parts(LRScheduler):
    """What consists of schedules, and saves them."""

    _unsaved = ("optimizer", "_schedulers")
    _schedulers: list[LRScheduler]

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        rest = dict(state_dict)
        parts = rest.pop("_schedulers", [])
        if len(parts) != len(self._schedulers):
            raise ValueError(
                f"the saved {type(self).__name__} has {len(parts)} schedules, this one has "
                f"{len(self._schedulers)}"
            )
        super().load_state_dict(rest)
        for scheduler, state in zip(self._schedulers, parts, strict=True):
            scheduler.load_state_dict(state)


class SequentialLR(_Parts):
    """One schedule after another; each starts from the initial rates at its milestone.

    Args:
        optimizer: whose rates to set.
        schedulers: schedules made for this optimizer.
        milestones: the epochs at which the next one takes over, one fewer than schedules.

    Raises:
        ValueError: a schedule of another optimizer, or the wrong number of milestones.

    >>> import lucid
    >>> from lucid.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
    >>> optimizer = lucid.optim.SGD([lucid.zeros(1, requires_grad=True)], lr=1.0)
    >>> parts = [LinearLR(optimizer, 0.5, total_iters=2), CosineAnnealingLR(optimizer, T_max=10)]
    >>> scheduler = SequentialLR(optimizer, parts, milestones=[2])
    >>> for _ in range(2):
    ...     optimizer.step(); scheduler.step()
    >>> scheduler.get_last_lr()
    [1.0]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int]
    ) -> None:
        self.optimizer = check_optimizer(self, optimizer)
        _check_parts("SequentialLR", schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "SequentialLR expects one milestone fewer than schedules, got "
                f"{len(milestones)} milestones and {len(schedulers)} schedules"
            )
        for milestone in milestones:
            check_count("SequentialLR", "milestones", milestone)
        if list(milestones) != sorted(set(milestones)):
            raise ValueError(f"SequentialLR expects growing milestones, got {milestones}")
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        self.last_epoch = 0
        self._start()

    def _start(self) -> None:
        self._schedulers[0]._restart()
        self._last_lr = self._rates()

    def step(self) -> None:  # type: ignore[override]
        self.last_epoch += 1
        index = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[index]
        if index > 0 and self._milestones[index - 1] == self.last_epoch:
            scheduler._restart()
        else:
            scheduler.step()
        self._last_lr = self._rates()

    def _restart(self) -> None:
        self.last_epoch = 0
        self._start()


class ChainedScheduler(_Parts):
    """Several schedules at once: each multiplies the rate that those before it have set.

    Args:
        schedulers: schedules of one optimizer.
        optimizer: that optimizer; may be left out.

    Raises:
        ValueError: no schedules, or of several optimizers.

    >>> import lucid
    >>> from lucid.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> optimizer = lucid.optim.SGD([lucid.zeros(1, requires_grad=True)], lr=1.0)
    >>> parts = [ConstantLR(optimizer, 0.1, total_iters=1), ExponentialLR(optimizer, 0.5)]
    >>> scheduler = ChainedScheduler(parts)
    >>> optimizer.step(); scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if not schedulers:
            raise ValueError("ChainedScheduler expects at least one schedule, got none")
        first = getattr(schedulers[0], "optimizer", None) if optimizer is None else optimizer
        self.optimizer = check_optimizer(self, first)
        _check_parts("ChainedScheduler", schedulers, self.optimizer)
        self._schedulers = list(schedulers)
        self._last_lr = self._rates()

    def step(self) -> None:  # type: ignore[override]
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._rates()

    def _restart(self) -> None:
        raise ValueError("a ChainedScheduler cannot be a part of a SequentialLR")


def _check_parts(owner: str, schedulers: Sequence[Any], optimizer: Optimizer) -> None:
    for index, scheduler in enumerate(schedulers):
        if not isinstance(scheduler, LRScheduler) or isinstance(scheduler, ReduceLROnPlateau):
            raise TypeError(
                f"{owner} expects schedules whose step() needs no metric, got "
                f"{type(scheduler).__name__} at position {index}"
            )
        if scheduler.optimizer is not optimizer:
            raise ValueError(f"schedule {index} of {owner} belongs to another optimizer")
