"""The folder for a Mac: the cases in it, and how it is written."""

import mlx.core as mx
import numpy as np
import pytest

import metal_emulator
from lucid.kernels import metal, shaders
from metal_emulator import bridge, mac_check
from metal_emulator.cases import CORNERS, LAYERS, Layer
from metal_emulator.record import marks, recorded

CAUSAL = Layer("causal", False, 2, 3, 3, 50, 4, 1, 6, 0, 2, 3)


# The cases --------------------------------------------------------------------------------------


def test_every_kernel_is_in_a_case():
    with recorded(run=False) as launches:
        for layer in [*CORNERS, *(layer.cut() for layer in LAYERS)]:
            for what in layer.passes:
                layer.run(what, bridge.random(layer.shapes(what), mx.float32, True))
    files = sorted(path.stem for path in shaders.folder().glob("*.metal"))
    assert {name for file in files for name in metal.read(file)} == {
        launch.kernel.name for launch in launches
    }


def test_layers_have_the_lengths_that_were_published():
    lengths = {layer.name: layer.length for layer in LAYERS if isinstance(layer, Layer)}
    assert (lengths["DAC up s5"], lengths["Kokoro up"], lengths["BigVGAN up"]) == (
        1319,
        400,
        131102,
    )
    assert (lengths["QuartzNet stem s2"], lengths["EnCodec down s5"]) == (835, 600)


@pytest.mark.parametrize("dtype", metal.DTYPES, ids=bridge.short)
def test_marks_are_distinct_nans(dtype):
    array = marks((5, 7), dtype)
    assert mx.isnan(array).all()
    assert len(np.unique(np.array(array.view(mx.uint16 if dtype.size == 2 else mx.uint32)))) == 35


# The folder -------------------------------------------------------------------------------------


def test_the_folder_is_complete(folder, manifest):
    assert {path.name for path in folder.iterdir()} == {
        "check.py", "manifest.json", "sources", "arrays"
    }  # fmt: skip
    checks = manifest["checks"]
    assert {check["name"] for check in checks} == {
        "block, forward",
        *(f"{name}, {what}" for name in ("wide", "causal") for what in Layer.passes),
    }
    assert {check["dtype"] for check in checks} == {"float32", "float16", "bfloat16"}
    assert {path.name for path in (folder / "sources").iterdir()} == {
        source["file"] for source in manifest["sources"]
    }
    assert manifest["mlx"] == mx.__version__
    assert manifest["lucid"] == bridge.commit()


def test_a_source_is_what_mlx_generates_and_compiles_as_it_is(folder, manifest):
    text = (folder / "sources" / manifest["sources"][0]["file"]).read_text()
    kernel = manifest["kernels"][manifest["sources"][0]["kernel"]]
    assert text.startswith(bridge._PREAMBLE)
    assert kernel["header"] in text
    assert kernel["source"] in text
    check = next(c for c in manifest["checks"] if c["kernel"] in text)
    with np.load(folder / "arrays" / check["arrays"]) as stored:
        inputs = [
            mac_check.load(stored, f"input{i}", dtype) for i, dtype in enumerate(check["inputs"])
        ]
        expected = stored["output0"]
    outputs = [metal_emulator.Output(tuple(s), getattr(mx, d)) for s, d in check["outputs"]]
    function = f"custom_kernel_{kernel['name']}"
    start = text.index(function)
    function = text[start : text.index("(", start)]
    run = metal_emulator.execute(
        text, function, [*inputs, *outputs], check["grid"], check["threadgroup"]
    )
    np.testing.assert_array_equal(np.array(run.outputs[0]), expected)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine").write_text("")
    with pytest.raises(
        FileExistsError, match="is not empty: name a new folder, or remove it first"
    ):
        bridge.write(tmp_path, [], [])
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_failure_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(bridge.Bundle, "check", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bridge.write(tmp_path / "mac-check", [], [CAUSAL])
    assert not list(tmp_path.iterdir())


def test_a_wrong_shader_is_not_written(tmp_path, monkeypatch, compiler):
    right = Layer.run
    off = mx.array([0.0, 1e-3])
    monkeypatch.setattr(Layer, "run", lambda *a: right(*a) + off[int(not metal.available())])
    with pytest.raises(
        ValueError, match=r"causal, forward, .*float32: the emulator is off by 0\.001"
    ):
        bridge.write(tmp_path / "mac-check", [], [CAUSAL])


def test_without_a_compiler_the_command_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(bridge, "missing", lambda: "no clang")
    with pytest.raises(SystemExit, match="the emulator cannot run here: no clang"):
        bridge.main([str(tmp_path / "new")])


def test_a_shader_that_breaks_a_rule_is_named_with_its_case(tmp_path, monkeypatch, compiler):
    def run(*_):
        raise metal_emulator.MetalError("f: out of bounds")

    monkeypatch.setattr(Layer, "run", run)
    monkeypatch.setattr(bridge, "CORNERS", [CAUSAL])
    with pytest.raises(SystemExit, match=r"^causal, forward, float32: f: out of bounds$"):
        bridge.main([str(tmp_path / "new")])
