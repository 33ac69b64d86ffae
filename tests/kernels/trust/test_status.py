"""What `lucid.kernels.status()` says."""

import mlx.core as mx
import pytest

import lucid
from lucid.kernels import metal, shaders, status, trust

FILE = """// kernel forward(x) -> y
y[0] = x[0];
// kernel backward(x) -> y
y[0] = x[0];
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "scale.metal").write_text(FILE)
    monkeypatch.setattr(shaders, "folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def ledger(folder, monkeypatch):
    """Of a machine with a GPU."""
    monkeypatch.setattr(metal, "available", lambda: True)
    with trust.using(trust.Ledger(folder / "shaders.json")) as ledger:
        yield ledger


def variant(kernel, K, dtype=mx.float32):
    inputs = ((dtype, False), (dtype, True))
    return trust.Variant("scale.form", metal.Kernel("scale", kernel), (("K", K),), inputs)


def test_it_is_reached_from_lucid():
    assert lucid.kernels.status is status


def test_without_a_gpu_it_says_so(folder, monkeypatch):
    monkeypatch.setattr(mx.metal, "is_available", lambda: False)
    reason = "MLX sees no Metal GPU on this machine"
    assert status().summary == (
        f"Metal shaders are off: {reason}. All convolutions are plain MLX operations."
    )
    rows = [("backward", "definition", "", "metal/scale.metal", reason)]
    rows += [("forward", *rows[0][1:])]
    assert list(status().rows) == rows


def test_it_says_why_shaders_are_off_on_a_mac(folder, monkeypatch):
    monkeypatch.setattr(mx.metal, "is_available", lambda: True)
    monkeypatch.setattr(mx, "default_device", lambda: mx.Device(mx.cpu))
    assert "off: the default device is the CPU." in status().summary
    monkeypatch.setattr(mx, "default_device", lambda: mx.Device(mx.gpu))
    assert "on: " in status().summary
    monkeypatch.setenv("LUCID_KERNELS", "off")
    assert "off: LUCID_KERNELS is off." in status().summary


def test_each_kernel_has_its_lines(ledger):
    assert [row.state for row in status().rows] == ["not used yet", "not used yet"]
    ledger.passed = {variant("forward", 3): 32, variant("forward", 5): 32}
    ledger.passed[variant("forward", 3, mx.float16)] = 32
    with pytest.warns(RuntimeWarning):
        ledger.fail([variant("forward", 7), variant("forward", 9)], "gives wrong numbers")
    assert repr(status()) == (
        f"Metal shaders are on: {trust.device()}, MLX {mx.__version__}.\n"
        "kernel    state         dtype    file               why\n"
        "backward  not used yet           metal/scale.metal\n"
        "forward   definition    float32  metal/scale.metal  K=7 of float32, float32 (few) gives "
        "wrong numbers (and 1 variant)\n"
        "forward   shader        float16  metal/scale.metal  equal to the definition: 1 variant\n"
        "forward   shader        float32  metal/scale.metal  equal to the definition: 2 variants"
    )


def test_a_variant_that_passed_and_then_failed_is_a_definition(ledger):
    ledger.passed = {variant("forward", 3): 32}
    with pytest.warns(RuntimeWarning):
        ledger.fail(ledger.passed, "does not run: ValueError: too many threads")
    assert {row.state for row in status().rows if row.kernel == "forward"} == {"definition"}


def test_a_launcher_that_failed_has_a_line(ledger):
    with pytest.warns(RuntimeWarning):
        ledger.fail([trust.Variant("scale.form")], "does not run: KeyError: 'x'")
    assert status().rows[0] == (
        "scale.form",
        "definition",
        "",
        "",
        "does not run: KeyError: 'x'",
    )


def test_what_is_trusted_unseen_is_not_called_equal(folder, monkeypatch):
    monkeypatch.setattr(metal, "available", lambda: True)
    with trust.using(trust.Ledger(assume=True)) as ledger:
        ledger.trusts("f", [metal.Launch(*variant("forward", 3)[1:], 32)], list, mx.float32)
        assert status().rows[-1].why == "trusted unseen: 1 variant"


def test_it_survives_what_is_wrong_with_the_folder(ledger, folder, monkeypatch):
    (folder / "scale.metal").write_bytes(b"\xff")
    (folder / "other.metal").write_text('#include "gone.h"\n')
    (folder / "loop.metal").write_text('#include "loop.metal"\n')
    files = {row.file: row.why for row in status().rows}
    assert "gone.h is missing; reinstall lucid" in files["metal/other.metal"]
    assert "can't decode" in files["metal/scale.metal"]
    assert "recursion" in files["metal/loop.metal"]

    def missing():
        raise FileNotFoundError("the Metal shaders were not found; reinstall lucid")

    monkeypatch.setattr(shaders, "folder", missing)
    (row,) = status().rows
    assert row.why == "the Metal shaders were not found; reinstall lucid"


def test_in_a_notebook_it_is_a_table_with_nothing_to_execute(ledger):
    with pytest.warns(RuntimeWarning):
        ledger.fail([variant("forward", 7)], "does not run: <script>alert(1)</script> & more")
    html = status()._repr_html_()
    assert html.startswith("<p>Metal shaders are on: ")
    assert "<tr><th>kernel</th><th>state</th><th>dtype</th><th>file</th><th>why</th></tr>" in html
    assert "<tr><td>backward</td><td>not used yet</td>" in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in html
    assert "<script>" not in html


def test_an_empty_folder_gives_the_summary_alone(ledger, folder):
    (folder / "scale.metal").unlink()
    assert repr(status()) == status().summary
    assert status()._repr_html_() == f"<p>{status().summary}</p>"
