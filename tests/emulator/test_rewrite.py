"""Edits of the Metal text."""

import pytest

from metal_emulator.rewrite import Parameter, UnsupportedError, launcher, rewrite

KERNEL = """\
template <typename T, int K>
[[kernel]] void f(
  const device float* x [[buffer(0)]],
  const constant int& n [[buffer(1)]],
  device T* y [[buffer(2)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {
BODY
}
template [[host_name("f")]] [[kernel]] decltype(f<float, 3>) f<float, 3>;
"""


def body(text):
    rewritten = rewrite(KERNEL.replace("BODY", text), "f").text
    lines = rewritten.splitlines()
    return "\n".join(lines[6 : 7 + text.count("\n")])


def test_the_signature():
    rewritten = rewrite(KERNEL, "f")
    assert rewritten.function == "f<float, 3>"
    assert rewritten.parameters == (
        Parameter("x", "buffer", "device", False),
        Parameter("n", "buffer", "constant", False),
        Parameter("y", "buffer", "device", True),
        Parameter("thread_position_in_grid", "thread_position_in_grid", "", False),
    )


def test_attributes_vanish_and_lines_stay():
    rewritten = rewrite(KERNEL, "f").text
    assert "[[" not in rewritten
    assert rewritten.count("\n") == KERNEL.count("\n")
    assert "decltype(f<float, 3>) f<float, 3>;" in rewritten


def test_the_launcher_passes_buffers_and_coordinates():
    text = launcher(rewrite(KERNEL, "f"))
    assert "emu::buffer<emu_kernel, 2>(buffers[2])" in text
    assert "emu::attribute<emu_kernel, 3>(tid->thread_position_in_grid)" in text


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (
            "threadgroup float a[4];",
            "threadgroup __typeof__(float) (&a)[ 4 ] = EMU_TG(a, 0);",
        ),
        (
            "threadgroup float a[2 * K][8], b;",
            "threadgroup __typeof__(float) (&a)[ 2 * K ] [ 8 ] = EMU_TG(a, 0), "
            "(&b) = EMU_TG(b, 1);",
        ),
        (
            "if (n) { threadgroup vec<T, 4> v; }",
            "if (n) { threadgroup __typeof__(vec < T , 4 >) (&v) = EMU_TG(v, 0); }",
        ),
        ("threadgroup float* p = a;", "threadgroup float* p = a;"),
        ("threadgroup const float& p = a;", "threadgroup const float& p = a;"),
        ("g(constant int n[3], device T a[K]);", "g(constant int * n, device T * a);"),
        ("g(device T* a, thread int b[2], x[3]);", "g(device T* a, thread int b[2], x[3]);"),
        ("auto v = vec<T, 4>(x[0]);", "auto v = emu::mk<vec<T, 4>>(x[0]);"),
        ("vec<T, 4> v;", "vec<T, 4> v;"),
        ("int a = K < 3 > (2);", "int a = K < 3 > (2);"),
        ("v = static_cast<float4>(h);", "v = emu::mk<float4>(h);"),
        ("v = static_cast<T>(h);", "v = static_cast<T>(h);"),
        ("v = 1.0h + .5H + 0x1h;", "v = half(1.0) + half(.5) + 0x1h;"),
        ("v = 1e3bf;", "v = bfloat(1e3);"),
        (
            's = "[[a]] 1.0h"; // [[b]] threadgroup int c;',
            's = "[[a]] 1.0h"; // [[b]] threadgroup int c;',
        ),
        ("x[y[0]] = x[ [](int i) { return i; }(0)];", "x[y[0]] = x[ [](int i) { return i; }(0)];"),
    ],
)
def test_edits(text, made):
    assert body(text) == made


def test_a_declaration_over_several_lines_keeps_their_number():
    text = "threadgroup float\n  a[4],\n  b;"
    assert body(text).count("\n") == 2


def test_a_missing_kernel_is_refused():
    with pytest.raises(UnsupportedError, match="no kernel function `g`"):
        rewrite(KERNEL, "g")


def test_template_arguments_must_be_known():
    text = KERNEL[: KERNEL.index("template [[host")]
    assert rewrite(text, "f<half, 1>").function == "f<half, 1>"
    with pytest.raises(UnsupportedError, match="name the template arguments"):
        rewrite(text, "f")


def test_threadgroup_parameters_are_refused():
    text = KERNEL.replace("const device float* x [[buffer(0)]]", "threadgroup float* x")
    with pytest.raises(UnsupportedError, match="line 3: the parameter `threadgroup float \\* x`"):
        rewrite(text, "f")
