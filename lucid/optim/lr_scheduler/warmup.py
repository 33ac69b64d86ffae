"""Schedules that start small: those of transformers and of speech recognition."""

from __future__ import annotations

from lucid.optim.lr_scheduler.scheduler import LRScheduler, check_count
from lucid.optim.optimizer import Optimizer, check_number


class NoamLR(LRScheduler):
    """Up in a straight line for `warmup_steps`, then down as one over the root of the step.

    lr = base * d_model**-0.5 * min(t**-0.5, t * warmup_steps**-1.5), t from 1. The rate that the
    optimizer is given is the scale: 1.0 is the paper's schedule, whose peak is
    (d_model * warmup_steps)**-0.5; `base = peak * (d_model * warmup_steps)**0.5` gives a peak of
    your own. Call `step()` after every batch. Vaswani et al., "Attention is all you need" (2017).

    Args:
        optimizer: whose rates to set.
        d_model: the width of the network.
        warmup_steps: steps up to the peak.
        last_epoch: see `LRScheduler`.

    >>> import lucid
    >>> optimizer = lucid.optim.Adam([lucid.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = lucid.optim.lr_scheduler.NoamLR(optimizer, d_model=100, warmup_steps=4)
    >>> rates = []
    >>> for _ in range(6):
    ...     rates.append(round(scheduler.get_last_lr()[0], 4))
    ...     optimizer.step(); scheduler.step()
    >>> rates
    [0.0125, 0.025, 0.0375, 0.05, 0.0447, 0.0408]
    """

    def __init__(
        self, optimizer: Optimizer, d_model: int, warmup_steps: int = 4000, last_epoch: int = -1
    ) -> None:
        check_count("NoamLR", "d_model", d_model)
        check_count("NoamLR", "warmup_steps", warmup_steps)
        self.d_model, self.warmup_steps = d_model, warmup_steps
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        t = self.last_epoch + 1
        factor = self.d_model**-0.5 * min(t**-0.5, t * self.warmup_steps**-1.5)
        return [base * factor for base in self.base_lrs]


class WarmupHoldDecay(LRScheduler):
    """Up in a straight line, held, then down as a power of what is left, to `min_lr`.

    Step t has base (t + 1) / (warmup_steps + 1) while t <= warmup_steps, then base for
    `hold_steps`, then min_lr + (base - min_lr) (1 - p)**power, where p goes from 0 to 1 at
    `max_steps`. Call `step()` after every batch. It is NeMo's PolynomialHoldDecayAnnealing, with
    which QuartzNet and MatchboxNet are trained.

    Args:
        optimizer: whose rates to set.
        max_steps: steps in all.
        warmup_steps: steps up.
        hold_steps: steps at the top.
        power: 1 is a straight line, 2 a parabola.
        min_lr: the last rate.
        last_epoch: see `LRScheduler`.

    Raises:
        ValueError: an option out of range, or nothing left to decay in.

    >>> import lucid
    >>> optimizer = lucid.optim.NovoGrad([lucid.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = lucid.optim.lr_scheduler.WarmupHoldDecay(
    ...     optimizer, max_steps=8, warmup_steps=3, hold_steps=1
    ... )
    >>> rates = []
    >>> for _ in range(9):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step(); scheduler.step()
    >>> rates
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_steps: int,
        warmup_steps: int = 0,
        hold_steps: int = 0,
        power: float = 1.0,
        min_lr: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        owner = "WarmupHoldDecay"
        for name, count in (("warmup_steps", warmup_steps), ("hold_steps", hold_steps)):
            check_count(owner, name, count, low=0)
        check_count(owner, "max_steps", max_steps)
        check_number(owner, "power", power)
        check_number(owner, "min_lr", min_lr)
        if max_steps <= warmup_steps + hold_steps:
            raise ValueError(
                f"{owner} expects max_steps above warmup_steps + hold_steps = "
                f"{warmup_steps + hold_steps}, got {max_steps}"
            )
        self.max_steps, self.warmup_steps, self.hold_steps = max_steps, warmup_steps, hold_steps
        self.power, self.min_lr = power, min_lr
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        t, warm, held = self.last_epoch, self.warmup_steps, self.warmup_steps + self.hold_steps
        if t <= warm and warm > 0:
            return [base * (t + 1) / (warm + 1) for base in self.base_lrs]
        if t < held:
            return list(self.base_lrs)
        left = max(0.0, 1 - (t - held) / (self.max_steps - held)) ** self.power
        return [self.min_lr + (base - self.min_lr) * left for base in self.base_lrs]
