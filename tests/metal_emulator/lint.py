"""What clang accepts and Metal does not, found in the tokens and in clang's syntax tree."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from . import build
from .tokens import Token, closing, significant, tokenize

_BANNED = {
    "asm": "inline assembly",
    "catch": "exceptions",
    "delete": "delete",
    "dynamic_cast": "dynamic_cast",
    "goto": "goto",
    "new": "new",
    "std": "C++ standard library",
    "thread_local": "thread_local",
    "throw": "exceptions",
    "try": "exceptions",
    "typeid": "typeid",
    "virtual": "virtual functions",
}
_MODE = build.Mode()
_SPACES = ("device", "constant", "threadgroup", "thread")


class Complaint(NamedTuple):
    """Something that is not Metal, in words, and its line."""

    what: str
    line: int


@cache
def lint(source: str, text: str, mode: build.Mode = _MODE) -> tuple[Complaint, ...]:
    """Everything to complain about in a Metal source and in the C++ text that was made of it.

    Raises:
        CompileError: the text is not even C++.
    """

    def make() -> bytes:
        found = {*banned(source), *_tree(text, mode)}
        return json.dumps(sorted(found, key=lambda complaint: complaint.line)).encode()

    own = (build.FOLDER / "lint.py").read_text()
    kept = build.kept("lint", ".json", (source, text, repr(mode), own), make)
    return tuple(Complaint(*complaint) for complaint in json.loads(kept.read_text()))


# Tokens -------------------------------------------------------------------------------------------


def banned(source: str) -> Iterator[Complaint]:
    """Words and constructs that Metal does not have."""
    tokens = significant(tokenize(source))
    texts = [token.text for token in tokens]
    for i, (kind, text, line) in enumerate(tokens):
        before, after = texts[i - 1] if i else ";", texts[i + 1] if i + 1 < len(texts) else ""
        if kind == "name" and text in _BANNED:
            yield Complaint(f"Metal has no {_BANNED[text]}", line)
        elif text.startswith("__builtin_"):
            yield Complaint(f"{text} belongs to clang", line)
        elif text == "long" and after == "double":
            yield Complaint("Metal has no long double", line)
        elif text == "(" and after == "*" and _is_function_pointer(tokens, i):
            yield Complaint("a pointer to a function", line)
        elif text == "[" and after != "[" and _begins_lambda(before, tokens, i):
            yield Complaint("a lambda: not in all versions of Metal", line)
    yield from _static_locals(tokens)


def _is_function_pointer(tokens: Sequence[Token], i: int) -> bool:
    end = closing(tokens, i)
    inside = [token.text for token in tokens[i + 1 : end]]
    return len(inside) == 2 and tokens[end + 1].text == "(" and tokens[i - 1].kind == "name"


def _begins_lambda(before: str, tokens: Sequence[Token], i: int) -> bool:
    if before in ("[", "]", ")") or (re.match(r"\w", before) and before != "return"):
        return False
    end = closing(tokens, i)
    return end + 1 < len(tokens) and tokens[end + 1].text in ("(", "{")


def _static_locals(tokens: Sequence[Token]) -> Iterator[Complaint]:
    """`static` inside of a function; a class may have static members."""
    scopes: list[bool] = []  # whether each open brace is a class or a namespace
    start = 0
    for i, token in enumerate(tokens):
        if token.text == "{":
            head = [t.text for t in tokens[start:i]]
            scopes.append(bool({"struct", "class", "union", "namespace"} & {*head}))
        elif token.text == "}" and scopes:
            scopes.pop()
        elif token.text == "static" and scopes and not scopes[-1]:
            yield Complaint("a static variable in a function", token.line)
        if token.text in ("{", "}", ";"):
            start = i + 1


# Syntax tree --------------------------------------------------------------------------------------

_NODE = re.compile(r"^(?P<indent>[ |`-]*)(?P<kind>\w+) (?P<id>0x[0-9a-f]+) (?P<rest>.*)$")
_PLACE = re.compile(r"(?:line:|col:|(?P<file>[^\s<>,:]+):)(?:(?P<line>\d+):)?(?P<col>\d+)")
_CALLED = re.compile(r"lvalue (?:Function|CXXMethod) (0x[0-9a-f]+)")
_POINTER = re.compile(r" '(?:[^'()]*[*&])'| '[^'()]*[*&] ?\(")
_DECLARED = re.compile(r"(?:ParmVar|Var|Field|Function|CXXMethod)Decl$")
_TO_BFLOAT = re.compile(r"__bf16' <FloatingCast>$")
_AS_FLOAT = re.compile(r"__bf16' lvalue .* ComputeResultTy='float'$")
_WITHOUT = "without an address space: say `thread`"


class _Place(NamedTuple):
    line: int
    col: int


def _tree(text: str, mode: build.Mode) -> list[Complaint]:
    """Pointers and references without an address space, recursion, and bfloats made in silence.

    In Metal each pointer names its address space, `thread` too; to clang that is an empty macro.
    """
    dump = build.syntax_tree(text, mode)
    lines = text.split("\n")[1:]  # past the #line directive
    complaints, functions, calls = [], [(0, "")], set()
    first: dict[str, str] = {}  # declaration of a function -> its first declaration
    where: dict[str, int] = {}
    for indent, kind, name, rest, begin, at in _nodes(dump):
        while functions[-1][0] >= indent > 0:
            functions.pop()
        if kind in ("FunctionDecl", "CXXMethodDecl"):
            earlier = re.search(r"^prev (0x[0-9a-f]+)", rest)
            first[name] = first[earlier[1]] if earlier else name
            where[first[name]] = at.line if at else 0
            functions.append((indent, first[name]))
        if called := _CALLED.search(rest):
            calls.add((functions[-1][1], first.get(called[1], called[1])))
        if begin and _narrows(kind, rest):
            complaints.append(Complaint("a float becomes a bfloat: say so", begin.line))
        if not at or not begin or not _POINTER.search(rest):
            continue
        if _DECLARED.match(kind) and not _names_space(lines, begin, at):
            what = "return type" if kind in ("FunctionDecl", "CXXMethodDecl") else "declaration"
            complaints.append(Complaint(f"a pointer or reference {what} {_WITHOUT}", at.line))
        elif kind == "CStyleCastExpr" and not _cast_names_space(lines, begin):
            complaints.append(Complaint(f"a cast to a pointer {_WITHOUT}", begin.line))
    return complaints + [
        Complaint("a function that calls itself", where[f]) for f in _cycles(calls)
    ]


def _narrows(kind: str, rest: str) -> bool:
    """Whether a node converts a float or half to bfloat, and no cast asks for it."""
    if kind == "ImplicitCastExpr":
        return bool(_TO_BFLOAT.search(rest))  # an explicit one ends in part_of_explicit_cast
    return kind == "CompoundAssignOperator" and bool(_AS_FLOAT.search(rest))


def _nodes(
    dump: str,
) -> Iterator[tuple[int, str, str, str, _Place | None, _Place | None]]:
    """(indentation, kind, id, all that follows, begin, place of the name) of the nodes of the
    kernel's text. clang prints only what changes from one place to the next: file, line, column.
    A place is None where it lies in the shim, as that of `device` does."""
    file, line = "", 0
    start = dump.rfind("\n", 0, dump.index("kernel.metal:")) + 1
    for text in dump[start:].split("\n"):
        node = _NODE.match(text)
        if not node:
            continue
        places: list[_Place | None] = []
        head = node["rest"].split("'", 1)[0]
        for place in _PLACE.finditer(head):
            file = place["file"] or file
            line = int(place["line"] or line)
            known = file == "kernel.metal" and line > 0
            places.append(_Place(line, int(place["col"])) if known else None)
        if file == "kernel.metal" and places:
            named = re.search(r"> \S+:\d+ ", head)
            at = places[-1] if named else places[0]
            yield len(node["indent"]), node["kind"], node["id"], node["rest"], places[0], at


def _names_space(lines: Sequence[str], begin: _Place, name: _Place) -> bool:
    """Whether the declaration names an address space, or takes its type from elsewhere."""
    first, last = begin.line - 1, name.line - 1
    text = "\n".join([*lines[first:last], lines[last][: name.col - 1]])
    before = re.split(r"[;{}(,]", lines[first][: begin.col - 1])[-1]
    array = re.match(r"\w+ *\[", lines[last][name.col - 1 :])
    text = before + text[begin.col - 1 :] + ("*" if array else "")
    if not re.search(r"[*&]", text) or re.search(r"\bauto\b", text):
        return True
    return bool({*re.findall(r"\w+", text)} & {*_SPACES})


def _cast_names_space(lines: Sequence[str], begin: _Place) -> bool:
    text = "\n".join([lines[begin.line - 1][begin.col - 1 :], *lines[begin.line : begin.line + 2]])
    words = text[: text.find(")")]
    return "*" not in words or bool({*re.findall(r"\w+", words)} & {*_SPACES})


def _cycles(calls: set[tuple[str, str]]) -> list[str]:
    """The functions from which a chain of calls leads back to them."""
    reach: dict[str, set[str]] = {}
    for caller, called in calls:
        reach.setdefault(caller, set()).add(called)
    for _ in reach:
        for targets in reach.values():
            targets.update(*(reach.get(target, ()) for target in targets.copy()))
    return [caller for caller, targets in reach.items() if caller in targets]
