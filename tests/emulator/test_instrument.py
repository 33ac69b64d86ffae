"""The instrumentation pass, on LLVM IR that clang wrote and on lines written by hand."""

import json
import re

import pytest

from metal_emulator import build, instrument, ir

pytestmark = pytest.mark.skipif(build.missing() is not None, reason=str(build.missing()))

SPACES = """
#define device __attribute__((address_space(1)))
#define constant __attribute__((address_space(2)))
#define threadgroup __attribute__((address_space(3)))
typedef float float4 __attribute__((ext_vector_type(4)));
namespace emu { __attribute__((noinline)) void hidden(device float* p) { *p = 1; } }
inline __attribute__((always_inline)) float library(const device float* p) { return *p; }
#line 1 "kernel.metal"
"""


def passed(text, *flags):
    """The instrumented IR of C++ text, and its tables."""
    flags = ["-x", "c++", "-gline-tables-only", "-fno-builtin", *flags]
    return instrument.instrument(
        build.clang([*flags, "-S", "-emit-llvm", "-o", "-", "-"], SPACES + text)
    )


def accesses(tables):
    return [(s.kind, s.space, s.size, s.line) for s in tables.sites if s.space]


EVERY_ACCESS = """void f(const device float* x, device float* y, constant float* w,
       threadgroup float* s, device int* a, device float4* v) {
  y[0] = x[1];
  s[2] = w[3];
  v[0] = v[1];
  __atomic_fetch_add(a, 1, __ATOMIC_RELAXED);
  __atomic_store_n(a, 1, __ATOMIC_RELAXED);
  y[1] = __atomic_load_n(a, __ATOMIC_RELAXED);
  __builtin_memcpy(y, x, 64);
  y[2] = library(x);
  emu::hidden(y);
}
"""


@pytest.mark.parametrize("level", ["-O0", "-O1"])
def test_a_call_stands_before_every_access_to_shared_memory(level):
    text, tables = passed(EVERY_ACCESS, level)
    assert sorted(accesses(tables), key=lambda a: a[3]) == [
        ("load", "device", 4, 3),
        ("store", "device", 4, 3),
        ("load", "constant", 4, 4),
        ("store", "threadgroup", 4, 4),
        ("load", "device", 16, 5),
        ("store", "device", 16, 5),
        ("atomic_update", "device", 4, 6),
        ("atomic_store", "device", 4, 7),
        ("atomic_load", "device", 4, 8),
        ("store", "device", 4, 8),
        ("store", "device", 64, 9),
        ("load", "device", 64, 9),
        ("load", "device", 4, 10),  # inlined from the library: the line that calls it
        ("store", "device", 4, 10),
    ]
    calls = re.findall(r"call void @emu_(\w+)\(ptr addrspace.*i32 (\d+)\)", text)
    assert len(calls) == 14
    for name, site in calls:
        assert name == "_".join(tables.sites[int(site)][:2])
    assert_compiles(text)


def assert_compiles(text):
    build.clang(["-x", "ir", "-O1", "-c", "-o", "/dev/null", "-"], text)


def test_private_memory_is_left_alone():
    _, tables = passed("float f(int i) { float r[4] = {1, 2, 3, 4}; return r[i]; }", "-O0")
    assert accesses(tables) == []


@pytest.mark.parametrize("level", ["-O0", "-O1"])
def test_operations_count_once_per_component(level):
    text = """void f(device float4* v, const device float* x, device int* i, int n) {
  v[0] = v[1] * v[2] + v[3];
  v[1] = v[2] * x[0];
  v[2] = __builtin_elementwise_exp(v[3]);
  *(device float*)v = x[1] / x[2] - x[3];
  i[0] = i[1] / n;
}"""
    _, tables = passed(text, level, "-ffp-contract=on")
    (block,) = tables.blocks
    floats = {"fma": 4, "mul": 4, "special": 4, "div": 1, "add": 1, "int_div": 1}
    assert {k: block.operations.get(k) for k in floats} == floats


def test_blocks_know_their_lines_and_loops_are_watched():
    text = """void f(device float* y, int n) {
  for (int i = 0; i < n; ++i)
    if (i == 3)
      y[i] = 1;
    else
      y[i] = 2;
}"""
    out, tables = passed(text, "-O0")
    assert {4, 6} <= {line for block in tables.blocks for line in block.lines}
    assert not any({4, 6} <= set(block.lines) for block in tables.blocks)
    assert out.count("call void @emu_loop") == 1
    assert f"[{len(tables.blocks)} x i64] zeroinitializer" in out


def test_undefined_behaviour_is_reported_at_its_line():
    text = """void f(device int* y, int n) {
  y[0] = y[1] + n;
  y[1] = n << n;
}"""
    flags = ["-fsanitize=signed-integer-overflow,shift", "-fsanitize-minimal-runtime"]
    out, tables = passed(text, "-O1", *flags)
    found = re.findall(r"@emu_undefined\(i32 (\d+), i32 (\d+)\)", out)
    names = [(instrument.UNDEFINED[int(what)], tables.sites[int(s)].line) for what, s in found]
    assert names == [("add_overflow", 2), ("shift_out_of_bounds", 3)]
    assert "__ubsan" not in out
    assert_compiles(out)


def test_double_and_lost_address_spaces_are_problems():
    text = """float f(float x) { return x * 2.0; }
float* g(device float* x) { return (float*)x; }"""
    _, tables = passed(text, "-O0")
    assert {line: what.split()[0] for what, line in tables.problems} == {1: "double", 2: "a"}
    assert passed("float f(float x) { return x * 2.0f; }", "-O0")[1].problems == []


def test_program_scope_constants_are_listed():
    text = "constant float a[5] = {1};\nconstant int b = 7;\nint f(int i) { return a[i] + b; }"
    out, _ = passed(text, "-O0")
    (table,) = re.findall(r"^@emu_constants = .*", out, re.MULTILINE)
    assert table.count("getelementptr") == 2
    assert "[5 x float]" in table
    assert_compiles(out)


def test_promises_that_the_calls_would_break_are_taken_back():
    text = """__attribute__((noinline)) static float twice(const device float* x) { return 2 * *x; }
void f(const device float* x, device float* y) { y[0] = twice(x) + twice(x); }"""
    before = build.clang(
        ["-x", "c++", "-O1", "-fno-builtin", "-S", "-emit-llvm", "-o", "-", "-"], SPACES + text
    )
    promises = ("memory(argmem: read", "readonly", "captures(none)", "willreturn")
    assert all(promise in before for promise in promises)  # of a function that shall call a hook
    out, _ = passed(text, "-O1")
    heads = [line for line in out.splitlines() if line.startswith("define")]
    groups = {group for line in heads for group in re.findall(r"#\d+", line)}
    lines = [line for line in out.splitlines() if line.split()[1:2] and line.split()[1] in groups]
    assert groups
    assert not any(promise in line for promise in promises for line in heads + lines)


@pytest.mark.parametrize(
    "line",
    [
        "  %2 = va_arg ptr addrspace(1) %1, i32",
        "  call void @llvm.masked.store.v4f32.p1(<4 x float> %2, ptr addrspace(1) %1, <4 x i1> %3)",
    ],
)
def test_an_unknown_access_is_refused(line):
    text = f"define void @f(ptr addrspace(1) %1) {{\n{line}\n  ret void\n}}\n"
    with pytest.raises(instrument.UnknownInstruction, match="cannot instrument"):
        instrument.instrument(text)


def test_a_type_without_known_size_is_refused():
    with pytest.raises(ValueError, match=r"no size is known for the type '%struct\.S'"):
        ir.size("%struct.S")


def test_tables_survive_json():
    _, tables = passed(EVERY_ACCESS, "-O1")
    assert instrument.Tables.from_json(json.dumps(tables)) == tables
