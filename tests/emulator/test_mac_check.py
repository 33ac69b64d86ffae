"""The script of the folder for a Mac: all of it that runs without one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from metal_emulator import bridge, mac_check
from metal_emulator.cases import Block, Layer

WIDE = Layer("wide", True, 1, 16, 12, 40, 4, 2, 1, 1, 1, 1)
CAUSAL = Layer("causal", False, 2, 3, 3, 50, 4, 1, 6, 0, 2, 3)
STRIDED = Layer("strided", False, 2, 4, 6, 41, 5, 3, 2, 2, 1, 2)
BLOCK = Block("block", 2, 24, 24, 32, 81, 5, 2, 3, 2, 1, True)
GROUPED = Layer("grouped", True, 2, 6, 4, 21, 5, 3, 2, 1, 1, 2)


@pytest.fixture
def xcrun(tmp_path, monkeypatch):
    """A compiler that refuses `#error`, and warns of `unused`."""
    tool = tmp_path / "bin" / "xcrun"
    tool.parent.mkdir()
    tool.write_text("""#!/bin/sh
[ "$4" = --version ] && exit 0
echo "$@" >> "$(dirname "$0")/arguments"
for last; do case "$last" in *.metal) file=$last;; esac; done
grep -q unused "$file" && echo "$file:1: warning: unused" >&2
grep -q '#error' "$file" && echo "$file:2: error: no" >&2 && exit 1
exit 0
""")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")


def test_the_script_needs_neither_lucid_nor_the_tests(folder):
    code = (
        "import sys, runpy; sys.modules.update(lucid=None, metal_emulator=None, tests=None); "
        f"runpy.run_path({str(folder / 'check.py')!r})"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


def results(folder, manifest, capsys):
    """What a worker prints for all items."""
    mac_check.work(folder, manifest, 0)
    lines = capsys.readouterr().out.splitlines()
    items = [*manifest["checks"], *manifest["timings"]]
    return [{**item, **json.loads(line)} for item, line in zip(items, lines, strict=True)]


def test_every_launch_and_every_timing_is_right(folder, manifest, gpu, capsys):
    found = results(folder, manifest, capsys)
    assert [result["problem"] for result in found] == [None] * len(found)
    assert all(r["error"] == 0 for r in found if r["kind"] == "check")
    timings = [result for result in found if result["kind"] == "timing"]
    assert len(timings) == 8
    assert all(t["ours"] == t["theirs"] == t["with transposes"] == 2 for t in timings)
    assert all("note" not in timing for timing in timings)


def test_a_wrong_number_and_a_refused_launch_are_told(folder, manifest, gpu, capsys, monkeypatch):
    built = mx.fast.metal_kernel

    def metal_kernel(**kernel):
        def call(**given):
            if mx.bfloat16 in given["output_dtypes"]:
                raise RuntimeError("[metal] no bfloat here")
            off = mx.nan if mx.float16 in given["output_dtypes"] else 1
            return [mx.where(y == y.max(), y + off, y) for y in built(**kernel)(**given)]

        return call

    monkeypatch.setattr(mx.fast, "metal_kernel", metal_kernel)
    found = results(folder, manifest, capsys)
    assert all(result["problem"] for result in found)
    first = found[0]["problem"]
    assert first == "1 wrong numbers, the worst by 1"
    assert "RuntimeError: [metal] no bfloat here" in {result["problem"] for result in found}
    assert "differs from MLX by up to" in found[-1]["problem"]


@pytest.mark.parametrize("layer", [WIDE, STRIDED, CAUSAL, GROUPED], ids=lambda layer: layer.name)
@pytest.mark.parametrize("what", Layer.passes)
def test_the_pass_through_mlx_is_the_same_convolution(layer, what):
    arrays = bridge.random(layer.shapes(what), mx.float32, True)
    described = bridge.described(layer)
    theirs, order, order_back = mac_check.layer_of_mlx(described, what, mx.float32)
    y = order_back(theirs(*(order(name, array) for name, array in arrays.items())))
    np.testing.assert_array_equal(np.array(y), np.array(layer.run(what, arrays)))


def test_the_block_of_mlx_is_the_same_block():
    arrays = bridge.random(BLOCK.shapes("forward"), mx.float32, True)
    theirs, order, order_back = mac_check.block_of_mlx(bridge.described(BLOCK), "forward", None)
    y = order_back(theirs(*(order(name, array) for name, array in arrays.items())))
    np.testing.assert_array_equal(np.array(y), np.array(BLOCK.run("forward", arrays)))


def test_best_is_the_time_of_one_call(monkeypatch):
    """One call that compiles, one that takes 2 ms, so five times ten that take 1 ms each, or 2."""
    ends = [9.0, 0.002, 0.02, 0.02, 0.01, 0.02, 0.02]
    clock = iter([time for end in ends for time in (0.0, end)])
    monkeypatch.setattr(mac_check.time, "perf_counter", lambda: next(clock))
    calls = []
    assert mac_check.best(lambda: calls.append(1) or mx.zeros(1)) == pytest.approx(1)
    assert len(calls) == 52


DYING = """
import json, os, sys
for i in range(int(sys.argv[-1]), 5):
    if i in (1, 3):
        print("GPU fault", i, file=sys.stderr, flush=True)
        os.kill(os.getpid(), 9)
    print(json.dumps({"problem": None, "i": i}), flush=True)
"""


def test_an_item_that_kills_the_process_stops_no_other():
    items = [{"name": name} for name in "abcde"]
    found = mac_check.supervise([sys.executable, "-c", DYING], items)
    assert [result["name"] for result in found] == list("abcde")
    assert [result.get("i") for result in found] == [0, None, 2, None, 4]
    assert found[3]["problem"] == "the process ended with status -9: GPU fault 3"


def test_compiling_counts_warnings_and_reports_errors(folder, manifest, xcrun, tmp_path):
    (tmp_path / "sources").mkdir()
    texts = {"fine": "", "warned": "unused", "wrong": "unused\n#error"}
    for name, text in texts.items():
        (tmp_path / "sources" / f"{name}.metal").write_text(text)
    sources = [{"file": f"{name}.metal", "kernel": name, "dtype": "float32"} for name in texts]
    fine, warned, wrong = mac_check.compile_all(tmp_path, sources)
    assert (fine["problem"], fine["warnings"], fine["said"]) == (None, 0, "")
    assert (warned["problem"], warned["warnings"]) == (None, 1)
    assert "error: no" in wrong["problem"]
    (place,) = mac_check.find_spec("mlx").submodule_search_locations
    arguments = (tmp_path / "bin" / "arguments").read_text()
    assert "-sdk macosx metal -c -Wall -Wextra " in arguments
    assert f" -isystem {place}/include {tmp_path}/sources/fine.metal -o " in arguments


def test_mlx_brings_the_headers_that_it_prepends():
    (place,) = mac_check.find_spec("mlx").submodule_search_locations
    assert (Path(place) / "include/mlx/backend/metal/kernels/utils.h").is_file()
    assert "mlx/backend/metal/kernels/utils.h" in bridge._PREAMBLE


def run_check(folder, *arguments):
    """The script in a process of its own."""
    command = [sys.executable, str(folder / "check.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_compile_only_prints_a_table(folder, manifest, xcrun):
    done = run_check(folder, "--compile-only")
    assert done.returncode == 0, done.stderr
    kernel = manifest["sources"][0]["kernel"]
    both = {"kernel": kernel, "dtype": "float32"}.items()
    count = sum(both <= source.items() for source in manifest["sources"])
    assert f"| {kernel} | float32 | {count} of {count} |" in done.stdout
    assert (folder / "report.md").read_text() in done.stdout
    assert f"shaders of lucid {manifest['lucid']}, written with MLX" in done.stdout


def test_a_shader_that_does_not_compile_fails_the_check(folder, manifest, xcrun, tmp_path):
    broken = folder / "sources" / manifest["sources"][0]["file"]
    text = broken.read_text()
    broken.write_text(text + "#error\n")
    done = run_check(folder, "--compile-only")
    broken.write_text(text)
    assert done.returncode == 1
    assert f"{broken.name}:\n```" in done.stdout


def test_without_metal_it_says_what_to_do(folder):
    done = run_check(folder)
    assert done.returncode == 1
    assert "no Metal compiler: install Xcode" in done.stdout
    assert "MLX finds no Metal GPU; use --compile-only" in done.stdout


def test_an_mlx_that_is_missing_or_old_is_told(monkeypatch):
    monkeypatch.setattr(mx, "__version__", "0.31.9")
    assert mac_check.no_gpu() == "MLX 0.31.9 is too old: `pip install -U mlx`"
    monkeypatch.setattr(mac_check, "mx", None)
    assert "`pip install mlx numpy`" in mac_check.no_gpu()
    assert mac_check.machine().endswith("without MLX")


def test_the_report_is_one_table_and_what_went_wrong():
    source = {"file": "f_1.metal", "kernel": "f", "dtype": "float32", "problem": None}
    compiled = [
        {**source, "warnings": 2, "said": "warning: unused"},
        {**source, "file": "f_2.metal", "warnings": 0, "said": "", "problem": "error: no"},
    ]
    check = {"kind": "check", "name": "one value, forward", "kernel": "f", "dtype": "float32"}
    timing = {"kind": "timing", "name": "Vocos, forward", "dtype": "float16"}
    found = [
        {**check, "problem": None, "error": 0.0},
        {**check, "problem": "1 wrong numbers, the worst by 0.5", "error": 0.5},
        {**timing, "problem": None, "error": 0, "ours": 1, "theirs": 3, "with transposes": 4.125},
        {**timing, "problem": "RuntimeError: no"},
        {**timing, "problem": None, "ours": 1, "right": "MLX fails", "said": "MLX: no room"},
    ]
    text = mac_check.report(["A Mac"], compiled, found)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({row.count("|") for row in rows}) == 1
    assert rows[2:] == [
        "| f | float32 | 1 of 2, 2 warnings | 1 of 2 | 0.5 |  |  |  |  |",
        "| Vocos, forward | float16 |  | yes | 0 | 1 | 3 | 4.12 | 3 |",
        "| Vocos, forward | float16 |  | NO |  |  |  |  |  |",
        "| Vocos, forward | float16 |  | MLX fails |  | 1 |  |  |  |",
    ]
    said = ["f_2.metal", "one value, forward, float32", "Vocos, forward, float16", "f_1.metal"]
    assert [line[:-1] for line in text.splitlines() if line.endswith(":")] == [
        *said, "Vocos, forward, float16"
    ]  # fmt: skip
    for told in ("f_1.metal:\n```\nwarning: unused", "float16:\n```\nMLX: no room"):
        assert told in text


def test_problems_without_end_are_cut_short():
    result = {"kind": "timing", "name": "a", "dtype": "float32", "problem": "x" * 10_000}
    text = mac_check.report(["A Mac"], [], [result] * 100)
    assert text.endswith("and 70 problems more")
    assert len(text) < 65_536  # what a GitHub issue holds


@pytest.mark.slow
def test_the_command_writes_everything(tmp_path, compiler, capsys, request):
    """Every case, as CI does it; then every launch again, from the folder."""
    folder = tmp_path / "mac-check"
    bridge.main([str(folder)])
    assert f"on a Mac run python3 {folder}/check.py" in capsys.readouterr().out
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 30e6
    manifest = json.loads((folder / "manifest.json").read_text())
    assert all(timing["result"] for timing in manifest["timings"])
    manifest["timings"] = []  # too large for the emulator
    request.getfixturevalue("gpu")
    assert [r["name"] for r in results(folder, manifest, capsys) if r["problem"]] == []
