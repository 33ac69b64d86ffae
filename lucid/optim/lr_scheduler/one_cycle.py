"""The one-cycle policy."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Any

from lucid.optim.lr_scheduler.cyclic import set_momentum
from lucid.optim.lr_scheduler.scheduler import (
    LRScheduler,
    check_count,
    check_optimizer,
    per_group,
)
from lucid.optim.optimizer import Optimizer, check_number


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and down to nearly nothing within `total_steps`; momentum goes the other way.

    Call `step()` after every batch. Smith and Topin, "Super-convergence: very fast training of
    neural networks using large learning rates" (2018).

    Args:
        optimizer: whose rates (and momentum, or betas[0]) to set.
        max_lr: the top; one number, or one per group.
        total_steps: length of the cycle; or give both `epochs` and `steps_per_epoch`.
        epochs: see `total_steps`.
        steps_per_epoch: see `total_steps`.
        pct_start: the share of the cycle spent going up, in [0, 1].
        anneal_strategy: "cos" or "linear".
        cycle_momentum: move the momentum too.
        base_momentum: its lowest value, at the top of the rate.
        max_momentum: its highest value, at the start and at the end.
        div_factor: the first rate is max_lr / div_factor.
        final_div_factor: the last rate is the first one / final_div_factor.
        three_phase: down to the first rate as long as it went up, then to the last rate.
        last_epoch: see `LRScheduler`.

    Raises:
        ValueError: an option out of range, an optimizer without momentum, or a step too many.

    >>> import lucid
    >>> optimizer = lucid.optim.Adam([lucid.zeros(1, requires_grad=True)])
    >>> scheduler = lucid.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    >>> for _ in range(2):
    ...     optimizer.step(); scheduler.step()
    >>> scheduler.get_last_lr(), optimizer.param_groups[0]["betas"]
    ([1.0], (0.85, 0.999))
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(self, optimizer)
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        check_number("OneCycleLR", "pct_start", pct_start)
        if pct_start > 1:
            raise ValueError(f"OneCycleLR expects pct_start from 0 to 1, got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f'OneCycleLR expects anneal_strategy "cos" or "linear", got {anneal_strategy!r}'
            )
        for name, factor in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            check_number("OneCycleLR", name, factor)
            if factor == 0:
                raise ValueError(f"OneCycleLR expects {name} above 0, got 0")
        self.anneal_strategy, self.cycle_momentum = anneal_strategy, cycle_momentum
        self._phases = _phases(pct_start, self.total_steps, three_phase)
        if last_epoch == -1:
            tops = per_group("OneCycleLR", "max_lr", max_lr, optimizer)
            for group, top in zip(optimizer.param_groups, tops, strict=True):
                check_number("OneCycleLR", "max_lr", top)
                group["max_lr"] = top
                group["initial_lr"] = top / div_factor
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            lows = per_group("OneCycleLR", "base_momentum", base_momentum, optimizer)
            highs = per_group("OneCycleLR", "max_momentum", max_momentum, optimizer)
            if not {"momentum", "betas"} & set(optimizer.defaults):
                raise ValueError(
                    f"{type(optimizer).__name__} has no momentum to cycle; "
                    "pass cycle_momentum=False"
                )
            for group, low, high in zip(optimizer.param_groups, lows, highs, strict=True):
                for value in (low, high):
                    check_number("OneCycleLR", "momentum", value, below=1.0)
                if last_epoch == -1:
                    group["base_momentum"], group["max_momentum"] = low, high
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"OneCycleLR was made for {self.total_steps} steps and cannot take step {step}; "
                "give it the right total_steps"
            )
        index = bisect_left([end for end, *_ in self._phases[:-1]], step)
        begin = self._phases[index - 1][0] if index else 0.0
        end, rates, momenta = self._phases[index]
        # a phase without length is at its end; a step after the last one stays where it ended
        share = min(1.0, (step - begin) / (end - begin)) if end != begin else 1.0
        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            first, second = momenta
            values = [self._between(group[first], group[second], share) for group in groups]
            set_momentum(self.optimizer, values)
        return [self._between(group[rates[0]], group[rates[1]], share) for group in groups]

    def _between(self, start: float, end: float, share: float) -> float:
        if self.anneal_strategy == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def _total(total: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total is not None:
        check_count("OneCycleLR", "total_steps", total)
        return total
    if epochs is None or steps_per_epoch is None:
        raise ValueError(
            "OneCycleLR expects total_steps, or both epochs and steps_per_epoch, got "
            f"epochs={epochs} and steps_per_epoch={steps_per_epoch}"
        )
    check_count("OneCycleLR", "epochs", epochs)
    check_count("OneCycleLR", "steps_per_epoch", steps_per_epoch)
    return epochs * steps_per_epoch


def _phases(pct_start: float, total: int, three: bool) -> list[Any]:
    """(last step, rates from and to, momenta from and to), the values as names in the group."""
    down, up = ["max_momentum", "base_momentum"], ["base_momentum", "max_momentum"]
    rise = [pct_start * total - 1, ["initial_lr", "max_lr"], down]
    if not three:
        return [rise, [total - 1, ["max_lr", "min_lr"], up]]
    fall = [2 * pct_start * total - 2, ["max_lr", "initial_lr"], up]
    rest = [total - 1, ["initial_lr", "min_lr"], ["max_momentum", "max_momentum"]]
    return [rise, fall, rest]
