"""What a trace took for granted: the Python values that the function can reach, as they were.

The function's closure, the globals that it names and its defaults are walked over, with the
attributes of the objects there, the values of their classes and the functions among all that, to
any depth. Wherever a value can be put, a dict or a cell, is a `Place`, whose values are frozen
(see `lucid.compiler.frozen`). Then one comparison of two lists, done in C, tells whether all is
as it was.

Of an object of the user's only those attributes count that the function reads or writes, so a
trainer may keep its history beside them.
"""

from __future__ import annotations

import functools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.compiler.frozen import (
    ANY,
    LONGEST,
    NUMBER,
    TENSOR,
    Entries,
    differences,
    frozen,
    is_number,
)
from lucid.compiler.tree import PLAIN, Same, form_of, rebuild
from lucid.nn.module import Module
from lucid.optim.formula import Formula
from lucid.optim.kept import Kept
from lucid.optim.lr_scheduler.scheduler import LRScheduler
from lucid.optim.optimizer import Optimizer
from lucid.tensor import Tensor

Children = Iterable[tuple[str, Any]]
Used = Mapping[type, dict[int, set[str]]]
_OURS = ("lucid", "mlx", "numpy")
_PYTHON = ("builtins", "functools", "logging", "threading")
_OF_MODULES = frozenset(vars(Module()))
_HEAP, _MUTABLE = 1 << 9, 1 << 9 | 1 << 8  # Python's flags of classes: made by `class`; immutable
_EVERYTHING = "__dict__"  # the attribute whose reader may have read all of them


class _View:
    """Values that lie in no dict of their own, read anew each time."""

    def __init__(self, read: Callable[[], dict[Any, Any]]) -> None:
        self.read = read

    def __eq__(self, saved: Any) -> bool:
        return saved == self.read()

    __hash__ = None  # type: ignore[assignment]


class Place:
    """A dict, or a view of values as a dict, and what it is to equal.

    `names`, where there are any, are the keys that count.
    """

    def __init__(
        self, name: str, live: Any, saved: dict[Any, Any], names: set[str] | None = None
    ) -> None:
        self.name, self.live, self.saved, self.names = name, live, saved, names

    def now(self) -> dict[Any, Any]:
        return self.live.read() if isinstance(self.live, _View) else self.live

    def narrowed(self) -> bool:
        """Look at what counts only; whether that is as it was."""
        if self.names is not None and _EVERYTHING not in self.names:
            self.live, self.saved = _part(self.live, self.names), _only(self.saved, self.names)
            self.names = None
        return self.saved == self.now()


class Guard:
    """The Python values around a function, as they were.

    Args:
        function: what is compiled.
        others: objects it was given, and modules and optimizers that were seen at work.
        used: of the classes that were watched, the names of attributes that the function used, by
            the ids of the objects.
        looks: of what goes on in each call, the numbers that the function looks at, see `Watcher`.

    Attributes:
        used: see above; what a trace uses besides is added.
        owners: modules, optimizers and objects of the user's classes.
        classes: the user's classes among those of the owners.
    """

    def __init__(
        self,
        function: Callable,
        others: Iterable[Any],
        used: Used = types.MappingProxyType({}),
        looks: Mapping[int, tuple[Any, set[str]]] = types.MappingProxyType({}),
    ) -> None:
        self.owners: list[Any] = []
        self.classes: dict[type, None] = {}
        self._places: list[Place] = []
        self._seen: set[int] = set()
        self.used, self._looks = used, looks
        waiting = [("", function), *((type(v).__name__, v) for v in others)]
        for name, value in waiting:  # which grows meanwhile
            waiting += self._visit(name, value)
        for it, _ in looks.values():
            if not isinstance(it, Kept):
                name = type(it).__name__
                self._put(Place(name, vars(it), frozen(vars(it), name, exact=True)))
        self._live = [place.live for place in self._places]
        self._saved = [place.saved for place in self._places]
        self._dicts: dict[int, tuple[dict, dict, dict]] = {}  # live, saved, as saved at first
        for place in self._places:
            self._pair(place.live, place.saved)

    def holds(self) -> bool:
        """Whether all is as it was."""
        try:
            return self._saved == self._live or self._narrowed()
        except Exception:  # what is compared may refuse to be
            return False

    def changes(self) -> list[str]:
        """What is not as it was, in words."""
        return [d for p in self._places for d in differences(p.name, p.saved, p.now())]

    def dicts(self) -> Iterator[dict[str, Any]]:
        """The dicts of attributes, and the dicts in these."""
        return (live for live, _, _ in self._dicts.values())

    def before(self, owner: dict[str, Any], key: str) -> Any:
        """What one of `dicts()` had under a key."""
        return rebuild(self._dicts[id(owner)][2].get(key), lambda same: same.it, Same)

    def loosen(self, owner: dict[str, Any], key: str) -> None:
        """Allow other tensors under a key of one of `dicts()`, if nothing else changed there."""
        if form_of(owner[key]) == form_of(self.before(owner, key)):
            self._dicts[id(owner)][1][key] = rebuild(owner[key], lambda _: TENSOR)

    def _narrowed(self) -> bool:
        """Whether all that counts is as it was. What does not is not looked at again."""
        for position, place in enumerate(self._places):
            if place.saved != place.live:
                if not place.narrowed():
                    return False
                self._live[position], self._saved[position] = place.live, place.saved
        return True

    def _pair(self, live: Any, saved: Any) -> None:
        if isinstance(live, dict) and isinstance(saved, dict) and live is not saved:
            self._dicts[id(live)] = live, saved, dict(saved)
            for key, value in saved.items():
                self._pair(live[key], value)

    # Walking ----------------------------------------------------------------------------------

    def _visit(self, name: str, value: Any) -> Children:
        """Note the places of a value; what is in them is visited next."""
        if type(value) in PLAIN or isinstance(value, Tensor | np.ndarray | mx.array):
            return ()
        if id(value) in self._seen:
            return ()
        self._seen.add(id(value))
        if isinstance(value, functools.partial):
            read = self._view(name, lambda: {**dict(enumerate(value.args)), **value.keywords})
            return [*read, (name, value.func)]
        if isinstance(value, types.MethodType):
            return [("self", value.__self__), (name, value.__func__)]
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, dict | list | tuple | set | frozenset | deque):
            inside = value.values() if isinstance(value, dict) else value
            return [(name, v) for v in inside] if len(value) <= LONGEST else ()
        if isinstance(value, Optimizer):
            return self._optimizer(name, value)
        if isinstance(value, Module) or _is_users(value):
            return self._object(name, value)
        wrapped = getattr(value, "__wrapped__", None)  # as by functools.cache
        return () if wrapped is None else [(name, wrapped)]

    def _put(self, place: Place) -> Children:
        self._places.append(place)
        now, names = place.now(), place.names
        found = now if names is None or _EVERYTHING in names else _only(now, names)
        return [(f"{place.name}.{k}".lstrip("."), v) for k, v in found.items()]

    def _view(self, name: str, read: Callable[[], dict[Any, Any]]) -> list[tuple[str, Any]]:
        saved = {k: frozen(v, f"{name}.{k}".lstrip("."), exact=True) for k, v in read().items()}
        return list(self._put(Place(name, _View(read), saved)))

    def _function(self, function: types.FunctionType) -> Children:
        """The closure of a function, the globals that it names, and its defaults."""
        cells = function.__code__.co_freevars, function.__closure__ or ()
        inside = _contents(*cells)
        if not _is_users_code(function.__globals__.get("__name__")):  # a decorator of somebody's
            return inside.items()
        names = _names(function.__code__)
        scopes = [function.__globals__, *map(vars, _users_modules(inside.values()))]
        found = list(self._named(scopes, names))
        if inside:
            found += self._view("", lambda: _contents(*cells))
        if function.__defaults__ or function.__kwdefaults__:
            found += self._view(function.__name__, lambda: _defaults(function))
        own = vars(function)
        found += self._put(Place(function.__name__, own, frozen(own, function.__name__, True)))
        return found

    def _named(self, scopes: list[dict[str, Any]], names: set[str]) -> Children:
        """What a function names of its globals and of modules among them."""
        found: list[tuple[str, Any]] = []
        for scope in scopes:  # which grows meanwhile
            present = _only(scope, sorted(names & scope.keys()))
            inner = map(vars, _users_modules(present.values()))
            scopes += [s for s in inner if not any(s is other for other in scopes)]
            labels = [k for k, v in present.items() if not isinstance(v, types.ModuleType)]
            if labels:
                found += self._view("", functools.partial(_only, scope, labels))
        return found

    def _class(self, kind: type) -> Children:
        """The values in a class of the user's, its methods, and those of its bases."""
        if not _is_users_code(kind.__module__):
            return ()
        self._view(kind.__name__, lambda: _of_class(kind))
        found = [(f"{kind.__name__}.{k}", _function_of(v)) for k, v in vars(kind).items()]
        return [*found, *((base.__name__, base) for base in kind.__bases__)]

    def _object(self, name: str, owner: Any) -> Children:
        """The attributes of a module, or of an object of the user's."""
        kind = type(owner)
        found: list[tuple[str, Any]] = []
        own = _is_users_name(kind.__module__)
        names = self.used[kind].setdefault(id(owner), set()) if kind in self.used else None
        if own:
            if kind.__flags__ & _MUTABLE == _HEAP and type(kind).__setattr__ is type.__setattr__:
                self.classes[kind] = None
            found.append((kind.__name__, kind))
        if isinstance(getattr(owner, "__dict__", None), dict):  # some make one up when asked
            self.owners.append(owner)
            live = vars(owner)
            if names is not None and isinstance(owner, Module):
                names |= _OF_MODULES
            found += self._put(Place(name, live, frozen(live, name, exact=own), names))
        slots = [s for k in kind.__mro__ for s in _slots(k) if s not in _HIDDEN]
        if slots and own:
            found += self._view(name, lambda: {s: getattr(owner, s, None) for s in slots})
        return found

    def _optimizer(self, name: str, optimizer: Optimizer) -> Children:
        """Options and attributes; a `Formula` reads those that are numbers anew in each call."""
        self.owners.append(optimizer)
        formula = isinstance(optimizer, Formula)
        own, groups, state = vars(optimizer), optimizer.param_groups, optimizer.state
        saved = {k: frozen(v, f"{name}.{k}") for k, v in own.items() if k != "state"}
        saved["_stepped"] = ANY
        saved["param_groups"] = [self._kept(group, formula) for group in groups]
        saved["state"] = {p: self._kept(s) if formula else frozen(s) for p, s in state.items()}
        return self._put(Place(name, own, saved))

    def _kept(self, kept: dict[str, Any], formula: bool = True) -> Entries:
        """The very dict of options or of state, with its numbers only where they are looked at."""
        _, names = self._looks.get(id(kept), (kept, ()))
        going_on = formula and isinstance(kept, Kept)

        def entry(key: str, value: Any) -> Any:
            if going_on and key not in names and is_number(value):
                return NUMBER
            # C sees that it is the same one; otherwise comparing several values is an error
            several = isinstance(value, Tensor) and value.numel() > 1
            return value if several else frozen(value, exact=True)

        return Entries(kept, {k: entry(k, v) for k, v in kept.items()})


def _part(live: Any, names: set[str]) -> _View:
    read = live.read if isinstance(live, _View) else lambda: live
    return _View(lambda: _only(read(), names))


def _only(values: Mapping[Any, Any], names: Iterable[Any]) -> dict[Any, Any]:
    return {k: values[k] for k in names if k in values}


def _contents(names: Iterable[str], cells: Iterable[types.CellType]) -> dict[str, Any]:
    """What is in the cells of a closure that are assigned."""
    found = {}
    for name, cell in zip(names, cells, strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


def _defaults(function: types.FunctionType) -> dict[Any, Any]:
    return {**dict(enumerate(function.__defaults__ or ())), **(function.__kwdefaults__ or {})}


def _of_class(kind: type) -> dict[str, Any]:
    found = dict(vars(kind))
    found.pop("__slotnames__", None)  # comes with the first copy of an object
    return found


def _users_modules(values: Iterable[Any]) -> list[types.ModuleType]:
    modules = [v for v in values if isinstance(v, types.ModuleType)]
    return [m for m in modules if _is_users_code(m.__name__)]


def _names(code: types.CodeType) -> set[str]:
    """The names that a function uses, with those of functions inside it."""
    inner = [_names(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*inner)


_HIDDEN = ("__dict__", "__weakref__")


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _function_of(value: Any) -> Any:
    """The function behind a property, or a static or class method."""
    if isinstance(value, staticmethod | classmethod):
        return value.__func__
    if isinstance(value, property):
        return value.fget
    return value.func if isinstance(value, functools.cached_property) else value


def _is_users(value: Any) -> bool:
    """An object whose attributes can be looked at: of a class that is not ours nor Python's."""
    if isinstance(value, types.ModuleType | LRScheduler):  # a schedule goes on in each call
        return False
    return _is_users_name(type(value).__module__)


def _is_users_name(module: str | None) -> bool:
    return (module or "").partition(".")[0] not in (*_OURS, *_PYTHON)


def _is_users_code(module: str | None) -> bool:
    root = (module or "").partition(".")[0]
    return root not in _OURS and root not in sys.stdlib_module_names
