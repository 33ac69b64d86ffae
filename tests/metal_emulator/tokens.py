"""A tokenizer for C++ text that loses nothing: the tokens joined are the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<space>\s+|\\\n|//(?:\\\n|[^\n])*|/\*.*?\*/)
      | (?P<directive>\#(?:\\\n|[^\n])*)
      | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
      | (?P<name>[A-Za-z_]\w*)
      | (?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)
      | (?P<mark>::|->|&&|\|\||<<=|[-+*/%&|^=!<>]=|.)""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """`kind` is space (comments too), directive, string, name, number or mark."""

    kind: str
    text: str
    line: int


def tokenize(text: str) -> list[Token]:
    """All tokens of `text`."""
    tokens, line = [], 1
    for match in _TOKEN.finditer(text):
        tokens.append(Token(str(match.lastgroup), match[0], line))
        line += match[0].count("\n")
    return tokens


def join(tokens: Sequence[Token]) -> str:
    return "".join(token.text for token in tokens)


def significant(tokens: Sequence[Token]) -> list[Token]:
    """The tokens but for space, comments and preprocessor lines."""
    return [token for token in tokens if token.kind not in ("space", "directive")]


def closing(tokens: Sequence[Token], start: int) -> int:
    """The index of the bracket that closes the one at `start`: ( [ { or <.

    Raises:
        ValueError: nothing closes it.
    """
    pairs = {"(": ")", "[": "]", "{": "}", "<": ">"}
    opening = tokens[start].text
    depth = 0
    for i in range(start, len(tokens)):
        if tokens[i].text == opening:
            depth += 1
        elif tokens[i].text == pairs[opening]:
            depth -= 1
            if depth == 0:
                return i
        elif opening == "<" and tokens[i].text in (";", "{"):
            break
    raise ValueError(f"line {tokens[start].line}: nothing closes {opening!r}")


def split(tokens: Sequence[Token], separator: str = ",") -> list[list[Token]]:
    """The tokens between separators outside all brackets, angle brackets included."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.text in ("(", "[", "{", "<"):
            depth += 1
        elif token.text in (")", "]", "}", ">"):
            depth -= 1
        if token.text == separator and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts
