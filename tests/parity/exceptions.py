"""What is left out of the comparison, by rule, each with its reason. RESULTS.md prints them.

What has no counterpart at all (complex128, sparse and quantized tensors, other devices)
is left out where samples are converted, see `convert.Unsupported`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rule:
    """Cases that are not compared.

    Args:
        reason: why they cannot be the same; RESULTS.md prints it.
        entries: a regular expression that the whole name of the entry matches.
        cases: "forward", "gradients", "methods", "errors": which of its cases.
        dtypes: only these, by name; default: all.
        when: only samples (for errors: error inputs) of which this is true.
    """

    reason: str
    entries: str = ".*"
    cases: tuple[str, ...] = ("forward", "gradients", "methods", "errors")
    dtypes: tuple[str, ...] | None = None
    when: Callable[[Any], bool] = lambda sample: True

    def covers(self, entry: str, case: str, dtype: str, sample: Any) -> bool:
        """Is this case left out?"""
        return (
            case in self.cases
            and (self.dtypes is None or dtype in self.dtypes)
            and re.fullmatch(self.entries, entry) is not None
            and self.when(sample)
        )


def says(pattern: str) -> Callable[[Any], bool]:
    """Error inputs whose message in torch matches."""
    return lambda error: re.search(pattern, str(error.error_regex)) is not None


RULES = [
    Rule("out= is not offered: arrays cannot change", when=lambda s: "out" in _keywords(s)),
    Rule(
        "an error about out= or memory that overlaps: arrays share no memory",
        cases=("errors",),
        when=says(r"out=|unsupported operation: (some elements|more than one element)"),
    ),
]

# The values are whatever the memory held: only shape and dtype are compared.
NO_VALUES = re.compile(r"(new_)?empty(_like|_strided|_permuted)?")


def _keywords(sample: Any) -> dict[str, Any]:
    return getattr(sample, "sample_input", sample).kwargs


def reason(entry: str, case: str, dtype: str, sample: Any) -> str | None:
    """Why this case is left out, or None."""
    return next((r.reason for r in RULES if r.covers(entry, case, dtype, sample)), None)
