"""Cosine annealing that starts again and again."""

from __future__ import annotations

import math
from typing import Any

from lucid.optim.lr_scheduler.scheduler import LRScheduler, check_count
from lucid.optim.optimizer import Optimizer, check_number


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine from the initial rate down to `eta_min`, then at once back to the top.

    lr = eta_min + (base - eta_min) (1 + cos(pi T_cur / T_i)) / 2, where T_i, the length of a
    period, is T_0 first and T_mult times as long after each restart. Loshchilov and Hutter,
    "SGDR: stochastic gradient descent with warm restarts" (2017).

    Args:
        optimizer: whose rates to set.
        T_0: epochs of the first period.
        T_mult: how many times longer each period is than the one before.
        eta_min: the lowest rate.
        last_epoch: see `LRScheduler`.

    >>> import lucid
    >>> optimizer = lucid.optim.SGD([lucid.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = lucid.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(scheduler.get_last_lr()[0], 6))
    ...     optimizer.step(); scheduler.step()
    >>> rates
    [1.0, 0.5, 1.0, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        check_count("CosineAnnealingWarmRestarts", "T_0", T_0)
        check_count("CosineAnnealingWarmRestarts", "T_mult", T_mult)
        check_number("CosineAnnealingWarmRestarts", "eta_min", eta_min)
        self.T_0, self.T_i, self.T_mult, self.eta_min = T_0, T_0, T_mult, eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]

    def step(self, epoch: Any = None) -> None:
        """Go to the next epoch, or to `epoch`, which may be a fraction: `i + batch / batches`."""
        self._count_step()
        if epoch is None:
            self.last_epoch += 1
            self.T_cur += 1
        else:
            check_number("CosineAnnealingWarmRestarts", "epoch", epoch)
            self.last_epoch = math.floor(epoch)
            self.T_cur, self.T_i = epoch, self.T_0
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult
        self._apply()

    def _restart(self) -> None:
        self.T_cur, self.T_i = 0, self.T_0
        super()._restart()
