"""One entry of torch's table of operations in one dtype."""

from __future__ import annotations

import functools
import random
import warnings
import zlib
from collections.abc import Callable

import numpy as np
import torch

from . import exceptions, names, variants
from .comparison import Comparison, must_raise
from .convert import dtype_name
from .result import Result
from .sample import Sample

DTYPES = (torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.complex64)
SAMPLES = 60  # at most so many of an entry and dtype, evenly spaced
VARIANT_SAMPLES = 3  # the first so many also as method, in place, as operator, by keyword


def walk(op, dtype: torch.dtype) -> Result | None:
    """All samples of one entry in one dtype; None where torch has none."""
    if not op.supports_dtype(dtype, "cpu"):
        return None
    result = Result(names.entry_name(op), dtype_name(dtype))
    grads = dtype in op.supported_backward_dtypes("cpu")
    seed(result.entry)
    try:
        samples = spaced(list(op.sample_inputs("cpu", dtype, requires_grad=grads)))
    except Exception as error:
        result.excluded[f"torch cannot make the samples: {type(error).__name__}"] += 1
        return result
    ours, theirs = names.resolve(op), names.unseeded(op)
    unordered = exceptions.UNORDERED.get(op.name)
    values = exceptions.NO_VALUES.fullmatch(op.name) is None
    for i, sample in enumerate(samples):
        process = unordered or sample.output_process_fn_grad
        call = Sample((sample.input, *sample.args), sample.kwargs, process)
        left_out = exceptions.reason(result.entry, "forward", result.dtype, sample)
        ties = exceptions.TIES.fullmatch(op.name) and not sample.kwargs.get("stable")
        compare = functools.partial(Comparison, theirs, ours, call, bool(ties))
        comparison = None if left_out else made(result, compare)
        if left_out:
            result.excluded[left_out] += 1
        if comparison is None:
            continue
        label = f"{i} {call}"
        if result.attempt("forward", label, lambda: comparison.forward(values)):  # noqa: B023
            _gradients(result, comparison, sample, label)
        if i < VARIANT_SAMPLES:
            variants.walk(result, op, ours, sample, label)
    if dtype == first_dtype(op):
        _errors(result, op, ours)
    return result


def first_dtype(op) -> torch.dtype | None:
    """The dtype in which the error inputs are counted."""
    return next((d for d in DTYPES if op.supports_dtype(d, "cpu")), None)


def seed(entry: str) -> None:
    """Start torch's, NumPy's and Python's random numbers at the entry's own place."""
    number = zlib.crc32(entry.encode())
    torch.manual_seed(number)
    np.random.seed(number)
    random.seed(number)


def made(result: Result, compare: Callable[[], Comparison]) -> Comparison | None:
    """torch's side of a comparison, or None where torch has no answer."""
    seed(result.entry)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compare()
    except Exception:
        result.excluded["torch itself raises"] += 1
        return None


def _gradients(result: Result, comparison: Comparison, sample, label: str) -> None:
    if comparison.our_result is None or not comparison.differentiable():
        return
    left_out = exceptions.reason(result.entry, "gradients", result.dtype, sample)
    if left_out:
        result.excluded[left_out] += 1
        return
    result.attempt("gradients", label, comparison.gradients)


def _errors(result: Result, op, ours: Callable) -> None:
    if op.error_inputs_func is None:
        return
    for i, error in enumerate(op.error_inputs("cpu")):
        sample = error.sample_input
        call = Sample((sample.input, *sample.args), sample.kwargs)
        try:
            call.torch_call(op.op)
            left_out = "an error input at which torch does not raise"
        except Exception as raised:
            message = str(raised)
            left_out = exceptions.reason(result.entry, "errors", result.dtype, sample, message)
        if left_out:
            result.excluded[left_out] += 1
            continue
        result.attempt(
            "errors", f"error {i} {call}", lambda c=call, m=message: must_raise(ours, c, m)
        )


def spaced(samples: list) -> list:
    """At most SAMPLES of them."""
    count = len(samples)
    if count <= SAMPLES:
        return samples
    return [samples[i * count // SAMPLES] for i in range(SAMPLES)]
