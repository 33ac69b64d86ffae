"""Metal source -> C++ for clang: the few edits that the shim header cannot make.

The edits keep the number of lines, so that clang's messages and debug information give lines of the
Metal text:

- `[[...]]` attributes are read and blanked out;
- `threadgroup T a[N];` becomes a reference to storage that the runtime hands out;
- `vec<T, 4>(...)` becomes a call of the shim's maker of vectors; `1.0h` becomes `half(1.0)`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from .tokens import Token, closing, join, significant, split, tokenize

_BLANK = re.compile(r"[^\n]")
_VECTOR = re.compile(r"(?:b?float|half|bool|u?(?:char|short|int|long))[234]$")
SPACES = ("device", "constant", "threadgroup")
_QUALIFIERS = (*SPACES, "thread", "const", "volatile")


class UnsupportedError(ValueError):
    """Metal text that the emulator does not understand; nothing is guessed."""


class Parameter(NamedTuple):
    """One parameter of a kernel function. `attribute` is "buffer" or the name of a Metal attribute,
    such as "thread_position_in_grid"."""

    name: str
    attribute: str
    space: str
    output: bool


class Rewritten(NamedTuple):
    """`text` is C++; `function` the kernel with its template arguments, as `f<float, 7>`."""

    text: str
    function: str
    parameters: tuple[Parameter, ...]

    @property
    def buffers(self) -> list[Parameter]:
        return [p for p in self.parameters if p.attribute == "buffer"]


def rewrite(source: str, function: str) -> Rewritten:
    """The C++ text of a Metal source and the signature of its kernel `function`, which names the
    template arguments, unless the source instantiates that kernel itself.

    Raises:
        UnsupportedError: the kernel is missing, or something is not supported.
    """
    tokens = tokenize(source)
    name = function.partition("<")[0]
    parameters = _signature(tokens, name)
    if "<" not in function:
        function = _instantiated(source, name)
    tokens = _array_parameters(_blank_attributes(tokens))
    tokens = _allocate_threadgroup(tokens)
    tokens = _make_vectors(_suffixes(tokens))
    return Rewritten(join(tokens), function, parameters)


def launcher(rewritten: Rewritten) -> str:
    """The C function by which the runtime enters the kernel, with the buffers and coordinates."""
    arguments, buffers = [], 0
    for i, parameter in enumerate(rewritten.parameters):
        if parameter.attribute == "buffer":
            arguments.append(f"emu::buffer<emu_kernel, {i}>(buffers[{buffers}])")
            buffers += 1
        else:
            arguments.append(f"emu::attribute<emu_kernel, {i}>(tid->{parameter.attribute})")
    return (
        '\n#line 1 "launcher"\n'
        f"using emu_kernel = decltype({rewritten.function});\n"
        'extern "C" void emu_entry(void** buffers, const emu::Tid* tid) {\n'
        f"  {rewritten.function}({', '.join(arguments)});\n}}\n"
    )


def _signature(tokens: Sequence[Token], name: str) -> tuple[Parameter, ...]:
    code = significant(tokens)
    for i, token in enumerate(code[:-1]):
        if (
            token.text == name
            and code[i + 1].text == "("
            and code[i - 1].text == "void"
            and _is_kernel(code[:i])
        ):
            inside = code[i + 2 : closing(code, i + 1)]
            return tuple(_parameter(part) for part in split(inside) if part)
    raise UnsupportedError(f"the source has no kernel function `{name}`")


def _is_kernel(before: Sequence[Token]) -> bool:
    """Whether a function's head holds `kernel`: between what came before it and its name."""
    for token in reversed(before):
        if token.text in (";", "{", "}"):
            return False
        if token.text == "kernel":
            return True
    return False


def _parameter(tokens: Sequence[Token]) -> Parameter:
    texts = [token.text for token in tokens]
    attribute = "buffer"
    if "[" in texts and texts[texts.index("[") + 1 :][:1] == ["["]:
        cut = texts.index("[")
        attribute, texts = texts[cut + 2], texts[:cut]
    space = next((s for s in SPACES if s in texts), "")
    name = texts[-1]
    if attribute == "buffer" and (space not in ("device", "constant") or texts[-2] not in "*&"):
        raise UnsupportedError(
            f"line {tokens[0].line}: the parameter `{' '.join(texts)}` is neither a device or "
            "constant pointer or reference, nor has it an attribute"
        )
    return Parameter(name, attribute, space, space == "device" and "const" not in texts)


def _instantiated(source: str, name: str) -> str:
    found = re.search(rf"decltype\(({name}<[^;]*>)\)\s*{name}\s*<", source)
    if found:
        return found[1]
    if re.search(rf"template\s*<[^;{{]*>\s*\[\[kernel\]\]\s*void\s+{name}\b", source):
        raise UnsupportedError(f"name the template arguments of `{name}`, as in `{name}<float>`")
    return name


def _blank(tokens: Sequence[Token]) -> str:
    """As many lines as the tokens have."""
    return "\n" * join(tokens).count("\n")


def _blank_attributes(tokens: Sequence[Token]) -> list[Token]:
    done: list[Token] = []
    i = 0
    while i < len(tokens):
        if tokens[i].text == "[" and i + 1 < len(tokens) and tokens[i + 1].text == "[":
            end = closing(tokens, i) + 1
            done.append(Token("space", _BLANK.sub(" ", join(tokens[i:end])), tokens[i].line))
            i = end
        else:
            done.append(tokens[i])
            i += 1
    return done


def _array_parameters(tokens: Sequence[Token]) -> list[Token]:
    """`constant T a[3]` in parentheses, so a parameter, is the pointer `constant T * a`."""
    done = list(tokens)
    code = [i for i, token in enumerate(done) if token.kind not in ("space", "directive")]
    depth, spaced = 0, False
    for at, i in enumerate(code[:-2]):
        text = done[i].text
        depth += {"(": 1, ")": -1}.get(text, 0)
        spaced = depth > 0 and (spaced or text in SPACES) and text not in "(),;{}*&"
        if spaced and done[i].kind == "name" and done[code[at + 1]].text == "[":
            opening = code[at + 1]
            end = closing(done, opening)
            lines = _blank(done[opening : end + 1])
            done[i] = done[i]._replace(text=f"* {text}{lines}")
            for j in range(opening, end + 1):
                done[j] = done[j]._replace(text="")
    return [token for token in done if token.text]


def _allocate_threadgroup(tokens: Sequence[Token]) -> list[Token]:
    """Statements that declare threadgroup storage, rewritten; pointers and references stay."""
    done: list[Token] = []
    depth = i = arrays = 0
    previous = "{"
    while i < len(tokens):
        token = tokens[i]
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and (end := storage_end(tokens, i, previous)):
            text, count = _storage(significant(tokens[i:end]), arrays)
            arrays += count
            done.append(Token("name", text + _blank(tokens[i:end]), token.line))
            i, previous = end, "name"
            continue
        if token.kind not in ("space", "directive"):
            previous = token.text
        done.append(token)
        i += 1
    return done


def storage_end(tokens: Sequence[Token], i: int, previous: str) -> int | None:
    """Where a declaration of threadgroup storage ends that begins at `i`, after the token
    `previous`; None if there is none: pointers, references, initialised variables are no storage.
    """
    if tokens[i].text != "threadgroup" or previous not in (";", "{", "}", ")", "const"):
        return None
    depth = 0
    for j in range(i, len(tokens)):
        depth += {"[": 1, "]": -1}.get(tokens[j].text, 0)
        if tokens[j].text == ";":
            return j
        if tokens[j].text in "{(" or (depth == 0 and tokens[j].text in "*&="):
            return None
    return None


def _storage(statement: Sequence[Token], first: int) -> tuple[str, int]:
    """`threadgroup T a[N], b` -> references to storage that the runtime hands out by number."""
    parts = split(statement[1:])
    # The first part holds the type too: the declarator is its last name and what follows.
    head = [token.text for token in parts[0]]
    cut = head.index("[") if "[" in head else len(head)
    kind = " ".join(head[: cut - 1])
    declarators = [head[cut - 1 :], *([token.text for token in part] for part in parts[1:])]
    made = []
    for number, (name, *extents) in enumerate(declarators, first):
        made.append(f"(&{name}){' '.join(extents)} = EMU_TG({name}, {number})")
    return f"threadgroup __typeof__({kind}) {', '.join(made)}", len(made)


def _suffixes(tokens: Sequence[Token]) -> list[Token]:
    """`1.0h` -> half(1.0), `1.0bf` -> bfloat(1.0)."""
    done = []
    for token in tokens:
        found = re.fullmatch(r"((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(h|bf)", token.text.lower())
        if token.kind == "number" and found and not token.text.startswith("0x"):
            kind = {"h": "half", "bf": "bfloat"}[found[2]]
            token = token._replace(text=f"{kind}({found[1]})")
        done.append(token)
    return done


def _make_vectors(tokens: Sequence[Token]) -> list[Token]:
    """`vec<T, N>(` -> `emu::mk<vec<T, N>>(`, and the same for static_cast to a vector.

    `float4(` and the like are macros of the shim, since they also occur in macros of the text.
    """
    done: list[Token] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        following = tokens[i + 1].text if i + 1 < len(tokens) else ""
        if token.text in ("vec", "static_cast") and following == "<":
            try:
                end = closing(tokens, i + 1)
            except ValueError:
                end = i
            inside = significant(tokens[i + 2 : end])
            called = end > i and (significant(tokens[end + 1 : end + 3]) or [token])[0].text == "("
            cast = token.text == "static_cast"
            if called and (not cast or _is_vector(inside)):
                kind = join(tokens[i + 2 : end] if cast else tokens[i : end + 1])
                done.append(Token("name", f"emu::mk<{kind}>", token.line))
                i = end + 1
                continue
        done.append(token)
        i += 1
    return done


def _is_vector(kind: Sequence[Token]) -> bool:
    names = [token.text for token in kind if token.text not in (*_QUALIFIERS, "metal", "::")]
    return bool(names) and (names[0] == "vec" or _VECTOR.match(names[0]) is not None)
