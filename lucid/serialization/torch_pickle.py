"""A pickle reader that can build nothing but tensors and plain containers.

PyTorch's files describe their tensors in a pickle, and a pickle is a program: with Python's own
reader a file can run anything. Here the standard library only splits the pickle into its opcodes
(`pickletools`); what they do is written out below. A class or function that a pickle names is a
`Name`, never looked up; calling one works for the few in `_CALLS`, whose meaning stands there.

Containers come back as dict, list, tuple and set (an OrderedDict, a defaultdict, a Counter and an
argparse.Namespace as dict); a tensor comes as a `View` of a `Storage` whose bytes lie elsewhere.
"""

from __future__ import annotations

import pickletools
import sys
from collections.abc import Callable
from reprlib import repr as shown  # short also where a value holds itself a million times
from typing import Any, BinaryIO, NamedTuple

import mlx.core as mx
import numpy as np

_COPIED = 1 << 27  # bytes that a pickle of any size may copy


class Name(NamedTuple):
    """A class or function as the pickle names it."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Storage(NamedTuple):
    """Numbers in a row, somewhere in the file."""

    key: str
    dtype: str  # as torch's storages are called: "Float", "Long", ...; "Untyped" is bytes
    numel: int


class View(NamedTuple):
    """A tensor: which of a storage's numbers it has. Counted in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool = False
    dtype: str | None = None  # of an untyped storage


class _Namespace(dict):
    """What takes its items by BUILD."""


class _NumpyDtype(list):
    """[code, byte order]."""


class _NumpyArray(list):
    """[values], once BUILD has come."""


def read(file: BinaryIO) -> Any:
    """The object that the pickle at the file's place describes; the file is left behind it.

    Raises:
        ValueError: not a pickle, or one that names what is not allowed.
    """
    machine = _Machine()
    try:
        for opcode, argument, place in pickletools.genops(file):
            if opcode.name == "STOP":
                return machine.pop()
            machine.step(opcode.name, argument)
            if machine.copied > _COPIED + 8 * (place or 0):
                raise ValueError("its pickle copies itself into gigabytes")
    except (IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise ValueError(f"its pickle is damaged ({type(error).__name__}: {error})") from error
    raise ValueError("its pickle has no end")


class _Machine:
    """The stack machine of the pickle protocols 0 to 5, less all that could do harm."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.copied = 0  # bytes that calls took: the one way to more than the pickle's own size

    def step(self, name: str, argument: Any) -> None:
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _TUPLES:
            size = _TUPLES[name]
            items = [self.pop() for _ in range(size)][::-1]
            self.stack.append(tuple(items))
        elif name in _FROM_MARK:
            items = self.since_mark()
            _FROM_MARK[name](self, items)
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"its pickle uses {name}, which can build more than plain containers")

    def pop(self) -> Any:
        return self.stack.pop()

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def mark(self, _: Any) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def remember(self, place: int | None) -> None:
        self.memo[len(self.memo) if place is None else place] = self.stack[-1]

    def recall(self, place: int) -> None:
        self.stack.append(self.memo[place])

    def name(self, argument: str) -> None:
        self.stack.append(Name(*argument.split(" ", 1)))

    def name_from_stack(self, _: Any) -> None:
        name, module = self.pop(), self.pop()
        self.stack.append(Name(_of(str, module), _of(str, name)))

    def call(self, _: Any) -> None:
        arguments, function = _of(tuple, self.pop()), self.pop()
        self.stack.append(_called(function, arguments))
        self.copied += sys.getsizeof(self.stack[-1])

    def build(self, _: Any) -> None:
        state, target = self.pop(), self.stack[-1]
        if isinstance(target, _Namespace):
            target.update(_checked_items(_of(dict, state)))
            self.copied += sys.getsizeof(target)
        elif isinstance(target, _NumpyDtype):
            target[1] = _of(str, state[1])
        elif isinstance(target, _NumpyArray):
            _, shape, dtype, fortran, data = state
            values = np.frombuffer(_bytes(data), _numpy_dtype(dtype))
            target[:] = [values.reshape(_counts(shape), order="F" if fortran else "C")]
            self.copied += values.nbytes
        elif not isinstance(target, dict):  # a dict's are attributes, as a state dict's _metadata
            raise ValueError(f"its pickle sets attributes of a {type(target).__name__}")

    def persistent(self, _: Any) -> None:
        kind, storage, key, _, numel = _of(tuple, self.pop())[:5]
        if kind != "storage" or not isinstance(storage, Name):
            raise ValueError(
                f"its pickle refers to {shown(kind):.40} outside of itself, not to a storage"
            )
        dtype = storage.name.removesuffix("Storage")
        self.stack.append(Storage(_of(str, key), dtype, _of(int, numel)))

    def set_item(self, _: Any) -> None:
        value, key = self.pop(), self.pop()
        self.set_items([key, value])

    def set_items(self, items: list[Any]) -> None:
        pairs = dict(zip(map(_key, items[::2]), items[1::2], strict=True))
        _of(dict, self.stack[-1]).update(pairs)

    def make_dict(self, items: list[Any]) -> None:
        self.stack.append({})
        self.set_items(items)

    def append(self, _: Any) -> None:
        value = self.pop()
        _of(list, self.stack[-1]).append(value)


# What the opcodes do: push their argument, push something new, take what lies since the mark, ...
_VALUES = frozenset(
    [
        *("INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "BINBYTES8", "SHORT_BINBYTES"),
        *("UNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE"),
    ]
)
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": set,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_FROM_MARK: dict[str, Callable[[_Machine, list[Any]], Any]] = {
    "TUPLE": lambda machine, items: machine.stack.append(tuple(items)),
    "LIST": lambda machine, items: machine.stack.append(items),
    "DICT": _Machine.make_dict,
    "FROZENSET": lambda machine, items: machine.stack.append(frozenset(map(_key, items))),
    "APPENDS": lambda machine, items: _of(list, machine.stack[-1]).extend(items),
    "ADDITEMS": lambda machine, items: _of(set, machine.stack[-1]).update(map(_key, items)),
    "SETITEMS": _Machine.set_items,
    "POP_MARK": lambda machine, items: None,
}
_STEPS: dict[str, Callable[[_Machine, Any], Any]] = {
    "MARK": _Machine.mark,
    "POP": lambda machine, _: machine.pop(),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "MEMOIZE": _Machine.remember,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.remember),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.recall),
    "APPEND": _Machine.append,
    "SETITEM": _Machine.set_item,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_from_stack,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent,
}


def _of(kind: type, value: Any) -> Any:
    """The value, which must be of that kind."""
    if not isinstance(value, kind) or isinstance(value, Name | Storage | View):
        raise TypeError(f"expected a {kind.__name__}, got a {type(value).__name__}")
    return value


def _key(value: Any) -> Any:
    """A value that can be a key: no deep tuples, whose hash could exhaust the stack."""
    for part in value if type(value) is tuple else (value,):
        if not isinstance(part, str | int | float | bytes | None):
            raise TypeError(f"a {type(part).__name__} cannot be a key")
    return value


def _checked_items(items: dict[Any, Any]) -> dict[Any, Any]:
    return {_key(k): v for k, v in items.items()}


def _counts(values: Any) -> tuple[int, ...]:
    if not all(type(n) is int and n >= 0 for n in _of(tuple, values)):
        raise ValueError(f"a shape or a stride in it is {shown(values):.60}")
    return values


def _bytes(data: Any) -> bytes:
    return data.encode("latin1") if isinstance(data, str) else _of(bytes, data)


# The functions and classes that it may call -----------------------------------------------------


def _called(function: Any, arguments: tuple[Any, ...]) -> Any:
    if not isinstance(function, Name):
        raise TypeError(f"a {type(function).__name__} is called")
    call = _CALLS.get(function)
    if call is None:
        whole = function.module.startswith("torch.nn.")
        raise ValueError(
            f"it would build {function}, and only tensors and plain containers are built"
            + ("; it is a whole model: save model.state_dict() in PyTorch" if whole else "")
        )
    return call(*arguments)


def _view(storage: Any, offset: int, shape: Any, strides: Any, *rest: Any) -> View:
    """torch._utils._rebuild_tensor, _rebuild_tensor_v2 and _v3."""
    if not isinstance(storage, Storage) or type(offset) is not int or offset < 0:
        raise TypeError(f"a tensor of a {type(storage).__name__}, from {shown(offset):.40} on")
    shape, strides = _counts(shape), _counts(strides)
    if len(shape) != len(strides):
        raise ValueError(f"a tensor in it has shape {shape} and strides {strides}")
    requires_grad = bool(rest[0]) if rest else False
    dtype = rest[2] if len(rest) > 2 and isinstance(rest[2], Name) else None
    return View(storage, offset, shape, strides, requires_grad, dtype.name if dtype else None)


def _parameter(data: Any, requires_grad: Any, *_: Any) -> View:
    if not isinstance(data, View):
        raise TypeError(f"a parameter of a {type(data).__name__}")
    return data._replace(requires_grad=bool(requires_grad))


def _subclass(function: Any, _: Any, arguments: Any, *__: Any) -> Any:
    return _called(function, _of(tuple, arguments))


def _pairs(items: Any = ()) -> dict[Any, Any]:
    return _checked_items(dict(items if isinstance(items, dict) else map(tuple, items)))


def _numpy_dtype(dtype: Any) -> np.dtype:
    if not isinstance(dtype, _NumpyDtype):
        raise TypeError(f"a NumPy dtype is a {type(dtype).__name__}")
    code, order = dtype
    found = np.dtype(code)
    if found.kind not in "biufcSU":
        raise ValueError(f"a NumPy array in it has dtype {code!r:.40}")
    return found.newbyteorder(order) if order in ("<", ">") else found


def _numpy_scalar(dtype: Any, data: Any) -> Any:
    return np.frombuffer(_bytes(data), _numpy_dtype(dtype), count=1)[0]


_NUMPY_CORE = ("numpy.core.multiarray", "numpy._core.multiarray")
_BUILTINS = ("builtins", "__builtin__")
_CALLS: dict[Name, Callable[..., Any]] = {
    Name("torch._utils", "_rebuild_tensor"): _view,
    Name("torch._utils", "_rebuild_tensor_v2"): _view,
    Name("torch._utils", "_rebuild_tensor_v3"): _view,
    Name("torch._utils", "_rebuild_parameter"): _parameter,
    Name("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    Name("torch._tensor", "_rebuild_from_type_v2"): _subclass,
    Name("torch", "Size"): lambda sizes=(): tuple(sizes),
    Name("torch", "device"): lambda kind, *index: ":".join([kind, *map(str, map(int, index))]),
    Name("collections", "OrderedDict"): _pairs,
    Name("collections", "Counter"): _pairs,
    Name("collections", "defaultdict"): lambda factory=None, items=(): _pairs(items),
    Name("argparse", "Namespace"): _Namespace,
    Name("types", "SimpleNamespace"): _Namespace,
    Name("pathlib", "PosixPath"): lambda *parts: "/".join(parts).replace("//", "/", 1),
    Name("_codecs", "encode"): lambda text, _: _bytes(text),
    Name("numpy", "dtype"): lambda code, *_: _NumpyDtype([_of(str, code), "="]),
    **{Name(m, "scalar"): _numpy_scalar for m in _NUMPY_CORE},
    **{Name(m, "_reconstruct"): lambda *_: _NumpyArray() for m in _NUMPY_CORE},
    **{Name(m, "set"): lambda items=(): set(map(_key, items)) for m in _BUILTINS},
    **{Name(m, "frozenset"): lambda items=(): frozenset(map(_key, items)) for m in _BUILTINS},
    **{Name(m, "complex"): complex for m in _BUILTINS},
}


# From what was read to what is handed out -------------------------------------------------------


def unpacked(value: Any, tensor: Callable[[View], Any]) -> Any:
    """The tree in plain containers, each `View` replaced by `tensor(view)`. Sharing stays."""
    done: dict[int, Any] = {}

    def plain(value: Any) -> Any:
        if id(value) not in done:
            done[id(value)] = _filled(value)
        return done[id(value)]

    def _filled(value: Any) -> Any:
        if isinstance(value, View):
            return tensor(value)
        if isinstance(value, Storage):
            raise ValueError("it holds a bare storage; save tensors")
        if isinstance(value, Name):
            return _dtype(value)
        if isinstance(value, _NumpyDtype):
            return _numpy_dtype(value)
        if isinstance(value, _NumpyArray):
            return value[0].copy()
        if isinstance(value, dict):
            result: Any = {}
            done[id(value)] = result  # before its items, which may hold it
            result.update((k, plain(v)) for k, v in value.items())
            return result
        if isinstance(value, list):
            result = done[id(value)] = []
            result.extend(map(plain, value))
            return result
        return tuple(map(plain, value)) if isinstance(value, tuple) else value

    return plain(value)


def _dtype(name: Name) -> mx.Dtype:
    """The one class that is handed out: a dtype."""
    if name.module != "torch" or name.name not in _DTYPES:
        raise ValueError(f"it holds {name}, and only tensors and plain containers are built")
    return getattr(mx, "bool_" if name.name == "bool" else name.name)


_DTYPES = frozenset(
    [
        *("float16", "bfloat16", "float32", "float64", "complex64", "bool"),
        *("int8", "int16", "int32", "int64", "uint8"),
    ]
)
