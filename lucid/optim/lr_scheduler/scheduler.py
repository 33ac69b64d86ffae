"""`LRScheduler`: what all schedules share.

A schedule computes the next rates from the present ones (torch's "chainable" form), so that
several schedules can act on one optimizer, and so that a rate set by hand is respected.
"""

from __future__ import annotations

import warnings
from typing import Any

from lucid.optim.optimizer import Optimizer


class LRScheduler:
    """The base of all schedules; a subclass writes `get_lr`.

    Args:
        optimizer: the optimizer whose groups' "lr" it sets.
        last_epoch: -1 starts; another number goes on after that epoch, with the groups' "lr" and
            "initial_lr", which the optimizer's state has: `old.last_epoch - 1` goes on where
            `old` was.

    Raises:
        TypeError: not an optimizer.
        ValueError: `last_epoch` given, but a group has no "initial_lr".
    """

    _unsaved: tuple[str, ...] = ("optimizer",)
    _get_lr_called_within_step = True  # schedules written for torch ask, to warn

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = check_optimizer(self, optimizer)
        if last_epoch != -1:
            for index, group in enumerate(optimizer.param_groups):
                if "initial_lr" not in group:
                    raise ValueError(
                        f"{type(self).__name__} with last_epoch={last_epoch} needs the key "
                        f'"initial_lr" in every parameter group, group {index} has none; '
                        "load the optimizer's state first"
                    )
        self.base_lrs: list[float] = []
        self.last_epoch = last_epoch
        self._step_count = 0
        self.step()

    def get_lr(self) -> list[float]:
        """The rates of epoch `self.last_epoch`, one per group, from the present ones."""
        raise NotImplementedError

    def get_last_lr(self) -> list[float]:
        """The rates that the last step set, one per group."""
        return list(self._last_lr)

    def step(self, epoch: Any = None) -> None:
        """Go to the next epoch (or batch, whatever the schedule counts) and set the rates.

        Warns where the optimizer did not step before: the first rate was left out then.

        Args:
            epoch: go there instead, as if from the start.
        """
        self._count_step()
        if epoch is not None:
            check_count(type(self).__name__, "epoch", epoch, low=0)
            self._restart()
        for _ in range(1 if epoch is None else epoch):
            self.last_epoch += 1
            self._apply()

    def _count_step(self) -> None:
        if self._step_count == 1 and not self.optimizer._stepped:
            warnings.warn(
                f"{type(self).__name__}.step() came before the first optimizer.step(), so that "
                "the first learning rate was never used; call optimizer.step() before it",
                stacklevel=3,
            )
        self._step_count += 1

    def _starts(self) -> bool:
        """True while the schedule is made or restarted: there is no epoch before."""
        return self._step_count == 1 or self.last_epoch == 0

    def _restart(self) -> None:
        """Go to epoch 0, from the initial rates."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self.last_epoch = 0
        self._apply()

    def _apply(self) -> None:
        groups = self.optimizer.param_groups
        for group in groups[len(self.base_lrs) :]:  # also those that were added meanwhile
            self.base_lrs.append(group.setdefault("initial_lr", group["lr"]))
        for group, lr in zip(groups, self.get_lr(), strict=True):
            group["lr"] = lr
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on, except the optimizer (and functions)."""
        return {
            k: list(v) if isinstance(v, list) else v
            for k, v in vars(self).items()
            if k not in self._unsaved
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict()` was called; load the optimizer's state as well.

        Most states of torch's schedules are understood too.

        Raises:
            ValueError: the state of another kind of schedule. Then nothing changes.
        """
        own = set(vars(self)) - set(self._unsaved)
        if not isinstance(state_dict, dict) or not own <= set(state_dict):
            got = sorted(state_dict) if isinstance(state_dict, dict) else type(state_dict).__name__
            raise ValueError(
                f"the state of a {type(self).__name__} has the keys {sorted(own)}, got {got}"
            )
        for name in own:
            value = state_dict[name]
            setattr(self, name, list(value) if isinstance(value, list) else value)


def check_optimizer(scheduler: Any, optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{type(scheduler).__name__} expects an Optimizer, got {type(optimizer).__name__}"
        )
    return optimizer


def check_count(owner: str, name: str, value: Any, low: int = 1) -> None:
    """Raise unless `value` is an int of at least `low`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{owner} expects an int for {name}, got {value!r:.60}")
    if value < low:
        raise ValueError(f"{owner} expects {name} to be at least {low}, got {value}")


def per_group(owner: str, name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """One value for each parameter group, from one value or a list."""
    count = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"{owner} expects {name} to be one value or {count}, one per parameter group, "
            f"got {len(value)}"
        )
    return list(value)
