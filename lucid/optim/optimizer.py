"""`Optimizer`: parameter groups, their state, and one step over all of them.

A subclass writes the arithmetic of one parameter on raw arrays and nothing else:

    _begin(group)                    names of the arrays that a parameter's state consists of
    _numbers(group, step)            the numbers of this step, computed in double precision
    _update(p, gradient, state, n)   the new parameter and the new state; pure

`_update` goes through `mx.compile`, which fuses its dozen elementwise operations into one pass
over the memory (four times faster for 60 small tensors on a CPU). So it must not branch on
values: an option that is off leaves its number out of `_numbers`, and `_update` asks whether it
is there. Without a C++ compiler MLX runs the same operations one by one.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable
from typing import Any

import mlx.core as mx

from lucid.autograd import laziness
from lucid.autograd.mode import enable_grad, no_grad
from lucid.ops.device import on_device
from lucid.tensor import Tensor


class Optimizer:
    """The base of all optimizers.

    Half-precision parameters are updated in float32, with their state in float32: in float16
    the squared gradients of Adam would vanish, and with them the division by their root.

    A parameter with an attribute `constraint` (a function from Tensor to Tensor) is replaced by
    `constraint(parameter)` after each update.

    Args:
        params: Tensors, or dicts with a key "params" and options of their own.
        defaults: the options of groups that do not set them.

    Raises:
        TypeError: something that is not a Tensor.
        ValueError: no parameters, one given twice, or an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = lucid.optim.SGD([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    Tensor([0., 0.], grad=[2., 4.], requires_grad=True)
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = dict(defaults)
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.param_groups: list[dict[str, Any]] = []
        self._compiled = mx.compile(self._updated)
        if isinstance(params, Tensor | dict | str | set) or not isinstance(params, Iterable):
            raise TypeError(
                f"{self._name} expects a list of Tensors or of groups, got "
                f"{type(params).__name__}; pass model.parameters(), or a list"
            )
        groups = list(params)
        if not groups:
            raise ValueError(f"{self._name} got no parameters; is the model empty?")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # What a subclass writes -----------------------------------------------------------------

    def _check(self, group: dict[str, Any]) -> None:
        """Raise ValueError where an option of `group` is out of range."""

    def _begin(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of a parameter's state arrays, which start as zeros."""
        raise NotImplementedError

    def _numbers(self, group: dict[str, Any], step: int) -> dict[str, float]:
        """The numbers that `_update` needs; `step` counts from 1."""
        raise NotImplementedError

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        """The new parameter and state. Elementwise, pure, no branch on a value."""
        raise NotImplementedError

    # Groups -----------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return type(self).__name__

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Optimize more parameters, with their own options where the group sets them."""
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise TypeError(
                f'a parameter group is a dict with the key "params", got {param_group!r:.80}'
            )
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError("parameters need an order, a set has none; pass a list")
        params = [params] if isinstance(params, Tensor) else list(params)
        group = {**self.defaults, **param_group, "params": params}
        seen = {id(p) for other in self.param_groups for p in other["params"]}
        for position, p in enumerate(params):
            _check_parameter(p, position, self._name)
            if id(p) in seen:
                raise ValueError(
                    f"parameter {position} of shape {p.shape} was given to {self._name} before; "
                    "each parameter belongs to one group, once"
                )
            seen.add(id(p))
        self._check(group)
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = Tensor.zeros_like(p.grad)

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
        updates = [
            update for i, group in enumerate(self.param_groups) for update in self._plan(i, group)
        ]
        changed = []
        for p, array, state in updates:
            p.array = array
            self.state[p] = state
            changed += [p, *(t for t in state.values() if isinstance(t, Tensor))]
        laziness.settle(changed)
        return loss

    def _plan(self, index: int, group: dict[str, Any]) -> list[tuple[Tensor, mx.array, dict]]:
        """The new value and state of every parameter of a group; nothing is changed yet."""
        updates = []
        known: dict[Any, dict[str, mx.array]] = {}  # most parameters share their numbers
        for position, p in enumerate(group["params"]):
            if p.grad is None:
                continue
            gradient = p.grad.array
            if gradient.shape != p.array.shape:
                raise ValueError(
                    f"parameter {position} of group {index} has shape {p.shape}, but its gradient "
                    f"has shape {gradient.shape}; they must be the same"
                )
            with on_device(p._device):
                old = self._state(group, p)
                step = old["step"] + 1
                dtype = _precision(p)
                key = (step, dtype, p._device)
                if key not in known:
                    values = self._numbers(group, step)
                    known[key] = {k: mx.array(v, dtype) for k, v in values.items()}
                arrays = {k: t.array for k, t in old.items() if k != "step"}
                array, arrays = self._compiled(p.array, gradient, arrays, known[key])
                array = _constrained(p, array)
            state: dict[str, Any] = {k: p._wrap(a, p._device) for k, a in arrays.items()}
            updates.append((p, array, {"step": step, **state}))
        return updates

    @classmethod
    def _updated(
        cls, p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        dtype = next(iter(n.values())).dtype
        new, state = cls._update(p.astype(dtype), gradient.astype(dtype), state, n)
        return new.astype(p.dtype), state

    def _state(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        """The state of a parameter, with zeros for what it does not have yet."""
        state = self.state.get(p, {"step": 0})
        for name in self._begin(group):
            if name not in state:
                zeros = mx.zeros(p.shape, _precision(p))
                state = {**state, name: p._wrap(zeros, p._device)}
        return state

    # Saving -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """A snapshot: `{"state": {index: ...}, "param_groups": [...]}`, as torch lays it out.

        Parameters are numbered through all groups. Later steps do not change the snapshot.
        """
        parameters = self._parameters()
        indices = {id(p): i for i, p in enumerate(parameters)}
        return {
            "state": {i: dict(self.state[p]) for i, p in enumerate(parameters) if p in self.state},
            "param_groups": [
                {**group, "params": [indices[id(p)] for p in group["params"]]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict()` was called: bit for bit.

        A dict of torch's optimizer of the same name is understood too.

        Raises:
            ValueError: other groups, other shapes, missing entries. Then nothing changes.
        """
        groups = self._loaded_groups(state_dict)
        state = {}
        parameters = self._parameters()
        numbers = [i for group in state_dict["param_groups"] for i in group["params"]]
        owners = [group for group in groups for _ in group["params"]]
        unknown = set(state_dict["state"]) - set(numbers)
        if unknown:
            raise ValueError(f"the saved state has entries of unknown parameters: {unknown}")
        for number, p, group in zip(numbers, parameters, owners, strict=True):
            if state_dict["state"].get(number):
                state[p] = self._loaded_state(number, p, group, state_dict["state"][number])
        self.param_groups, self.state = groups, state

    def _loaded_groups(self, state_dict: dict[str, Any]) -> list[dict[str, Any]]:
        if not isinstance(state_dict, dict) or not {"state", "param_groups"} <= set(state_dict):
            raise ValueError(
                'an optimizer\'s state is a dict with the keys "state" and "param_groups", got '
                f"{list(state_dict) if isinstance(state_dict, dict) else type(state_dict).__name__}"
            )
        saved = state_dict["param_groups"]
        if not isinstance(state_dict["state"], dict) or not all(
            isinstance(group, dict) and "params" in group for group in saved
        ):
            raise ValueError(
                'in an optimizer\'s state, "state" is a dict, and every group of "param_groups" '
                'is a dict with the key "params"'
            )
        sizes = [len(group["params"]) for group in saved]
        own = [len(group["params"]) for group in self.param_groups]
        if sizes != own:
            raise ValueError(
                f"the saved state has groups of {sizes} parameters, this {self._name} has {own}; "
                "build the model and the optimizer as they were when the state was saved"
            )
        groups = []
        for index, (mine, theirs) in enumerate(zip(self.param_groups, saved, strict=True)):
            missing = sorted(set(self.defaults) - set(theirs))
            if missing:
                raise ValueError(
                    f"group {index} of the saved state lacks {', '.join(missing)}; "
                    f"was it saved by another optimizer than {self._name}?"
                )
            group = {**theirs, "params": mine["params"]}
            self._check(group)
            groups.append(group)
        return groups

    def _loaded_state(
        self, number: int, p: Tensor, group: dict[str, Any], saved: dict[str, Any]
    ) -> dict[str, Any]:
        expected = self._begin(group)
        missing = [name for name in expected if saved.get(name) is None]
        if missing:
            raise ValueError(
                f"the saved state of parameter {number} lacks {', '.join(missing)}; "
                f"was it saved by another optimizer than {self._name}, or with other options?"
            )
        # torch's SGD keeps no count: that there was a first step is all that matters to it
        state: dict[str, Any] = {"step": int(saved.get("step", 1))}
        for name in expected:
            tensor = Tensor(saved[name], dtype=_precision(p), device=p._device)
            if tensor.shape != p.shape:
                raise ValueError(
                    f"the saved {name} of parameter {number} has shape {tensor.shape}, "
                    f"the parameter has {p.shape}"
                )
            state[name] = tensor
        return state

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def __repr__(self) -> str:
        lines = [f"{self._name} ("]
        for index, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {index}: {len(group['params'])} tensors")
            lines += [f"    {k}: {group[k]}" for k in sorted(group) if k != "params"]
        return "\n".join([*lines, ")"])


def check_number(
    owner: str, name: str, value: Any, *, low: float = 0.0, below: float = math.inf
) -> None:
    """Raise unless `value` is a number with low <= value < below."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(
            f"{owner} expects a number for {name}, got {type(value).__name__}: {value!r:.60}"
        )
    if not low <= float(value) < below:
        until = "" if below == math.inf else f" and below {below:g}"
        raise ValueError(f"{owner} expects {name} to be at least {low:g}{until}, got {value}")


def _check_parameter(p: Any, position: int, owner: str) -> None:
    if not isinstance(p, Tensor):
        raise TypeError(
            f"{owner} optimizes Tensors, got {type(p).__name__} at position {position}; "
            "pass model.parameters()"
        )
    if not p.is_leaf:
        raise ValueError(
            f"parameter {position} of shape {p.shape} is the result of an operation; "
            "only leaves can be optimized, e.g. x.detach().requires_grad_()"
        )
    if not p.is_floating_point():
        raise TypeError(f"{owner} optimizes real floating point Tensors, got {p.dtype}")


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
