"""Cosine annealing."""

from __future__ import annotations

import math

from lucid.optim.lr_scheduler.scheduler import LRScheduler, check_count
from lucid.optim.optimizer import Optimizer, check_number


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the initial rate down to `eta_min`, and up again after `T_max` epochs.

    lr = eta_min + (base - eta_min) (1 + cos(pi t / T_max)) / 2; Loshchilov and Hutter, "SGDR:
    stochastic gradient descent with warm restarts" (2017), without the restarts.

    Args:
        optimizer: whose rates to set.
        T_max: epochs from the top to the bottom.
        eta_min: the lowest rate.
        last_epoch: see `LRScheduler`.

    >>> import lucid
    >>> optimizer = lucid.optim.SGD([lucid.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = lucid.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    >>> for _ in range(5):
    ...     optimizer.step(); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 6)
    0.5
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        check_count("CosineAnnealingLR", "T_max", T_max)
        check_number("CosineAnnealingLR", "eta_min", eta_min)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        t, period, low = self.last_epoch, self.T_max, self.eta_min
        rates = list(zip(self.base_lrs, self._rates(), strict=True))
        if self._starts():
            return self._rates()
        if (t - 1 - period) % (2 * period) == 0:  # from the bottom, where a ratio would be 0 / 0
            return [lr + (base - low) * (1 - math.cos(math.pi / period)) / 2 for base, lr in rates]
        ratio = (1 + math.cos(math.pi * t / period)) / (1 + math.cos(math.pi * (t - 1) / period))
        return [ratio * (lr - low) + low for _, lr in rates]
