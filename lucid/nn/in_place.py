"""Activations with torch's `inplace=True`, and those whose names end in an underscore.

In place means that the tensor is bound to the result (see `lucid.tensor.inplace`).

>>> import lucid
>>> x = lucid.tensor([-1.0, 2.0])
>>> y = lucid.nn.functional.relu_(x)
>>> x
Tensor([0., 2.], grad=None)
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from lucid.ops import activation as ops
from lucid.tensor import Tensor
from lucid.tensor.inplace import in_place


def _switchable(function: Callable) -> Any:
    """`function` with a last argument `inplace`."""
    signature = inspect.signature(function)
    settings = len(signature.parameters) - 1
    last = inspect.Parameter("inplace", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=False)

    @functools.wraps(function)
    def call(input: Tensor, *args: Any, inplace: bool = False, **given: Any) -> Tensor:
        inplace = args[settings] if len(args) > settings else inplace
        y = function(input, *args[:settings], **given)
        return input._rebind(y) if inplace else y

    call.__module__ = __name__  # where pickle finds it
    call.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), last]
    )
    return call


relu, relu6 = _switchable(ops.relu), _switchable(ops.relu6)
leaky_relu, threshold = _switchable(ops.leaky_relu), _switchable(ops.threshold)
elu, celu, selu = _switchable(ops.elu), _switchable(ops.celu), _switchable(ops.selu)
silu, mish = _switchable(ops.silu), _switchable(ops.mish)
hardtanh, hardsigmoid = _switchable(ops.hardtanh), _switchable(ops.hardsigmoid)
hardswish, rrelu = _switchable(ops.hardswish), _switchable(ops.rrelu)

relu_, leaky_relu_, threshold_ = map(in_place, (ops.relu, ops.leaky_relu, ops.threshold))
elu_, celu_, selu_ = map(in_place, (ops.elu, ops.celu, ops.selu))
hardtanh_, rrelu_ = in_place(ops.hardtanh), in_place(ops.rrelu)
