"""Reduce the rate when a metric stops improving."""

from __future__ import annotations

import math
from typing import Any

from lucid.optim.lr_scheduler.scheduler import (
    LRScheduler,
    check_count,
    check_optimizer,
    per_group,
)
from lucid.optim.optimizer import Optimizer, check_number


class ReduceLROnPlateau(LRScheduler):
    """Multiply the rate by `factor` once a metric has not improved for more than `patience` epochs.

    Args:
        optimizer: whose rates to set.
        mode: "min" where a smaller metric is better, "max" where a larger one is.
        factor: below 1.
        patience: bad epochs that are borne.
        threshold: an improvement smaller than this is none.
        threshold_mode: "rel", a share of the best value, or "abs".
        cooldown: epochs after a reduction in which bad epochs do not count.
        min_lr: the lowest rate; one number, or one per group.
        eps: changes of the rate no larger than this are not made.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> optimizer = lucid.optim.SGD([lucid.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = lucid.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    >>> for loss in (3.0, 3.0, 3.0):
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        owner = type(self).__name__
        self.optimizer = check_optimizer(self, optimizer)
        if mode not in ("min", "max"):
            raise ValueError(f'{owner} expects mode "min" or "max", got {mode!r}')
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f'{owner} expects threshold_mode "rel" or "abs", got {threshold_mode!r}'
            )
        check_number(owner, "factor", factor, below=1.0)
        check_number(owner, "threshold", threshold)
        check_number(owner, "eps", eps)
        check_count(owner, "patience", patience, low=0)
        check_count(owner, "cooldown", cooldown, low=0)
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.min_lrs = per_group(owner, "min_lr", min_lr, optimizer)
        for low in self.min_lrs:
            check_number(owner, "min_lr", low)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = self._rates()

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """End an epoch whose metric was `metrics`, a number or a Tensor of one element.

        NaN counts as no improvement.
        """
        current = float(metrics)
        self.last_epoch += 1
        if self._better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._rates()

    def _better(self, current: float) -> bool:
        sign = -1.0 if self.mode == "min" else 1.0
        if self.threshold_mode == "rel":
            bar = self.best * (1.0 + sign * self.threshold)
        else:
            bar = self.best + sign * self.threshold
        return current < bar if self.mode == "min" else current > bar

    def _reduce(self) -> None:
        lows = per_group(type(self).__name__, "min_lr", self.min_lrs, self.optimizer)
        for group, low in zip(self.optimizer.param_groups, lows, strict=True):
            lr = max(group["lr"] * self.factor, low)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr
