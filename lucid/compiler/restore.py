"""What tensors and objects are before a function runs, and giving it back to them."""

from __future__ import annotations

from typing import Any

from lucid.autograd import replay
from lucid.autograd.tape import Traced
from lucid.optim.lr_scheduler.scheduler import LRScheduler

_ARRAY = vars(Traced)["array"]  # where an array is kept, whatever the class's attribute is
_ATTRIBUTES = ("requires_grad", "_node", "_index", "_device")


def get(tensor: Traced, name: str) -> Any:
    """The `array` or `grad` that a tensor really has."""
    return _ARRAY.__get__(tensor) if name == "array" else vars(tensor).get(name)


def put(tensor: Traced, name: str, value: Any) -> None:
    if name == "array":
        _ARRAY.__set__(tensor, value)
    else:
        vars(tensor)[name] = value


def has_array(tensor: Traced) -> bool:
    """Whether it has values: neither in the making nor uninitialized."""
    try:
        _ARRAY.__get__(tensor)
    except AttributeError:
        return False
    return True


def rememberer(tensor: Traced) -> replay.Undo:
    """Gives a tensor back what it is now."""
    kind, others = type(tensor), dict(vars(tensor))
    array = get(tensor, "array") if has_array(tensor) else None
    attributes = {k: getattr(tensor, k) for k in _ATTRIBUTES if hasattr(tensor, k)}

    def back() -> None:
        tensor.__class__ = kind  # a lazy parameter becomes an ordinary one
        if array is not None:
            put(tensor, "array", array)
        for name, value in attributes.items():
            setattr(tensor, name, value)
        vars(tensor).clear()
        vars(tensor).update(others)

    return back


def restorer(owner: Any) -> replay.Undo:
    """Puts the attributes of an object back, and the entries of dicts and lists there."""
    kind, own = type(owner), vars(owner)
    before, inner = dict(own), []
    for value in own.values():
        inner.append((value, _copy(value)))
        if isinstance(value, dict | list):  # the states and groups of an optimizer
            inner += [(v, _copy(v)) for v in (value.values() if isinstance(value, dict) else value)]

    def back() -> None:
        if type(owner) is not kind:
            owner.__class__ = kind
        own.clear()
        own.update(before)
        for value, copied in inner:
            if isinstance(value, dict):
                value.clear()
                value.update(copied)
            elif isinstance(value, list):
                value[:] = copied

    return back


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, dict | list) else None


def schedule_restorer(schedule: LRScheduler) -> replay.Undo:
    """Puts a schedule, those inside it and the options of its optimizer back."""
    found: list[LRScheduler] = [schedule]
    restorers: list[replay.Undo] = []
    for one in found:  # which grows meanwhile
        restorers.append(restorer(one))
        for value in vars(one).values():
            several = value if isinstance(value, list | tuple) else [value]
            found += [x for x in several if isinstance(x, LRScheduler) and x not in found]
    optimizers = {id(o): o for o in (getattr(s, "optimizer", None) for s in found) if o is not None}
    for optimizer in optimizers.values():
        restorers += [_options_restorer(group) for group in optimizer.param_groups]

    def back() -> None:
        for restore in restorers:
            restore()

    return back


def _options_restorer(group: dict[str, Any]) -> replay.Undo:
    before = dict(group)
    return lambda: group.update(before)
