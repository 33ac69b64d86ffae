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
    monkeypatch.setenv("LUCID_KERNELS", "off")
    assert not metal.available()
    monkeypatch.delenv("LUCID_KERNELS")
    monkeypatch.setattr(mx, "default_device", lambda: mx.cpu)
    assert not metal.available()
