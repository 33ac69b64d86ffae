"""Small files of PyTorch's format that would take gigabytes or hours: refused at once."""

import json
import os
import struct
import zipfile

import pytest

import lucid
from lucid.serialization import torch_file, torch_pickle

TWINS = b")" + b"2\x86" * 60  # a tuple of two tuples of two tuples ...: 2**60 of them


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def name(module, attribute):
    return b"c" + f"{module}\n{attribute}\n".encode()


def number(n):
    return b"\x8a\x0a" + n.to_bytes(10, "little")


def storage(key="0", numel=1):
    parts = text("storage") + name("torch", "FloatStorage") + text(key) + text("cpu")
    return b"(" + parts + number(numel) + b"tQ"


def view(offset, size, stride, **settings):
    place = number(offset) + b"(" + number(size) + b"t(" + number(stride) + b"t\x89N"
    return name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage(**settings) + place + b"tR"


def pickle(body):
    return b"\x80\x02" + body + b"."


def written(path, body, data=b"", names=("0",)):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", pickle(body))
        for key in names:
            archive.writestr(f"a/data/{key}", data)
    return path


def repeated(make, setup, times):
    """What `setup` leaves on the stack, remembered, and `times` times what `make` does with it."""
    return setup + b"q\x000(" + make * times + b"t"


TEXT = text("a" * (1 << 20))
NUMBERS = b"(" + b"".join(b"J" + struct.pack("<i", n) for n in range(20000)) + b"l"
ITEMS = b"}(" + b"".join(b"J" + struct.pack("<i", n) + b"N" for n in range(20000)) + b"u"
BOMBS = {
    "doubled path": text("a" * 100)
    + (b"q\x000" + name("pathlib", "PosixPath") + b"h\0h\0\x86R") * 40,
    "copied text": repeated(name("_codecs", "encode") + b"h\0N\x86R", TEXT, 5000),
    "copied sets": repeated(name("builtins", "frozenset") + b"h\0\x85R", NUMBERS, 3000),
    "copied items": repeated(name("argparse", "Namespace") + b")Rh\0b", ITEMS, 3000),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_pickle_cannot_copy_itself_into_gigabytes(bomb, tmp_path, monkeypatch):
    monkeypatch.setattr(torch_pickle, "_COPIED", 1 << 22)
    with pytest.raises(ValueError, match="copies itself into gigabytes"):
        lucid.load(written(tmp_path / "a.pt", BOMBS[bomb]))


@pytest.mark.parametrize(
    "body",
    [
        b"(" + TWINS + name("torch", "FloatStorage") + text("0") + text("cpu") + number(1) + b"tQ",
        name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage() + TWINS + b"))tR",
        name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage() + number(0) + TWINS + b")tR",
        name("torch", "device") + b"(" + TWINS + b"tR",
    ],
)
def test_no_message_spells_out_what_holds_itself_many_times(body, tmp_path):
    with pytest.raises(ValueError, match="cannot load"):
        lucid.load(written(tmp_path / "a.pt", body, bytes(4)))


def test_tensors_of_one_storage_cannot_exceed_it_by_much(tmp_path, monkeypatch):
    monkeypatch.setattr(torch_file, "_EXPANDED", 1 << 16)
    data = bytes(4 * 1000)
    same = b"(" + view(0, 1000, 1, numel=1000) * 100 + b"t"
    tensors = lucid.load(written(tmp_path / "same.pt", same, data))  # these share their array
    tensors[0].add_(1)
    assert tensors[1].sum().item() == 0
    shifted = b"(" + b"".join(view(k, 900, 1, numel=1000) for k in range(100)) + b"t"
    with pytest.raises(ValueError, match="does not fit its storage"):
        lucid.load(written(tmp_path / "shifted.pt", shifted, data))


def test_a_stride_that_no_step_uses_may_be_anything(tmp_path):
    file = written(tmp_path / "a.pt", view(0, 1, 2**70), bytes(4))
    assert lucid.load(file).tolist() == [0.0]


def test_entries_that_overlap(tmp_path):
    body = b"(" + view(0, 1000, 1, numel=1000) + b"t"
    names = [str(k) for k in range(9)]
    written(tmp_path / "a.pt", body, bytes(4000), names)
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        first = archive.getinfo("a/data/0").header_offset
        begin = archive.start_dir
        directory = (tmp_path / "a.pt").read_bytes()[begin:]
        for info in archive.infolist()[2:]:
            directory = directory.replace(
                struct.pack("<I", info.header_offset) + info.filename.encode(),
                struct.pack("<I", first) + info.filename.encode(),
            )
        start = archive.getinfo("a/data/1").header_offset
    content = (tmp_path / "a.pt").read_bytes()[:start] + directory[:-6]
    (tmp_path / "a.pt").write_bytes(content + struct.pack("<IH", start, 0))
    with pytest.raises(ValueError, match="entries of its zip archive overlap"):
        lucid.load(tmp_path / "a.pt")


@pytest.mark.parametrize(
    "damage",
    [
        pickle(view(0, 1, 1, numel=2**61)) + pickle(b"]" + text("0") + b"a")
        + struct.pack("<Q", 2**61),
        pickle(view(0, 1, 1)) + pickle(b"]]a"),
        pickle(b"]" * 100000 + b"a" * 99999) + pickle(b"]"),
    ],
)  # fmt: skip
def test_old_files_with_absurd_sizes_keys_and_depths(damage, tmp_path):
    system = pickle(b"}" + text("little_endian") + b"\x88s")
    magic = torch_file.LEGACY + b"\x80\x02M\xe9\x03."
    (tmp_path / "a.pt").write_bytes(magic + system + damage)
    with pytest.raises(ValueError, match=r"cut short|unhashable|nested too deeply"):
        lucid.load(tmp_path / "a.pt")


def test_deep_nesting_is_called_so(tmp_path):
    with pytest.raises(ValueError, match="nested too deeply"):
        lucid.load(written(tmp_path / "a.pt", b"]" * 100000 + b"a" * 99999))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_an_index_that_names_a_pipe_does_not_wait_for_it(tmp_path):
    os.mkfifo(tmp_path / "part.safetensors")
    index = tmp_path / "index.json"
    index.write_text(json.dumps({"weight_map": {"a": "part.safetensors"}}))
    with pytest.raises(ValueError, match="is not a file beside it"):
        lucid.load(index)
