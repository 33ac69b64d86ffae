"""A shader proves itself before its results are used; where it fails, its definition takes over.

Metal compiles a shader on the user's machine, when MLX first evaluates it, so only there can it
show that it works. The first time that a kernel is about to run as MLX has not compiled it before
(another template, other dtypes), the same launches are made on a small example, whose integers
leave no room for rounding, and compared with the definition. What passed is remembered on disk for
this device and these sources; what failed is not, because a failure may have passed by tomorrow
(an edited file, a full memory, a beta of the system) and should be heard of as long as it lasts.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import platform
import re
import threading
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx
import numpy as np

from lucid import _cache
from lucid.kernels import metal
from lucid.kernels.metal import Kernel, Launch

# One unit in the last place of the result; the sum itself, of small integers, is exact.
_TOLERANCE = {mx.float32: 0.0, mx.float16: 2.0**-10, mx.bfloat16: 2.0**-7}

_seeds = itertools.count()  # memory left over from an earlier check must not pass for a result


class Call(NamedTuple):
    """A shader and its definition as functions of arrays of these shapes.

    The definition is asked in float32 as well.
    """

    shapes: tuple[tuple[int, ...], ...]
    shader: Callable[..., mx.array]
    definition: Callable[..., mx.array]


class Variant(NamedTuple):
    """A kernel as one compilation of it, and the form that launches it.

    Without a kernel: the form failed before it came to launch one.
    """

    form: str
    kernel: Kernel | None = None
    template: tuple[tuple[str, mx.Dtype | int | bool], ...] = ()
    inputs: tuple[tuple[mx.Dtype, bool], ...] = ()

    @property
    def name(self) -> str:
        return self.kernel.name if self.kernel else self.form

    @property
    def file(self) -> str:
        return f"metal/{self.kernel.file}.metal" if self.kernel else ""

    @property
    def dtype(self) -> str:
        return _name(self.inputs[0][0]) if self.inputs else ""

    @property
    def settings(self) -> str:
        """The template and the inputs in words; those that MLX passes as constants are `few`."""
        values = " ".join(f"{name}={_name(value)}" for name, value in self.template)
        inputs = ", ".join(_name(dtype) + " (few)" * few for dtype, few in self.inputs)
        return f"{values} of {inputs}" if self.kernel else ""


def run(
    form: str, call: Call, arrays: Sequence[mx.array], smaller: Callable[[], Iterable[Call]]
) -> mx.array:
    """call.shader(*arrays) if every kernel that it launches has proved itself, else the definition.

    `form` names the shader's launcher. `smaller` gives examples for the proof, the cheapest first;
    the first that launches the same kernels serves, and where none does, the call itself.

    Raises MemoryError where the call does not fit this machine.
    """
    try:
        with metal.recording() as launches:
            y = call.shader(*arrays)
    except metal.TooLarge:
        return call.definition(*arrays)
    except Exception as error:
        if _ledger.assume or isinstance(error, MemoryError):
            raise
        blamed = _variants(form, launches[-1:]) or (Variant(form),)
        _ledger.fail(blamed, _raised(error))
        return call.definition(*arrays)
    if _ledger.trusts(form, launches, lambda: (*smaller(), call), arrays[0].dtype):
        return y
    return call.definition(*arrays)


class Ledger:
    """What is known of the kernels on this device, kept in the JSON file `path`.

    With `assume` every kernel is trusted unseen, its errors are raised, and nothing is kept.
    """

    def __init__(self, path: Path | None = None, *, assume: bool = False) -> None:
        self.path, self.assume = path, assume
        self.passed: dict[Variant, int] = {}  # threads of the largest threadgroup that ran
        self.failed: dict[Variant, str] = {}  # why
        self._warned: set[str] = set()
        self._lock = threading.RLock()  # a finalizer may run anything, anywhere

    def trusts(
        self,
        form: str,
        launches: Iterable[Launch],
        examples: Callable[[], Iterable[Call]],
        dtype: mx.Dtype,
    ) -> bool:
        """Whether all of the launches are known to be right, or prove so now."""
        wanted = _variants(form, launches)
        known = self._known(wanted)
        if known is None:
            with self._lock:
                known = self._known(wanted)  # another thread may have come first
                if known is None:
                    known = self._prove(form, wanted, examples(), dtype)
        return known

    def fail(self, variants: Collection[Variant], reason: str) -> None:
        """Switch kernels off for the rest of the process, with one warning for each."""
        with self._lock:
            self.failed |= dict.fromkeys(variants, reason)
            for variant in variants:
                if variant.name not in self._warned:
                    self._warned.add(variant.name)
                    warnings.warn(_message(variant, reason), RuntimeWarning, stacklevel=2)

    def _known(self, wanted: dict[Variant, int]) -> bool | None:
        if self.failed and any(variant in self.failed for variant in wanted):
            return False
        return True if self._covers(wanted) else None

    def _covers(self, wanted: dict[Variant, int]) -> bool:
        return all(self.passed.get(variant, 0) >= threads for variant, threads in wanted.items())

    def _pass(self, launched: dict[Variant, int]) -> None:
        for variant, threads in launched.items():
            self.passed[variant] = max(threads, self.passed.get(variant, 0))

    def _prove(
        self, form: str, wanted: dict[Variant, int], examples: Iterable[Call], dtype: mx.Dtype
    ) -> bool:
        if self.assume:
            self._pass(wanted)
            return True
        launched: dict[Variant, int] = {}
        try:
            self._recall(wanted)
            if self._covers(wanted):
                return True
            example, arrays, launched = _first_that_launches(form, wanted, examples, dtype)
            wrong = _difference(example.shader(*arrays), example.definition, arrays)
        except Exception as error:
            wrong = _raised(error)
        launched = launched or wanted
        if wrong:
            suspects = [v for v, threads in launched.items() if not self._covers({v: threads})]
            self.fail(suspects, wrong)
        else:
            self._pass(launched)
            self._remember(launched)
        return not wrong

    # On disk: {"made on": {...}, "passed": {name of the variant: threads}}.

    def _recall(self, wanted: dict[Variant, int]) -> None:
        known = self._read()
        found = {variant: known.get(_key(variant), 0) for variant in wanted}
        self._pass({variant: threads for variant, threads in found.items() if threads})

    def _remember(self, launched: dict[Variant, int]) -> None:
        known = self._read() | {_key(variant): self.passed[variant] for variant in launched}
        try:
            path = self.path or _default_path()
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}")  # two processes may do this at once
            part.write_text(json.dumps({"made on": _place(), "passed": known}, indent=1))
            os.replace(part, path)
        except (OSError, RuntimeError):  # no home, no room, not ours: it is asked again next time
            pass

    def _read(self) -> dict[str, int]:
        try:
            content = json.loads((self.path or _default_path()).read_text(encoding="utf-8"))
            passed = content["passed"] if content["made on"] == _place() else {}
            return {str(key): int(threads) for key, threads in passed.items()}
        except Exception:  # none yet, no home, or whatever a file may hold: it is made again
            return {}


_ledger = Ledger()


def ledger() -> Ledger:
    """The ledger in use."""
    return _ledger


@contextmanager
def using(other: Ledger) -> Iterator[Ledger]:
    """Put another ledger in use, in all threads. The tests of the shaders themselves use
    `Ledger(assume=True)`: no launch is made twice, and no definition covers up a failure."""
    global _ledger
    before, _ledger = _ledger, other
    try:
        yield other
    finally:
        _ledger = before


def device() -> str:
    """The name of the GPU, or of the CPU where MLX sees no GPU."""
    for unit in (mx.gpu, mx.cpu):
        info = mx.device_info(mx.Device(unit))
        if "device_name" in info:
            return str(info["device_name"])
    return "an unnamed device"


# The proof --------------------------------------------------------------------------------------


def _first_that_launches(
    form: str, wanted: dict[Variant, int], examples: Iterable[Call], dtype: mx.Dtype
) -> tuple[Call, list[mx.array], dict[Variant, int]]:
    """The first example that launches all that is wanted, in threadgroups as large; its arrays, and
    what it launches."""
    for example in examples:
        arrays = [_integers(shape, dtype) for shape in example.shapes]
        try:
            with metal.recording(dry=True) as launches:
                example.shader(*arrays)
        except Exception:  # nothing for this launcher; it has made the last of them, the call
            continue
        launched = _variants(form, launches)
        if all(launched.get(variant, 0) >= threads for variant, threads in wanted.items()):
            break
    return example, arrays, launched


def _integers(shape: tuple[int, ...], dtype: mx.Dtype) -> mx.array:
    """-2 to 2: every dtype holds them, and float32 their sums in whatever order."""
    return mx.random.randint(-2, 3, shape, key=mx.random.key(next(_seeds))).astype(dtype)


def _difference(
    got: mx.array, definition: Callable[..., mx.array], arrays: Sequence[mx.array]
) -> str:
    """How the result differs from the definition, in words; empty where it does not."""
    mx.eval(got)  # before the definition leaves the right numbers in memory
    expected = definition(*(array.astype(mx.float32) for array in arrays))
    if (got.shape, got.dtype) != (expected.shape, arrays[0].dtype):
        return (
            f"gives {_name(got.dtype)} {got.shape} where the definition gives "
            f"{_name(arrays[0].dtype)} {expected.shape}"
        )
    a, b = np.array(got.astype(mx.float32)), np.array(expected)
    wrong = np.argwhere(~(np.abs(a - b) <= _TOLERANCE[got.dtype] * np.abs(b)))  # a NaN is wrong
    if not len(wrong):
        return ""
    at = tuple(int(i) for i in wrong[0])
    return (
        f"gives wrong numbers: {len(wrong)} of {a.size} differ from the definition, the first at "
        f"{at} with {a[at]:g} for {b[at]:g}"
    )


# Words ------------------------------------------------------------------------------------------


def _variants(form: str, launches: Iterable[Launch]) -> dict[Variant, int]:
    """What was launched, with the threads of its largest threadgroup."""
    found: dict[Variant, int] = {}
    for kernel, template, inputs, threads in launches:
        variant = Variant(form, kernel, template, inputs)
        found[variant] = max(threads, found.get(variant, 0))
    return found


def _name(value: object) -> str:
    return str(value).removeprefix("mlx.core.")


def _raised(error: Exception) -> str:
    """An exception in one line: MLX quotes the whole source of what does not compile."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join([line for line in lines if re.search(r"\berror\b", line)] or lines)
    text = text[:300] + "..." if len(text) > 300 else text
    return f"does not run: {type(error).__name__}: {text}"


def _message(variant: Variant, reason: str) -> str:
    origin = f" of {variant.file}, {variant.settings}," if variant.kernel else ""
    return (
        f"The Metal shader {variant.name}{origin} {reason}. This on {device()}, MLX "
        f"{metal.MLX}. It is switched off until Python ends: plain MLX operations give the "
        "same results, more slowly. lucid.kernels.status() lists all shaders; LUCID_KERNELS=off in "
        "the environment does without any. Please send a report: in a checkout of lucid, "
        "`python -m tests.metal_emulator.bridge` writes it."
    )


# What a proof holds for -------------------------------------------------------------------------


def _key(variant: Variant) -> str:
    assert variant.kernel is not None, f"{variant.form}: only a kernel passes"
    kernel = variant.kernel
    return f"{variant.form} {kernel.file}.{kernel.name} {kernel.source.digest} {variant.settings}"


@cache
def _place() -> dict[str, str]:
    """The device, its compiler, which comes with the system, and the code that launches."""
    code = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        code.update(path.read_bytes())
    return {
        "device": device(),
        "system": platform.platform(),
        "mlx": metal.MLX,
        "code": code.hexdigest()[:12],
    }


def _default_path() -> Path:
    place = hashlib.sha256(repr(_place()).encode()).hexdigest()[:12]
    return _cache.folder() / f"shaders-{place}.json"
