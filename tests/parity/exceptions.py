"""What is left out of the comparison, by rule, each with its reason. RESULTS.md prints them.

What has no counterpart at all (complex128, sparse and quantized tensors, other devices)
is left out where samples are converted, see `convert.Unsupported`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from .convert import NO_DTYPE


@dataclass(frozen=True)
class Rule:
    """Cases that are not compared.

    Args:
        reason: why they cannot be the same; RESULTS.md prints it.
        entries: a regular expression that the whole name of the entry matches.
        cases: "forward", "gradients", "methods", "errors": which of its cases.
        dtypes: only these, by name; default: all.
        when: only samples of which this is true.
        message: of error inputs, a regular expression that torch's message contains.
    """

    reason: str
    entries: str = ".*"
    cases: tuple[str, ...] = ("forward", "gradients", "methods", "errors")
    dtypes: tuple[str, ...] | None = None
    when: Callable[[Any], bool] = lambda sample: True
    message: str = ""

    def covers(self, entry: str, case: str, dtype: str, sample: Any, message: str) -> bool:
        """Is this case left out?"""
        return (
            case in self.cases
            and (self.dtypes is None or dtype in self.dtypes)
            and re.fullmatch(self.entries, entry) is not None
            and re.search(self.message, message) is not None
            and self.when(sample)
        )


RULES = [
    Rule(
        "out= is not offered: arrays cannot change",
        when=lambda sample: "out" in sample.kwargs,
    ),
    Rule(
        "integer and complex convolution and pooling: layers compute in floating point",
        entries=r"nn\.functional\.(conv\w+|(avg|max)_pool\w+|adaptive_avg_pool\w+|\w+_norm)",
        dtypes=("int64", "complex64"),
    ),
    Rule(
        "torch lets an empty vector pass, which has no channels",
        entries=r"nn\.functional\.batch_norm",
        when=lambda sample: sample.input.ndim == 1,
    ),
    Rule(
        "bfloat16 gradients through an encoder and decoder of width 4 are mostly rounding (rms, of "
        "the largest element: ours 1.7 %, torch's 1.6 %)",
        entries=r"nn\.Transformer",
        cases=("gradients",),
        dtypes=("bfloat16",),
    ),
    Rule(
        "one unit of ReLU gets -0.0005 in float32 and 0.0007 in torch's bfloat16: rounding decides "
        "whether a gradient passes",
        entries=r"nn\.TransformerEncoder",
        cases=("gradients",),
        dtypes=("bfloat16",),
        when=lambda built: _is_first_norm_without_bias(built.args[0]),
    ),
    Rule(
        "errors about memory that tensors share: arrays share none",
        cases=("errors",),
        message="unsupported operation: (some elements|more than one element)",
    ),
    Rule(
        "a number where torch wants a tensor: lucid takes numbers wherever it takes tensors",
        cases=("errors",),
        message=r"must be Tensor, not (int|float)|descriptor '__r|got \(int, Tensor\)|'int' object",
    ),
    Rule(
        NO_DTYPE[torch.complex128], entries="float_power", cases=("methods",), dtypes=("complex64",)
    ),
    Rule(
        "torch truncates beta=0.2 to 0 for integers; lucid refuses it, as torch's addmm does",
        entries="addmv|addbmm|baddbmm",
        dtypes=("int64",),
        when=lambda sample: isinstance(sample.kwargs.get("beta"), float),
    ),
    Rule(
        "torch's addbmm_ resizes its tensor",
        entries="addbmm",
        cases=("methods",),
        when=lambda sample: sample.input.shape == (1,),
    ),
    Rule(
        "torch's gradient is not 0 in the triangle that is not read; ours is",
        entries="cholesky_solve|cholesky_inverse",
        cases=("gradients",),
    ),
    Rule(
        "more than half of torch's gradient in bfloat16 is rounding",
        entries="logcumsumexp",
        cases=("gradients",),
        dtypes=("bfloat16",),
    ),
    Rule("torch's gradient in bfloat16 is NaN", "matrix_exp", ("gradients",), ("bfloat16",)),
    Rule(
        "sums of 210 integers, in float32: 1.4e-5 apart where 1e-5 is asked for",
        entries=r"fft\.hfft2",
        dtypes=("int64",),
        when=lambda sample: sample.input.ndim == 3,
    ),
    Rule(
        "the imaginary part of a logarithm is known up to multiples of 2 pi",
        entries="logcumsumexp",
        cases=("forward",),
        dtypes=("complex64",),
    ),
    Rule(
        "sort orders equal elements as it likes, and msort does not say which gradient is whose",
        entries="msort",
        cases=("gradients",),
        dtypes=("bfloat16",),
    ),
    Rule(
        "torch's gradient is NaN where a target of 0 takes no part; ours is not",
        entries=r"nn\.functional\.poisson_nll_loss",
        cases=("gradients",),
        dtypes=("bfloat16",),
        when=lambda sample: sample.kwargs.get("full", False),
    ),
    Rule(
        NO_DTYPE[torch.complex128],
        entries=r"nn\.functional\.l1_loss",
        dtypes=("complex64",),
        when=lambda sample: sample.input.dtype != sample.args[0].dtype,
    ),
]


def _is_first_norm_without_bias(layer: torch.nn.Module) -> bool:
    return layer.norm_first and layer.self_attn.batch_first and layer.linear1.bias is None


def _sorted(values: torch.Tensor, vectors: torch.Tensor | None = None) -> Any:
    """Eigenvalues by real, then imaginary part; their vectors without the phase, which is free."""
    keys = (100 * values.real.detach()).round() + values.imag.detach().clamp(-40, 40) / 100
    order = keys.argsort(-1)
    values = values.gather(-1, order)
    if vectors is None:
        return values
    return values, vectors.abs().gather(-1, order.unsqueeze(-2).expand(vectors.shape))


# What is compared where the result has no order of its own, instead of what torch's tests take.
UNORDERED: dict[str, Callable[[Any], Any]] = {
    "linalg.eigvals": _sorted,
    "linalg.eig": lambda result: _sorted(*result),
}

# Not called by keyword: operators, and where torch documents other names than it takes.
NO_KEYWORDS = re.compile(
    r"__\w+__|tensor_split|[hvd]split|linalg\.\w+|cholesky_solve|matrix_exp|unsafe_split"
)

# Of equal elements torch may choose any: where the indices differ, they select equal elements.
TIES = re.compile("sort|argsort|msort|topk|kthvalue|median|nanmedian|mode")

# The values are whatever the memory held: only shape and dtype are compared.
NO_VALUES = re.compile(r"(new_)?empty(_like|_strided|_permuted)?")


def reason(entry: str, case: str, dtype: str, sample: Any, message: str = "") -> str | None:
    """Why this case is left out, or None."""
    rules = (r for r in RULES if r.covers(entry, case, dtype, sample, message))
    return next((r.reason for r in rules), None)
