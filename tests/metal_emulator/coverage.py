"""Which lines of the shaders no launch has run.

With LUCID_SHADER_COVERAGE=1 in the environment pytest lists those of `metal/` when it ends, and
fails if there are any, as CI does. Check builds tell all lines that run; in counting builds the
optimiser may have turned branches into selections, which run both sides.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from .instrument import Block

# A statement that becomes code where its template is instantiated.
_STATEMENT = re.compile(
    r"(?!\s*(?:constexpr|constant|using|typedef|template|static|#))"
    r".*(?:[=(+-]|\breturn\b|\bbreak\b|\bcontinue\b).*;\s*$"
)
_ARRAY = re.compile(
    r"(?!\s*return)\s*[\w:<>, ]+ \w+(\[[^=]*\])+;\s*$"
)  # declares without computing
_CONSTEXPR = re.compile(r"(\s*)(?:inline )?constexpr .*\{\s*$")
_SEPARATOR = re.compile(r'^(?:#include ".*|// kernel .*)\n', re.MULTILINE)  # of lucid.kernels.metal


class Ran(Protocol):
    """What `Coverage` needs of a `Run`."""

    source: str
    blocks: Sequence[Block]
    executions: Sequence[int]


class Coverage:
    """The lines that have been run, over any number of launches."""

    def __init__(self) -> None:
        self._compiled: defaultdict[str, set[int]] = defaultdict(set)  # by source, from line 1
        self._run: defaultdict[str, set[int]] = defaultdict(set)

    def add(self, run: Ran) -> None:
        for block, n in zip(run.blocks, run.executions, strict=True):
            self._compiled[run.source].update(block.lines)
            if n:
                self._run[run.source].update(block.lines)

    def missed(self, text: str) -> list[tuple[int, str]]:
        """(line, its text) for each line of `text`, from 1, that should run and never did. `text`
        is the header or the body of a kernel, or part of one.

        Raises:
            ValueError: no launch had this text in its source.
        """
        if not any(text in source for source in self._compiled):
            raise ValueError(f"no launch ran a kernel with the text {text[:60]!r}...")
        lines = text.splitlines()
        compiled, run = self._lines_of(self._compiled, text), self._lines_of(self._run, text)
        return [(i, lines[i - 1]) for i in sorted((compiled | set(_statements(lines))) - run)]

    def _lines_of(self, table: Mapping[str, set[int]], text: str) -> set[int]:
        found = set()
        for source, lines in table.items():
            if (start := source.find(text)) >= 0:
                before = source.count("\n", 0, start)
                inside = range(1, len(text.splitlines()) + 1)
                found |= {line - before for line in lines if line - before in inside}
        return found


def _statements(lines: Sequence[str]) -> Iterator[int]:
    """The numbers of lines that hold a statement, but for functions that clang itself evaluates."""
    end = None  # how the line begins that ends such a function
    for i, line in enumerate(lines, 1):
        code = line.partition("//")[0]
        if end is None and (head := _CONSTEXPR.match(code)):
            end = head[1] + "}"
        elif end is not None:
            end = None if code.startswith(end) else end
        elif _STATEMENT.match(code) and not _ARRAY.match(code):
            yield i


def report(coverage: Coverage, folder: Path) -> Iterator[str]:
    """The missed lines of the Metal files of a folder, readable."""
    for path in sorted(path for path in folder.iterdir() if path.suffix in (".metal", ".h")):
        place, line = f"{folder.name}/{path.name}", 1
        for part in _SEPARATOR.split(path.read_text(encoding="utf-8")):
            try:
                missed = coverage.missed(part)
            except ValueError:
                yield f"{place}:{line}: this and what follows was in no launch"
            else:
                yield from (f"{place}:{line + i - 1}: {code}" for i, code in missed)
            line += part.count("\n") + 1
