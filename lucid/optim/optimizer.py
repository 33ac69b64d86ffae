"""`Optimizer`: parameter groups, their options and state, hooks, saving.

Optimizers that are a formula for one parameter derive from `lucid.optim.formula.Formula`; one
that walks its parameters by itself, such as those people bring along from torch, derives from
`Optimizer` and defines `step`.
"""

from __future__ import annotations

import functools
import math
import numbers
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from lucid.optim import state
from lucid.optim.kept import Kept
from lucid.tensor import Tensor
from lucid.tensor.tensor import Handle


class Optimizer:
    """The base of all optimizers.

    Args:
        params: Tensors, pairs of a name and a Tensor as from `model.named_parameters()`, or dicts
            with a key "params" and options of their own.
        defaults: the options of groups that do not set them.

    Raises:
        TypeError: something that is not a Tensor.
        ValueError: no parameters, one given twice, or an option out of range.

    Attributes:
        defaults: the options of groups that do not set them.
        param_groups: a dict per group: its options, its "params", their "param_names" if given.
        state: from each parameter to the dict of what is kept for it.

    >>> import lucid
    >>> class Signs(lucid.optim.Optimizer):
    ...     def __init__(self, params, lr):
    ...         super().__init__(params, {"lr": lr})
    ...     def step(self, closure=None):
    ...         with lucid.no_grad():
    ...             for group in self.param_groups:
    ...                 for p in group["params"]:
    ...                     p.add_(p.grad.sign(), alpha=-group["lr"])
    >>> w = lucid.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> Signs([w], lr=0.5).step()
    >>> w.detach()
    Tensor([0.5, 1.5], grad=None)
    """

    # What the values of an option may be: limits of `check_number`, a tuple of them for as many
    # numbers, or None for what is checked elsewhere.
    _ranges: ClassVar[dict[str, Any]] = {}

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = {k: _plain(v, self._name, k) for k, v in defaults.items()}
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._hooks: defaultdict[str, list[Callable]] = defaultdict(list)
        self._stepped = False  # schedules ask
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

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _hooked(cls.step)  # type: ignore[method-assign]

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters. A subclass defines it.

        Args:
            closure: computes the loss and its gradients first; its result is returned.
        """
        raise NotImplementedError(f"{self._name} must define step()")

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
        given = [params] if isinstance(params, Tensor) else list(params)
        names = [p[0] for p in given if isinstance(p, tuple)]
        params = [p[1] if isinstance(p, tuple) else p for p in given]
        given_group = {**self.defaults, **param_group, "params": params}
        group = Kept({k: _plain(v, self._name, k) for k, v in given_group.items()})
        if names:
            group["param_names"] = names
        self._check_names(group)
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

    def _check_names(self, group: dict[str, Any]) -> None:
        names = group.get("param_names")
        if names is not None and len(names) != len(group["params"]):
            raise ValueError(
                f"{self._name} got names for {len(names)} of {len(group['params'])} parameters; "
                "give all of them a name, or none"
            )
        if self.param_groups and ("param_names" in self.param_groups[0]) != (names is not None):
            raise ValueError(
                f"{self._name} expects names in all of its groups or in none, got a group "
                f"{'without' if names is None else 'with'} names"
            )

    def _check(self, group: dict[str, Any]) -> None:
        """Raise where an option of `group` is out of range."""
        for name, allowed in self._ranges.items():
            if name not in group or allowed is None:
                continue
            value = group[name]
            if isinstance(allowed, dict):
                check_number(self._name, name, value, **allowed)
                continue
            if not isinstance(value, tuple | list) or len(value) != len(allowed):
                count = {2: "two", 3: "three"}[len(allowed)]
                raise ValueError(
                    f"{self._name} expects {name} to be {count} numbers, got {value!r}"
                )
            for i, (number, limits) in enumerate(zip(value, allowed, strict=True)):
                check_number(self._name, f"{name}[{i}]", number, **limits)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero."""
        for p in self._parameters():
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                p.grad = Tensor.zeros_like(p.grad)

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    # Saving -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """A snapshot: `{"state": {index: ...}, "param_groups": [...]}`, as torch lays it out.

        Parameters are numbered through all groups. Later steps do not change the snapshot.
        """
        for hook in list(self._hooks["state_dict_pre"]):
            hook(self)
        saved = state.collect(self.param_groups, self.state)
        for hook in list(self._hooks["state_dict_post"]):
            saved = _or(hook(self, saved), saved)
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict()` was called: bit for bit.

        A dict of torch's optimizer of the same name is understood too.

        Raises:
            ValueError: other groups, other shapes, missing entries. Then nothing changes.
        """
        for hook in list(self._hooks["load_state_dict_pre"]):
            state_dict = _or(hook(self, dict(state_dict)), state_dict)
        groups, kept = state.loaded(self, state_dict)
        self.__setstate__({"param_groups": groups, "state": kept})  # which a subclass may extend
        for hook in list(self._hooks["load_state_dict_post"]):
            hook(self)

    def _loaded_state(
        self, number: int, p: Tensor, group: dict[str, Any], saved: dict[str, Any]
    ) -> dict[str, Any]:
        """The state of one parameter, from what was saved as parameter `number`."""
        return {k: state.like(None if k == "step" else p, v) for k, v in saved.items()}

    # Hooks ------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable) -> Handle:
        """Call `hook(optimizer, args, kwargs)` before each step.

        What it returns, a pair of new args and kwargs, replaces them. The handle removes it.
        """
        return self._hook("step_pre", hook)

    def register_step_post_hook(self, hook: Callable) -> Handle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return self._hook("step_post", hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(optimizer)` before `state_dict()` collects."""
        return self._hook("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(optimizer, state_dict)` on what `state_dict()` collected.

        What it returns is taken instead.
        """
        return self._hook("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(optimizer, state_dict)` before loading; what it returns is loaded instead."""
        return self._hook("load_state_dict_pre", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> Handle:
        """Call `hook(optimizer)` after loading."""
        return self._hook("load_state_dict_post", hook, prepend)

    def _hook(self, kind: str, hook: Callable, prepend: bool = False) -> Handle:
        hooks = self._hooks[kind]
        hooks.insert(0 if prepend else len(hooks), hook)
        return Handle(hooks, hook)

    def __repr__(self) -> str:
        lines = [f"{self._name} ("]
        for index, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {index}: {len(group['params'])} tensors")
            hidden = ("params", "param_names")
            lines += [f"    {k}: {group[k]}" for k in sorted(group) if k not in hidden]
        return "\n".join([*lines, ")"])


def check_number(
    owner: str,
    name: str,
    value: Any,
    *,
    low: float = 0.0,
    below: float = math.inf,
    high: float = math.inf,
    above: float = -math.inf,
) -> None:
    """Raise unless `value` is a number with low <= value <= high, and above < value < below."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(
            f"{owner} expects a number for {name}, got {type(value).__name__}: {value!r:.60}"
        )
    number = float(value)
    if not (low <= number <= high and above < number < below):
        start = f"above {above:g}" if above >= low else f"at least {low:g}"
        until = "" if below == math.inf else f" and below {below:g}"
        until += "" if high == math.inf else f" and at most {high:g}"
        raise ValueError(f"{owner} expects {name} to be {start}{until}, got {value}")


def _hooked(step: Callable) -> Callable:
    """A `step` with the hooks around it."""

    @functools.wraps(step)
    def call(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        for hook in list(self._hooks["step_pre"]):
            changed = hook(self, args, kwargs)
            if changed is None:
                continue
            if not isinstance(changed, tuple) or len(changed) != 2:
                raise RuntimeError(
                    "a hook before the step returns None or a pair of new args and kwargs, got "
                    f"{changed!r:.60}"
                )
            args, kwargs = changed
        result = step(self, *args, **kwargs)
        self._stepped = True
        for hook in list(self._hooks["step_post"]):
            hook(self, args, kwargs)
        return result

    return call


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _plain(value: Any, owner: str, name: str) -> Any:
    """An option as numbers, where it was given as Tensors of one element."""
    if isinstance(value, tuple):
        return tuple(_plain(v, owner, name) for v in value)
    if not isinstance(value, Tensor):
        return value
    if value.numel() != 1:
        raise ValueError(
            f"{owner} expects {name} to be a number or a Tensor of one element, got a Tensor of "
            f"shape {value.shape}"
        )
    return value.item()


def _check_parameter(p: Any, position: int, owner: str) -> None:
    if not isinstance(p, Tensor):
        raise TypeError(
            f"{owner} optimizes Tensors, got {type(p).__name__} at position {position}; "
            "pass model.parameters()"
        )
    if getattr(p, "is_uninitialized", False):
        raise ValueError(
            f"parameter {position} belongs to a lazy module and has no shape yet; call the model "
            f"once on an example input before its parameters are given to {owner}"
        )
    if not p.is_leaf:
        raise ValueError(
            f"parameter {position} of shape {p.shape} is the result of an operation; "
            "only leaves can be optimized, e.g. x.detach().requires_grad_()"
        )
    if not p.is_floating_point():
        raise TypeError(f"{owner} optimizes real floating point Tensors, got {p.dtype}")
