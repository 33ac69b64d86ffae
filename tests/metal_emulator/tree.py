"""What clang accepts and Metal does not, found in clang's syntax tree.

In Metal each pointer names its address space, `thread` too, which to clang is an empty macro; and
comparisons of vectors give vectors of bool, where clang gives integers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .rewrite import SPACES

WITHOUT = "without an address space: say `thread`"

_NODE = re.compile(r"^(?P<indent>[ |`-]*)(?P<kind>\w+) (?P<id>0x[0-9a-f]+) (?P<rest>.*)$")
_PLACE = re.compile(r"(?:line:|col:|(?P<file>[^\s<>,:]+):)(?:(?P<line>\d+):)?(?P<col>\d+)")
_CALLED = re.compile(r"lvalue (?:Function|CXXMethod) (0x[0-9a-f]+)")
_POINTER = re.compile(r" '(?:[^'()]*[*&])'| '[^'()]*[*&] ?\(")
_DECLARED = re.compile(r"(?:ParmVar|Var|Field|Function|CXXMethod|Typedef|TypeAlias)Decl$")
_FUNCTIONS = ("FunctionDecl", "CXXMethodDecl")
_TO_BFLOAT = re.compile(r"__bf16' <FloatingCast>$")
_AS_FLOAT = re.compile(r"__bf16' lvalue .* ComputeResultTy='float'$")
_CONSTANT = re.compile(r"\bconstant\b|address_space\(2\)")
# What compares or combines vectors, so that the result is one of true and false.
_TRUTH = re.compile(r"ext_vector_type\(\d\)\)\)' (?:prefix )?'([!=]=|[<>]=?|&&|\|\||!)'")
_MAKES_BOOL = re.compile(r"truth<\d>' 'void \(vec<")  # shim/types.h: bool4, of a comparison
_TAKES_BOOL = re.compile(r"truth<\d>'$|<dependent type>")  # a call, as that of bool4(...)
# Words of Metal that are none to clang. Others are macros of the shim, which clang stumbles over.
_WORDS = re.compile(
    r"\b(bfloat|fragment|half|intersection|object_data|ray_data|threadgroup_imageblock|vertex"
    r"|visible)\b"
)


class _Place(NamedTuple):
    line: int
    col: int


class _Node(NamedTuple):
    """`rest` is all that follows the id. `begin` and `at`, the place of the name, are None where
    they lie in the shim, as those of `device` do."""

    depth: int
    kind: str
    id: str
    rest: str
    begin: _Place | None
    at: _Place | None


def complaints(dump: str, lines: Sequence[str]) -> Iterator[tuple[str, int]]:
    """What is wrong, and its line, in the kernel's text, of which `dump` is the tree."""
    above: list[_Node] = []
    calls: set[tuple[str, str]] = set()
    first: dict[str, str] = {}  # declaration of a function -> its first declaration
    where: dict[str, int] = {}
    line = 0
    for node in _nodes(dump):
        while above and above[-1].depth >= node.depth:
            above.pop()
        line = node.begin.line if node.begin else line
        if node.kind in _FUNCTIONS:
            earlier = re.search(r"^prev (0x[0-9a-f]+)", node.rest)
            first[node.id] = first.get(earlier[1], earlier[1]) if earlier else node.id
            where[first[node.id]] = node.at.line if node.at else 0
        if called := _CALLED.search(node.rest):
            caller = next((first[n.id] for n in reversed(above) if n.kind in _FUNCTIONS), "")
            calls.add((caller, first.get(called[1], called[1])))
        if node.begin and node.at:
            parent = above[-1].kind if above else "TranslationUnitDecl"
            yield from _declared(node, node.begin, node.at, parent, lines)
        yield from ((what, line) for what in _converted(node, above))
        above.append(node)
    yield from (("a function that calls itself", where[f]) for f in _cycles(calls))


def _declared(
    node: _Node, begin: _Place, at: _Place, parent: str, lines: Sequence[str]
) -> Iterator[tuple[str, int]]:
    """Names and address spaces of declarations and casts."""
    declared = _DECLARED.match(node.kind)
    if declared and (word := _WORDS.search(node.rest.partition("'")[0])):
        yield f"`{word[1]}` is a word of Metal", at.line
    if node.kind == "VarDecl" and parent.endswith("Decl") and not _CONSTANT.search(node.rest):
        yield "a variable outside of functions that is not `constant`", at.line
    if not _POINTER.search(node.rest):
        return
    if node.kind == "TypeAliasDecl":  # the type follows the name
        at = _Place(at.line, len(lines[at.line - 1].partition(";")[0]) + 1)
    if declared and not _names_space(lines, begin, at):
        what = "return type" if node.kind in _FUNCTIONS else "declaration"
        yield f"a pointer or reference {what} {WITHOUT}", at.line
    elif node.kind == "CStyleCastExpr" and not _cast_names_space(lines, begin):
        yield f"a cast to a pointer {WITHOUT}", begin.line


def _converted(node: _Node, above: Sequence[_Node]) -> Iterator[str]:
    """Conversions that Metal does not make."""
    narrowed = node.kind == "ImplicitCastExpr" and _TO_BFLOAT.search(node.rest)
    if narrowed or (node.kind == "CompoundAssignOperator" and _AS_FLOAT.search(node.rest)):
        yield "a float becomes a bfloat: say so"  # what says so ends in part_of_explicit_cast
    if node.kind == "ParenExpr" or "ext_vector_type" not in node.rest:
        return
    user = next((n.rest for n in reversed(above) if n.kind != "ParenExpr"), "")
    combined, made = _TRUTH.search(user), _MAKES_BOOL.search(user)
    if not _TRUTH.search(node.rest):
        if made or (combined and combined[1] in ("&&", "||", "!")):
            yield "integers where Metal wants a vector of bool"
    elif not (combined or made or _TAKES_BOOL.search(user)):
        yield "a comparison of vectors gives a vector of bool: name it, as in `bool4 m = a < b;`"


def _nodes(dump: str) -> Iterator[_Node]:
    """The nodes of the kernel's text. clang prints only what changes from one place to the next:
    file, line, column."""
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
        begin, at = None, None
        if file == "kernel.metal" and places:
            named = re.search(r"> \S+:\d+ ", head)
            begin, at = places[0], places[-1] if named else places[0]
        yield _Node(len(node["indent"]), node["kind"], node["id"], node["rest"], begin, at)


def _names_space(lines: Sequence[str], begin: _Place, name: _Place) -> bool:
    """Whether the declaration names an address space, or takes its type from elsewhere."""
    first, last = begin.line - 1, name.line - 1
    text = "\n".join([*lines[first:last], lines[last][: name.col - 1]])
    before = re.split(r"[;{}(,]", lines[first][: begin.col - 1])[-1]
    array = re.match(r"\w+ *\[", lines[last][name.col - 1 :])
    text = before + text[begin.col - 1 :] + ("*" if array else "")
    if not re.search(r"[*&]", text) or re.search(r"\bauto\b", text):
        return True
    return bool({*re.findall(r"\w+", text)} & {*SPACES, "thread"})


def _cast_names_space(lines: Sequence[str], begin: _Place) -> bool:
    text = "\n".join([lines[begin.line - 1][begin.col - 1 :], *lines[begin.line : begin.line + 2]])
    words = text[: text.find(")")]
    return "*" not in words or bool({*re.findall(r"\w+", words)} & {*SPACES, "thread"})


def _cycles(calls: set[tuple[str, str]]) -> list[str]:
    """The functions from which a chain of calls leads back to them."""
    reach: dict[str, set[str]] = {}
    for caller, called in calls:
        reach.setdefault(caller, set()).add(called)
    for _ in reach:
        for targets in reach.values():
            targets.update(*(reach.get(target, ()) for target in targets.copy()))
    return [caller for caller, targets in reach.items() if caller in targets]
