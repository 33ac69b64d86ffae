"""What clang accepts and Metal does not."""

from pathlib import Path

import mlx.core as mx
import pytest

from metal_emulator import build
from metal_emulator.lint import Complaint, banned, lint
from metal_emulator.rewrite import launcher, rewrite

KERNEL = "kernel void f(const device float* x, device float* y, constant int& n) {\n"


def complaints(body, before=""):
    source = f"{before}\n{KERNEL}{body}\n}}\n"
    rewritten = rewrite(source, "f")
    text = f'#line 1 "kernel.metal"\n{rewritten.text}{launcher(rewritten)}'
    return lint(source, text)


SPACE = "without an address space"
BFLOAT = "a float becomes a bfloat"
RECURSIVE = "int h(int n); inline int g(int n) { return h(n); } int h(int n) { return g(n); }"
ANY_POINTER = "template <typename P> float g(P p, int i) { return p[i]; }"
OVERLOADS = (
    "inline float g(float a, int b) { return a; } inline float g(float a) { return g(a, 1); }"
)

VECTORS = "float4 a = float4(x[0]), b = float4(x[1]), r; "
SUM = "template <typename P, typename Q = P> float g(P p, Q n) { return 1; }"
POINTER = f"a template argument that is a pointer {SPACE}"
BOOLS = "integers where Metal wants a vector of bool"
BOOL4 = "a comparison of vectors gives a vector of bool"
PROGRAM = "a variable outside of functions that is not `constant`"
SHARED = "a threadgroup variable outside of a kernel"

FLAGGED = [
    ("float a[4]; float* p = a;", "", f"declaration {SPACE}"),
    ("float a = x[0]; y[0] = 1; float& r = a; r = 1;", "", f"declaration {SPACE}"),
    ("float a[4]; thread float* p; p = (float*)a;", "", f"cast to a pointer {SPACE}"),
    ("", "inline float g(float* p) { return p[0]; }", f"declaration {SPACE}"),
    ("", "inline float g(float p[4]) { return p[0]; }", f"declaration {SPACE}"),
    ("", "template <typename T> void g(T& t) { t = 1; }", f"declaration {SPACE}"),
    ("", "inline float* g(thread float* p) { return p; }", f"return type {SPACE}"),
    ("", "struct S { float* p; };", f"declaration {SPACE}"),
    ("", "inline int g(int n) { return n ? n * g(n - 1) : 1; }", "calls itself"),
    (
        "",
        "int h(int n); inline int g(int n) { return h(n); } int h(int n) { return g(n); }",
        "itself",
    ),
    ("", "inline bfloat g(float a) { return a; }", BFLOAT),
    ("bfloat b = bfloat(1.0f); b = b * x[0];", "", BFLOAT),
    ("bfloat b = bfloat(1.0f); b *= x[0];", "", BFLOAT),
    ("g<bfloat>(x[0]);", "template <typename T> T g(float a) { return a; }", BFLOAT),
    ("auto g = [](int i) { return i; }; y[0] = g(1);", "", "a lambda"),
    ("auto g = [&] { return 1; }; y[0] = g();", "", "a lambda"),
    ("static int calls = 0; y[0] = calls;", "", "static variable in a function"),
    ("y[0] = __builtin_expf(x[0]);", "", "__builtin_expf belongs to clang"),
    ("int (*g)(int) = 0;", "", "a pointer to a function"),
    ("long long m = 1; y[0] = m;", "", "no long long"),
    ("float a = 1; P p = &a; y[0] = p[0];", "typedef float* P;", f"declaration {SPACE}"),
    ("float a = 1; P p = &a; y[0] = p[0];", "using P = float*;", f"declaration {SPACE}"),
    ("goto end; end: y[0] = 1;", "", "Metal has no goto"),
    ("", "inline float g(float a) { threadgroup float s[4]; s[0] = a; return s[0]; }", SHARED),
    ("", "struct S { void g() { if (1) { threadgroup int s; s = 1; } } };", SHARED),
    ("", "namespace lucid { constexpr int N = 4; }", PROGRAM),
    ("", "static int calls = 0;", PROGRAM),
    ("", "template <typename T> struct S { static constexpr int N = 4; };", PROGRAM),
    (f"{VECTORS} int4 m = a == b;", "", BOOL4),
    (f"{VECTORS} auto m = a < b && b < a;", "", BOOL4),
    (f"{VECTORS} y[0] = (a < b).x;", "", BOOL4),
    (f"{VECTORS} int4 m = int4(!(a < b));", "", BOOL4),
    (f"{VECTORS} r = select(a, b, int4(1));", "", BOOLS),
    (f"{VECTORS} int4 m = int4(n); y[0] = any(m);", "", BOOLS),
    (f"{VECTORS} int4 m = int4(n); y[0] = all((a < b) && (m));", "", BOOLS),
    ("bool4 m = int4(n); y[0] = m.x;", "", BOOLS),
    ("const int half = n / 2; y[half] = 1;", "", "`half` is a word of Metal"),
    ("int object_data = n; y[object_data] = 1;", "", "`object_data` is a word of Metal"),
    ("", "inline float visible(float a) { return a; }", "`visible` is a word of Metal"),
    ("", "inline float g(float vertex) { return vertex; }", "`vertex` is a word of Metal"),
    ("", "struct S { int fragment; };", "`fragment` is a word of Metal"),
    ("", f"{SUM} inline float h() {{ float a[1]; return g<float*>(a, 0); }}", POINTER),
    ("", f"{SUM} inline float h() {{ return g<float, const int*>(0, 0); }}", POINTER),
    ("thread float* p = reinterpret_cast<float*>(0);", "", POINTER),
    ("", "template <typename P = float*, int N = 2> struct S {};", POINTER),
]

FINE = [
    ("float a[4]; thread float* p = a; auto q = p; y[0] = q[1];", ""),
    ("const device float *u = x, *v = x; y[0] = u[0] + v[0];", ""),
    ("device float& r = y[0]; r = 2 * x[1] * (x[0] + 1) * n;", ""),
    ("threadgroup float t[2][4], s; threadgroup float* p = t[1]; s = 1; y[0] = p[1] * s;", ""),
    ("y[0] = *(const device float*)(x + 2);", ""),
    ("float a[4]; y[0] = g(x, 1) + g(a, 0);", ANY_POINTER),
    ("", "inline thread float* g(thread vec<float, 4>& v, thread float* p) { return p; }"),
    ("", "struct S { static constexpr constant int n = 3; thread float* p; };"),
    ("", "template <int n> struct G { static int of(int k) { return k + G<n - 1>::of(k); } };\n"
         "template <> struct G<0> { static int of(int k) { return k; } };"),
    ("bfloat b = bfloat(x[0]); b = b + b * 2; b += b; y[0] = float(b) * x[0] + b;", ""),
    ("bfloat b = static_cast<bfloat>(x[0]); b = (bfloat)x[1]; y[0] = b;", ""),
    ("y[0] = x[n * 2 - 1]; int i[2] = {1, 2}; y[i[0]] = i[1];", "// static [](int) new\n"),
    ("", OVERLOADS),
    ("P p = y; Q q = x; p[0] = q[1];", "typedef device float* P; using Q = const device float*;"),
    ("threadgroup float s[4]; if (n) { threadgroup float t; t = s[0]; }", "struct S { int k; };"),
    ("", "inline void g(threadgroup float* s) { threadgroup float* t = s; t[0] = 1; }"),
    ("", "namespace lucid { constant constexpr int N = 4; static constant constexpr int M = 2;\n"
         "inline int g() { constexpr int k = N; const int j = k + M; return j; } }"),
    (f"{VECTORS} bool4 m = (a < b) && (a > b); y[0] = m.x || m[1]; m = !m == (a < b);", ""),
    (f"{VECTORS} r = select(a, b, a < b); r = select(a, r, ((a < b)) || bool4(n));", ""),
    (f"{VECTORS} if (any(a < b) || !all(a == b)) y[0] = 1; r = float4(isnan(a));", ""),
    (f"{VECTORS} int4 m = int4(bool4(a < b)); r = select(a, b, bool4(m));", ""),
    (f"{VECTORS} r = g(a, a < b);", "inline float4 g(float4 a, bool4 m) { return a; }"),
    (f"{VECTORS} r = g(a, b);",
     "template <typename T> T g(T a, T b) { return select(a, b, a < b); }"),
    ("y[0] = half(x[0]); half2 h = half2(1, 2); y[1] = float(h.x);", ""),
    ("float a[4]; y[0] = g<thread float*>(a, 1) + g<const device float*, 3>(x, 1);",
     "template <typename P, int N = 2> float g(P p, int n) { return p[n]; }"),
    ("int a = n; y[0] = 2 < a && a * n > 1; bool b = (a < n) & (a > 1); y[1] = b;", ""),
]  # fmt: skip


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize(("body", "before", "what"), FLAGGED)
def test_flagged(body, before, what):
    (complaint,) = complaints(body, before)
    assert what in complaint.what
    assert complaint.line == (1 if before else 3)


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize(("body", "before"), FINE)
def test_fine(body, before):
    assert complaints(body, before) == ()


def test_words_in_comments_and_attributes_are_nothing():
    assert list(banned("// goto new\n[[kernel]] void f() {}\n")) == []
    assert list(banned("\nint a = std::max(1, 2);")) == [
        Complaint("Metal has no C++ standard library", 2)
    ]


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize(
    "body",
    [
        "int kernel = 3;",
        "int threadgroup = 3;",
        "float4 v = float4(1); int4 m = v;",
        "float4 v = float4(1); bool4 m = v;",
        "float4 v = float4(1); y[0] = any(v < v.xyzx && v.xyz < v.xyz);",
        "simdgroup_float8x8 a; a.thread_elements() = float2(1);",
        "simdgroup_float8x8 a; y[0] = a.thread_elements().x;",
        "simdgroup_float8x8 a; thread float2& e = a.thread_elements();",
    ],
)
def test_refused_by_clang_itself(body):
    with pytest.raises(build.CompileError, match="error:"):
        complaints(body)


@pytest.mark.usefixtures("compiler")
def test_the_elements_of_a_simdgroup_matrix():
    matrix = "simdgroup_float8x8 a; a.thread_elements()[0] = 1; const auto b = a;"
    read = "y[0] = a.thread_elements()[n] + b.thread_elements()[1];"
    cast = "reinterpret_cast<thread float2&>(a.thread_elements()) = float2(1);"
    assert complaints(matrix + read + cast) == ()


def test_words_of_mlx_s_own_kernels():
    """They declare threadgroup variables in blocks of kernels, and pass pointers to templates."""
    folder = Path(mx.__file__).parent / "include/mlx/backend/metal/kernels"
    found = {c.what for file in folder.rglob("*.h") for c in banned(file.read_text())}
    newer = {"a lambda: not in all versions of Metal", "__builtin_ctz belongs to clang"}
    assert found <= newer


@pytest.mark.usefixtures("compiler")
def test_text_that_is_no_cpp_is_an_error():
    with pytest.raises(build.CompileError, match=r"kernel\.metal:3"):
        complaints("y[0] = ;")
