"""One entry of torch's table of operations in one dtype: what passes and what does not."""

from __future__ import annotations

import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch.testing._internal.common_device_type import toleranceOverride

import lucid

from . import exceptions, names
from .compare import WIDER, Mismatch, compare_kind, compare_values, leaves
from .convert import Unsupported, dtype_name, mapped, tensors, to_lucid

DTYPES = (torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.complex64)
SAMPLES = 60  # at most so many of an entry and dtype, evenly spaced
METHOD_SAMPLES = 3  # the first so many also as method, in place and as operator
CASES = ("forward", "gradients", "methods", "errors")


@dataclass
class Result:
    """The counts of one entry in one dtype, and the failures in words."""

    entry: str
    dtype: str
    passed: Counter = field(default_factory=Counter)
    total: Counter = field(default_factory=Counter)
    excluded: Counter = field(default_factory=Counter)
    failures: list[tuple[str, str, str]] = field(default_factory=list)  # case, sample, reason

    def attempt(self, case: str, label: str, check: Callable[[], None]) -> bool:
        """Count one case; what it raises is its failure. False where it failed."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                check()
        except Unsupported as error:
            self.excluded[str(error)] += 1
            return True
        except Exception as error:
            self.total[case] += 1
            text = str(error) if isinstance(error, Mismatch) else f"{type(error).__name__}: {error}"
            self.failures.append((case, label, " ".join(text.split())[:400]))
            return False
        self.total[case] += 1
        self.passed[case] += 1
        return True


@dataclass
class Sample:
    """Arguments of one call, as torch has them."""

    arguments: tuple
    keywords: dict
    process: Callable = lambda x: x  # what torch's tests do to the result before its gradients

    def torch_call(self, function: Callable, convert: Callable = lambda t: t):
        """Call torch with copies; gives (result, the copies of its tensors)."""
        copies: dict[int, torch.Tensor] = {}

        def copy(t: torch.Tensor) -> torch.Tensor:
            if id(t) not in copies:
                copies[id(t)] = convert(t.detach().clone()).requires_grad_(t.requires_grad)
            return copies[id(t)]

        arguments, keywords = mapped((self.arguments, self.keywords), copy)
        return function(*arguments, **keywords), [copy(t) for t in self.tensors()]

    def lucid_call(self, function: Callable):
        """Call lucid with the same values; gives (result, its tensors)."""
        memo: dict[int, object] = {}
        arguments, keywords = to_lucid((self.arguments, self.keywords), memo)
        return function(*arguments, **keywords), [to_lucid(t, memo) for t in self.tensors()]

    def tensors(self) -> list[torch.Tensor]:
        return tensors((self.arguments, self.keywords))

    def __str__(self) -> str:
        def described(value):
            if isinstance(value, torch.Tensor):
                return f"{dtype_name(value.dtype)}{list(value.shape)}"
            if isinstance(value, list | tuple):
                return type(value)(map(described, value)) if type(value) in (list, tuple) else value
            return value

        parts = [str(described(a)) for a in self.arguments]
        parts += [f"{k}={described(v)}" for k, v in self.keywords.items()]
        return "(" + ", ".join(parts).replace("'", "")[:200] + ")"


class Comparison:
    """One sample, by torch and by lucid: the result, then the gradients."""

    def __init__(self, theirs: Callable, ours: Callable, sample: Sample, tolerance) -> None:
        self.theirs, self.ours, self.sample, self.tolerance = theirs, ours, sample, tolerance
        self.result, self.inputs = sample.torch_call(theirs)  # raises: torch has no answer
        self.random = False

    def forward(self, values: bool = True) -> None:
        """Result and changed arguments are torch's."""
        lucid.manual_seed(0)
        self.our_result, self.our_inputs = self.sample.lucid_call(self.ours)
        compare_kind(self.our_result, self.result)
        if not values:
            self.random = True
            return
        try:
            self._values(
                leaves(self.our_result), leaves(self.result), lambda: leaves(self._wide()[0])
            )
        except Mismatch:
            if not self._same_when_processed():
                if not self._changes_by_itself():
                    raise
                self.random = True
        self._changed_arguments()

    def gradients(self) -> None:
        """The gradients of all inputs are torch's, from one fixed pseudo-random cotangent."""
        ours, expected = self._our_gradients(), self._their_gradients(self.result, self.inputs)
        for i, (a, b) in enumerate(zip(ours, expected, strict=True)):
            place = f" in the gradient of input {i}"
            if b is None and a is not None:
                b = torch.zeros_like(leaves(a)[0])
            if b is None or (a is None and not b.any()):
                continue
            if a is None:
                raise Mismatch("gradient", f"none of input {i}, torch has one")
            compare_kind(a, b, place)
            if self.random:
                continue
            wide = lambda i=i: [self._their_gradients(*self._wide())[i]]  # noqa: E731
            self._values(leaves(a), [b], wide, place)

    def differentiable(self) -> bool:
        """Has torch a gradient here?"""
        return any(t.requires_grad for t in self.inputs) and any(
            t.requires_grad for t in tensors(self.sample.process(self.result))
        )

    def _values(self, ours, theirs, wide: Callable, place: str = "") -> None:
        wider = None
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            try:
                compare_values(a, b, None, self.tolerance, place)
            except Mismatch:
                if b.dtype not in WIDER:
                    raise
                wider = self._attempt(wide) if wider is None else wider
                if len(wider) != len(theirs):
                    raise
                compare_values(a, b, wider[i], self.tolerance, place)

    @staticmethod
    def _attempt(function: Callable) -> list:
        try:
            return function()
        except Exception:  # torch has no answer in the wider dtype
            return []

    def _wide(self):
        def widened(t: torch.Tensor) -> torch.Tensor:
            return t.to(WIDER.get(t.dtype, t.dtype))

        return self.sample.torch_call(self.theirs, widened)

    def _changes_by_itself(self) -> bool:
        """Does torch return other values from another seed?"""
        torch.manual_seed(1234)
        again, _ = self.sample.torch_call(self.theirs)
        return not all(
            torch.equal(a.nan_to_num(), b.nan_to_num())
            for a, b in zip(leaves(again), leaves(self.result), strict=True)
            if a.shape == b.shape
        )

    def _same_when_processed(self) -> bool:
        """Equal after what torch's tests do before gradients, such as abs() of a free sign."""
        processed, plain = self._processed(self.our_result)[1], self.sample.process(self.result)
        if plain is self.result:
            return False
        theirs = leaves(plain)
        try:
            self._values(
                [t.detach() for t in processed],
                theirs,
                lambda: leaves(self.sample.process(self._wide()[0])),
            )
        except (Mismatch, ValueError):
            return False
        return True

    def _changed_arguments(self) -> None:
        for i, (before, after, ours) in enumerate(
            zip(self.sample.tensors(), self.inputs, self.our_inputs, strict=True)
        ):
            if after.shape == before.shape and not torch.equal(
                after.detach().nan_to_num(), before.detach().nan_to_num()
            ):
                self._values(leaves(ours), [after.detach()], list, f" in argument {i}, changed")

    def _processed(self, our_result):
        """torch's copies of our raw results, and what processing makes of them."""
        raw: list[torch.Tensor] = []
        copies = iter(leaves(our_result))

        def copy(like: torch.Tensor) -> torch.Tensor:
            raw.append(next(copies).requires_grad_(like.requires_grad))
            return raw[-1]

        return raw, tensors(self.sample.process(_rebuilt(self.result, copy)))

    def _our_gradients(self):
        raw, processed = self._processed(self.our_result)
        outputs = [t for t in processed if t.requires_grad]
        roots = [t for t in raw if t.requires_grad]
        seeds = torch.autograd.grad(outputs, roots, cotangents(outputs), allow_unused=True)
        ours = [t for t, r in zip(_tensors(self.our_result), raw, strict=True) if r.requires_grad]
        used = [(t, to_lucid(g, {})) for t, g in zip(ours, seeds, strict=True) if g is not None]
        inputs = [t for t in self.our_inputs if t.requires_grad]
        return lucid.autograd.grad(
            [t for t, _ in used], inputs, [g for _, g in used], allow_unused=True
        )

    def _their_gradients(self, result, inputs):
        outputs = [t for t in tensors(self.sample.process(result)) if t.requires_grad]
        wanted = [t for t in inputs if t.requires_grad]
        return torch.autograd.grad(
            outputs, wanted, cotangents(outputs), allow_unused=True, retain_graph=True
        )


def _tensors(value) -> list:
    """The tensors of a result in order, repeated ones too."""
    if isinstance(value, list | tuple):
        return [t for v in value for t in _tensors(v)]
    return [value] if isinstance(value, lucid.Tensor | torch.Tensor) else []


def _rebuilt(value, function: Callable):
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        parts = [_rebuilt(v, function) for v in value]
        named = hasattr(value, "_fields")
        return type(value)(*parts) if named else type(value)(parts)
    return value


def cotangents(outputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """One fixed pseudo-random cotangent per output, in float32 rounded to its dtype."""
    seeds = torch.Generator().manual_seed(20)
    found = []
    for y in outputs:
        dtype = torch.complex64 if y.dtype.is_complex else torch.float32
        found.append(torch.randn(y.shape, dtype=dtype, generator=seeds).to(y.dtype))
    return found


def walk(op, dtype: torch.dtype) -> Result | None:
    """All samples of one entry in one dtype; None where torch has none."""
    if not op.supports_dtype(dtype, "cpu"):
        return None
    result = Result(names.entry_name(op), dtype_name(dtype))
    grads = dtype in op.supported_backward_dtypes("cpu")
    try:
        samples = _spaced(list(op.sample_inputs("cpu", dtype, requires_grad=grads)))
    except Exception as error:
        result.excluded[f"torch cannot make the samples: {type(error).__name__}"] += 1
        return result
    ours, theirs = names.resolve(op), names.unseeded(op)
    tolerance = _tolerance(op, dtype)
    values = exceptions.NO_VALUES.fullmatch(op.name) is None
    for i, sample in enumerate(samples):
        call = Sample((sample.input, *sample.args), sample.kwargs, sample.output_process_fn_grad)
        left_out = exceptions.reason(result.entry, "forward", result.dtype, sample)
        comparison = None if left_out else _comparison(result, theirs, ours, call, tolerance)
        if left_out:
            result.excluded[left_out] += 1
        if comparison is None:
            continue
        label = f"{i} {call}"
        if result.attempt("forward", label, lambda: comparison.forward(values)):  # noqa: B023
            _gradients(result, comparison, sample, label)
        if i < METHOD_SAMPLES and isinstance(sample.input, torch.Tensor):
            _methods(result, op, sample, tolerance, label)
    if dtype == first_dtype(op):
        _errors(result, op, ours)
    return result


def first_dtype(op) -> torch.dtype | None:
    """The dtype in which the error inputs are counted."""
    return next((d for d in DTYPES if op.supports_dtype(d, "cpu")), None)


def _comparison(result: Result, theirs, ours, call: Sample, tolerance) -> Comparison | None:
    torch.manual_seed(zlib.crc32(result.entry.encode()))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Comparison(theirs, ours, call, tolerance)
    except Exception:
        result.excluded["torch itself raises"] += 1
        return None


def _gradients(result: Result, comparison: Comparison, sample, label: str) -> None:
    if not hasattr(comparison, "our_result") or not comparison.differentiable():
        return
    left_out = exceptions.reason(result.entry, "gradients", result.dtype, sample)
    if left_out:
        result.excluded[left_out] += 1
        return
    result.attempt("gradients", label, comparison.gradients)


def _methods(result: Result, op, sample, tolerance, label: str) -> None:
    """The same call as a method, in place and as an operator."""
    plain = mapped((sample.input, *sample.args), torch.Tensor.detach)
    call = Sample(plain, mapped(sample.kwargs, torch.Tensor.detach))
    variants = [op.method_variant, op.inplace_variant]
    operators = [] if call.keywords else [op.operator_variant, op.inplace_operator_variant]
    for variant in [*variants, *operators]:
        if variant is None or variant.__name__ == "<lambda>":
            continue
        left_out = exceptions.reason(result.entry, "methods", result.dtype, sample)
        if left_out:
            result.excluded[left_out] += 1
            continue
        ours = variant if variant in operators else names.method(variant)
        result.attempt(
            "methods",
            f"{label} as {variant.__name__}",
            lambda v=variant, o=ours: _variant(v, o, call, tolerance),
        )


def _variant(theirs: Callable, ours: Callable | str, call: Sample, tolerance) -> None:
    if isinstance(ours, str):
        raise Mismatch("missing", f"Tensor.{ours}")
    torch.manual_seed(0)
    try:
        comparison = Comparison(theirs, ours, call, tolerance)
    except Exception as error:
        _must_raise(ours, call, str(error))
        return
    comparison.forward()


def _must_raise(ours: Callable, call: Sample, message: str) -> None:
    try:
        returned, inputs = call.lucid_call(ours)
        leaves([returned, *inputs])  # computes
    except Unsupported:
        raise
    except Exception:
        return
    raise Mismatch("no error", f"torch raises: {message.split('. ')[0]}")


def _errors(result: Result, op, ours: Callable) -> None:
    if op.error_inputs_func is None:
        return
    for i, error in enumerate(op.error_inputs("cpu")):
        sample = error.sample_input
        call = Sample((sample.input, *sample.args), sample.kwargs)
        left_out = exceptions.reason(result.entry, "errors", result.dtype, error)
        try:
            call.torch_call(op.op)
            left_out = left_out or "an error input at which torch does not raise"
        except Exception as raised:
            message = str(raised)
        if left_out:
            result.excluded[left_out] += 1
            continue
        result.attempt(
            "errors", f"error {i} {call}", lambda c=call, m=message: _must_raise(ours, c, m)
        )


def _spaced(samples: list) -> list:
    count = len(samples)
    if count <= SAMPLES:
        return samples
    return [samples[i * count // SAMPLES] for i in range(SAMPLES)]


def _tolerance(op, dtype: torch.dtype) -> tuple[float, float]:
    """(rtol, atol) of the widest tolerance that torch's tests state for the op on the CPU."""
    found = [(0.0, 0.0)]
    for decorator in op.decorators:
        if getattr(decorator, "device_type", None) not in (None, "cpu"):
            continue
        for inner in getattr(decorator, "decorators", [decorator]):
            if isinstance(inner, toleranceOverride) and dtype in inner.d:
                found.append((inner.d[dtype].rtol, inner.d[dtype].atol))
    return max(r for r, _ in found), max(a for _, a in found)
