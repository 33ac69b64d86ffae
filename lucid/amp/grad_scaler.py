"""`GradScaler`: float16 gradients that neither vanish nor overflow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import mlx.core as mx

from lucid.amp.autocast_mode import device_kind
from lucid.autograd import laziness, replay
from lucid.ops.device import default_device, on_device
from lucid.tensor import Tensor

_READY, _UNSCALED, _STEPPED = "ready", "unscaled", "stepped"


class GradScaler:
    """Multiply the loss, so that float16 gradients do not vanish, and divide the gradients again.

    A step whose gradients are not all finite is left out, and the scale falls by
    `backoff_factor`; after `growth_interval` good steps in a row it grows by `growth_factor`.
    Micikevicius et al., "Mixed precision training" (2018).

    Args:
        device: "cpu" or "gpu"; default: where tensors lie.
        init_scale: the first scale.
        growth_factor: above 1.
        backoff_factor: below 1.
        growth_interval: good steps in a row before the scale grows.
        enabled: False makes it do nothing but step.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([1.0], requires_grad=True)
    >>> optimizer, scaler = lucid.optim.SGD([w], lr=0.1), lucid.amp.GradScaler(init_scale=8.0)
    >>> scaler.scale((w * w).sum()).backward()
    >>> w.grad
    Tensor([16.], grad=None)
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> round(w.item(), 4)
    0.8
    """

    def __init__(
        self,
        device: str | None = None,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device_kind("GradScaler", default_device() if device is None else device)
        self._enabled = bool(enabled)
        self._scale = float(init_scale)
        self._growth_tracker = 0
        self.set_growth_factor(growth_factor)
        self.set_backoff_factor(backoff_factor)
        self.set_growth_interval(growth_interval)
        self._stages: dict[int, str] = {}  # of each optimizer since the last update
        self._found: dict[int, Any] = {}  # whether its gradients were not finite

    # One step ---------------------------------------------------------------------------------

    def scale(self, outputs: Any) -> Any:
        """A Tensor, or each in a list or tuple, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            with on_device(outputs.device):
                (factor,) = replay.arrays(self._factor, [])
            return outputs * outputs._wrap(factor, outputs.device)
        if isinstance(outputs, Iterable):
            scaled = [self.scale(y) for y in outputs]
            return type(outputs)(scaled) if isinstance(outputs, list | tuple) else scaled
        raise ValueError(f"scale expects a Tensor or several, got {type(outputs).__name__}")

    def _factor(self) -> tuple[list[mx.array], replay.Undo]:
        """The scale of now, an action: in float32, for it may be more than float16 holds."""
        return [mx.array(self._scale, mx.float32)], lambda: None

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients by the scale now, to clip or inspect them before `step`.

        Raises:
            RuntimeError: called twice for an optimizer since the last `update`, or after `step`.
            ValueError: gradients in float16, which are too coarse to be divided.
        """
        if not self._enabled:
            return
        _check_not_traced()
        stage = self._stages.get(id(optimizer), _READY)
        if stage == _UNSCALED:
            raise RuntimeError("unscale_ was already called for this optimizer since update()")
        if stage == _STEPPED:
            raise RuntimeError("unscale_ comes before step, which was already called")
        self._found[id(optimizer)] = _unscaled(optimizer, self._scale)
        self._stages[id(optimizer)] = _UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step(*args, **kwargs)`, unless a gradient is not finite.

        Returns:
            What the optimizer's step returned; None where it was left out.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs or args:
            raise RuntimeError("a GradScaler cannot step with a closure; call backward before")
        stage = self._stages.get(id(optimizer), _READY)
        if stage == _STEPPED:
            raise RuntimeError("step was already called for this optimizer since update()")
        if stage == _READY:
            self.unscale_(optimizer)
        if self._found[id(optimizer)] is None:
            raise RuntimeError("no gradients to step with; call scale(loss).backward() before")
        self._stages[id(optimizer)] = _STEPPED
        # the one value that is waited for in a step
        found = self._found[id(optimizer)] = _truth(self._found[id(optimizer)])
        return None if found else optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adjust the scale, once all optimizers have stepped.

        Args:
            new_scale: the next scale, instead of the rule.
        """
        if not self._enabled:
            return
        _check_not_traced()
        if new_scale is not None:
            self._scale = float(new_scale)
        else:
            if not self._found:
                raise RuntimeError("update comes after step or unscale_, none was called")
            if any(_truth(found) for found in self._found.values()):
                self._scale *= self._backoff_factor
                self._growth_tracker = 0
            else:
                self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                grown = self._scale * self._growth_factor
                # the largest finite float32 is the end
                self._scale = grown if grown <= 3.4028234663852886e38 else self._scale
                self._growth_tracker = 0
        self._stages.clear()
        self._found.clear()

    # Options and state ------------------------------------------------------------------------

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    def get_scale(self) -> float:
        """The scale; 1 where it is not enabled."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """What the scale grows by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale grows by, above 1."""
        if not new_factor > 1:
            raise ValueError(f"GradScaler expects growth_factor above 1, got {new_factor}")
        self._growth_factor = float(new_factor)

    def get_backoff_factor(self) -> float:
        """What the scale falls by."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale falls by, below 1."""
        if not new_factor < 1:
            raise ValueError(f"GradScaler expects backoff_factor below 1, got {new_factor}")
        self._backoff_factor = float(new_factor)

    def get_growth_interval(self) -> int:
        """Good steps in a row before the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set how many good steps it takes before the scale grows."""
        if not new_interval >= 1:
            raise ValueError(f"GradScaler expects growth_interval of 1 or more, got {new_interval}")
        self._growth_interval = int(new_interval)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on, in torch's layout; empty where it is not enabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict()` was called.

        Raises:
            RuntimeError: the state of one that was not enabled.
        """
        if not self._enabled:
            return
        missing = sorted(set(self.state_dict()) - set(state_dict))
        if missing:
            raise RuntimeError(
                f"the saved state lacks {', '.join(missing)}; was its GradScaler enabled?"
            )
        self.set_growth_factor(state_dict["growth_factor"])
        self.set_backoff_factor(state_dict["backoff_factor"])
        self.set_growth_interval(state_dict["growth_interval"])
        self._scale, self._growth_tracker = state_dict["scale"], state_dict["_growth_tracker"]


def _unscaled(optimizer: Any, scale: float) -> mx.array | None:
    """Divide the gradients; whether one of them is not finite, None without gradients."""
    gradients = [p.grad for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
    if any(g.dtype == mx.float16 for g in gradients):
        raise ValueError(
            "a GradScaler cannot divide float16 gradients; keep the parameters in float32 and let "
            "autocast convert them"
        )
    found = None
    for g in gradients:
        with on_device(g.device):
            laziness.note_change(g)
            g.array = g.array * (1 / scale)
            bad = mx.any(mx.logical_not(mx.isfinite(g.array)))
            found = bad if found is None else mx.logical_or(found, bad)
    return found


def _check_not_traced() -> None:
    if laziness.is_tracing():
        raise RuntimeError(
            "a GradScaler looks at whether gradients are finite, which a traced function cannot; "
            "compile forward and backward alone, and call the scaler's step and update behind it"
        )


def _truth(found: Any) -> bool:
    return bool(found.item()) if isinstance(found, mx.array) else bool(found)
