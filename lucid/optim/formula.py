"""`Formula`: an optimizer that is a formula for one parameter at a time.

A subclass names its options and writes the arithmetic of one parameter on raw arrays:

    _begin(group, p)                 names of the arrays that a parameter's state consists of
    _numbers(group, count)           the numbers of this step, computed in double precision
    _update(p, gradient, state, n)   the new parameter and the new state; pure

`maximize` and the weight decay are done before `_update` sees the parameter and the gradient.
What a parameter counts (always "step") are Python numbers in `count`.

`_update` goes through `mx.compile`, which fuses its dozen elementwise operations into one pass
over the memory (four times faster for 60 small tensors on a CPU). So it must not branch on
values: an option that is off leaves its number out of `_numbers`, and `_update` asks whether it
is there. Without a C++ compiler MLX runs the same operations one by one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

import mlx.core as mx

from lucid import _shards
from lucid._device import on_cpu
from lucid.autograd import laziness, replay
from lucid.autograd.mode import enable_grad, no_grad
from lucid.ops.device import on_device
from lucid.optim.kept import Kept
from lucid.optim.optimizer import Optimizer
from lucid.tensor import Tensor

Arrays = dict[str, mx.array]

# What the values of an option may be, in whichever optimizer it occurs.
_RANGES: dict[str, Any] = {
    "lr": {},
    "eps": {},
    "weight_decay": {},
    "momentum": {},
    "betas": ({"below": 1.0}, {"below": 1.0}),
}
# torch's choices between kernels that compute the same: taken, and without effect.
_KERNELS = ("foreach", "fused", "capturable", "differentiable")


class Formula(Optimizer):
    """The base of optimizers that treat each parameter by itself.

    Half-precision parameters are updated in float32, with their state in float32: in float16
    the squared gradients of Adam would vanish, and with them the division by their root.

    A parameter with an attribute `constraint` (a function from Tensor to Tensor) is replaced by
    `constraint(parameter)` after each update.

    >>> import lucid
    >>> w = lucid.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = lucid.optim.SGD([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    Tensor([0., 0.], grad=[2., 4.], requires_grad=True)
    """

    # Counts besides "step", and where they start.
    _counts: ClassVar[dict[str, Any]] = {}

    def __init__(
        self, params: Iterable[Any], defaults: dict[str, Any], kernels: dict[str, Any]
    ) -> None:
        self._compiled = mx.compile(self._updated)
        for name in kernels:
            if name not in _KERNELS:
                raise TypeError(f"{self._name} got an unexpected keyword argument {name!r}")
        super().__init__(params, {**defaults, **kernels})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._ranges = {**_RANGES, **cls._ranges}

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        if group.get("differentiable"):
            raise ValueError(
                f"{self._name} cannot record its step (differentiable=True); compute the new "
                "parameters with lucid.autograd.grad(..., create_graph=True) instead"
            )

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k != "_compiled"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_compiled" not in vars(self):
            self._compiled = mx.compile(self._updated)

    # What a subclass writes -----------------------------------------------------------------

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        """The names of the arrays of a parameter's state."""
        raise NotImplementedError

    def _first(self, name: str, group: dict[str, Any], p: Tensor, dtype: mx.Dtype) -> mx.array:
        """What an array of the state is before the first step: zeros of the parameter's shape."""
        return mx.zeros(p.shape, dtype)

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, float]:
        """The numbers that `_update` needs; `count["step"]` is 1 in the first step."""
        raise NotImplementedError

    @staticmethod
    def _update(p: mx.array, gradient: mx.array, state: Arrays, n: Arrays) -> tuple[mx.array, dict]:
        """The new parameter and state. Pure, no branch on a value."""
        raise NotImplementedError

    def _decay(self, group: dict[str, Any]) -> dict[str, float]:
        """How the weights decay: added to the gradient, or the parameter shrinks by itself."""
        if group.get("decoupled_weight_decay"):
            return {"shrink": 1 - group["lr"] * group["weight_decay"]}
        return {"weight_decay": group["weight_decay"]}

    # The step ---------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Nothing lazy is left behind: parameters and state are evaluated, in the background.

        Args:
            closure: computes the loss and its gradients first; its result is returned.

        Raises:
            ValueError: a gradient of another shape than its parameter. Then nothing changes.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        undo: list[replay.Undo] = []
        try:
            updates = [
                update
                for i, group in enumerate(self.param_groups)
                for update in self._plan(i, group, undo)
            ]
        except BaseException:
            for back in reversed(undo):
                back()
            raise
        changed = []
        for p, array, state, kept in updates:
            laziness.note_change(p)
            p.array = array
            for name, kept_array in kept.items():
                if name in state:
                    state[name].array = kept_array
                else:
                    state[name] = p._wrap(kept_array, p._device)
                changed.append(state[name])
            if self.state.get(p) is not state:
                self.state[p] = state
            changed.append(p)
        laziness.settle(changed)
        return loss

    def _plan(
        self, index: int, group: dict[str, Any], undo: list[replay.Undo]
    ) -> list[tuple[Tensor, mx.array, dict[str, Any], Arrays]]:
        """New value, state and arrays for it of every parameter of a group.

        Nothing is changed yet but the counts, which `undo` takes back.
        """
        known: dict[Any, Counting] = {}  # most parameters share their numbers
        members = []
        for position, p in enumerate(group["params"]):
            if p.grad is None:
                continue
            gradient = p.grad.array
            if gradient.shape != p.array.shape:
                raise ValueError(
                    f"parameter {position} of group {index} has shape {p.shape}, but its gradient "
                    f"has shape {gradient.shape}; they must be the same"
                )
            dtype = _precision(p)
            state: dict[str, Any] = self.state.get(p) or Kept(step=0, **self._counts)
            if type(state) is not Kept:
                state = Kept(state)
            count = {k: v for k, v in state.items() if type(v) is not Tensor}
            key = (dtype, p._device, *count.values())
            if key not in known:
                known[key] = Counting(self, group, count, dtype, p._device)
            known[key].states.append(state)
            members.append((p, gradient, state, known[key]))
        numbers = {}
        for counting in known.values():
            found = replay.arrays(counting, undo)
            numbers[id(counting)] = dict(zip(counting.names, found, strict=True))

        def updated(some: Sequence[Any]) -> list[tuple[mx.array, Arrays]]:
            new = []
            for p, gradient, state, counting in some:
                with on_device(p._device):
                    arrays = self._arrays(group, p, state, counting.dtype)
                    n = numbers[id(counting)]
                    new.append(self._compiled(p.array, gradient, arrays, n))
            return new

        runs = _shards.each([partial(updated, some) for some in _runs(members)])
        new = itertools.chain.from_iterable(runs)
        updates: list[tuple[Tensor, mx.array, dict[str, Any], Arrays]] = []
        for (p, _, state, _), (array, arrays) in zip(members, new, strict=True):
            with on_device(p._device):
                updates.append((p, _constrained(p, array), state, arrays))
        return updates

    def _counted(
        self, group: dict[str, Any], count: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float]]:
        """The counts after this step and the numbers of it."""
        count = {**count, "step": count["step"] + 1}
        numbers = self._numbers(group, count)
        if group.get("maximize") and "maximize" in self.defaults:
            numbers["sign"] = -1.0
        if group.get("weight_decay") and "weight_decay" in self.defaults:
            numbers.update(self._decay(group))
        return count, numbers

    @classmethod
    def _updated(
        cls, p: mx.array, gradient: mx.array, state: Arrays, n: Arrays
    ) -> tuple[mx.array, Arrays]:
        dtype = next(iter(n.values())).dtype
        new, gradient = p.astype(dtype), gradient.astype(dtype)
        if "sign" in n:
            gradient = n["sign"] * gradient
        if "weight_decay" in n:
            gradient = gradient + n["weight_decay"] * new
        if "shrink" in n:
            new = n["shrink"] * new
        new, state = cls._update(new, gradient, state, n)
        return new.astype(p.dtype), state

    def _arrays(
        self, group: dict[str, Any], p: Tensor, state: dict[str, Any], dtype: mx.Dtype
    ) -> Arrays:
        """The arrays of a parameter's state, those it does not have yet at their start."""
        return {
            name: state[name].array if name in state else self._first(name, group, p, dtype)
            for name in self._begin(group, p)
        }

    # Saving -----------------------------------------------------------------------------------

    def _loaded_state(
        self, number: int, p: Tensor, group: dict[str, Any], saved: dict[str, Any]
    ) -> dict[str, Any]:
        names = self._begin(group, p)
        missing = [name for name in (*names, *self._counts) if saved.get(name) is None]
        if missing:
            raise ValueError(
                f"the saved state of parameter {number} lacks {', '.join(missing)}; "
                f"was it saved by another optimizer than {self._name}, or with other options?"
            )
        # torch's SGD keeps no count: that there was a first step is all that matters to it
        state: dict[str, Any] = Kept(step=int(saved.get("step", 1)))
        state.update({name: float(saved[name]) for name in self._counts})
        dtype = _precision(p)
        with on_device(p.device):
            for name in names:
                tensor = Tensor(saved[name], dtype=dtype, device=p.device)
                expected = self._first(name, group, p, dtype).shape
                if tensor.shape != expected:
                    raise ValueError(
                        f"the saved {name} of parameter {number} has shape {tensor.shape}, "
                        + (
                            f"the parameter has {p.shape}"
                            if expected == p.shape
                            else f"expected {expected} for a parameter of shape {p.shape}"
                        )
                    )
                state[name] = tensor
        return state


class Counting:
    """One more step for the parameters of a group that took as many: an action."""

    def __init__(
        self,
        optimizer: Formula,
        group: dict[str, Any],
        count: dict[str, Any],
        dtype: mx.Dtype,
        device: str,
    ) -> None:
        self.optimizer, self.group, self.count = optimizer, group, count
        self.dtype, self.device = dtype, device
        self.states: list[dict[str, Any]] = []
        self.names: tuple[str, ...] = ()

    def __call__(self) -> tuple[list[mx.array], replay.Undo]:
        """The numbers of the step as arrays, in the order of `names`."""
        states = self.states
        before = {name: states[0][name] for name in self.count}
        for name, value in before.items():
            if any(state[name] != value for state in states):
                raise replay.Changed
        count, numbers = self.optimizer._counted(self.group, before)
        if not self.names:
            self.names = tuple(numbers)
        elif self.names != tuple(numbers):
            raise replay.Changed

        def back() -> None:
            for state in states:
                state.update(before)

        for state in states:
            state.update(count)
        with on_device(self.device):
            return [mx.array(value, self.dtype) for value in numbers.values()], back


def _runs(members: list[Any]) -> list[list[Any]]:
    """The parameters in runs of about as many elements, each to be updated by a thread of its own:
    two take half the time of one with 2^20 elements, 0.7 with 2^18, and as long with 2^16."""
    total = sum(p.array.size for p, *_ in members)
    if total < 2 * _shards.LEAST or not on_cpu() or any(p._device != "cpu" for p, *_ in members):
        return [members]
    runs: list[list[Any]] = [[] for _ in range(_shards.get_num_threads())]
    before = 0
    for member in members:
        size = member[0].array.size
        runs[min((before + size // 2) * len(runs) // total, len(runs) - 1)].append(member)
        before += size
    return [run for run in runs if run]


def _precision(p: Tensor) -> mx.Dtype:
    """The dtype of the arithmetic and of the state."""
    return mx.float64 if p.dtype == mx.float64 else mx.float32


def _constrained(p: Tensor, array: mx.array) -> mx.array:
    constraint = getattr(p, "constraint", None)
    if constraint is None:
        return array
    with no_grad():
        found = constraint(p._wrap(array, p._device))
    found = found.array if isinstance(found, Tensor) else found
    if not isinstance(found, mx.array) or found.shape != array.shape:
        raise ValueError(
            f"a constraint must return a Tensor of the parameter's shape {array.shape}, got "
            f"{found.shape if isinstance(found, mx.array) else type(found).__name__}"
        )
    return found.astype(array.dtype)
