"""One entry of torch's table of modules in one dtype."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.testing._internal.common_modules import ModuleErrorEnum

import lucid
import lucid.nn

from . import exceptions
from .comparison import Comparison, must_raise
from .convert import dtype_name, dtype_to_lucid, to_lucid
from .result import Result
from .sample import Sample, widened
from .walk import made, seed, spaced

DTYPES = (torch.float32, torch.bfloat16)


class ModuleSample(Sample):
    """A call of a module: of torch's, and of the one of lucid that took over its state.

    Among its tensors are the parameters and buffers, by their names, before the arguments.
    """

    def __init__(self, module: torch.nn.Module, dtype: torch.dtype, constructor, forward) -> None:
        super().__init__(forward.args, forward.kwargs)
        self.module, self.dtype, self.constructor = module, dtype, constructor
        self.lazy = False  # it takes its shapes from the first input

    def tensors(self) -> list[torch.Tensor]:
        return [*_state(self.module).values(), *super().tensors()]

    def torch_call(self, function: Callable, wide: bool = False):
        module = copy.deepcopy(self.module)
        module._apply(functools.partial(widened, wide=wide))
        before = _state(module)
        result, arguments = Sample(self.arguments, self.keywords).torch_call(module, wide)
        return result, [*before.values(), *arguments]

    def lucid_call(self, function: Callable):
        given = to_lucid((self.constructor.args, self.constructor.kwargs), {})
        module = function(*given[0], **given[1])
        module.to(dtype_to_lucid(self.dtype)).train(self.module.training)
        if self.lazy:
            Sample(self.arguments, self.keywords).lucid_call(module)
        module.load_state_dict(to_lucid(dict(self.module.state_dict()), {}))
        result, arguments = Sample(self.arguments, self.keywords).lucid_call(module)
        ours = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        return result, [*(ours[name] for name in _state(self.module)), *arguments]


def _state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def entry_name(info) -> str:
    """nn.Linear and its kind."""
    return f"nn.{info.module_cls.__name__}"


def resolve(info) -> Callable | None:
    """lucid's module of the same name."""
    return getattr(lucid.nn, info.module_cls.__name__, None)


def walk(info, dtype: torch.dtype) -> Result:
    """All inputs of one module in one dtype, in training and, where it differs, evaluation."""
    result = Result(entry_name(info), dtype_name(dtype))
    for training in (True, False) if info.train_and_eval_differ else (True,):
        seed(result.entry)
        inputs = info.module_inputs_func(info, "cpu", dtype, requires_grad=True, training=training)
        for i, sample in enumerate(spaced(list(inputs))):
            label = f"{i} {'train' if training else 'eval'} {sample.desc}"
            _walk_one(result, info, dtype, training, sample, label)
    if dtype == DTYPES[0]:
        _errors(result, info, dtype)
    return result


def _walk_one(result: Result, info, dtype, training: bool, sample: Any, label: str) -> None:
    built = sample.constructor_input
    left_out = exceptions.reason(result.entry, "forward", result.dtype, built)
    if left_out or sample.forward_input is None:
        result.excluded[left_out or "no input is given"] += 1
        return

    def compare() -> Comparison:
        module = info.module_cls(*built.args, **built.kwargs)
        module.to(dtype).train(training)
        if info.is_lazy:
            Sample(sample.forward_input.args, sample.forward_input.kwargs).torch_call(module)
        call = ModuleSample(module, dtype, sample.constructor_input, sample.forward_input)
        call.lazy = info.is_lazy
        return Comparison(info.module_cls, resolve(info), call)

    comparison = made(result, compare)
    if comparison is None:
        return
    label = f"{label} {built.args} {built.kwargs}"[:160]
    label += f" {comparison.sample}"
    if result.attempt("forward", label, comparison.forward) and comparison.differentiable():
        left_out = exceptions.reason(result.entry, "gradients", result.dtype, built)
        if left_out:
            result.excluded[left_out] += 1
        else:
            result.attempt("gradients", label, comparison.gradients)


def _errors(result: Result, info, dtype: torch.dtype) -> None:
    """What raises in torch, in the constructor or in the call, raises here."""
    if info.module_error_inputs_func is None:
        return
    inputs = info.module_error_inputs_func(info, "cpu", dtype, requires_grad=False, training=True)
    for i, error in enumerate(inputs):
        built, given = (
            getattr(error.module_error_input, n) for n in ("constructor_input", "forward_input")
        )
        construct = error.error_on is ModuleErrorEnum.CONSTRUCTION_ERROR

        def run(args, kwargs, *forward, construct=construct):
            module = resolve(info)(*args, **kwargs)
            return None if construct else module(*forward[0], **forward[1])

        forward = () if construct else (given.args, given.kwargs)
        call = Sample((built.args, built.kwargs, *forward), {})
        message = str(error.error_regex)
        result.attempt(
            "errors", f"error {i} {call}", lambda r=run, c=call, m=message: must_raise(r, c, m)
        )
