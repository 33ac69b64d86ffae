"""Running means of a model's weights, which often sound better than the last ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import mlx.core as mx

from lucid.autograd import laziness, replay
from lucid.nn.module import Module
from lucid.nn.state import slots
from lucid.ops.device import on_device
from lucid.optim.optimizer import check_number
from lucid.tensor import Tensor


class ExponentialMovingAverage:
    """A running mean of all parameters and buffers, to evaluate and to save.

    mean = mean + w (value - mean), with w = 1 - decay, or with `unbiased` w = 1 / n where
    n = decay n + 1: then the first values, of an untrained model, do not stay in the mean. As
    Demucs keeps its models (`demucs/ema.py`, Rouard, Massa and Defossez, 2023). Buffers are
    averaged too, so the running statistics of batch norm fit the weights; ints are left alone.
    Means are kept in float32 at least.

    Args:
        model: a Module, or Tensors such as `model.parameters()`.
        decay: how much of the mean stays, from 0 to 1.
        unbiased: give all values the weight that they have among those seen.

    Raises:
        ValueError: a decay out of range.
        TypeError: neither a Module nor Tensors.

    >>> import lucid
    >>> layer = lucid.nn.Linear(1, 1, bias=False)
    >>> ema = lucid.optim.ExponentialMovingAverage(layer, decay=0.5)
    >>> for value in (0.0, 3.0):
    ...     layer.weight.data = lucid.tensor([[value]])
    ...     ema.update()
    >>> with ema.swap():
    ...     layer.weight.item()
    2.0
    >>> layer.weight.item()
    3.0
    """

    def __init__(
        self, model: Module | Iterable[Tensor], decay: float = 0.9999, unbiased: bool = True
    ) -> None:
        check_number("ExponentialMovingAverage", "decay", decay, high=1.0)
        self.decay, self.unbiased = float(decay), bool(unbiased)
        if not isinstance(model, Module):
            model = [model] if isinstance(model, Tensor) else list(model)
            for position, p in enumerate(model):
                if not isinstance(p, Tensor):
                    raise TypeError(
                        "ExponentialMovingAverage expects a Module or Tensors, got "
                        f"{type(p).__name__} at position {position}"
                    )
        self.model: Module | list[Tensor] = model
        self.count = 0.0
        self.swapped = False
        self.averages = {name: _wide(t) for name, t in self._tensors().items()}

    def update(self) -> None:
        """Take in the present values; call it after `optimizer.step()`.

        Raises:
            RuntimeError: inside `swap()`, where the values are the means.
        """
        self._check_not_swapped("update")
        tensors = self._tensors()
        kinds = list({(self.averages[name].dtype, t.device) for name, t in tensors.items()})

        def weights() -> tuple[list[mx.array], replay.Undo]:
            before, self.count = self.count, self.decay * self.count + 1
            weight = 1 / self.count if self.unbiased else 1 - self.decay
            found = []
            for dtype, device in kinds:
                with on_device(device):
                    found.append(mx.array(weight, dtype))
            return found, lambda: setattr(self, "count", before)

        weight_of = dict(zip(kinds, replay.arrays(weights, []), strict=True))
        for name, t in tensors.items():
            mean = self.averages[name]
            weight = weight_of[mean.dtype, t.device]
            with on_device(t.device):
                mean.array = mean.array + weight * (t.array.astype(mean.dtype) - mean.array)
        laziness.settle(list(self.averages.values()))

    @contextmanager
    def swap(self) -> Iterator[None]:
        """Inside, the model has the means; afterwards its own values again, come what may."""
        self._check_not_swapped("swap")
        tensors = self._tensors()
        own = {name: t.array for name, t in tensors.items()}
        try:
            self.swapped = True
            self.copy_to()
            yield
        finally:
            for name, t in tensors.items():
                t.array = own[name]
            self.swapped = False

    def copy_to(self, model: Module | Iterable[Tensor] | None = None) -> None:
        """Put the means into a model (or Tensors) of the same names and shapes; default: its own.

        Raises:
            ValueError: names or shapes that differ. Then nothing changes.
        """
        own = self.model if model is None else model
        tensors = _named(own if isinstance(own, Module) else list(own))
        _check_fit({k: t.shape for k, t in tensors.items()}, self._shapes(), "the model")
        for name, t in tensors.items():
            with on_device(t.device):
                t.array = self.averages[name].array.astype(t.dtype)
        laziness.settle(list(tensors.values()))

    def state_dict(self) -> dict[str, Any]:
        """A snapshot, in the layout of Demucs: {"state": {name: mean}, "count": n}."""
        return {
            "state": {name: mean.detach() for name, mean in self.averages.items()},
            "count": self.count,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict()` was called.

        Raises:
            ValueError: names or shapes that differ. Then nothing changes.
        """
        if not isinstance(state_dict, Mapping) or not {"state", "count"} <= set(state_dict):
            raise ValueError('an average\'s state has the keys "state" and "count"')
        saved = {
            name: Tensor(value, device=self.averages[name].device)
            if name in self.averages
            else Tensor(value)
            for name, value in state_dict["state"].items()
        }
        _check_fit({k: t.shape for k, t in saved.items()}, self._shapes(), "the saved state")
        for name, mean in self.averages.items():
            with on_device(mean.device):
                mean.array = saved[name].array.astype(mean.dtype)
        self.count = float(state_dict["count"])

    def _tensors(self) -> dict[str, Tensor]:
        return _named(self.model)

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: mean.shape for name, mean in self.averages.items()}

    def _check_not_swapped(self, what: str) -> None:
        if self.swapped:
            raise RuntimeError(f"{what} inside swap(): the model has the means, not its own values")


def _named(model: Module | list[Tensor]) -> dict[str, Tensor]:
    """What is averaged: floating parameters and buffers, as they are now."""
    pairs = slots(model) if isinstance(model, Module) else enumerate(model)
    return {str(name): t for name, t in pairs if t.is_floating_point()}


def _wide(t: Tensor) -> Tensor:
    with on_device(t.device):
        return Tensor._wrap(
            t.array if t.dtype == mx.float64 else t.array.astype(mx.float32), t.device
        )


def _check_fit(found: dict[str, Any], expected: dict[str, Any], what: str) -> None:
    for name in {**expected, **found}:
        if found.get(name) != expected.get(name):
            raise ValueError(
                f"{what} does not fit this average at {name!r}: expected shape "
                f"{expected.get(name, 'none')}, got {found.get(name, 'none')}"
            )
