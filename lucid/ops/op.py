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
import numbers
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd import anomaly
from lucid.autograd.mode import recording
from lucid.autograd.tape import Edge, Node, Traced, fit, next_order, specification
from lucid.kernels.memory import SAFE, check_size
from lucid.ops.autocast import POLICIES, active
from lucid.ops.device import is_default, on_device
from lucid.ops.promotion import promoted
from lucid.ops.spelling import as_torch

DIFFERENTIABLE = frozenset([mx.float32, mx.float16, mx.bfloat16, mx.float64, mx.complex64])


def op(function: Any = None, /, *, broadcasts: bool = False, linear: bool = False) -> Any:
    """Make an operation of `function`.

    Args:
        broadcasts: the arrays broadcast against each other; the rule may return gradients of
            the broadcast shape, which are then summed to each input's shape.
        linear: the value is linear in the arrays and the rule keeps no array, so that the tape
            keeps none either and the rule can be used any number of times.
    """
    if function is None:
        return functools.partial(op, broadcasts=broadcasts, linear=linear)
    code = inspect.unwrap(function).__code__
    count = code.co_posonlyargcount
    variadic = count == 0  # f(*arrays): no parameter before a slash
    arrays = code.co_varnames[:count]
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    has_dim = "dim" in parameters
    name = function.__name__.lstrip("_")
    policy = POLICIES.get(name)

    # All that people compute comes through here, so each line counts: it is a tenth of a
    # microsecond or so beside the half that MLX takes to add.
    @functools.wraps(function)
    def call(*args: Any, **settings: Any) -> Any:
        if settings and has_dim:
            settings = as_torch(settings)
        if len(args) < count:
            args, settings = _by_keyword(name, arrays, args, settings)
        inputs, rest = (args, ()) if variadic else (args[:count], args[count:])
        if policy is not None and (caster := active.get()) is not None:
            inputs = tuple(caster.cast(policy, inputs))
        values: list[Any] = []
        edges: list[Edge | None] = []
        first: Any = None
        recorded = False
        for x in inputs:
            if not isinstance(x, Traced):
                values.append(x if type(x) is float else _constant(name, x, inputs))
                edges.append(None)
                continue
            if first is None:
                first, device = x, x._device
            elif x._device != device:
                raise _mixed_devices(name, first, x)
            values.append(x.array)
            if x.requires_grad:
                source = x._node
                edges.append((x, 0) if source is None else (source, x._index))
                recorded = True
            else:
                edges.append(None)
        if first is None:
            raise _no_tensor(name, inputs)
        if broadcasts:
            values = promoted(values)
        try:
            if is_default(device):
                out, rule = function(*values, *rest, **settings)
            else:
                with on_device(device):
                    out, rule = function(*values, *rest, **settings)
        except (ValueError, TypeError, IndexError, RuntimeError, OverflowError) as error:
            raise _explained(name, values, error) from error
        node = None
        if recorded and rule is not None and recording.get():
            node = OpNode(name, edges, type(first), device, rule, broadcasts, linear)
            if not linear:
                node.function, node.values = function, values
                node.rest, node.settings = rest, settings
        return _result(name, out, node, first, device)

    call.broadcasts, call.linear = broadcasts, linear  # type: ignore[attr-defined]
    call.policy = policy  # type: ignore[attr-defined]
    return call


def _by_keyword(
    name: str, arrays: Sequence[str], args: tuple, settings: dict[str, Any]
) -> tuple[tuple, dict[str, Any]]:
    """Arrays given by keyword: by their own names or, the first two, as `input` and `other`."""
    given, rest = list(args), dict(settings)
    for position in range(len(args), len(arrays)):
        names = (arrays[position], *("input", "other")[position : position + 1])
        found = [n for n in names if n in rest]
        if not found:
            raise TypeError(
                f"{name}() misses its argument {names[-1]!r}: it takes {len(arrays)} "
                f"tensor{'s' * (len(arrays) > 1)}, got {len(given)}"
            )
        given.append(rest.pop(found[0]))
    return tuple(given), rest


def _result(name: str, out: Any, node: Node | None, first: Any, device: str) -> Any:
    """What an operation computed as a tensor, or a tuple of tensors, on the tape."""
    if not isinstance(out, mx.array):
        return _results(name, out, node, first, device)
    shape = out.shape
    if prod(shape) > SAFE:
        check_size(name, shape, out.dtype)
    if node is None:
        return first._wrap(out, device)
    dtype = out.dtype
    node.outputs = ((shape, dtype),)
    return first._wrap(out, device, node if dtype in DIFFERENTIABLE else None)


def _results(
    name: str, outs: Sequence[mx.array], node: Node | None, first: Any, device: str
) -> tuple[Any, ...]:
    kinds = [(y.shape, y.dtype) for y in outs]
    for shape, dtype in kinds:
        check_size(name, shape, dtype)
    if node is None:
        return tuple(first._wrap(y, device) for y in outs)
    node.outputs = kinds
    return tuple(
        first._wrap(y, device, node if y.dtype in DIFFERENTIABLE else None, index)
        for index, y in enumerate(outs)
    )


class OpNode(Node):
    """A recorded `@op`."""

    __slots__ = ("broadcasts", "function", "linear", "rest", "rule", "settings", "values")
    rule: Callable | None
    broadcasts: bool
    linear: bool
    # what to call again for a second derivative; a linear op's rule is enough
    function: Callable
    values: Sequence[Any]
    rest: Sequence[Any]
    settings: dict[str, Any]

    def __init__(
        self,
        name: str,
        edges: Sequence[Edge | None],
        cls: type[Traced],
        device: str,
        rule: Callable,
        broadcasts: bool = False,
        linear: bool = False,
    ) -> None:
        # not by way of `Node.__init__`: one is made for each operation
        self.name, self.edges, self.cls, self.device = name, edges, cls, device
        self.rule, self.broadcasts, self.linear = rule, broadcasts, linear
        self.hooks = None
        self.order = next_order()
        if anomaly.on:
            self.origin = anomaly.origin()

    def pull(self, *gradients: mx.array) -> Sequence[mx.array | None]:
        rule = self.rule
        if rule is None:
            raise self.spent()
        if is_default(self.device):
            found = rule(*gradients)
        else:
            with on_device(self.device):
                return fit(self.name, rule(*gradients), self.edges, broadcasts=self.broadcasts)
        return fit(self.name, found, self.edges, broadcasts=self.broadcasts)

    def pull_recorded(self, gradients: Sequence[Any], wanted: Sequence[int]) -> Sequence[Any]:
        if self.rule is None:
            raise self.spent()
        values = [] if self.linear else self.values
        arrays = [*values, *(g.array for g in gradients)]
        edges = [*([] if self.linear else self.edges), *(g._edge() for g in gradients)]
        function = _derivative(self, wanted)
        name = f"{self.name}.backward"
        with on_device(self.device):
            outs, rule = function(*arrays)
        node = None
        if any(edges):
            node = OpNode(name, edges, self.cls, self.device, rule)
            node.function, node.values, node.rest, node.settings = function, arrays, (), {}
        results: list[Any] = [None] * len(self.edges)
        tensors = _results(name, outs, node, self.cls, self.device)
        for i, tensor in zip(wanted, tensors, strict=True):
            results[i] = tensor
        return results

    def release(self) -> None:
        if not self.linear:
            self.rule, self.edges = None, ()
            del self.function, self.values, self.rest, self.settings


def _derivative(node: OpNode, wanted: Sequence[int]) -> Callable:
    """The function (values, gradients) -> gradients of the wanted inputs, in the form of an op.

    Its own rule is MLX's derivative of it, so that any order follows.
    """
    name, broadcasts = node.name, node.broadcasts
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
    if node.linear:
        linear_rule = node.rule
        return (lambda: linear_rule), 0
    function, rest, settings = node.function, node.rest, node.settings
    return (lambda *values: function(*values, *rest, **settings)[1]), len(node.values)


def _constant(name: str, x: Any, inputs: Sequence[Any]) -> Any:
    """An input that is not a tensor: numbers stay weakly typed, arrays become `mx.array`."""
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, int) and not -(1 << 63) <= x < 1 << 63:
        raise OverflowError(f"{name}: the int {x} does not fit into 64 bits; write it as a float")
    if x is None or isinstance(x, bool | int | float | complex | mx.array):
        return x
    if isinstance(x, np.ndarray) and x.dtype.kind in "biufc":
        wide = any(isinstance(t, Traced) and t.array.dtype == mx.float64 for t in inputs)
        return mx.array(x, mx.float64 if wide and x.dtype == np.float64 else None)
    if isinstance(x, numbers.Real):
        return float(x)
    raise TypeError(f"{name} expects Tensors, arrays or numbers, got {type(x).__name__}: {x!r:.60}")


def _no_tensor(name: str, inputs: Sequence[Any]) -> TypeError:
    return TypeError(
        f"{name} expects a Tensor, got {', '.join(type(x).__name__ for x in inputs)}; "
        "wrap the data with lucid.tensor(...)"
    )


def _mixed_devices(name: str, a: Traced, b: Traced) -> RuntimeError:
    return RuntimeError(
        f"{name} expects its tensors on one device, got {a._device!r} and {b._device!r}; "
        f"move one of them, e.g. x.to({a._device!r})"
    )


def _explained(name: str, values: Sequence[Any], error: Exception) -> Exception:
    """The same exception, saying which operation and which inputs."""
    described = [
        f"{str(v.dtype).split('.')[-1]}{list(v.shape)}" if isinstance(v, mx.array) else repr(v)
        for v in values
    ]
    text = str(error)
    if "incompatible function arguments" in text:  # followed by a page of C++ signatures
        text = "arguments of these kinds are not accepted"
    kind = type(error)
    if text == "std::bad_cast":  # MLX about a float, None or 2**64 in the place of an int
        kind, text = TypeError, "a setting is of the wrong type, or an int too large"
    return kind(f"{name}: {text} (inputs: {', '.join(described)})")
