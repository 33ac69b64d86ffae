"""What clang accepts and Metal does not, by the words; what takes types to see is in `tree.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from . import build, tree
from .rewrite import SPACES, storage_end
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
_SCOPES = ("struct", "class", "union", "namespace")  # in which `static` means something else
_MODE = build.Mode()


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
        lines = text.split("\n")[1:]  # past the #line directive
        found = {*banned(source), *tree.complaints(build.syntax_tree(text, mode), lines)}
        return json.dumps(sorted(found, key=lambda complaint: complaint[1])).encode()

    own = [(build.FOLDER / name).read_text() for name in ("lint.py", "tree.py", "rewrite.py")]
    kept = build.kept("lint", ".json", (source, text, repr(mode), *own), make)
    return tuple(Complaint(*complaint) for complaint in json.loads(kept.read_text()))


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
        elif text == "long" and after == "long":
            yield Complaint("Metal has no long long", line)
        elif text == "(" and after == "*" and _is_function_pointer(tokens, i):
            yield Complaint("a pointer to a function", line)
        elif text == "[" and after != "[" and _begins_lambda(before, tokens, i):
            yield Complaint("a lambda: not in all versions of Metal", line)
        elif text in ("*", "&") and after in (">", ",") and _is_bare_argument(texts, i):
            yield Complaint(f"a template argument that is a pointer {tree.WITHOUT}", line)
    yield from _locals(tokens)


def _is_function_pointer(tokens: Sequence[Token], i: int) -> bool:
    end = closing(tokens, i)
    inside = [token.text for token in tokens[i + 1 : end]]
    return len(inside) == 2 and tokens[end + 1].text == "(" and tokens[i - 1].kind == "name"


def _begins_lambda(before: str, tokens: Sequence[Token], i: int) -> bool:
    if before in ("[", "]", ")") or (re.match(r"\w", before) and before != "return"):
        return False
    end = closing(tokens, i)
    return end + 1 < len(tokens) and tokens[end + 1].text in ("(", "{")


def _is_bare_argument(texts: Sequence[str], end: int) -> bool:
    """Whether the * or & at `end` is the end of a template argument that names no address space."""
    depth, first = 0, None
    for i in range(end - 1, -1, -1):
        depth += {">": 1, ")": 1, "<": -1, "(": -1}.get(texts[i], 0)
        if depth < 0 or texts[i] in (";", "{", "}"):
            named = {*texts[i + 1 if first is None else first : end]} & {*SPACES, "thread"}
            return texts[i] == "<" and not named
        if depth == 0 and texts[i] == "," and first is None:
            first = i
    return False


def _locals(tokens: Sequence[Token]) -> Iterator[Complaint]:
    """Variables of a function that are `static`, which a class may have, and threadgroup variables
    of a function that is no kernel.

    That these may be declared in a block of a kernel, not only in its outermost, is known from
    MLX's own kernels (sort.h).
    """
    heads: list[set[str]] = []  # the words before each open brace
    start = 0
    for i, token in enumerate(tokens):
        if token.text == "{":
            heads.append({t.text for t in tokens[start:i]})
        elif token.text == "}" and heads:
            heads.pop()
        elif token.text == "static" and heads and not heads[-1] & {*_SCOPES}:
            yield Complaint("a static variable in a function", token.line)
        elif storage_end(tokens, i, tokens[i - 1].text) and not any("kernel" in h for h in heads):
            yield Complaint("a threadgroup variable outside of a kernel: pass it", token.line)
        if token.text in ("{", "}", ";"):
            start = i + 1
