"""Instrumentation: a pass over LLVM IR text that makes a kernel tell what it does.

clang writes the IR (`-S -emit-llvm -gline-tables-only`), `instrument` adds what follows, and clang
compiles the result:

- before every access to device, constant or threadgroup memory (address spaces 1, 2 and 3; what a
  thread has for itself lies in space 0) a call of `emu_<kind>_<space>(address, size, align, site)`;
- to every basic block a counter in `emu_block_counts`: executions times what the block holds are
  exact totals of arithmetic operations, and the lines of the blocks that ran are those covered;
- to every loop a call of `emu_loop(site)`, so that an endless one can be given up;
- `emu_undefined(index in UNDEFINED, site)` for the handlers of clang's -fsanitize-minimal-runtime;
- `emu_constants`: how many program-scope constants the kernel has, their addresses and sizes.

A site is an index in the list of `Site`s. Functions in namespace `emu`, the inside of the emulated
standard library, are left as they are: their accesses are not the kernel's.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from . import ir

SPACES = {"1": "device", "2": "constant", "3": "threadgroup"}

# The handlers of the undefined behaviour sanitizer, in the order of checks.cpp.
UNDEFINED = (
    "add_overflow",
    "sub_overflow",
    "mul_overflow",
    "negate_overflow",
    "divrem_overflow",
    "shift_out_of_bounds",
    "out_of_bounds",
)


def _classes(**classes: str) -> dict[str, str]:
    return {name: key for key, names in classes.items() for name in names.split()}


# Class of operation of each instruction; counted once per component of a vector.
OPERATIONS = _classes(
    add="fadd fsub",
    mul="fmul",
    div="fdiv frem",
    float_other="fneg fcmp fptrunc fpext sitofp uitofp fptosi fptoui",
    int="add sub mul shl lshr ashr and or xor icmp select",
    int_div="sdiv udiv srem urem",
)
INTRINSICS = _classes(
    fma="fma fmuladd",
    special="sqrt exp exp2 exp10 log log2 log10 pow sin cos tan asin acos atan atan2 sinh cosh "
    "tanh",
    float_other="minnum maxnum minimum maximum minimumnum maximumnum fabs copysign "
    "floor ceil rint nearbyint round roundeven trunc",
    int="smin smax umin umax abs ctpop ctlz cttz fshl fshr bitreverse sadd ssub smul",
)
# Instructions that hand pointers on, and intrinsics that touch no memory.
_PASSIVE = _classes(
    passive="getelementptr phi select icmp ret br addrspacecast ptrtoint inttoptr bitcast freeze "
    "insertvalue extractvalue insertelement extractelement alloca",
)
_HARMLESS = {"lifetime", "assume", "dbg", "invariant", "experimental", "launder", "ptrmask"}


class Site(NamedTuple):
    """A place in the kernel that may fail: what it does there, and where it is written."""

    kind: str  # load, store, atomic_load, atomic_store, atomic_update, loop or undefined
    space: str  # a value of SPACES, or "" where no memory is touched
    size: int  # bytes; 0 where only known at run time
    line: int  # of the kernel's text, from 1; 0 if it comes from no line of it
    column: int


class Block(NamedTuple):
    """A basic block: the lines of the kernel's text in it and its arithmetic, by class."""

    lines: tuple[int, ...]
    operations: dict[str, int]


class Tables(NamedTuple):
    """What the numbers in an instrumented kernel mean; `blocks` in the order of their counters."""

    sites: list[Site]
    blocks: list[Block]
    problems: list[tuple[str, int]]  # (what Metal does not have, line)

    @classmethod
    def from_json(cls, text: str) -> Tables:
        """The inverse of `json.dumps(tables)`."""
        sites, blocks, problems = json.loads(text)
        return cls(
            [Site(*site) for site in sites],
            [Block(tuple(lines), operations) for lines, operations in blocks],
            [(what, line) for what, line in problems],
        )


class UnknownInstruction(ValueError):
    """An access to memory that this pass does not know: never skipped in silence."""


def instrument(text: str) -> tuple[str, Tables]:
    """Instrument the IR of a kernel, whose own text is that of files named `*.metal` (by #line).

    Raises:
        UnknownInstruction: the IR accesses memory in a way that this pass does not know.
    """
    return _Pass(text).run()


_POINTER = re.compile(r"ptr addrspace\(([123])\) (?:.* )?([%@].*|getelementptr .*\))")
_UBSAN = re.compile(r"call void @__ubsan_handle_(\w+)_minimal\(\)")
_CALLEE = re.compile(rf"@({ir.NAME})\(")
_WIDTH = re.compile(r"<(\d+) x")
_EMU = re.compile(r"@_ZNK?3emu")
_DOUBLE = re.compile(
    r"= (?:fadd|fsub|fmul|fdiv|frem|fneg|fcmp)\b[^,(%]* (?:<\d+ x )?double\b"
    r"|= (?:fpext|sitofp|uitofp)\b.* to (?:<\d+ x )?double\b|@llvm\.\w+\.(?:v\d+)?f64\("
)
_LOST = re.compile(r"= addrspacecast ptr addrspace\([123]\) .* to ptr(?! addrspace)")
_CONSTANT = re.compile(rf"(@{ir.NAME}) = .*?\baddrspace\(2\) (?:global|constant) (.+)")
# Promises about a function that the added calls break; the second compilation must not trust them.
_PROMISES = re.compile(
    r"\b(?:memory\([^)]*\)|captures\([^)]*\)|dereferenceable(?:_or_null)?\(\d+\)|nocapture|nosync"
    r"|nofree|willreturn|mustprogress|readnone|readonly|writeonly|noalias|speculatable)(?: |$)"
)


class _Pass:
    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        self.locations = ir.Locations(self.lines, ".metal")
        self.sites: list[Site] = []
        self.blocks: list[Block] = []
        self.problems: list[tuple[str, int]] = []
        self.hooks: set[str] = set()
        self.constants: list[tuple[str, str]] = []  # name, type

    def run(self) -> tuple[str, Tables]:
        weakened = self._attribute_groups()
        out: list[str] = []
        lines = iter(self.lines)
        for line in lines:
            if line.startswith("define "):
                out += self._function(line, list(iter(lines.__next__, "}")))
            elif line.startswith("attributes ") and line.split()[1] in weakened:
                # Two calls that lead to a barrier must not become one: they diverge.
                out.append(_PROMISES.sub("", line).replace(" convergent ", " convergent nomerge "))
            elif not line.startswith("declare void @__ubsan_handle_"):
                out.append(line)
                if constant := _CONSTANT.match(line):
                    self.constants.append((constant[1], ir.leading_type(constant[2])))
        out += self._declarations()
        return "\n".join(out) + "\n", Tables(self.sites, self.blocks, self.problems)

    def _attribute_groups(self) -> set[str]:
        """The attributes (#0, ...) of the functions defined here and of calls of them."""
        return {
            group
            for line in self.lines
            if line.startswith("define ") or ("call " in line and "@llvm." not in line)
            for group in re.findall(r"#\d+", line)
        }

    def _function(self, head: str, body: list[str]) -> list[str]:
        out = [_PROMISES.sub("", head)]
        if _EMU.search(head):
            out += map(self._handler, body)
        else:
            loops = ir.loops(body)
            for label, block in ir.blocks(body):
                out += self._block(block, loop=label in loops)
        return [*out, "}"]

    def _block(self, block: list[str], *, loop: bool) -> list[str]:
        lines: set[int] = set()
        operations: Counter[str] = Counter()
        head: list[str] = []  # the label and the phis: nothing may stand before them
        rest: list[str] = []
        for text in block:
            opcode = ir.opcode(text)
            lines.add(self.locations.place(text)[0])
            if not rest and opcode in ("", "phi"):
                head.append(text)
                continue
            if kind := _operation(opcode, text):
                width = _WIDTH.search(text)
                operations[kind] += int(width[1]) if width else 1
            self._find_problems(text)
            rest += [*self._accesses(opcode, text), self._handler(text)]
        entry = [*self._counter(), *(self._loop(block) if loop else ())]
        self.blocks.append(Block(tuple(sorted(lines - {0})), dict(operations)))
        return [*head, *entry, *rest]

    def _counter(self) -> list[str]:
        i = len(self.blocks)
        address = f"ptr getelementptr (i64, ptr @emu_block_counts, i64 {i})"
        return [
            f"  %emu.old.{i} = load i64, {address}",
            f"  %emu.new.{i} = add i64 %emu.old.{i}, 1",
            f"  store i64 %emu.new.{i}, {address}",
        ]

    def _loop(self, block: list[str]) -> list[str]:
        located = (text for text in block if self.locations.place(text)[0])
        return [f"  call void @emu_loop(i32 {self._site('loop', '', 0, next(located, ''))})"]

    def _site(self, kind: str, space: str, size: int, text: str) -> int:
        self.sites.append(Site(kind, space, size, *self.locations.place(text)))
        return len(self.sites) - 1

    def _handler(self, text: str) -> str:
        match = _UBSAN.search(text)
        if not match:
            return text
        site = self._site("undefined", "", 0, text)
        return f"  call void @emu_undefined(i32 {UNDEFINED.index(match[1])}, i32 {site})"

    def _find_problems(self, text: str) -> None:
        line = self.locations.place(text)[0]
        if _DOUBLE.search(text):
            self.problems.append(("double arithmetic: Metal has no double", line))
        if _LOST.search(text):
            self.problems.append(("a pointer loses its address space", line))

    def _accesses(self, opcode: str, text: str) -> Iterator[str]:
        """Calls of the hooks for what an instruction does to memory that threads share."""
        if "addrspace(" not in text:
            return
        operands = ir.split(text[text.index(opcode) + len(opcode) + 1 :])
        if opcode == "load":
            atomic, type_ = _qualified(operands[0])
            yield from self._hook("atomic_load" if atomic else "load", type_, operands, 1, text)
        elif opcode == "store":
            atomic, value = _qualified(operands[0])
            kind, type_ = "atomic_store" if atomic else "store", ir.leading_type(value)
            yield from self._hook(kind, type_, operands, 1, text)
        elif opcode in ("atomicrmw", "cmpxchg"):
            yield from self._hook("atomic_update", ir.leading_type(operands[1]), operands, 0, text)
        elif opcode == "call":
            yield from self._call(text)
        elif opcode not in _PASSIVE:
            raise UnknownInstruction(f"cannot instrument {text.strip()!r}")

    def _hook(
        self, kind: str, type_: str, operands: list[str], pointer: int, text: str
    ) -> Iterator[str]:
        match = _POINTER.match(operands[pointer].removeprefix(_modifiers(operands[pointer])))
        if match:
            size = ir.size(type_)
            align = next(o for o in operands if o.startswith("align ")).split()[1]
            yield self._hook_call(kind, match, str(size), size, align, text)

    def _call(self, text: str) -> Iterator[str]:
        callee = _CALLEE.search(text)
        if not callee or not callee[1].startswith("llvm."):
            return
        name, arguments = callee[1].split(".")[1], ir.arguments(text)
        if name in ("memcpy", "memmove", "memset"):
            length = arguments[2].split()[1]
            size = int(length) if length.isdigit() else 0
            kinds = ("store",) if name == "memset" else ("store", "load")
            for kind, argument in zip(kinds, arguments, strict=False):
                if match := _POINTER.match(argument):
                    align = re.search(r"align (\d+)", argument)
                    yield self._hook_call(
                        kind, match, length, size, align[1] if align else "1", text
                    )
        elif name not in _HARMLESS and any(_POINTER.match(a) for a in arguments):
            raise UnknownInstruction(f"cannot instrument {text.strip()!r}")

    def _hook_call(
        self, kind: str, match: re.Match[str], length: str, size: int, align: str, text: str
    ) -> str:
        space, pointer = match[1], _first_operand(match[2])
        hook = f"emu_{kind}_{SPACES[space]}"
        self.hooks.add(f"declare void @{hook}(ptr addrspace({space}), i64, i32, i32)")
        site = self._site(kind, SPACES[space], size, text)
        arguments = f"ptr addrspace({space}) {pointer}, i64 {length}, i32 {align}, i32 {site}"
        return f"  call void @{hook}({arguments})"

    def _declarations(self) -> list[str]:
        """What the instrumented module declares and exports.

        Protected: another kernel's tables, loaded earlier, never take the place of these.
        """
        entries = ", ".join(
            f"{{ ptr, i64 }} {{ ptr addrspacecast (ptr addrspace(2) {name} to ptr), "
            f"i64 ptrtoint (ptr getelementptr ({type_}, ptr null, i32 1) to i64) }}"
            for name, type_ in self.constants
        )
        n = len(self.constants)
        kind, table = f"[{n} x {{ ptr, i64 }}]", f"[{entries}]"
        counts = f"[{len(self.blocks)} x i64]"
        return [
            *sorted(self.hooks),
            "declare void @emu_loop(i32)",
            "declare void @emu_undefined(i32, i32)",
            f"@emu_block_counts = protected global {counts} zeroinitializer",
            f"@emu_constants = protected constant {{ i64, {kind} }} {{ i64 {n}, {kind} {table} }}",
        ]


def _operation(opcode: str, text: str) -> str | None:
    if opcode != "call":
        return OPERATIONS.get(opcode)
    callee = _CALLEE.search(text)
    if not callee:
        return None
    if callee[1].startswith("llvm."):
        return INTRINSICS.get(callee[1].split(".")[1])
    return "special" if INTRINSICS.get(callee[1].removesuffix("f")) == "special" else None


def _qualified(operand: str) -> tuple[bool, str]:
    """Whether a load or store is atomic, and the operand without such words."""
    prefix = _modifiers(operand)
    return "atomic" in prefix, operand.removeprefix(prefix)


def _modifiers(operand: str) -> str:
    """What stands before the type of an operand: atomic, volatile, weak, the name of an update."""
    match = re.match(r"((?:atomic|volatile|weak|[a-z]+(?= (?:volatile )?ptr)) )*", operand)
    return match[0] if match else ""


def _first_operand(text: str) -> str:
    """A pointer without the memory order that may follow it."""
    match = re.match(rf"[%@]{ir.NAME}", text)
    return match[0] if match else text[: text.rindex(")") + 1]
