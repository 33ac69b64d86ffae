"""PyTorch's files: what PyTorch wrote comes back equal; what a file should not do, it cannot do."""

import argparse
import os
import pickle
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.serialization.torch_file import LEGACY


def archive(path, data, **files):
    """A file as torch.save makes it, around a pickle."""
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("model/data.pkl", data if isinstance(data, bytes) else pickle.dumps(data, 2))
        for name, content in files.items():
            z.writestr(f"model/{name.replace('__', '/')}", content)
    return path


class Runs:
    """Python's pickle reader calls what this returns."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


EVIL = {
    "os.system": Runs(os.system, "touch broken-into"),
    "eval": Runs(eval, "open('broken-into', 'w')"),
    "getattr": Runs(getattr, "", "join"),
    "in a list": [1, {"a": (Runs(os.mkdir, "broken-into"),)}],
    "a class never called": {"a": os.system},
    "a dtype of objects": np.array([{}], dtype=object),
    "bytes of a tensor": Runs(pickle.loads, pickle.dumps(Runs(os.mkdir, "broken-into"))),
}


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
@pytest.mark.parametrize("name", EVIL)
def test_a_malicious_file_is_refused(name, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = archive(tmp_path / "a.pt", pickle.dumps(EVIL[name], protocol))
    with pytest.raises(ValueError, match=r"cannot load .*a\.pt: "):
        lucid.load(path)
    legacy = tmp_path / "b.pt"
    system = pickle.dumps({"little_endian": True}, 2)
    legacy.write_bytes(
        LEGACY
        + pickle.dumps(1001, 2)
        + system
        + pickle.dumps(EVIL[name], protocol)
        + pickle.dumps([])
    )
    with pytest.raises(ValueError, match=r"cannot load .*b\.pt: "):
        lucid.load(legacy)
    assert sorted(os.listdir(tmp_path)) == ["a.pt", "b.pt"]


# Programs in pickle's own language. c: a name, (: mark, t: tuple, R: call, Q: persistent id
STORAGE = (
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQ"
)


def view(offset=0, shape=b"K\x02\x85", strides=b"K\x01\x85"):
    number = b"J" + offset.to_bytes(4, "little", signed=True)
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + number + shape + strides + b"\x89NtR."
    )


HUGE = b"J\xff\xff\xff\x7f"
PROGRAMS = {
    "an instance": (b"ios\nsystem\n.", "uses INST"),
    "a registered extension": (b"\x82\x01.", "uses EXT1"),
    "attributes of a list": (b"](K\x01K\x02tb.", "sets attributes of a list"),
    "no end": (b"K\x01", "exhausted"),
    "nothing on the stack": (b"0.", "damaged"),
    "an unknown place of the memo": (b"h\x07.", "damaged"),
    "a list as a key": (b"}]K\x01s.", "a list cannot be a key"),
    "a deep tuple as a key": (b"})" + b"\x85" * 100_000 + b"K\x01s.", "a tuple cannot be a key"),
    "a number that is called": (b"K\x01)R.", "a int is called"),
    "a whole model": (b"ctorch.nn.modules.conv\nConv1d\n)R.", r"save model.state_dict\(\)"),
    "a sparse tensor": (b"ctorch._utils\n_rebuild_sparse_tensor\n)R.", "_rebuild_sparse_tensor"),
    "a storage alone": (STORAGE + b".", "bare storage"),
    "another reference": (b"X\x03\x00\x00\x00abcQ.", "damaged"),
    "beyond its storage": (view(shape=b"K\x03\x85"), "does not fit its storage of 2 elements"),
    "before its storage": (view(offset=-1), "from -1 on"),
    "behind its storage": (view(offset=1), "does not fit"),
    "terabytes of one number": (view(shape=HUGE + b"\x85", strides=b"K\x00\x85"), "does not fit"),
    "a negative stride": (
        view(strides=b"J\xff\xff\xff\xff\x85"),
        r"a stride .* \(-1,\)",
    ),
    "shape and strides": (view(strides=b")"), r"shape \(2,\) and strides \(\)"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_a_pickle_may_not_say(name, tmp_path):
    program, message = PROGRAMS[name]
    with pytest.raises(ValueError, match=message):
        lucid.load(archive(tmp_path / "a.pt", program, data__0=bytes(8)))


def test_the_same_program_said_rightly(tmp_path):
    path = archive(tmp_path / "a.pt", view(), data__0=np.array([1, 2], "<f4").tobytes())
    assert lucid.load(path).tolist() == [1.0, 2.0]


def test_containers_of_many_references_stay_small(tmp_path):
    value = ()
    for _ in range(60):
        value = (value, value)
    loaded = lucid.load(archive(tmp_path / "a.pt", value))
    assert loaded[0] is loaded[1]


def test_a_list_that_holds_itself(tmp_path):
    value = [1]
    value.append(value)
    loaded = lucid.load(archive(tmp_path / "a.pt", value))
    assert loaded[1] is loaded


def test_damaged_archives(tmp_path):
    good = archive(tmp_path / "good.pt", view(), data__0=bytes(8)).read_bytes()
    path = tmp_path / "a.pt"
    rng = np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(good)
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(256)
        path.write_bytes(bytes(data[: rng.integers(len(data)) if rng.random() < 0.3 else None]))
        try:
            lucid.load(path)
        except ValueError as error:
            assert str(error).startswith("cannot load")  # noqa: PT017  most of them do raise


def test_archives_of_another_kind(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as z:
        z.writestr("a.txt", "text")
    with pytest.raises(ValueError, match=r"not one of PyTorch's: no data.pkl in it"):
        lucid.load(tmp_path / "a.zip")
    program = archive(tmp_path / "b.pt", {}, constants__pkl=b"")
    with zipfile.ZipFile(program, "a") as z:
        z.writestr("model/constants.pkl", b"")
    with pytest.raises(ValueError, match="it is a TorchScript program"):
        lucid.load(program)
    with zipfile.ZipFile(tmp_path / "c.pt", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("model/data.pkl", bytes(1000))
    with pytest.raises(ValueError, match="is compressed"):
        lucid.load(tmp_path / "c.pt")
    (tmp_path / "d.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ValueError, match="it is a bare pickle"):
        lucid.load(tmp_path / "d.pkl")
    with pytest.raises(ValueError, match=r"load\(weights_only=False\) would run code"):
        lucid.load(program, weights_only=False)


# Against PyTorch -----------------------------------------------------------------------------


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def same(ours, theirs, torch):
    if isinstance(theirs, torch.Tensor):
        if theirs.dtype == torch.complex128:
            return np.array_equal(ours, theirs.numpy())
        assert ours.requires_grad == theirs.requires_grad
        assert str(ours.dtype).split(".")[-1].rstrip("_") == str(theirs.dtype).split(".")[-1]
        return bool(np.array_equal(ours.numpy(), lucid.tensor(theirs.detach()).numpy()))
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(same(ours[k], theirs[k], torch) for k in theirs)
    if isinstance(theirs, list | tuple):
        return type(ours) in (list, tuple) and all(map(same, ours, theirs, [torch] * len(theirs)))
    return type(ours) is type(theirs) and np.array_equal(ours, theirs)


@pytest.mark.parity
@pytest.mark.parametrize("zipped", [True, False])
def test_what_pytorch_saves(zipped, torch, tmp_path):
    x = torch.arange(24.0).reshape(2, 3, 4)
    kinds = [
        *(torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.complex128),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    ]
    state = {
        "views": [x, x[1], x[:, 1:, ::2], x[0].T, x[0, 0].expand(5, 4), x.permute(2, 0, 1)],
        "dtypes": [torch.arange(6).to(kind) for kind in kinds],
        "empty": [torch.zeros(0), torch.zeros(2, 0, 3), torch.tensor(3.5)],
        "parameters": torch.nn.Conv1d(2, 3, 5).state_dict(),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "optimizer": {0: {"step": 3, "betas": (0.9, 0.999)}, "name": "Adam"},
        "plain": [1, -(2**70), 2.5, True, None, "größer", b"\x00\xff", {1, 2}, frozenset({3})],
        "numpy": [np.float64(0.5), np.int32(7), np.arange(6.0).reshape(2, 3).T, np.array("ab")],
    }
    path = tmp_path / "model.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    loaded = lucid.load(path)
    assert same(loaded, state, torch)
    assert type(loaded["parameters"]) is dict
    other = {
        "ordered": OrderedDict(a=1),
        "counter": Counter("aab"),
        "default": defaultdict(list, a=[1]),
        "namespace": argparse.Namespace(lr=0.1, layers=[1, 2]),
        "path": Path("/a/b/c.wav"),
        "size": torch.Size([2, 3]),
        "dtype": torch.float16,
        "device": torch.device("cpu"),
    }
    torch.save(other, path, _use_new_zipfile_serialization=zipped)
    loaded = lucid.load(path)
    assert loaded == {
        "ordered": {"a": 1},
        "counter": {"a": 2, "b": 1},
        "default": {"a": [1]},
        "namespace": {"lr": 0.1, "layers": [1, 2]},
        "path": "/a/b/c.wav",
        "size": (2, 3),
        "dtype": lucid.float16,
        "device": "cpu",
    }


@pytest.mark.parity
def test_a_model_trained_in_pytorch_goes_on_here(torch, tmp_path):
    theirs, ours = (
        n.Sequential(n.Conv1d(1, 4, 5), n.ReLU(), n.Conv1d(4, 1, 3)) for n in (torch.nn, nn)
    )
    optimizer = torch.optim.Adam(theirs.parameters(), lr=1e-3)
    theirs(torch.randn(2, 1, 32)).square().mean().backward()
    optimizer.step()
    state = {"model": theirs.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    torch.save(state, tmp_path / "model.pt")
    loaded = lucid.load(tmp_path / "model.pt", map_location="cpu")
    ours.load_state_dict(loaded["model"])
    adam = lucid.optim.Adam(ours.parameters(), lr=1e-3)
    adam.load_state_dict(loaded["optimizer"])
    x = np.random.default_rng(0).standard_normal((2, 1, 32)).astype(np.float32)
    for network, step, data in (
        (theirs, optimizer, torch.tensor(x)),
        (ours, adam, lucid.tensor(x)),
    ):
        step.zero_grad()
        network(data).square().mean().backward()
        step.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=2e-5, atol=1e-6)


@pytest.mark.parity
def test_kinds_that_are_not_read_are_named(torch, tmp_path):
    path = tmp_path / "a.pt"
    for value, message in {
        "whole model": (torch.nn.Linear(2, 2), r"torch\.nn\.modules\.linear\.Linear"),
        "sparse": (torch.eye(2).to_sparse(), r"torch\.serialization\._get_layout"),
        "float8": (torch.zeros(2, dtype=torch.float8_e4m3fn), "float8_e4m3fn"),
        "storage": (torch.zeros(2).untyped_storage(), "bare storage"),
    }.values():
        torch.save(value, path)
        with pytest.raises(ValueError, match=message):
            lucid.load(path)


# In several files ----------------------------------------------------------------------------


def test_a_checkpoint_in_several_files(tmp_path):
    state = {f"layer{i}.weight": lucid.randn(10, 10) for i in range(5)}
    lucid.save(state, tmp_path / "model.safetensors", max_shard_size="1KB")
    names = sorted(os.listdir(tmp_path))
    assert names[:2] == ["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors"]
    loaded = lucid.load(tmp_path / "model.safetensors.index.json")
    assert list(loaded) == list(state)
    assert all((loaded[k] == state[k]).all() for k in state)
    (tmp_path / names[0]).unlink()
    with pytest.raises(FileNotFoundError, match="the index names model-00001-of-00003"):
        lucid.load(tmp_path / "model.safetensors.index.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "not the index of a sharded checkpoint"),
        ('{"weight_map": {"a": "../b.safetensors"}}', r"names '../b.safetensors', which is not"),
        ('{"weight_map": {"a": "index.json"}}', r"names 'index.json', which is not a file"),
        ('{"weight_map": {"b": "part.safetensors"}}', "does not hold 'b'"),
    ],
)
def test_an_index_that_is_wrong(text, message, tmp_path):
    lucid.save({"a": lucid.ones(1)}, tmp_path / "part.safetensors")
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        lucid.load(tmp_path / "index.json")


@pytest.mark.parametrize("limit", ["5 parsecs", 0, -1, "", 1.5])
def test_a_size_that_is_none(limit, tmp_path):
    with pytest.raises(ValueError, match=r"max_shard_size must be bytes or such as '500MB'"):
        lucid.save({"a": lucid.ones(1)}, tmp_path / "a.safetensors", max_shard_size=limit)


def test_only_flat_states_are_sharded(tmp_path):
    with pytest.raises(TypeError, match="a flat dict of Tensors"):
        lucid.save({"a": [lucid.ones(1)]}, tmp_path / "a.safetensors", max_shard_size=10)


def test_files_say_what_they_are_whatever_their_name(tmp_path):
    lucid.save({"a": lucid.ones(2)}, tmp_path / "model.pt")
    assert lucid.load(tmp_path / "model.pt", map_location="cpu")["a"].tolist() == [1.0, 1.0]
