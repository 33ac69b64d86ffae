"""What a training prints before and after: the model, a table, and where the files are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lucid.recipes.job import Job, Row
from lucid.recipes.run import Run


@dataclass(frozen=True)
class Result:
    """What a training came to: its folder, one row per epoch, and a table to print."""

    run: Path
    history: list[Row]
    table: str


def start(job: Job, run: Run) -> str:
    """What will be trained, for how long, and where to."""
    parameters = sum(p.numel() for p in job.model.parameters())
    return f"{parameters:,} parameters, {job.steps} steps, into {run.path}"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Text in columns; the last row is the sum of the others. Text columns are the outer two.

    >>> print(table(("class", "clips", "note"), [("yes", 12, "clear"), ("all", 12, "")]))
    class  clips  note
    -------------------
    yes       12  clear
    -------------------
    all       12
    """
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    last = len(head) - 1
    lines = []
    for row in cells:
        parts = [
            cell.ljust(width) if i in (0, last) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(parts).rstrip())
    rule = "-" * (sum(widths) + 2 * last)
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def draw(*pictures: Callable[[], None]) -> None:
    """Draw the pictures; where matplotlib is missing, say how to get it."""
    try:
        for picture in pictures:
            picture()
    except ImportError as error:
        print(f"no pictures: {error}", file=sys.stderr)
