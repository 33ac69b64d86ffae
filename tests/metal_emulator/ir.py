"""Reading LLVM IR as text: operands, types, blocks and source lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

NAME = r'(?:[-\w.$]+|"[^"]*")'

_OPEN, _CLOSE = "([{<", ")]}>"
_BYTES = {"half": 2, "bfloat": 2, "float": 4, "double": 8, "ptr": 8}
_LABEL = re.compile(rf"({NAME}):")
_TARGET = re.compile(rf"label %({NAME})")
_OPCODE = re.compile(rf"  (?:%{NAME} = )?(?:(?:tail|musttail|notail) )?(\w+)")
_METADATA = re.compile(r"!(\d+) = (?:distinct )?!DI\w+\((.*)\)")
_FIELD = re.compile(r'(\w+): (?:"([^"]*)"|!?(\w+))')
_DBG = re.compile(r"!dbg !(\d+)")


def opcode(line: str) -> str:
    """The instruction of a line of a function, "" if it holds none.

    >>> opcode("  %3 = tail call float @llvm.exp.f32(float %2)"), opcode("4:   ; preds = %1")
    ('call', '')
    """
    match = _OPCODE.match(line)
    return match[1] if match else ""


def split(text: str) -> list[str]:
    """What commas separate outside all brackets.

    >>> split("{ i32, float } %1, ptr %2, align 4")
    ['{ i32, float } %1', 'ptr %2', 'align 4']
    """
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in _OPEN) - (c in _CLOSE)
        if c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]


def arguments(call: str) -> list[str]:
    """The arguments of a call.

    >>> arguments("  call void @f(ptr addrspace(1) align 4 %2, i64 16), !dbg !3")
    ['ptr addrspace(1) align 4 %2', 'i64 16']
    """
    start = call.index("(", call.index("@")) + 1
    depth = 1
    for end in range(start, len(call)):
        depth += (call[end] in _OPEN) - (call[end] in _CLOSE)
        if depth == 0:
            break
    return split(call[start:end])


def leading_type(text: str) -> str:
    """The type at the start of `text`.

    >>> leading_type("[2 x [3 x float]] zeroinitializer"), leading_type("float %1")
    ('[2 x [3 x float]]', 'float')
    """
    depth = 0
    for i, c in enumerate(text):
        depth += (c in _OPEN) - (c in _CLOSE)
        if depth == 0 and (c in _CLOSE or c == " "):
            return text[: i + (c != " ")]
    return text


def size(type_: str) -> int:
    """Bytes that a load or store of the type touches.

    >>> size("<4 x half>"), size("[3 x i32]"), size("i1")
    (8, 12, 1)
    """
    if match := re.fullmatch(r"[<\[](\d+) x (.*)[>\]]", type_):
        return int(match[1]) * size(match[2])
    if match := re.fullmatch(r"i(\d+)", type_):
        return -(-int(match[1]) // 8)
    if type_ not in _BYTES:
        raise ValueError(f"no size is known for the type {type_!r}")
    return _BYTES[type_]


def blocks(body: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """The basic blocks of a function's body: (label, lines), the label "" for the first."""
    label, lines = "", []
    for line in body:
        if match := _LABEL.match(line):
            if lines:
                yield label, lines
            label, lines = match[1], [line]
        elif line:
            lines.append(line)
    yield label, lines


def loops(body: Iterable[str]) -> set[str]:
    """The labels of blocks that a later block, or the block itself, jumps to."""
    seen: set[str] = set()
    targets: set[str] = set()
    for label, lines in blocks(body):
        seen.add(label)
        targets |= seen.intersection(t for line in lines for t in _TARGET.findall(line))
    return targets


class Locations:
    """Where in the files with the given ending an instruction comes from.

    Code inlined from another file (the emulated standard library) counts as the line that calls it,
    the innermost one.
    """

    def __init__(self, ir: Iterable[str], ending: str) -> None:
        self._ending = ending
        self._nodes = {
            match[1]: {key: text or word for key, text, word in _FIELD.findall(match[2])}
            for line in ir
            if (match := _METADATA.match(line))
        }

    def place(self, line: str) -> tuple[int, int]:
        """(line, column), from 1; (0, 0) if the instruction comes from none of them."""
        match = _DBG.search(line)
        location = self._nodes.get(match[1]) if match else None
        while location:
            if self._file(location).endswith(self._ending) and location["line"] != "0":
                return int(location["line"]), int(location.get("column", 0))
            location = self._nodes.get(location.get("inlinedAt", ""))
        return 0, 0

    def _file(self, location: dict[str, str]) -> str:
        scope = self._nodes.get(location.get("scope", ""), {})
        return self._nodes.get(scope.get("file", ""), {}).get("filename", "")
