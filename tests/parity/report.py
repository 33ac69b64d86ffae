"""RESULTS.md: what was compared, what passed, what is left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from . import exceptions
from .convert import NO_DTYPE
from .result import Result
from .walk import DTYPES, SAMPLES, VARIANT_SAMPLES

PATH = Path(__file__).with_name("RESULTS.md")
COLUMNS = tuple(str(d).removeprefix("torch.") for d in DTYPES)

INTRODUCTION = f"""\
# lucid against PyTorch, on PyTorch's own sample inputs

Written by `python -m tests.parity` in the repository's root; do not edit. With `--check` it fails
where this file is out of date and where a sample fails. `python -m tests.parity NAME` shows one
entry: which samples fail, and why.

Versions: {{versions}}

- The entries are those of torch's `common_methods_invocations.op_db` (operations) and
  `common_modules.module_db` (modules, here `nn.X`), both in `torch.testing._internal`. An entry is
  offered where `lucid` or `lucid.Tensor` has its name.
- A sample passes where structure, shape, dtype and values are torch's on the CPU. Then the
  gradients of all inputs (of modules: of all parameters too), from one fixed pseudo-random
  cotangent.
- Tolerances: those of `torch.testing.assert_close` (float32 and complex64: rtol 1.3e-6, atol 1e-5;
  bfloat16: rtol 1.6e-2, atol 1e-5; integers and bool: equal), for all entries. Where torch itself
  rounds further than that, seen from its results in the next wider dtype, ours may lie at most
  three times as far from those as torch's own do, relative to the largest element and taken over
  all results (or all gradients) of the sample.
- Where torch returns other values from another seed, shape and dtype are compared. The same holds
  for results that are whatever the memory held (`empty` and its kind).
- Where torch documents that equal elements come in any order (`sort`, `topk`, `median` and their
  kind), other indices pass where they select equal elements.
- At most {SAMPLES} samples of an entry and dtype, evenly spaced.
- "methods": the first {VARIANT_SAMPLES} samples as method, in place, as operator, and with
  torch's names for all arguments.
- "errors" are calls that raise in torch: they raise a Python exception here. They are counted once,
  in the first dtype of the entry.
- Cells: `forward gradients`, each passed/total. Empty: torch has no samples in that dtype.
"""


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    cases = [c for c in ("forward", "gradients") if result.total[c]]
    return " ".join(f"{result.passed[c]}/{result.total[c]}" for c in cases) or "0/0"


def _sum(results: Iterable[Result], case: str) -> str:
    results = list(results)
    total = sum(r.total[case] for r in results)
    return f"{sum(r.passed[case] for r in results)}/{total}" if total else ""


def _row(entry: str, results: list[Result]) -> str:
    by_dtype = {r.dtype: r for r in results}
    left_out = sum(sum(r.excluded.values()) for r in results)
    cells = [
        f"`{entry}`",
        *(_cell(by_dtype.get(c)) for c in COLUMNS),
        _sum(results, "methods"),
        _sum(results, "errors"),
        str(left_out or ""),
    ]
    return "| " + " | ".join(cells) + " |"


def text(
    walked: dict[str, list[Result] | None], problems: dict[str, str], missing: list[str]
) -> str:
    """The whole file.

    Args:
        walked: results per entry offered, None where there is none.
        problems: per entry without a result, why.
        missing: the entries not offered.
    """
    results = [r for rs in walked.values() for r in rs or []]
    lines = [INTRODUCTION.format(versions=", ".join(f"{p} {version(p)}" for p in ("torch", "mlx")))]
    lines += ["## Totals", "", *_totals(walked, results, missing), ""]
    lines += ["## Left out", "", *_left_out(results), ""]
    header = ["entry", *COLUMNS, "methods", "errors", "left out"]
    for title, chosen in (
        ("Operations", [e for e in walked if not is_module(e)]),
        ("Modules", [e for e in walked if is_module(e)]),
    ):
        lines += [f"## {title}", "", "| " + " | ".join(header) + " |"]
        lines += ["|" + "---|" * len(header)]
        for entry in sorted(chosen):
            if walked[entry] is None:
                lines.append(f"| `{entry}` | {problems[entry]} |" + " |" * (len(header) - 2))
            else:
                lines.append(_row(entry, walked[entry] or []))
        lines.append("")
    lines += ["## Not offered", "", ", ".join(f"`{e}`" for e in sorted(missing)), ""]
    return "\n".join(lines)


def is_module(entry: str) -> bool:
    """nn.Linear is a module, nn.functional.linear is not."""
    return entry.startswith("nn.") and not entry.startswith("nn.functional.")


def _totals(walked: dict, results: list[Result], missing: list[str]) -> list[str]:
    def offered(module: bool) -> str:
        ours = sum(is_module(e) == module for e in walked)
        return f"{ours} of {ours + sum(is_module(e) == module for e in missing)}"

    complete = sum(r is not None and not any(x.failures for x in r) for r in walked.values())
    lines = [
        f"- Offered: {offered(False)} operations, {offered(True)} modules.",
        f"- Entries without a failure: {complete} of {len(walked)}.",
        "",
        "| samples passed/total | forward | gradients | methods | errors |",
        "|---|---|---|---|---|",
    ]
    for dtype in (*COLUMNS, None):
        some = [r for r in results if dtype in (r.dtype, None)]
        sums = [_sum(some, case) for case in ("forward", "gradients", "methods", "errors")]
        lines.append(f"| {dtype or '**all**'} | " + " | ".join(sums) + " |")
    return lines


def _left_out(results: list[Result]) -> list[str]:
    """Every reason, with how many samples it leaves out in how many entries."""
    samples: Counter[str] = Counter()
    entries: dict[str, set[str]] = {}
    for r in results:
        samples.update(r.excluded)
        for reason in r.excluded:
            entries.setdefault(reason, set()).add(r.entry)
    known = [rule.reason for rule in exceptions.RULES] + list(NO_DTYPE.values())
    order = [r for r in dict.fromkeys(known) if r in samples]
    order += sorted(r for r in samples if r not in order)
    lines = ["| why | samples | entries |", "|---|---|---|"]
    for reason in order:
        names = sorted(entries[reason])
        shown = ", ".join(f"`{n}`" for n in names[:6]) + (", ..." if len(names) > 6 else "")
        lines.append(f"| {reason} | {samples[reason]} | {shown} |")
    return lines


def comparable(whole: str) -> list[str]:
    """The lines that must be the same on every machine."""
    return [line for line in whole.splitlines() if not line.startswith("Versions:")]
