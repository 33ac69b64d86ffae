"""Up and down between two rates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lucid.optim.lr_scheduler.scheduler import (
    LRScheduler,
    check_count,
    check_optimizer,
    per_group,
)
from lucid.optim.optimizer import Optimizer, check_number

_MODES = ("triangular", "triangular2", "exp_range")


class CyclicLR(LRScheduler):
    """In a straight line up to `max_lr` and down to `base_lr`, again and again.

    Call `step()` after every batch. The momentum goes the other way. Smith, "Cyclical learning
    rates for training neural networks" (2017).

    Args:
        optimizer: whose rates (and momentum, or betas[0]) to set.
        base_lr: the lowest rate; one number, or one per group.
        max_lr: the highest rate; one number, or one per group.
        step_size_up: steps of the way up.
        step_size_down: steps of the way down; default: as many.
        mode: "triangular"; "triangular2" halves the height with each cycle; "exp_range"
            multiplies it by gamma**step.
        gamma: see `mode`.
        scale_fn: the factor of the height as a function, instead of `mode`.
        scale_mode: whether `scale_fn` is called with the number of the "cycle", from 1, or with
            that of the step, "iterations".
        cycle_momentum: move the momentum too.
        base_momentum: its lowest value, at the top of the rate.
        max_momentum: its highest value.
        last_epoch: see `LRScheduler`.

    Raises:
        ValueError: an option out of range, or an optimizer without momentum.

    >>> import lucid
    >>> optimizer = lucid.optim.SGD([lucid.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = lucid.optim.lr_scheduler.CyclicLR(optimizer, 0.0, 1.0, step_size_up=2)
    >>> rates = []
    >>> for _ in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step(); scheduler.step()
    >>> rates
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    _unsaved = ("optimizer", "_scale_fn")

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(self, optimizer)
        lows = per_group("CyclicLR", "base_lr", base_lr, optimizer)
        self.max_lrs = per_group("CyclicLR", "max_lr", max_lr, optimizer)
        for name, values in (("base_lr", lows), ("max_lr", self.max_lrs)):
            for value in values:
                check_number("CyclicLR", name, value)
        check_count("CyclicLR", "step_size_up", step_size_up)
        down = step_size_up if step_size_down is None else step_size_down
        check_count("CyclicLR", "step_size_down", down)
        if scale_fn is None and mode not in _MODES:
            raise ValueError(f"CyclicLR expects mode to be one of {_MODES}, got {mode!r}")
        if scale_mode not in ("cycle", "iterations"):
            raise ValueError(
                f'CyclicLR expects scale_mode "cycle" or "iterations", got {scale_mode!r}'
            )
        self.total_size, self.step_ratio = step_size_up + down, step_size_up / (step_size_up + down)
        self.mode, self.gamma, self._scale_fn = mode, gamma, scale_fn
        self.scale_mode = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        if last_epoch == -1:
            for group, low in zip(optimizer.param_groups, lows, strict=True):
                group["lr"] = group["initial_lr"] = low
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lows

    def _start_momentum(self, optimizer: Optimizer, low: Any, high: Any, last_epoch: int) -> None:
        if not {"momentum", "betas"} & set(optimizer.defaults):
            raise ValueError(
                f"{type(optimizer).__name__} has no momentum to cycle; pass cycle_momentum=False"
            )
        self.base_momentums = per_group("CyclicLR", "base_momentum", low, optimizer)
        self.max_momentums = per_group("CyclicLR", "max_momentum", high, optimizer)
        for value in (*self.base_momentums, *self.max_momentums):
            check_number("CyclicLR", "momentum", value, below=1.0)

    def scale_fn(self, x: float) -> float:
        """The factor of the height, in cycle or step `x`."""
        if self._scale_fn is not None:
            return self._scale_fn(x)
        return {"triangular": 1.0, "triangular2": 0.5 ** (x - 1)}.get(self.mode, self.gamma**x)

    def get_lr(self) -> list[float]:
        turns = self.last_epoch / self.total_size
        cycle = math.floor(1 + turns)
        x = 1.0 + turns - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        height *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            limits = zip(self.base_momentums, self.max_momentums, strict=True)
            set_momentum(self.optimizer, [high - (high - low) * height for low, high in limits])
        return [
            low + (high - low) * height
            for low, high in zip(self.base_lrs, self.max_lrs, strict=True)
        ]


def set_momentum(optimizer: Optimizer, values: list[float]) -> None:
    """Set the momentum of each group, or betas[0] where there are betas."""
    for group, value in zip(optimizer.param_groups, values, strict=True):
        if "betas" in optimizer.defaults:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value
