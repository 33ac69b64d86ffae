"""The OpenBLAS of the wheel: what is missing is no crash, and tools are found where they are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lucid import _openblas


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel in place, a fresh cache, and a Python without a patchelf beside it."""
    library = tmp_path / "wheel" / "lib" / "libscipy_openblas.so"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"elf")
    found = SimpleNamespace(origin=str(tmp_path / "wheel" / "__init__.py"))
    monkeypatch.setattr(_openblas.importlib.util, "find_spec", lambda name: found)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "tools"))
    return tmp_path


def test_without_patchelf_there_is_no_library(wheel):
    assert _openblas.library() is None
    assert list((wheel / "cache" / "lucid").iterdir()) == []


def test_patchelf_is_found_on_the_path(wheel, monkeypatch):
    tool = wheel / "tools" / "patchelf"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)

    def patched(command, **options):
        assert command[0] == str(tool)
        shutil.copy(command[-1], command[-2])

    monkeypatch.setattr(subprocess, "run", patched)
    assert Path(_openblas.library()).read_bytes() == b"elf"


def test_a_cache_that_cannot_be_written_is_no_error(wheel, monkeypatch):
    (wheel / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(wheel / "file"))
    assert _openblas.library() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux loads OpenBLAS")
def test_the_environment_is_left_as_it_was():
    program = "import os; given = dict(os.environ); import lucid; print(dict(os.environ) == given)"
    name = "OPENBLAS_NUM_THREADS"
    others = {k: v for k, v in os.environ.items() if k != name}
    for given in ({}, {name: "2"}):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**others, **given},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "True\n"
