"""What is remembered on disk."""

import hashlib
import json

import numpy as np
import pytest

from lucid.kernels import metal, trust
from lucid.kernels.convolution import conv1d


@pytest.fixture
def next_process(ledger):
    return lambda: trust.using(trust.Ledger(ledger.path))


def test_what_passed_is_remembered(gpu, next_process, example):
    x, w = example.arrays()
    conv1d(x, w)
    conv1d(x, w, stride=2)
    gpu.launches.clear()
    with next_process():
        conv1d(x, w)
        conv1d(x, w, stride=2)
        assert not gpu.checks
        conv1d(x, w, stride=3)
        assert len(gpu.checks) == 1


def test_what_failed_is_not(gpu, next_process, example):
    gpu.fault = lambda y: y + 1
    with pytest.warns(RuntimeWarning):
        conv1d(*example.arrays())
    gpu.fault = lambda y: y
    with next_process() as ledger:
        conv1d(*example.arrays())
        assert ledger.passed


def test_another_text_of_the_kernel_is_checked_again(gpu, twin, folder, next_process, example):
    conv1d(*example.arrays())
    path = folder / "twin.metal"
    path.write_text(path.read_text() + "// edited\n")
    twin.kernel = metal.Kernel("twin", "twin")
    gpu.launches.clear()
    with next_process():
        conv1d(*example.arrays())
    assert len(gpu.checks) == 1


def test_another_device_is_checked_again(gpu, next_process, monkeypatch, example):
    conv1d(*example.arrays())
    place = trust._place()
    assert set(place) == {"device", "system", "mlx", "code"}
    assert place["code"] != hashlib.sha256().hexdigest()[:12]
    for part in place:
        monkeypatch.setattr(trust, "_place", lambda part=part: {**place, part: "another"})
        gpu.launches.clear()
        with next_process():
            conv1d(*example.arrays())
        assert len(gpu.checks) == 1


def test_two_processes_add_up(gpu, ledger, next_process, example):
    x, w = example.arrays()
    conv1d(x, w)
    with next_process():
        conv1d(x, w, stride=2)
    conv1d(x, w, stride=3)
    assert len(json.loads(ledger.path.read_text())["passed"]) == 3
    assert [path.name for path in ledger.path.parent.iterdir()] == [ledger.path.name]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xff",
        b"[]",
        b"null",
        b'{"passed": {}}',
        b"[" * 100_000,
        b'{"made on": 1, "passed": 2}',
        '{{"made on": {place}, "passed": [1]}}',
        '{{"made on": {place}, "passed": {{"a": "b"}}}}',
        '{{"made on": {place}, "passed": {{"a": NaN}}}}',
        '{{"made on": {place}, "passed": {{"a": Infinity}}}}',
        '{{"made on": {place}, "passed": {{"a": null}}}}',
    ],
    ids=range(13),
)
def test_a_corrupt_file_is_ignored_and_replaced(gpu, ledger, content, example):
    if isinstance(content, str):
        content = content.format(place=json.dumps(trust._place())).encode()
    ledger.path.parent.mkdir()
    ledger.path.write_bytes(content)
    conv1d(*example.arrays())
    assert len(gpu.checks) == 1
    assert len(json.loads(ledger.path.read_text())["passed"]) == 1


def test_a_file_that_cannot_be_written_is_no_error(gpu, tmp_path, example):
    (tmp_path / "file").write_text("")
    x, w = example.arrays()
    with trust.using(trust.Ledger(tmp_path / "file" / "shaders.json")):
        np.testing.assert_array_equal(conv1d(x, w), example.exact(x, w))
    with trust.using(trust.Ledger(tmp_path)):  # a folder
        np.testing.assert_array_equal(conv1d(x, w), example.exact(x, w))


def test_no_home_is_no_error(gpu, monkeypatch, example):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(trust._cache, "folder", no_home)
    with trust.using(trust.Ledger()) as ledger:
        conv1d(*example.arrays())
        assert ledger.passed


def test_the_file_lies_in_the_cache_of_the_user(gpu, tmp_path, monkeypatch, example):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    with trust.using(trust.Ledger()):
        conv1d(*example.arrays())
    (file,) = (tmp_path / "mine" / "lucid").iterdir()
    content = json.loads(file.read_text())
    assert content["made on"]["device"] == trust.device()
    ((key, threads),) = content["passed"].items()
    assert key.startswith("conftest.twin twin.twin ")
    assert threads == 32
