"""Reading `.metal` files, and when shaders run at all."""

import mlx.core as mx
import pytest

from lucid.kernels import metal, shaders

FILE = """// A header.
#include "part.h"
// kernel scale(x, factor) -> y
y[0] = TWICE * x[0] * factor[0];
// kernel split(x) -> low, high
low[0] = x[0];
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(shaders, "folder", lambda: tmp_path)
    return tmp_path


def test_a_file_is_a_header_and_kernels(folder):
    (folder / "scale.metal").write_text(FILE)
    (folder / "part.h").write_text("#define TWICE 2\n")
    source = metal.Kernel("scale", "scale").source
    assert source.header == "// A header.\n#define TWICE 2\n"
    assert (source.inputs, source.outputs) == (("x", "factor"), ("y",))
    assert source.body == "y[0] = TWICE * x[0] * factor[0];\n"
    assert metal.Kernel("scale", "split").source.outputs == ("low", "high")


def test_another_text_is_another_digest(folder):
    (folder / "part.h").write_text("#define TWICE 2\n")
    (folder / "scale.metal").write_text(FILE)
    before = metal.Kernel("scale", "scale").source.digest
    (folder / "part.h").write_text("#define TWICE 2.0f\n")
    assert metal.Kernel("scale", "scale").source.digest != before


def test_a_missing_file_and_a_missing_kernel_say_so(folder):
    with pytest.raises(FileNotFoundError, match=r"scale\.metal is missing; reinstall lucid"):
        _ = metal.Kernel("scale", "scale").source
    (folder / "part.h").write_text("")
    (folder / "scale.metal").write_text(FILE)
    with pytest.raises(ValueError, match="no kernel 'other', only scale, split; reinstall"):
        _ = metal.Kernel("scale", "other").source


def test_shaders_need_a_metal_gpu_and_can_be_switched_off(monkeypatch):
    monkeypatch.setattr(mx.metal, "is_available", lambda: True)
    monkeypatch.setattr(mx, "default_device", lambda: mx.gpu)
    assert metal.available()
    for off in ("off", "OFF", "0"):  # 0 as for LUCID_BLAS
        monkeypatch.setenv("LUCID_KERNELS", off)
        assert not metal.available()
    monkeypatch.delenv("LUCID_KERNELS")
    monkeypatch.setattr(mx, "default_device", lambda: mx.cpu)
    assert not metal.available()


LAUNCH = {"template": {"T": mx.float16}, "grid": (20, 3, 1), "threadgroup": (32, 2, 1)}


def test_launches_are_recorded(monkeypatch):
    monkeypatch.setattr(metal, "_launch", lambda *_: ["launched"])
    kernel, inputs = metal.Kernel("a", "b"), [mx.zeros(8), mx.zeros(7, mx.int32)]
    with metal.recording() as launches:
        assert kernel(inputs, **LAUNCH, outputs=[((2, 3), mx.float32)]) == ["launched"]
    kinds = ((mx.float32, False), (mx.int32, True))
    assert launches == [(kernel, (("T", mx.float16),), kinds, 40)]
    with metal.recording(dry=True) as dry:
        (y,) = kernel(inputs, **LAUNCH, outputs=[((2, 3), mx.float32)])
    assert dry == launches
    assert y.tolist() == [[0.0] * 3] * 2
    kernel(inputs, **LAUNCH, outputs=[])
    assert len(launches) == 1


@pytest.mark.parametrize(
    ("grid", "shape"), [((2**31, 1, 1), (5,)), ((1, 1, 1), (1, 2**30 + 1))], ids=str
)
def test_what_passes_32_bits_is_refused(monkeypatch, grid, shape):
    monkeypatch.setattr(metal, "_launch", lambda *_: ["launched"])
    kernel = metal.Kernel("a", "scale")
    outputs = [(shape, mx.float32)]
    with pytest.raises(metal.TooLarge, match=r"^scale: shapes \(4,\), .* 32-bit .*; split the sig"):
        kernel([mx.zeros(4)], template={}, grid=grid, threadgroup=(1, 1, 1), outputs=outputs)
