"""Arrays of a thread that do not end up in registers.

Registers have no addresses: an array lives in them only if every index is known once loops are
unrolled and calls inlined. Otherwise it lies in memory, which on a GPU is far and slow, and nothing
says so. Here clang tells what it could not take apart; Apple's compiler decides for itself.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from . import build
from .rewrite import launcher, rewrite

_MODE = build.Mode(checked=False, optimise=2)
_FUNCTION = re.compile(r"^define [^@]*@(?!_ZN3emu)[^\n]*\n(.*?)^}", re.MULTILINE | re.DOTALL)
_ALLOCATED = re.compile(r"^ *(%[\w.]+) = alloca (\[.*\]|%[^,]+|<[^>]+>),", re.MULTILINE)
_DECLARED = re.compile(r"#dbg_declare\(ptr (%[\w.]+), (!\d+),")
_VARIABLE = re.compile(r'^(!\d+) = !DILocalVariable\(name: "(\w+)",.*? line: (\d+),', re.MULTILINE)


class Array(NamedTuple):
    """A variable in the memory of a thread, and the line that declares it."""

    name: str
    line: int


@cache
def in_memory(source: str, function: str) -> tuple[Array, ...]:
    """What the kernel `function` of a Metal source keeps in memory and not in registers.

    Raises:
        CompileError: the source is not even C++.
    """
    rewritten = rewrite(source, function)
    text = f'#line 1 "kernel.metal"\n{rewritten.text}{launcher(rewritten)}'
    ir = build.optimised(text, _MODE)
    variables = {node: Array(name, int(line)) for node, name, line in _VARIABLE.findall(ir)}
    found = set()
    for body in _FUNCTION.findall(ir):
        declared = dict(_DECLARED.findall(body))
        for place, kind in _ALLOCATED.findall(body):
            found.add(variables[declared[place]] if place in declared else Array(kind, 0))
    return tuple(sorted(found))
