"""From C++ text to a loaded shared library, by clang and lld of the `ziglang` package.

`LUCID_CLANG` and `LUCID_LLD` name a clang (19 or newer) and an ld.lld to take instead. Results are
kept in the folder `LUCID_EMU_CACHE`, else in the user's cache; their names are hashes of all that
went into them, so nothing stale is ever used.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lucid import _cache

from .instrument import Tables, instrument

FOLDER = Path(__file__).parent

_MACHINE = {"x86_64": ["-march=x86-64-v3"], "aarch64": []}


def _words(text: str) -> list[str]:
    return text.split()


_COMMON = _words("-nostdinc -nostdinc++ -fPIC -fno-exceptions -fno-rtti -Wno-unknown-attributes")
_KERNEL = _words(
    "-Werror=c++17-extensions -Werror=c++20-extensions -Werror=vla-extension -Werror=gnu "
    "-Werror=return-type -Wno-user-defined-literals -Wno-unused-value -fno-builtin "
    "-fno-vectorize -fno-slp-vectorize -gline-tables-only "
    "-Xclang -cl-single-precision-constant -Xclang -ffloat16-excess-precision=none "
    "-Xclang -fbfloat16-excess-precision=none -ferror-limit=5 -fno-caret-diagnostics"
)
_CHECKED = _words(
    "-fsanitize=signed-integer-overflow,shift,integer-divide-by-zero,array-bounds "
    "-fsanitize-minimal-runtime -ftrivial-auto-var-init=pattern "
    # So that the runtime can tell from which calls a thread came to a barrier.
    "-fno-omit-frame-pointer -fconvergent-functions"
)
_RUNTIME = _words(
    "-std=c++17 -O2 -fno-builtin -fno-threadsafe-statics -fno-omit-frame-pointer -Wall"
)


class CompileError(ValueError):
    """The compiler refused the text."""


class Compiler(NamedTuple):
    """Commands, and what identifies them in the cache."""

    clang: list[str]
    lld: list[str]
    version: str


class Mode(NamedTuple):
    """How a kernel is compiled.

    The check build traps undefined behaviour, fills uninitialised variables with NaNs, and is
    instrumented before clang optimises it: every access of the text is checked, and all lines that
    run are seen. The counting build is instrumented after it: it counts what is left to do.
    `contract` is clang's -ffp-contract, whether a * b + c may become one fma ("on", "off", "fast");
    `standard` that of C++: Metal is based on C++14, though others' kernels use more.
    """

    checked: bool = True
    optimise: int = 1
    contract: str = "on"
    standard: str = "c++14"


class Built(NamedTuple):
    """A loaded kernel and the tables that instrumentation made of it."""

    library: ctypes.CDLL
    tables: Tables


@cache
def missing() -> str | None:
    """Why nothing can be compiled here, or None if it can."""
    if sys.platform != "linux" or platform.machine() not in _MACHINE:
        return f"the Metal emulator runs on Linux on x86-64 and arm64, not {platform.platform()}"
    if platform.machine() == "x86_64" and " avx2 " not in Path("/proc/cpuinfo").read_text():
        return "the Metal emulator needs an x86-64 processor with AVX2"
    try:
        compiler()
    except (OSError, subprocess.CalledProcessError) as error:
        return (
            "the Metal emulator needs a compiler: pip install ziglang==0.17.1, or name a clang and "
            f"an ld.lld in LUCID_CLANG and LUCID_LLD ({error})"
        )
    return None


@cache
def compiler() -> Compiler:
    """The compiler of the environment."""
    named = os.environ.get("LUCID_CLANG"), os.environ.get("LUCID_LLD")
    if any(named):
        if not all(named):
            raise OSError("only one of LUCID_CLANG and LUCID_LLD is set")
        clang, lld = [str(named[0])], [str(named[1])]
    else:
        package = importlib.util.find_spec("ziglang")
        if not package or not package.origin:
            raise OSError("ziglang is not installed")
        zig = str(Path(package.origin).with_name("zig"))
        clang, lld = [zig, "clang"], [zig, "ld.lld"]
    shown = subprocess.run([*clang, "--version"], check=True, capture_output=True, text=True)
    return Compiler(clang, lld, shown.stdout)


def kernel(text: str, mode: Mode) -> Built:
    """The compiled and loaded kernel of C++ text.

    Raises:
        CompileError: with clang's messages.
    """
    runtime()
    return _kernel(text, mode)


@cache
def _kernel(text: str, mode: Mode) -> Built:
    parts = (text, repr(mode), *_texts("shim/*", "runtime.h", "build.py", "i*.py"))
    made = cache(lambda: _instrumented(text, mode))
    tables = kept("kernel", ".json", parts, lambda: json.dumps(made()[1]).encode())
    again = ["-x", "ir", f"-O{mode.optimise}"]
    library = kept("kernel", ".so", parts, lambda: _linked([(again, made()[0])]))
    return Built(ctypes.CDLL(str(library)), Tables.from_json(tables.read_text()))


def _instrumented(text: str, mode: Mode) -> tuple[str, Tables]:
    ir, tables = instrument(_shimmed(text, mode, "-S", "-emit-llvm", "-o", "-"))
    if tables.problems:
        raise CompileError("\n".join(f"line {line}: {what}" for what, line in tables.problems))
    return ir, tables


def syntax_tree(text: str, mode: Mode) -> str:
    """clang's dump of the syntax tree of C++ text.

    Raises:
        CompileError: with clang's messages.
    """
    return _shimmed(text, mode, "-fsyntax-only", "-Xclang", "-ast-dump")


def optimised(text: str, mode: Mode) -> str:
    """The LLVM IR of C++ text with all calls inlined, and the names of its variables.

    Raises:
        CompileError: with clang's messages.
    """
    inlined = _words("-mllvm -inline-threshold=1000000")
    named = _words("-g -Xclang -fexperimental-assignment-tracking=disabled")
    return _shimmed(text, mode, *inlined, *named, "-S", "-emit-llvm", "-o", "-")


def _shimmed(text: str, mode: Mode, *arguments: str) -> str:
    """What clang makes of a kernel's text behind the shim."""
    shim = ["-include-pch", str(_shim(mode))]
    return clang(["-x", "c++", *_flags(mode), *shim, *arguments, "-"], text)


@cache
def _shim(mode: Mode) -> Path:
    """The shim as clang has parsed it, which takes longer than most kernels."""

    def make() -> bytes:
        with tempfile.TemporaryDirectory() as scratch:
            made = Path(scratch, "shim.pch")
            flags = ["-x", "c++-header", *_flags(mode), "-Xclang", "-fno-pch-timestamp"]
            clang([*flags, "-o", str(made), str(FOLDER / "shim" / "shim.h")], "")
            return made.read_bytes()

    parts = (repr(mode), str(FOLDER), *_texts("shim/*", "runtime.h", "build.py"))
    return kept("shim", ".pch", parts, make)


def _flags(mode: Mode) -> list[str]:
    """Flags for the step from C++ to IR, which is instrumented then. The optimiser removes
    accesses, and reads ahead where that does no harm: so the check build comes before it."""
    level = ["-O0", "-Xclang", "-disable-O0-optnone"] if mode.checked else [f"-O{mode.optimise}"]
    return [
        *_KERNEL,
        *(_CHECKED if mode.checked else []),
        *level,
        f"-I{FOLDER / 'shim'}",
        f"-std={mode.standard}",
        f"-ffp-contract={mode.contract}",
    ]


@cache
def runtime() -> ctypes.CDLL:
    """The executor, loaded so that kernels find it."""

    def link() -> bytes:
        flags = ["-x", "c++", *_RUNTIME, f"-I{FOLDER}"]
        return _linked([(flags, path.read_text()) for path in sorted(FOLDER.glob("*.cpp"))])

    path = kept("runtime", ".so", _texts("*.cpp", "*.h", "build.py"), link)
    ctypes.CDLL("libm.so.6", mode=ctypes.RTLD_GLOBAL)
    return ctypes.PyDLL(str(path), mode=ctypes.RTLD_GLOBAL)  # keeps the GIL: one launch at a time


def kept(kind: str, suffix: str, parts: Iterable[str], make: Callable[[], bytes]) -> Path:
    """The file that `make` made of `parts`, from the cache if it was made before and is whole: its
    name is the hash of its content."""
    key = _hash("\0".join((compiler().version, *parts)).encode())
    place = folder() / f"{kind}-{key}"
    for path in place.glob(f"*{suffix}"):
        if path.stem == _hash(path.read_bytes()):
            return path
    content = make()
    place.mkdir(exist_ok=True)
    # Renamed as a whole, so that another process sees all of it or none.
    with tempfile.NamedTemporaryFile(dir=place, delete=False) as file:
        file.write(content)
    path = place / f"{_hash(content)}{suffix}"
    os.replace(file.name, path)
    return path


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]


@cache
def folder() -> Path:
    """Where compiled files are kept."""
    named = os.environ.get("LUCID_EMU_CACHE")
    path = Path(named) if named else _cache.folder() / "metal-emulator"
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError:
        path = Path(tempfile.gettempdir()) / f"lucid-metal-emulator-{os.getuid()}"
        path.mkdir(exist_ok=True)
        return path


def clang(arguments: list[str], text: str) -> str:
    command = [*compiler().clang, *_COMMON, *_MACHINE[platform.machine()], *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        raise CompileError(done.stderr.strip())
    return done.stdout


def _linked(parts: list[tuple[list[str], str]]) -> bytes:
    """The shared library of texts, each with its flags."""
    with tempfile.TemporaryDirectory() as scratch:
        objects = [f"{scratch}/{i}.o" for i in range(len(parts))]
        for (flags, text), target in zip(parts, objects, strict=True):
            clang([*flags, "-c", "-o", target, "-"], text)
        made = Path(scratch, "made.so")
        command = [*compiler().lld, "-shared", "-Bsymbolic", "-o", str(made), *objects]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise CompileError(done.stderr.strip())
        return made.read_bytes()


def _texts(*patterns: str) -> list[str]:
    paths = sorted(path for pattern in patterns for path in FOLDER.glob(pattern))
    return [path.read_text() for path in paths]
