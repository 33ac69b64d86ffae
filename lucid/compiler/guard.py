"""What a trace took for granted: Python values that it found around it.

Each is frozen: copied, with `Same` in the place of what is to be that very object. Then a single
comparison of lists, done in C, tells whether all is as it was.
"""

from __future__ import annotations

import copy
import functools
import types
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.amp.grad_scaler import GradScaler
from lucid.compiler.tree import PLAIN, Same, form_of, rebuild
from lucid.nn.module import Module
from lucid.optim.formula import Formula
from lucid.optim.lr_scheduler.scheduler import LRScheduler
from lucid.optim.optimizer import Optimizer
from lucid.tensor import Tensor

LONGEST = 256  # a list or dict of more entries is compared by its length only
_DEPTH = 4


class _Number:
    """Equal to any number: one that an optimizer reads anew in each call."""

    def __eq__(self, other: Any) -> bool:
        several = other if type(other) is tuple else (other,)
        return all(type(x) in (float, int) for x in several)

    __hash__ = None  # type: ignore[assignment]


_NUMBER = _Number()


class _Long(Same):
    """Equal to one list or dict only, as long as it has as many entries as now."""

    __slots__ = ("length",)

    def __init__(self, it: Any) -> None:
        super().__init__(it)
        self.length = len(it)

    def __eq__(self, other: Any) -> bool:
        return other is self.it and len(other) == self.length

    __hash__ = Same.__hash__


def frozen(value: Any, depth: int = _DEPTH) -> Any:
    """What equals `value` as long as it is what it is now."""
    kind = type(value)
    if kind in PLAIN:
        return value
    if depth and isinstance(value, dict) and len(value) <= LONGEST:
        return {k: frozen(v, depth - 1) for k, v in value.items()}
    if depth and kind in (list, tuple) and len(value) <= LONGEST:
        return kind(frozen(v, depth - 1) for v in value)
    if kind in (set, deque) and len(value) <= LONGEST:
        return copy.copy(value)
    if kind in (list, dict, set, deque):
        return _Long(value)
    return value if kind.__eq__ is object.__eq__ else Same(value)


def _frozen_options(group: dict[str, Any], formula: bool) -> dict[str, Any]:
    """The options of a group; those of a `Formula` that are numbers are used anew in each call."""
    options = {k: _NUMBER if formula and _NUMBER.__eq__(v) else frozen(v) for k, v in group.items()}
    return {**options, "params": [Same(p) for p in group["params"]]}


class Guard:
    """The Python values around a function, as they were.

    Args:
        function: what is compiled: its closure and the globals that it names are looked at.
        others: objects it was given, and modules and optimizers that were seen at work.
    """

    def __init__(self, function: Callable, others: Iterable[Any]) -> None:
        self.live: list[Any] = []
        self.snapshot: list[Any] = []
        self.names: list[str] = []
        self.owners: list[Any] = []  # modules, optimizers, and objects of the user's classes
        self._dicts: dict[int, tuple[Any, Any, Any]] = {}  # a dict, a copy, what it is to equal
        self.cells: list[tuple[str, Any]] = []
        self._seen: set[int] = set()
        self._function(function, "")
        for value in others:
            self._object(value, type(value).__name__)
        self.contents = [frozen(_content(cell)) for _, cell in self.cells]

    def holds(self) -> bool:
        """Whether all is as it was."""
        try:
            return self.snapshot == self.live and (
                self.contents == [_content(cell) for _, cell in self.cells]
            )
        except Exception:  # what is compared may refuse to be
            return False

    def dicts(self) -> list[dict[str, Any]]:
        """The attributes of modules and objects, and the dicts that hold a module's tensors."""
        return [live for live, _, _ in self._dicts.values()]

    def before(self, owner: dict[str, Any], key: str) -> Any:
        """What one of `dicts()` had under a key."""
        return self._dicts[id(owner)][1].get(key)

    def loosen(self, owner: dict[str, Any], key: str) -> None:
        """Allow other tensors under a key of one of `dicts()`, if nothing else changed there."""
        if form_of(owner[key]) == form_of(self.before(owner, key)):
            self._dicts[id(owner)][2][key] = rebuild(owner[key], lambda _: _TENSOR)

    def changes(self) -> list[str]:
        """What is not as it was, in words."""
        found = []
        for name, before, now in zip(self.names, self.snapshot, self.live, strict=True):
            found += _differences(name, before, now)
        for (name, cell), before in zip(self.cells, self.contents, strict=True):
            found += _differences(name, before, _content(cell))
        return found

    # Collecting -------------------------------------------------------------------------------

    def _add(self, name: str, live: Any, snapshot: Any) -> None:
        self.live.append(live)
        self.snapshot.append(snapshot)
        self.names.append(name)

    def _function(self, function: Any, name: str) -> None:
        """The closure of a function, the globals that it names, and those of functions there."""
        if isinstance(function, functools.partial):
            self._values({**dict(enumerate(function.args)), **function.keywords})
            self._function(function.func, name)
            return
        if isinstance(function, types.MethodType):
            self._object(function.__self__, "self")
            function = function.__func__
        elif not isinstance(function, types.FunctionType):
            self._object(function, type(function).__name__)
            function = getattr(type(function), "__call__", None)  # noqa: B004
        while hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        if not isinstance(function, types.FunctionType) or id(function) in self._seen:
            return
        self._seen.add(id(function))
        root = (function.__module__ or "").partition(".")[0]
        if root in ("lucid", "mlx", "numpy"):
            return
        free = function.__code__.co_freevars
        for label, cell in zip(free, function.__closure__ or (), strict=True):
            self.cells.append((label, cell))
            self._object(_content(cell), label)
        known = function.__globals__
        used = sorted(_names(function.__code__))
        labels = [k for k in used if k in known and not isinstance(known[k], types.ModuleType)]
        self._values(known, labels)
        defaults = dict(enumerate(function.__defaults__ or ()))
        self._values({**defaults, **(function.__kwdefaults__ or {})})

    def _values(self, values: Mapping[Any, Any], labels: Iterable[Any] | None = None) -> None:
        """What is found in a dict under some labels, or under all."""
        for label in values if labels is None else labels:
            self.cells.append((str(label), (values, label)))
            self._object(values[label], str(label))

    def _class(self, kind: type) -> None:
        """The values in a class of the user's, and what its `forward` names."""
        if id(kind) in self._seen or not _is_users_class(kind):
            return
        self._seen.add(id(kind))
        plain = [k for k, v in vars(kind).items() if k[:2] != "__" and not hasattr(v, "__get__")]
        self._values(vars(kind), plain)
        if issubclass(kind, Module) and "forward" in vars(kind):
            self._function(vars(kind)["forward"], kind.__name__)
        for base in kind.__bases__:
            self._class(base)

    def _object(self, value: Any, name: str, depth: int = 2) -> None:
        if isinstance(value, types.FunctionType | types.MethodType | functools.partial):
            self._function(value, name)
            return
        if id(value) in self._seen or isinstance(value, type) or not hasattr(value, "__dict__"):
            if depth and isinstance(value, list | tuple | dict) and len(value) <= LONGEST:
                for v in value.values() if isinstance(value, dict) else value:
                    self._object(v, name, depth - 1)
            return
        self._seen.add(id(value))
        if isinstance(value, Module):
            for path, module in value.named_modules():
                self._seen.add(id(module))
                label = f"{name}.{path}" if path else name
                self._owner(label, module)
        elif isinstance(value, Optimizer):
            self._optimizer(value, name)
        elif _is_users(value) and depth:
            self._owner(name, value)
            for label, v in vars(value).items():
                self._object(v, f"{name}.{label}", depth - 1)

    def _owner(self, name: str, owner: Any) -> None:
        live = vars(owner)
        snapshot = frozen(live)
        self._class(type(owner))
        self.owners.append(owner)
        self._add(name, live, snapshot)
        before = {k: list(v) if type(v) is list else v for k, v in live.items()}
        self._dicts[id(live)] = live, before, snapshot
        if isinstance(owner, Module):
            for slot in ("_parameters", "_buffers"):
                self._dicts[id(live[slot])] = live[slot], dict(live[slot]), snapshot[slot]

    def _optimizer(self, optimizer: Optimizer, name: str) -> None:
        self.owners.append(optimizer)
        own = vars(optimizer)
        formula = isinstance(optimizer, Formula)
        skipped = ("state", "param_groups", "_stepped")
        rest = {k: frozen(v) for k, v in own.items() if k not in skipped}
        rest |= {k: Same(own[k]) if k != "_stepped" else _ANY for k in skipped}
        self._add(name, own, rest)
        groups = optimizer.param_groups
        self._add(f"{name}.param_groups", groups, [_frozen_options(g, formula) for g in groups])
        state = optimizer.state
        self._add(
            f"{name}.state",
            state,
            # the very dicts; of a Formula their counts go on from call to call
            dict(state) if formula else {p: frozen(s) for p, s in state.items()},
        )


class _Any:
    """Equal to everything."""

    def __eq__(self, other: Any) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class _Tensor:
    """Equal to any tensor: one that is made anew in each call."""

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Tensor)

    __hash__ = None  # type: ignore[assignment]


_ANY, _TENSOR = _Any(), _Tensor()


def _content(cell: Any) -> Any:
    """What is in a cell of a closure, or under a name among the globals."""
    if isinstance(cell, tuple):
        return cell[0].get(cell[1])
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _names(code: types.CodeType) -> set[str]:
    """The names that a function uses, with those of functions inside it."""
    inner = [_names(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*inner)


def _is_users(value: Any) -> bool:
    """An object whose attributes can be looked at: of a class that is not ours nor Python's."""
    if isinstance(value, np.ndarray | np.generic | mx.array | types.ModuleType | Tensor):
        return False
    if isinstance(value, GradScaler | LRScheduler):  # a schedule goes on in each call
        return isinstance(value, GradScaler)
    return _is_users_class(type(value))


def _is_users_class(kind: type) -> bool:
    root = (kind.__module__ or "").partition(".")[0]
    return root not in ("lucid", "mlx", "numpy", "builtins", "functools", "logging", "threading")


def _differences(name: str, before: Any, now: Any) -> list[str]:
    try:
        if before == now:
            return []
    except Exception:
        pass
    if isinstance(before, dict) and isinstance(now, dict):
        found = []
        for key in {**before, **now}:
            label = f"{name}.{key}" if isinstance(key, str) else name
            if key not in now or key not in before:
                found.append(f"{label} {'came' if key in now else 'went'}")
            else:
                found += _differences(label, before[key], now[key])
        return found
    several = isinstance(before, list | tuple) and isinstance(now, list | tuple)
    if several and len(before) == len(now):
        return [d for b, n in zip(before, now, strict=True) for d in _differences(name, b, n)]
    if type(now) in PLAIN and type(before) in PLAIN:
        return [f"{name} was {before!r:.40} and is {now!r:.40}"]
    return [f"{name} changed"]
