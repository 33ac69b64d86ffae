"""Averages of weights under the names of `torch.optim.swa_utils`.

For the running mean that audio models use, see `lucid.optim.ExponentialMovingAverage`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lucid.autograd import laziness
from lucid.autograd.mode import no_grad
from lucid.nn.module import Module
from lucid.nn.norm import _BatchNorm
from lucid.ops.where import where
from lucid.optim.lr_scheduler.scheduler import LRScheduler, check_count, check_optimizer, per_group
from lucid.optim.optimizer import Optimizer, check_number
from lucid.tensor import Tensor

Average = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverage = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The function (mean, value, number) -> decay * mean + (1 - decay) * value."""
    check_number("get_ema_avg_fn", "decay", decay, high=1.0)
    return lambda mean, value, number: decay * mean + (1 - decay) * value


def get_swa_avg_fn() -> Average:
    """The function (mean, value, number) -> the mean of one value more."""
    return lambda mean, value, number: mean + (value - mean) / (number + 1)


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """`get_ema_avg_fn` for lists of tensors, in place."""
    return _in_place(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> MultiAverage:
    """`get_swa_avg_fn` for lists of tensors, in place."""
    return _in_place(get_swa_avg_fn())


def _in_place(average: Average) -> MultiAverage:
    def update(means: Sequence[Tensor], values: Sequence[Tensor], number: Any) -> None:
        with no_grad():
            for mean, value in zip(means, values, strict=True):
                mean.copy_(average(mean, value, number))

    return update


class AveragedModel(Module):
    """A copy of a model whose parameters are a mean of what the model's were.

    The first `update_parameters` copies; the others average, with equal weights unless a function
    is given. Izmailov et al., "Averaging weights leads to wider optima and better
    generalization" (2018).

    Args:
        model: the model; its copy is `module`.
        device: where the copy lies; default: where the model does.
        avg_fn: from (mean, value, number averaged) to the new mean, for one tensor.
        multi_avg_fn: the same for lists of tensors, in place.
        use_buffers: average the buffers too; else they are copied.

    Raises:
        ValueError: both functions.

    >>> import lucid
    >>> layer = lucid.nn.Linear(1, 1, bias=False)
    >>> averaged = lucid.optim.swa_utils.AveragedModel(layer)
    >>> for value in (1.0, 2.0, 6.0):
    ...     layer.weight.data = lucid.tensor([[value]])
    ...     averaged.update_parameters(layer)
    >>> averaged.module.weight.item()
    3.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("AveragedModel takes avg_fn or multi_avg_fn, got both")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device=device)
        self.register_buffer("n_averaged", Tensor(0, dtype="int64", device=device))
        self.avg_fn, self.multi_avg_fn = avg_fn, multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged model's."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take in the model's present values; call it after `optimizer.step()`."""
        means: list[Tensor] = list(self.module.parameters())
        values: list[Tensor] = list(model.parameters())
        copied = list(zip(self.module.buffers(), model.buffers(), strict=True))
        if self.use_buffers:
            means += [mean for mean, _ in copied]
            values += [value for _, value in copied]
            copied = []
        values = [v.detach().to(m.device) for m, v in zip(means, values, strict=True)]
        average = self.multi_avg_fn or _in_place(self.avg_fn or get_swa_avg_fn())
        traced = laziness.is_tracing()  # then nobody knows whether it is the first time
        number = self.n_averaged if traced else int(self.n_averaged)
        with no_grad():
            if traced or number:
                average(means, values, number)
            for mean, value in zip(means, values, strict=True) if traced or not number else ():
                mean.copy_(where(self.n_averaged == 0, value, mean) if traced else value)
            for mean, value in copied:
                mean.copy_(value.detach().to(mean.device))
        # where that can be, a new constant: reading it waits for nothing
        self.n_averaged = (
            number + 1
            if isinstance(number, Tensor)
            else Tensor(number + 1, dtype="int64", device=self.n_averaged.device)
        )
        laziness.settle([*self.module.parameters(), *self.module.buffers()])


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the statistics of the batch norms anew, in one pass over the data.

    Args:
        loader: batches: Tensors, or lists or tuples whose first element is what the model takes.
        model: whose `running_mean` and `running_var` to set; its mode stays what it is.
        device: move the batches there.
    """
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    if not norms:
        return
    momenta, training = [m.momentum for m in norms], model.training
    try:
        model.train()
        for m in norms:
            m.reset_running_stats()
            m.momentum = None  # the mean of all batches
        with no_grad():
            for batch in loader:
                x = batch[0] if isinstance(batch, list | tuple) else batch
                model(x if device is None else x.to(device))
    finally:
        for m, momentum in zip(norms, momenta, strict=True):
            m.momentum = momentum
        model.train(training)


class SWALR(LRScheduler):
    """From the present rate to `swa_lr` in `anneal_epochs`, where it stays.

    Args:
        optimizer: whose rates to set.
        swa_lr: the last rate; one number, or one per group.
        anneal_epochs: how many epochs the way takes.
        anneal_strategy: "cos" or "linear".
        last_epoch: see `LRScheduler`.

    >>> import lucid
    >>> optimizer = lucid.optim.SGD([lucid.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = lucid.optim.swa_utils.SWALR(optimizer, 0.0, 4, anneal_strategy="linear")
    >>> optimizer.step(); scheduler.step()
    >>> scheduler.get_last_lr()
    [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(self, optimizer)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f'SWALR expects anneal_strategy "cos" or "linear", got {anneal_strategy!r}'
            )
        check_count("SWALR", "anneal_epochs", anneal_epochs, low=0)
        rates = per_group("SWALR", "swa_lr", swa_lr, optimizer)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            check_number("SWALR", "swa_lr", rate)
            group["swa_lr"] = rate
        self.anneal_epochs, self._anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            last = group["swa_lr"]
            first = last if before == 1 else (group["lr"] - before * last) / (1 - before)
            rates.append(last * now + first * (1 - now))
        return rates

    def _share(self, step: int) -> float:
        """How much of the way lies behind."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2
