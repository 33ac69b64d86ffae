"""Watching a function run: which tensors it touches, what it calls, what Python computes.

While a function is rehearsed or traced, the attributes `array` and `grad` of all tensors are
properties that tell the watcher of the thread who reads and writes them. A tensor that was there
before is state; one that was born meanwhile is a value. Afterwards tensors are what they were, so
the eager path pays nothing.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import mlx.core as mx

from lucid.amp.grad_scaler import GradScaler
from lucid.autograd import replay
from lucid.autograd.tape import Traced
from lucid.compiler.restore import get, has_array, put, rememberer, restorer, schedule_restorer
from lucid.nn.module import Module
from lucid.optim.ema import ExponentialMovingAverage
from lucid.optim.kept import Kept
from lucid.optim.lr_scheduler.scheduler import LRScheduler
from lucid.optim.optimizer import Optimizer

_USES = ("__getattribute__", "__setattr__", "__delattr__")
_OF_ONE = ("__getitem__", "__setitem__", "__delitem__", "get", "pop", "setdefault")
_OF_ALL = ("__iter__", "keys", "values", "items", "update", "copy")  # of a dict
_GOING_ON = (LRScheduler, ExponentialMovingAverage, GradScaler)  # in each call, by actions
_TELLING = ("get_last_lr", "get_lr", "get_scale", "state_dict")  # their methods that return numbers
_SHOWING = ("lucid.optim.optimizer", "lucid.optim.state")  # the user's `repr` and `state_dict`
_lock = threading.RLock()  # one thread watches at a time: the properties are on the class


class Watcher:
    """Sees a function run in earnest; can take back what it did."""

    def __init__(self) -> None:
        self.undo: list[replay.Undo] = []
        self.actions: list[replay.Action] = []
        self.seen: dict[int, Any] = {}  # modules and optimizers at work
        self.touched: dict[int, Traced] = {}
        self.grads: list[tuple[Traced, Any]] = []  # of these tensors, before
        self.born: list[weakref.ref] = []
        self.is_acting = False
        # of the user's classes to watch, the attributes that are used, by the ids of the objects
        self.used: Mapping[type, dict[int, set[str]]] = {}
        # what goes on in each call and is looked at nevertheless, by id: and which keys of a dict
        self.looks: dict[int, tuple[Any, set[str]]] = {}

    # Tensors ------------------------------------------------------------------------------------

    def is_born(self, tensor: Traced) -> bool:
        """Whether a tensor came into being while this watches."""
        return vars(tensor).get("_born") is self

    def bear(self, tensor: Traced) -> None:
        vars(tensor)["_born"] = self
        self.born.append(weakref.ref(tensor))

    def touch(self, tensor: Traced) -> None:
        """A tensor that was there before, at the first touch."""
        self.touched[id(tensor)] = tensor
        self.grads.append((tensor, get(tensor, "grad")))
        self.undo.append(rememberer(tensor))

    def read(self, tensor: Traced, name: str) -> Any:
        if not self.is_born(tensor) and id(tensor) not in self.touched:
            self.touch(tensor)
        return get(tensor, name)

    def write(self, tensor: Traced, name: str, value: Any) -> None:
        if not self.is_born(tensor) and id(tensor) not in self.touched:
            if has_array(tensor):
                self.touch(tensor)
            else:
                self.bear(tensor)
        put(tensor, name, value)

    @contextmanager
    def grads_of_before(self) -> Iterator[None]:
        """Let the tensors have the `.grad` that they had before, for a while."""
        after = [(tensor, get(tensor, "grad")) for tensor, _ in self.grads]
        for tensor, grad in self.grads:
            put(tensor, "grad", grad)
        try:
            yield
        finally:
            for tensor, grad in after:
                put(tensor, "grad", grad)

    # Python -------------------------------------------------------------------------------------

    def act(self, action: replay.Action, undo: list[replay.Undo]) -> list[mx.array]:
        """Run an action for `replay.arrays`."""
        if self.is_acting:  # part of another one
            return action()[0]
        self.is_acting = True
        try:
            found, back = action()
        finally:
            self.is_acting = False
        self.actions.append(action)
        self.undo.append(back)
        undo.append(back)
        return found

    def see(self, it: Any) -> None:
        """A module or an optimizer at work, the first time."""
        if id(it) in self.seen:
            return
        self.seen[id(it)] = it
        tree = it.modules() if isinstance(it, Module) else [it]
        for one in tree:
            self.undo.append(restorer(one))

    def look(self, it: Any, names: Iterable[str]) -> None:
        """Somebody looks at numbers of `it` who is not called anew each time."""
        if not self.is_acting:
            self.looks.setdefault(id(it), (it, set()))[1].update(names)

    def held(self) -> list[Traced]:
        """The tensors that were touched, and those that were born and are still there."""
        made = [t for t in (reference() for reference in self.born) if t is not None]
        return [t for t in [*self.touched.values(), *made] if has_array(t)]

    def let_go(self) -> None:
        """What was born is a tensor like any other from now on."""
        for tensor in self.held():
            vars(tensor).pop("_born", None)

    def take_back(self) -> None:
        """Let everything be as it was before."""
        for back in reversed(self.undo):
            back()
        self.undo.clear()


# The properties and methods that tell ---------------------------------------------------------


def _watched(name: str) -> property:
    def read(tensor: Traced) -> Any:
        watcher = replay.watcher()
        return get(tensor, name) if watcher is None else watcher.read(tensor, name)

    def write(tensor: Traced, value: Any) -> None:
        watcher = replay.watcher()
        if watcher is None:
            put(tensor, name, value)
        else:
            watcher.write(tensor, name, value)

    return property(read, write)


def _seeing(method: Callable) -> Callable:
    """A method of modules or optimizers that lets the watcher see its owner."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        watcher = replay.watcher()
        if watcher is not None:
            watcher.see(self)
        return method(self, *args, **kwargs)

    return call


def _using(kind: type, method: str) -> Callable:
    """A method that gets, sets or deletes attributes and lets the watcher know of which."""
    original = getattr(kind, method)

    def call(self: Any, name: str, *value: Any) -> Any:
        watcher = replay.watcher()
        if watcher is not None and not (name == "__dict__" and _is_our_code(sys._getframe(1))):
            watcher.used[kind].setdefault(id(self), set()).add(name)
        return original(self, name, *value)

    return call


def _is_our_code(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__", "").startswith("lucid.")


def _shows(frame: FrameType) -> bool:
    """Whether what this code reads comes to the user's eyes."""
    return not _is_our_code(frame) or frame.f_globals["__name__"] in _SHOWING


def _keeping(method: str) -> Callable:
    """A method of dicts that lets the watcher know which entries are looked at, or set."""
    original = getattr(dict, method)

    def call(self: Kept, *args: Any, **kwargs: Any) -> Any:
        watcher = replay.watcher()
        if watcher is not None and _shows(sys._getframe(1)):
            watcher.look(self, args[:1] if method in _OF_ONE else dict.keys(self))
        return original(self, *args, **kwargs)

    return call


def _telling(kind: type, method: str) -> Callable:
    """A method that gets or sets attributes of what goes on, and lets the watcher know."""
    original = getattr(kind, method)

    def call(self: Any, name: str, *value: Any) -> Any:
        watcher, found = replay.watcher(), original(self, name, *value)
        counts = value or name in _TELLING or _is_numeric(found)
        if counts and watcher is not None and not _is_our_code(sys._getframe(1)):
            watcher.look(self, (name,))
        return found

    return call


def _is_numeric(value: Any) -> bool:
    inside = value if type(value) in (list, tuple) else [value]
    return any(type(v) in (int, float) for v in inside)


def _acting(step: Callable) -> Callable:
    """The `step` of a schedule as an action: it goes on in each call."""

    def call(self: LRScheduler, *args: Any, **kwargs: Any) -> Any:
        watcher = replay.watcher()
        if watcher is None:
            return step(self, *args, **kwargs)

        def action() -> tuple[list[mx.array], replay.Undo]:
            back = schedule_restorer(self)
            step(self, *args, **kwargs)
            return [], back

        watcher.act(action, [])
        return None

    return call


_split: Any = mx.split


def _sliced(a: mx.array, parts: Any, axis: int = 0, **place: Any) -> list[mx.array]:
    """`mx.split` by slices. MLX 0.32.4 fails to compile two equal splits: "_Map_base::at"."""
    n = a.shape[axis]
    if isinstance(parts, int):
        if parts < 1 or n % parts:
            return _split(a, parts, axis, **place)  # which says what is wrong
        parts = range(n // parts, n, n // parts) if n else [0] * (parts - 1)
    ends = [*parts, n]
    before = (slice(None),) * (axis % a.ndim)
    pairs = zip([0, *parts], ends, strict=True)
    keys = [(*before, slice(i, j)) for i, j in pairs]
    return [a[key] for key in keys]


def _with_subclasses(kind: type) -> list[type]:
    found: dict[type, None] = {kind: None}
    stack: list[Any] = [kind]
    while stack:
        below = [k for k in stack.pop().__subclasses__() if k not in found]
        found.update(dict.fromkeys(below))
        stack += below
    return list(found)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Let `watcher` see what this thread does."""
    with _lock:
        missing = object()
        replaced: list[tuple[Any, str, Any]] = []
        new: list[tuple[Any, str, Any]] = [
            (mx, "split", _sliced),
            (Traced, "array", _watched("array")),
            (Traced, "grad", _watched("grad")),
            (Module, "__call__", _seeing(Module.__call__)),
        ]
        for base, wrap in ((Optimizer, _seeing), (LRScheduler, _acting)):
            for kind in _with_subclasses(base):
                if "step" in vars(kind):
                    new.append((kind, "step", wrap(vars(kind)["step"])))
        for method in ("unscale_", "step", "update"):
            new.append((GradScaler, method, _seeing(vars(GradScaler)[method])))
        new += [(Kept, method, _keeping(method)) for method in (*_OF_ONE, *_OF_ALL)]
        for kind in _GOING_ON:
            new += [(kind, method, _telling(kind, method)) for method in _USES[:2]]
        for kind in watcher.used:
            new += [(kind, method, _using(kind, method)) for method in _USES]
        before = replay.watch(watcher)
        try:
            for owner, name, value in new:
                replaced.append((owner, name, vars(owner).get(name, missing)))
                setattr(owner, name, value)
            yield
        finally:
            replay.watch(before)
            for owner, name, value in reversed(replaced):
                if value is missing:
                    delattr(owner, name)
                else:
                    setattr(owner, name, value)
