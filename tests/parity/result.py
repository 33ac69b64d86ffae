"""What passed and what did not, of one entry in one dtype."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from .compare import Mismatch
from .convert import Unsupported

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
        """Count one case; what it raises is its failure. False where it did not pass."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                check()
        except Unsupported as error:
            self.excluded[str(error)] += 1
            return False
        except Exception as error:
            self.total[case] += 1
            text = str(error) if isinstance(error, Mismatch) else f"{type(error).__name__}: {error}"
            self.failures.append((case, label, " ".join(text.split())[:400]))
            return False
        self.total[case] += 1
        self.passed[case] += 1
        return True
