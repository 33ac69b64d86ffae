"""Round trips bit for bit, damaged files, full disks, and a kill in the middle of a save."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import OrderedDict

import mlx.core as mx
import numpy as np
import pytest

import lucid

DTYPES = [
    *("float64", "float32", "float16", "bfloat16", "complex64"),
    *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"),
]


def random_array(dtype, shape):
    """Random bits, so that every NaN and subnormal is among them."""
    rng = np.random.default_rng(0)
    if dtype == "bool":
        return mx.array(rng.integers(0, 2, shape).astype(bool))
    numpy_dtype = np.dtype("uint16" if dtype == "bfloat16" else dtype)
    bits = rng.integers(0, 256, (*shape, numpy_dtype.itemsize), dtype=np.uint8)
    values = np.ascontiguousarray(bits).view(numpy_dtype).reshape(shape)
    if dtype == "bfloat16":
        return mx.array(values).view(mx.bfloat16)
    return mx.array(values, mx.float64 if dtype == "float64" else None)


def raw(array):
    array = array.array if isinstance(array, lucid.Tensor) else array
    return np.array(array.view(mx.uint16) if array.dtype == mx.bfloat16 else array).tobytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.safetensors"


@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (5, 7)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_bit_for_bit(dtype, shape, path):
    device = "cpu" if dtype == "float64" else None
    array = random_array(dtype, shape)
    state = {"t": lucid.Tensor(array, device=device), "m": array}
    if dtype != "bfloat16":
        state["n"] = np.array(array)
    lucid.save(state, path)
    back = lucid.load(path)
    assert list(back) == list(state)
    assert isinstance(back["t"], lucid.Tensor)
    assert isinstance(back["m"], mx.array)
    for key, value in back.items():
        assert value.dtype == state[key].dtype
        assert value.shape == shape
        if key == "n":
            assert isinstance(value, np.ndarray)
            assert value.tobytes() == state["n"].tobytes()
        else:
            assert raw(value) == raw(array)


def test_values_and_structure(path):
    shared = lucid.ones(2)
    state = {
        "": 1,
        "$odd": [True, False, None, "text ä \ud800 \n", -0.0, 0.1, 1e308, 5e-324],
        0: {1: {"a.b": (1, (2,), [])}, -5: {}},
        "big": 2**80,
        "not finite": [math.inf, -math.inf],
        "tuple": (shared, [shared, ()]),
        "a": {"b": shared},
        "a.b": lucid.zeros(1),
        "__metadata__": lucid.ones(3),
        "$tensor": "no tensor",
        "numpy": [np.float32(0.1), np.int64(3), np.bool_(True)],
    }
    lucid.save(state, path)
    back = lucid.load(path)

    def plain(value):
        if isinstance(value, lucid.Tensor):
            return ("tensor", value.tolist())
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(plain(v) for v in value)
        return value

    assert repr(plain(back)) == repr(plain({**state, "numpy": [float(np.float32(0.1)), 3, True]}))
    lucid.save(math.nan, path)
    assert math.isnan(lucid.load(path))
    lucid.save(OrderedDict(a=lucid.ones(1)), path)
    assert type(lucid.load(path)) is dict


def test_views_and_byte_orders(path):
    matrix = lucid.arange(12).reshape(3, 4)
    big = np.arange(4, dtype=">f8")
    lucid.save([matrix.T, matrix[:, ::2], matrix.to(lucid.bfloat16).T, big, big[::2]], path)
    back = lucid.load(path)
    assert back[0].tolist() == matrix.T.tolist()
    assert back[1].tolist() == matrix[:, ::2].tolist()
    assert back[2].tolist() == matrix.T.tolist()
    np.testing.assert_array_equal(back[3], big)
    np.testing.assert_array_equal(back[4], big[::2])


def test_a_flat_state_is_an_ordinary_file(path):
    state = {"conv.weight": lucid.randn(2, 1, 3), "conv.bias": lucid.ones(2, dtype=lucid.bfloat16)}
    lucid.save(state, path)
    read, metadata = mx.load(str(path), return_metadata=True)
    assert {k: raw(v) for k, v in read.items()} == {k: raw(v) for k, v in state.items()}
    assert all(isinstance(v, str) for v in metadata.values())
    length = int.from_bytes(path.read_bytes()[:8], "little")
    assert length % 8 == 0


def test_a_file_of_others(path):
    arrays = {"b.weight": random_array("bfloat16", (3, 5)), "a": mx.array(3), "c": mx.zeros((0, 2))}
    mx.save_safetensors(str(path), arrays, {"format": "pt"})
    back = lucid.load(path)
    assert {k: (raw(v), v.shape, v.dtype) for k, v in back.items()} == {
        k: (raw(v), v.shape, v.dtype) for k, v in arrays.items()
    }


def test_the_safetensors_package_agrees(path):
    safetensors = pytest.importorskip("safetensors.numpy")
    state = {"x": np.arange(5.0), "y": np.ones((2, 3), np.float16)}
    lucid.save(state, path)
    back = safetensors.load_file(path)
    for key, value in state.items():
        np.testing.assert_array_equal(back[key], value)


def test_loading_is_not_lazy(path):
    lucid.save({"x": lucid.ones(1000)}, path)
    back = lucid.load(path)
    path.write_bytes(b"\0" * path.stat().st_size)
    assert back["x"].sum().item() == 1000


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"a": [1, object()]}, r"cannot save state\['a'\]\[1\]: expected .* got object"),
        ({"a": {1.5: 2}}, r"cannot save state\['a'\]: keys must be str or int, got 1.5"),
        ({True: 2}, "keys must be str or int, got True"),
        ({"a": np.array(["x"])}, r"state\['a'\]: a NumPy array of dtype <U1"),
        ({"a": 1j}, "got complex"),
        ({"a": {1, 2}}, "got set"),
    ],
)
def test_what_cannot_be_saved(state, message, path):
    with pytest.raises(TypeError, match=message):
        lucid.save(state, path)
    assert not path.exists()


def test_a_state_that_contains_itself(path):
    state = {}
    state["self"] = state
    with pytest.raises(ValueError, match="nested too deeply, or contains itself"):
        lucid.save(state, path)


def file_of(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


DAMAGED = {
    "empty": (b"", "not a safetensors file, or is cut short"),
    "short": (b"\x01\0\0", "not a safetensors file, or is cut short"),
    "text": (b"hello, this is a text file", "not a safetensors file"),
    "huge header": (b"\xff" * 7 + b"\x7f" + b"{}", "a header of 9223372036854775807 bytes"),
    "no json": (file_of(b"{no json"), "header is not valid JSON"),
    "bytes": (file_of(b"\xff\xfe\xfd{}"), "header is not valid JSON"),
    "list": (file_of([1]), "header is not a JSON object"),
    "deep": (file_of(b"[" * 100_000), "nested too deeply|not valid JSON"),
    "metadata": (file_of({"__metadata__": {"a": 1}}), "metadata are not strings"),
    "entry": (file_of({"a": 3}), "the entry of array 'a' is 3"),
    "dtype": (file_of({"a": entry("F8_E4M3")}, b"\0" * 8), "'a' has dtype 'F8_E4M3'; known are"),
    "float shape": (file_of({"a": entry(shape=(2.0,))}, b"\0" * 8), r"'a' has shape \[2.0\]"),
    "negative": (file_of({"a": entry(shape=(-1, -2))}, b"\0" * 8), r"'a' has shape \[-1, -2\]"),
    "overflow": (file_of({"a": entry(shape=(0, 2**32), offsets=(0, 0))}), "'a' has shape"),
    "wrong size": (file_of({"a": entry(shape=(3,))}, b"\0" * 8), "needs 12 bytes, has 8"),
    "offsets": (file_of({"a": entry(offsets=(8, 0))}, b"\0" * 8), "needs 8 bytes, has -8"),
    "hole": (file_of({"a": entry(offsets=(4, 12))}, b"\0" * 12), "begins at byte 4, expected 0"),
    "overlap": (
        file_of({"a": entry(), "b": entry(offsets=(4, 12))}, b"\0" * 12),
        "array 'b' begins at byte 4, expected 8",
    ),
    "truncated": (file_of({"a": entry()}, b"\0" * 5), "says .*; it was cut short"),
    "longer": (file_of({"a": entry()}, b"\0" * 9), "it was written over"),
    "twice": (
        file_of(b'{"a":' + json.dumps(entry()).encode() + b',"a":{}}', b"\0" * 8),
        "a name comes twice",
    ),
    "newer": (file_of({"__metadata__": {"lucid": '{"version": 9}'}}), "version 9, .* reads 1"),
    "structure": (file_of({"__metadata__": {"lucid": "{"}}), "structure is not valid JSON"),
    "lost array": (
        file_of({"__metadata__": {"lucid": '{"version": 1, "state": {"$tensor": "x"}}'}}),
        r"do not fit \(KeyError\('x'\)\)",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files(name, path):
    content, message = DAMAGED[name]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"cannot load .*state.safetensors: .*({message})"):
        lucid.load(path)


def test_random_damage_never_crashes(path):
    lucid.save({"a": [lucid.ones(3), {"b": np.arange(4)}], "c": (1.5, math.inf)}, path)
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(500):
        bad = bytearray(good)
        for place in rng.integers(0, len(bad), rng.integers(1, 4)):
            bad[place] = rng.integers(256)
        path.write_bytes(bad[: rng.integers(len(bad))] if rng.random() < 0.2 else bad)
        try:
            lucid.load(path)  # damage inside the numbers, or in a name, cannot be seen
        except ValueError as error:
            assert str(error).startswith(f"cannot load {path}: ")  # noqa: PT017


def test_a_missing_file_or_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        lucid.load(tmp_path / "nothing.safetensors")
    with pytest.raises(FileNotFoundError, match=r"could not save .*; nothing there was changed"):
        lucid.save({}, tmp_path / "no folder" / "x.safetensors")
    with pytest.raises(IsADirectoryError, match="could not save"):
        lucid.save({}, tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_leaves_the_old_file(number, path, monkeypatch):
    lucid.save({"x": 1}, path)

    def full(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=f"could not save .*: {os.strerror(number)}") as caught:
        lucid.save({"x": 2}, path)
    assert caught.value.errno == number
    assert lucid.load(path) == {"x": 1}
    assert os.listdir(path.parent) == [path.name]


def test_a_write_that_the_system_loses_is_noticed(path, monkeypatch):
    lucid.save({"x": 1}, path)
    monkeypatch.setattr(os, "fsync", lambda descriptor: os.ftruncate(descriptor, 400))
    with pytest.raises(OSError, match="reading it back failed, it has 400 bytes where"):
        lucid.save({"x": lucid.ones(1000)}, path)
    assert lucid.load(path) == {"x": 1}


LIMITED = """
import resource, signal, sys
import lucid
lucid.save({"x": 1}, sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    lucid.save({"x": lucid.ones(100_000)}, sys.argv[1])
except OSError as error:
    assert "could not save" in str(error), error
    assert lucid.load(sys.argv[1]) == {"x": 1}
    print("refused")
"""

ENDLESS = """
import sys
import lucid
for i in range(10**9):
    lucid.save({"i": i, "x": lucid.full((200_000,), float(i % 1000)), "y": [i] * 1000}, sys.argv[1])
    if i == 0:
        print("ready", flush=True)
"""


def test_a_write_refused_by_the_system(path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "refused"
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.slow
def test_a_kill_leaves_a_whole_file(path):
    rng = np.random.default_rng(0)
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
        state = lucid.load(path)
        assert state["y"] == [state["i"]] * 1000
        assert (state["x"] == state["i"] % 1000).all().item()


def test_a_training_goes_on_bit_for_bit(path):
    def build():
        lucid.manual_seed(0)
        w = lucid.randn(4, 3, requires_grad=True)
        optimizer = lucid.optim.AdamW([w], lr=0.1)
        return w, optimizer, lucid.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=9)

    def train(w, optimizer, scheduler, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            ((w - lucid.randn(4, 3)) ** 2).sum().backward()
            optimizer.step()
            scheduler.step()

    parts = build()
    train(*parts, 4)
    state = {
        "w": parts[0],
        "optimizer": parts[1].state_dict(),
        "schedule": parts[2].state_dict(),
        "random": lucid.random.get_state(),
    }
    lucid.save(state, path)
    train(*parts, 5)

    resumed = build()
    state = lucid.load(path)
    resumed[0].data = state["w"]
    resumed[1].load_state_dict(state["optimizer"])
    resumed[2].load_state_dict(state["schedule"])
    lucid.random.set_state(state["random"])
    train(*resumed, 5)
    assert raw(resumed[0]) == raw(parts[0])
    assert resumed[2].get_last_lr() == parts[2].get_last_lr()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes")
def test_a_pipe_or_device_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="it is a device or a pipe"):
        lucid.save({}, pipe)
    assert pipe.is_fifo()
