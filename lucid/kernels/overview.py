"""Which shaders run here, as a table to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import NamedTuple

from lucid.kernels import metal, shaders, trust


class Row(NamedTuple):
    """What is known of one kernel in one dtype."""

    kernel: str
    state: str  # "shader", "definition" or "not used yet"
    dtype: str
    file: str
    why: str


class Status(NamedTuple):
    """Whether shaders run here, and the state of each kernel; prints as a table."""

    summary: str
    rows: tuple[Row, ...]

    def __repr__(self) -> str:
        if not self.rows:
            return self.summary
        lines = [Row._fields, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(Row._fields))]
        table = (
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )
        return "\n".join([self.summary, *table])

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        lines = [("th", Row._fields), *(("td", row) for row in self.rows)]
        table = "".join(
            f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in line)}</tr>"
            for tag, line in lines
        )
        return f"<p>{escape(self.summary)}</p>" + (f"<table>{table}</table>" if self.rows else "")


def status() -> Status:
    """Which Metal shaders run on this machine, which their definitions replace, and why.

    A shader is compared with its definition in plain MLX operations when it is first used; until
    then it is "not used yet". One that failed is off for the rest of the process.

    >>> import lucid
    >>> lucid.kernels.status()  # doctest: +ELLIPSIS
    Metal shaders are ...
    """
    if metal.available():
        summary = f"Metal shaders are on: {trust.device()}, MLX {metal.MLX}."
        rows = list(_used(trust.ledger()))
        used = {(row.kernel, row.file) for row in rows}
        rows += [row for row in _present("not used yet") if (row.kernel, row.file) not in used]
    else:
        reason = metal.obstacle()
        summary = f"Metal shaders are off: {reason}. All convolutions are plain MLX operations."
        rows = [row._replace(why=row.why or reason) for row in _present("definition")]
    return Status(summary, tuple(sorted(rows, key=lambda row: (row.file, *row))))


def _used(ledger: trust.Ledger) -> Iterator[Row]:
    """One row for the variants of a kernel and dtype that passed, one for those that failed."""
    passed = [variant for variant in ledger.passed if variant not in ledger.failed]
    for (kernel, dtype, file), variants in _grouped(passed):
        how = "trusted unseen" if ledger.assume else "equal to the definition"
        yield Row(kernel, "shader", dtype, file, f"{how}: {_count(variants)}")
    for (kernel, dtype, file), variants in _grouped(ledger.failed):
        first = variants[0]
        why = f"{first.settings} {ledger.failed[first]}".lstrip()
        more = f" (and {_count(variants[1:])})" if variants[1:] else ""
        yield Row(kernel, "definition", dtype, file, why + more)


def _grouped(
    variants: Iterable[trust.Variant],
) -> Iterable[tuple[tuple[str, str, str], list[trust.Variant]]]:
    groups: dict[tuple[str, str, str], list[trust.Variant]] = {}
    for variant in variants:
        groups.setdefault((variant.name, variant.dtype, variant.file), []).append(variant)
    return groups.items()


def _count(variants: list[trust.Variant]) -> str:
    return f"{len(variants)} variant{'s' if len(variants) > 1 else ''}"


def _present(state: str) -> Iterator[Row]:
    """The kernels of the folder; or what is wrong with it."""
    try:
        paths = sorted(shaders.folder().glob("*.metal"))
    except FileNotFoundError as error:
        yield Row("", "definition", "", "metal/", str(error))
        return
    for path in paths:
        file = f"metal/{path.name}"
        try:
            kernels = metal.read(path.stem)
        except Exception as error:  # whatever a file may hold
            yield Row("", "definition", "", file, str(error))
            continue
        for kernel in kernels:
            yield Row(kernel, state, "", file, "")
