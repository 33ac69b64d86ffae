"""What clang accepts and Metal does not."""

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
    ("goto end; end: y[0] = 1;", "", "Metal has no goto"),
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
def test_text_that_is_no_cpp_is_an_error():
    with pytest.raises(build.CompileError, match=r"kernel\.metal:3"):
        complaints("y[0] = ;")
