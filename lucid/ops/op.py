"""`@op`: a function on arrays becomes an operation on tensors that the tape records.

The function returns its value and its backward rule. Its positional-only parameters (before the
`/`) are the arrays, all that follow are settings; `f(*arrays)` takes any number of arrays:

    @op
    def exp(x, /):
        y = mx.exp(x)
        return y, lambda g: g * y

The rule takes the gradient of the value and returns one gradient per array, or None where there
is none; a rule of None says that the operation has no derivative. The function must be pure: to
differentiate twice, the tape calls it again and lets MLX differentiate the rule. So randomness
is drawn outside and handed in as an array.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from math import copysign, prod
from typing import Any

import mlx.core as mx

from lucid import _shards
from lucid.autograd import anomaly, replay
from lucid.autograd.mode import recording
from lucid.autograd.tape import Edge, Node, Traced, fit, next_order, specification
from lucid.kernels.memory import SAFE, check_size
from lucid.ops.arguments import by_keyword, converted, explained, mixed_devices, no_tensor
from lucid.ops.autocast import POLICIES, active
from lucid.ops.device import is_default, on_device
from lucid.ops.promotion import promoted
from lucid.ops.samplewise import Samples, alike, by_shards
from lucid.ops.spelling import as_torch

ERRORS = (ValueError, TypeError, IndexError, RuntimeError, OverflowError)  # of what people do
_NONE: dict[str, Any] = {}
_new = object.__new__
DIFFERENTIABLE = frozenset([mx.float32, mx.float16, mx.bfloat16, mx.float64, mx.complex64])


def op(
    function: Any = None,
    /,
    *,
    broadcasts: bool = False,
    linear: bool = False,
    samples: Samples | None = None,
) -> Any:
    """Make an operation of `function`.

    Args:
        broadcasts: the arrays broadcast against each other; the rule may return gradients of
            the broadcast shape, which are then summed to each input's shape.
        linear: the value is linear in the arrays and the rule keeps no array, so that the tape
            keeps none either and the rule can be used any number of times.
        samples: which arrays have samples, where each sample of the value depends on that sample
            of the arrays alone: see `lucid.ops.samplewise`. Of arrays that broadcast, all.
    """
    if function is None:
        return functools.partial(op, broadcasts=broadcasts, linear=linear, samples=samples)
    code = inspect.unwrap(function).__code__
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    name = function.__name__.lstrip("_")
    operation = Operation(name, function, broadcasts, linear)
    operation.arrays = parameters[: code.co_posonlyargcount]
    if samples is None and broadcasts:
        samples = alike
    if samples is not None:
        operation.large = by_shards(function, len(operation.arrays), samples)
    operation.has_dim, operation.policy = "dim" in parameters, POLICIES.get(name)
    paths = {1: _of_one, 2: _of_two}
    call = functools.wraps(function)(paths.get(len(operation.arrays), _of_any)(operation))
    call.broadcasts, call.linear = broadcasts, linear  # type: ignore[attr-defined]
    call.samples = samples  # type: ignore[attr-defined]
    call.policy = operation.policy  # type: ignore[attr-defined]
    return call


class Operation:
    """A function on arrays, and how it is to be called."""

    arrays: Sequence[str] = ()  # the names of the parameters before the slash; none: any number
    has_dim = False
    policy: str | None = None  # of autocast

    def __init__(
        self, name: str, function: Callable, broadcasts: bool = False, linear: bool = False
    ) -> None:
        self.name, self.function, self.large = name, function, function
        self.broadcasts, self.linear = broadcasts, linear

    def run(self, args: tuple, settings: dict[str, Any]) -> Any:
        """Any call: tensors, numbers and arrays, by position and by keyword."""
        name, count = self.name, len(self.arrays)
        if settings and self.has_dim:
            settings = as_torch(settings)
        if len(args) < count:
            args, settings = by_keyword(name, self.arrays, args, settings)
        inputs, rest = args, ()
        if count and len(args) > count:
            inputs, rest = args[:count], args[count:]
        if self.policy is not None and (caster := active.get()) is not None:
            inputs = tuple(caster.cast(self.policy, inputs))
        values: list[Any] = []
        edges: list[Edge | None] = []
        first: Any = None
        recorded = False
        for x in inputs:
            if not isinstance(x, Traced):
                plain = x is None or type(x) is float
                values.append(x if plain else converted(name, x, inputs))
                edges.append(None)
                continue
            if first is None:
                first, device = x, x._device
            elif x._device != device:
                raise mixed_devices(name, first, x)
            values.append(x.array)
            if x.requires_grad:
                source = x._node
                edges.append((x, 0) if source is None else (source, x._index))
                recorded = True
            else:
                edges.append(None)
        if first is None:
            raise no_tensor(name, inputs)
        if self.broadcasts:
            values = promoted(values)
        try:
            if is_default(device):
                out, rule = self.large(*values, *rest, **settings)
            else:
                with on_device(device):
                    out, rule = self.large(*values, *rest, **settings)
        except ERRORS as error:
            raise explained(name, values, error) from error
        if not recorded or rule is None or not recording.get():
            return _constant(self, out, type(first), device)
        return _recorded(self, out, rule, type(first), device, edges, values, rest, settings)


# Networks consist of calls with one or two tensors and nothing else, and where MLX takes half a
# microsecond each line counts. So these have a way of their own, which leaves to `Operation.run`
# whatever is not so simple.


def _of_any(operation: Operation) -> Callable:
    run = operation.run

    def call(*args: Any, **settings: Any) -> Any:
        return run(args, settings)

    return call


def _of_one(operation: Operation) -> Callable:
    function, policy, run = operation.function, operation.policy, operation.run
    large = operation.large

    def call(*args: Any, **settings: Any) -> Any:
        if len(args) != 1 or settings or (policy is not None and active.get() is not None):
            return run(args, settings)
        x = args[0]
        if not isinstance(x, Traced) or not is_default(x._device):
            return run(args, settings)
        array = x.array
        try:
            out, rule = function(array) if array.size * 16 < _shards.LEAST else large(array)
        except ERRORS as error:
            raise explained(operation.name, (array,), error) from error
        if not x.requires_grad or rule is None or not recording.get():
            return _constant(operation, out, type(x), x._device)
        source = x._node
        edge = (x, 0) if source is None else (source, x._index)
        return _recorded(operation, out, rule, type(x), x._device, (edge,), (array,))

    return call


def _of_two(operation: Operation) -> Callable:
    function, policy, run = operation.function, operation.policy, operation.run
    broadcasts, large = operation.broadcasts, operation.large

    def call(*args: Any, **settings: Any) -> Any:
        if len(args) != 2 or settings or (policy is not None and active.get() is not None):
            return run(args, settings)
        x, y = args
        if not isinstance(x, Traced) or not is_default(x._device):
            return run(args, settings)
        a, b = x.array, y
        size = a.size
        if isinstance(y, Traced):
            b = y.array
            size = max(size, b.size)
            if y._device != x._device or (broadcasts and a.dtype != b.dtype):
                return run(args, settings)
            recorded = x.requires_grad or y.requires_grad
        elif type(y) is float:
            b, recorded = y or _zero(y, a), x.requires_grad
        else:
            return run(args, settings)
        try:
            out, rule = function(a, b) if size * 16 < _shards.LEAST else large(a, b)
        except ERRORS as error:
            raise explained(operation.name, (a, b), error) from error
        if not recorded or rule is None or not recording.get():
            return _constant(operation, out, type(x), x._device)
        edges = (x._edge(), y._edge() if isinstance(y, Traced) else None)
        return _recorded(operation, out, rule, type(x), x._device, edges, (a, b))

    return call


def _zero(number: float, like: mx.array) -> Any:
    """0.0 or -0.0, so that it keeps its sign: mx.compile prints -0.0 as -0 (MLX 0.32.4)."""
    if replay.watcher() is None or copysign(1.0, number) > 0:
        return number
    dtype = like.dtype if mx.issubdtype(like.dtype, mx.inexact) else mx.float32
    return mx.negative(mx.zeros((), dtype))


def _constant(operation: Operation, out: Any, cls: type[Traced], device: str) -> Any:
    """What was computed as a tensor, or a tuple of tensors, and not recorded."""
    if not isinstance(out, mx.array):
        return tuple([_constant(operation, y, cls, device) for y in out])
    shape = out.shape
    if prod(shape) > SAFE:
        check_size(operation.name, shape, out.dtype)
    return cls._wrap(out, device)


def _recorded(
    operation: Operation,
    out: Any,
    rule: Callable,
    cls: type[Traced],
    device: str,
    edges: Sequence[Edge | None],
    values: Sequence[Any],
    rest: Sequence[Any] = (),
    settings: dict[str, Any] = _NONE,
) -> Any:
    """What was computed as a tensor, or a tuple of tensors, that a new node leads back from."""
    node = _new(OpNode)  # without an __init__, which takes longer than all this
    node.name, node.operation, node.rule, node.edges = operation.name, operation, rule, edges
    node.cls, node.device, node.hooks = cls, device, None
    node.order = next_order()
    if not operation.linear:
        node.values, node.rest, node.settings = values, rest, settings
    if anomaly.on:
        node.origin = anomaly.origin()
    if isinstance(out, mx.array):
        shape, dtype = out.shape, out.dtype
        if prod(shape) > SAFE:
            check_size(operation.name, shape, dtype)
        node.outputs = ((shape, dtype),)
        return cls._wrap(out, device, node if dtype in DIFFERENTIABLE else None)
    node.outputs = [(y.shape, y.dtype) for y in out]
    for shape, dtype in node.outputs:
        check_size(operation.name, shape, dtype)
    return tuple(
        [
            cls._wrap(y, device, node if y.dtype in DIFFERENTIABLE else None, index)
            for index, y in enumerate(out)
        ]
    )


class OpNode(Node):
    """A recorded `@op`."""

    __slots__ = ("operation", "rest", "rule", "settings", "values")
    operation: Operation
    rule: Callable | None
    # what to call the function with for a second derivative; a linear op's rule is enough
    values: Sequence[Any]
    rest: Sequence[Any]
    settings: dict[str, Any]

    def pull(self, *gradients: mx.array) -> Sequence[mx.array | None]:
        rule = self.rule
        if rule is None:
            raise self.spent()
        if is_default(self.device):
            return self._fit(rule(*gradients))
        with on_device(self.device):
            return self._fit(rule(*gradients))

    def _fit(self, gradients: Any) -> Sequence[mx.array | None]:
        return fit(self.name, gradients, self.edges, broadcasts=self.operation.broadcasts)

    def pull_recorded(self, gradients: Sequence[Any], wanted: Sequence[int]) -> Sequence[Any]:
        if self.rule is None:
            raise self.spent()
        linear = self.operation.linear
        arrays = [*([] if linear else self.values), *(g.array for g in gradients)]
        edges = [*([] if linear else self.edges), *(g._edge() for g in gradients)]
        operation = Operation(f"{self.name}.backward", _derivative(self, wanted))
        with on_device(self.device):
            outs, rule = operation.function(*arrays)
        if any(edges):
            tensors = _recorded(operation, outs, rule, self.cls, self.device, edges, arrays)
        else:
            tensors = _constant(operation, outs, self.cls, self.device)
        results: list[Any] = [None] * len(self.edges)
        for i, tensor in zip(wanted, tensors, strict=True):
            results[i] = tensor
        return results

    def release(self) -> None:
        if not self.operation.linear:
            self.rule, self.edges = None, ()
            del self.values, self.rest, self.settings


def _derivative(node: OpNode, wanted: Sequence[int]) -> Callable:
    """The function (values, gradients) -> gradients of the wanted inputs, in the form of an op.

    Its own rule is MLX's derivative of it, so that any order follows.
    """
    name, broadcasts = node.name, node.operation.broadcasts
    edges = node.edges
    specifications = [e and specification(e) for e in edges]
    rule_of, count = _rule_of(node)

    def gradients(*arrays: Any) -> list[Any]:
        rule = rule_of(*arrays[:count])
        fitted = fit(name, rule(*arrays[count:]), edges, broadcasts=broadcasts)
        return [_zeros(specifications[i]) if fitted[i] is None else fitted[i] for i in wanted]

    def derivative(*arrays: Any) -> tuple[list[Any], Callable]:
        active = [
            i for i, a in enumerate(arrays) if isinstance(a, mx.array) and a.dtype in DIFFERENTIABLE
        ]

        def of_active(*some: mx.array) -> list[Any]:
            merged = list(arrays)
            for i, a in zip(active, some, strict=True):
                merged[i] = a
            # A new array each: where one array is two outputs (as of x + y), mx.vjp drops all but
            # one of their cotangents.
            return [mx.expand_dims(g, 0) for g in gradients(*merged)]

        def rule(*cotangents: mx.array) -> list[mx.array | None]:
            expanded = [mx.expand_dims(c, 0) for c in cotangents]
            _, pulled = mx.vjp(of_active, [arrays[i] for i in active], expanded)
            result: list[mx.array | None] = [None] * len(arrays)
            for i, g in zip(active, pulled, strict=True):
                result[i] = g
            return result

        return gradients(*arrays), rule

    return derivative


def _zeros(specification: Any) -> mx.array:
    return mx.zeros(*specification)


def _rule_of(node: OpNode) -> tuple[Callable, int]:
    """The function from a node's values to its rule, and how many values it takes."""
    if node.operation.linear:
        linear_rule = node.rule
        return (lambda: linear_rule), 0
    function, rest, settings = node.operation.function, node.rest, node.settings
    return (lambda *values: function(*values, *rest, **settings)[1]), len(node.values)
