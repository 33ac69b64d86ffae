"""The same call in its other forms: as a method, in place, as an operator, and by keyword."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import torch

from . import exceptions, names
from .compare import Mismatch
from .comparison import Comparison, must_raise
from .convert import mapped
from .result import Result
from .sample import Sample


def walk(result: Result, op, ours: Callable, sample, label: str) -> None:
    """All forms that torch has of one sample, without gradients."""
    call = Sample(_detached((sample.input, *sample.args)), _detached(sample.kwargs))
    ties = exceptions.TIES.fullmatch(op.name) is not None
    values = exceptions.NO_VALUES.fullmatch(op.name) is None
    for form, theirs, form_of_ours, arguments in _forms(op, ours, call):
        left_out = exceptions.reason(result.entry, "methods", result.dtype, sample)
        if left_out:
            result.excluded[left_out] += 1
            continue

        def check(t=theirs, o=form_of_ours, a=arguments) -> None:
            _compare(t, o, a, ties, values)

        result.attempt("methods", f"{label} as {form}", check)


def _forms(
    op, ours: Callable, call: Sample
) -> Iterator[tuple[str, Callable, Callable | str, Sample]]:
    """(what it is, torch's function, ours or the name that is missing, the arguments)."""
    if isinstance(call.arguments[0], torch.Tensor):
        for theirs in (op.method_variant, op.inplace_variant):
            variant = names.variant(op.name, theirs)
            if variant is not None:
                yield getattr(theirs, "__name__", "inplace=True"), theirs, variant, call
        if not call.keywords:
            for theirs in filter(None, (op.operator_variant, op.inplace_operator_variant)):
                yield f"operator.{theirs.__name__}", theirs, theirs, call
    named = _by_keyword(op, call)
    if named is not None:
        yield f"{op.name}({', '.join(f'{k}=' for k in named.keywords)})", op.op, ours, named


def _by_keyword(op, call: Sample) -> Sample | None:
    """The call with torch's parameter names for all arguments, where torch takes them."""
    if names.is_adapter(op.op) or exceptions.NO_KEYWORDS.fullmatch(op.name):
        return None
    for parameters in _parameters(op):
        given = dict(zip(parameters, call.arguments, strict=False))
        if len(given) < len(call.arguments) or given.keys() & call.keywords.keys():
            continue
        named = Sample((), given | call.keywords)
        try:
            named.torch_call(op.op)
        except Exception:  # not the overload of this sample
            continue
        return named
    return None


def _parameters(op) -> Iterator[list[str]]:
    """The names of the positional parameters, of each overload."""
    try:
        parameters = inspect.signature(op.op).parameters.values()
        yield [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    except (TypeError, ValueError):  # built in
        for schema in torch._C._jit_get_schemas_for_operator(f"aten::{op.aten_name}"):
            found = [a.name for a in schema.arguments if not a.kwarg_only]
            yield ["input" if name == "self" else name for name in found]


def _detached(values):
    return mapped(values, lambda v: v.detach() if isinstance(v, torch.Tensor) else v)


def _compare(theirs, ours: Callable | str, call: Sample, ties, values) -> None:
    if isinstance(ours, str):
        raise Mismatch("missing", f"Tensor.{ours}")
    torch.manual_seed(0)
    try:
        comparison = Comparison(theirs, ours, call, ties)
    except Exception as error:
        must_raise(ours, call, str(error))
        return
    comparison.forward(values)
