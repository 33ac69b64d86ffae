"""Finding a compiler, and keeping what it made."""

import sys

import mlx.core as mx
import pytest

from metal_emulator import Mode, Options, Output, build, execute


def fresh(function, *arguments):
    """What a cached function returns in a new process."""
    return function.__wrapped__(*arguments)


@pytest.fixture
def forgetful():
    """Nothing that was compiled or found before is remembered, but in files."""
    cached = (build.missing, build.compiler, build._kernel, build._shim, build.folder)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


KERNEL = "kernel void f(device float* y) { y[0] = NUMBER; }"


def run(number, **mode):
    text = KERNEL.replace("NUMBER", str(number))
    options = Options(mode=Mode(**mode))
    return execute(text, "f", [Output((1,), mx.float32)], (1, 1, 1), (1, 1, 1), options)


@pytest.mark.usefixtures("forgetful")
def test_without_a_compiler_the_reason_is_told(monkeypatch):
    monkeypatch.setenv("LUCID_CLANG", "/nowhere/clang")
    monkeypatch.delenv("LUCID_LLD", raising=False)
    assert "only one of LUCID_CLANG and LUCID_LLD is set" in build.missing()
    monkeypatch.setenv("LUCID_LLD", "/nowhere/ld.lld")
    build.missing.cache_clear()
    assert "pip install ziglang" in build.missing()
    assert "/nowhere/clang" in build.missing()


@pytest.mark.usefixtures("forgetful")
def test_without_ziglang_the_reason_is_told(monkeypatch):
    monkeypatch.delenv("LUCID_CLANG", raising=False)
    monkeypatch.delenv("LUCID_LLD", raising=False)
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda name: None)
    assert "ziglang is not installed" in build.missing()


def test_other_systems_are_not_supported(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "runs on Linux" in fresh(build.missing)


@pytest.mark.usefixtures("compiler")
def test_a_named_clang_is_used(tmp_path, monkeypatch, forgetful):
    clang, lld = build.compiler()[:2]
    build.compiler.cache_clear()
    for variable, command in (("LUCID_CLANG", clang), ("LUCID_LLD", lld)):
        script = tmp_path / variable
        script.write_text(f'#!/bin/sh\ntouch {script}.used\nexec {" ".join(command)} "$@"\n')
        script.chmod(0o755)
        monkeypatch.setenv(variable, str(script))
    monkeypatch.setenv("LUCID_EMU_CACHE", str(tmp_path / "kept"))
    assert run(2).outputs[0].item() == 2
    assert {path.name for path in tmp_path.glob("*.used")} == {"LUCID_CLANG.used", "LUCID_LLD.used"}


@pytest.mark.usefixtures("compiler", "forgetful")
def test_nothing_is_compiled_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("LUCID_EMU_CACHE", str(tmp_path / "kept"))
    assert run(3).outputs[0].item() == 3
    files = set((tmp_path / "kept").rglob("*"))
    build._kernel.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(build, "clang", None)  # not called
        assert run(3).outputs[0].item() == 3
    assert set((tmp_path / "kept").rglob("*")) == files
    assert run(4).outputs[0].item() == 4
    assert run(3, checked=False).outputs[0].item() == 3
    assert len(list((tmp_path / "kept").glob("kernel-*/*.so"))) == 3


@pytest.mark.usefixtures("compiler", "forgetful")
@pytest.mark.parametrize("end", [0, 3000])
def test_a_kept_file_that_was_cut_off_is_made_again(tmp_path, monkeypatch, end):
    monkeypatch.setenv("LUCID_EMU_CACHE", str(tmp_path))
    assert run(5).outputs[0].item() == 5
    build._kernel.cache_clear()
    build._shim.cache_clear()
    for path in tmp_path.glob("*/*"):
        whole = path.read_bytes()
        path.unlink()  # it may be loaded: another file takes its name
        path.write_bytes(whole[:end])
    assert run(5).outputs[0].item() == 5


@pytest.mark.usefixtures("compiler", "forgetful")
def test_a_folder_that_cannot_be_written_is_replaced(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LUCID_EMU_CACHE", str(tmp_path / "file" / "kept"))
    monkeypatch.setattr(build.tempfile, "gettempdir", lambda: str(tmp_path))
    assert build.folder().parent == tmp_path


@pytest.mark.usefixtures("compiler", "forgetful")
def test_a_folder_that_is_there_but_cannot_be_written_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("LUCID_EMU_CACHE", "/proc/self")
    monkeypatch.setattr(build.tempfile, "gettempdir", lambda: str(tmp_path))
    assert build.folder().parent == tmp_path


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("mode", [{"optimise": 0}, {"optimise": 2}, {"checked": False}])
def test_modes(mode):
    assert run("1.5h", **mode).outputs[0].item() == 1.5


@pytest.mark.usefixtures("compiler")
def test_contraction_is_chosen():
    text = "kernel void f(device float* y, constant float& x) { y[0] = x * x - 1.0f; }"
    x = mx.array(1 + 2**-12)

    def of(contract):
        options = Options(mode=Mode(contract=contract))
        buffers = [Output((1,), mx.float32), x]
        done = execute(text, "f", buffers, (1, 1, 1), (1, 1, 1), options)
        return done.counts.operations.get("fma", 0), done.outputs[0].item()

    assert of("off") == (0, 2**-11)
    assert of("on") == (1, 2**-11 + 2**-24)
