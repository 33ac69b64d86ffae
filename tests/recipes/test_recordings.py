"""Folders of recordings: what is read, what is skipped and named, how it is split."""

import numpy as np
import pytest

from lucid import audio
from lucid.recipes import recordings


def test_reading(speech):
    found = recordings.read(speech, 8000)
    assert len(found.clips) == len(found.samples) == 16
    assert found.report("x").startswith("x: 16 recordings, 0.")
    assert all(s.dtype == np.float32 and s.ndim == 1 for s in found.samples)


def test_other_rates_are_resampled(speech):
    half = recordings.read(speech, 4000)
    for a, b in zip(half.samples, recordings.read(speech, 8000).samples, strict=True):
        assert len(a) == -(-len(b) // 2)


def test_files_that_cannot_be_used_are_named_skipped_and_counted(speech):
    (speech / "one_bad_1.wav").write_bytes(b"RIFF and then nothing")
    (speech / "one_empty_1.wav").write_bytes(b"")
    whole = (speech / "one_ann_7.wav").read_bytes()
    (speech / "one_noise_1.wav").write_bytes(b"\x80" * 500)
    audio.save(speech / "one_short_1.wav", np.ones(100), 8000)
    audio.save(speech / "one_silent_1.wav", np.zeros(8000), 8000)
    audio.save(speech / "one_nan_1.wav", np.ones(8000), 8000, encoding="float32")
    spoilt = bytearray((speech / "one_nan_1.wav").read_bytes())
    spoilt[-4:] = np.float32(np.nan).tobytes()
    (speech / "one_nan_1.wav").write_bytes(spoilt)
    (speech / "name.wav").write_bytes(whole)
    found = recordings.read(speech, 8000)
    assert len(found.clips) == 16
    text = found.report("speech")
    assert "16 recordings" in text
    assert "7 files skipped" in text
    for name, reason in {
        "one_bad_1": "",
        "one_empty_1": "empty",
        "one_noise_1": "not an audio file",
        "one_short_1": "too short: 12.5 ms",
        "one_silent_1": "silent",
        "one_nan_1": "NaN",
        "name": "its name is not",
    }.items():
        line = next(line for line in text.splitlines() if f"{name}.wav" in line)
        assert reason in line
        assert line.startswith("  skipped ")


def test_nothing_usable(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        recordings.read(tmp_path / "nowhere", 8000)
    with pytest.raises(ValueError, match="holds no audio files"):
        recordings.read(tmp_path, 8000)
    audio.save(tmp_path / "yes_ann_0.wav", np.zeros(8000), 8000)
    with pytest.raises(ValueError, match=r"none of its 1 audio files can be used: .*silent"):
        recordings.read(tmp_path, 8000)
    with pytest.raises(NotADirectoryError, match="is a file, expected a folder"):
        recordings.read(tmp_path / "yes_ann_0.wav", 8000)


def test_too_much_for_memory(speech, monkeypatch):
    monkeypatch.setattr(recordings, "_LARGEST", 1000)
    with pytest.raises(ValueError, match=r"GB of memory.*; give a part of them"):
        recordings.read(speech, 8000)


def test_the_names_of_the_files_give_the_split(speech):
    train, test, how = recordings.split(recordings.read(speech, 8000).clips, seed=0)
    assert {clip.index for clip in test} == {0}
    assert len(train) == 12
    assert how == "recordings 0 to 4 of each speaker are the test set"


def test_folds(tmp_path):
    (tmp_path / "rain").mkdir()
    for fold in (1, 1, 2, 3):
        audio.save(tmp_path / "rain" / f"{fold}-7-A.wav", np.ones(800), 8000)
    clips = recordings.read(tmp_path, 8000, labelled=False).clips
    _, test, how = recordings.split(clips, seed=0)
    assert [clip.fold for clip in test] == [3]
    assert how == "fold 3 is the test set"


def folder_of(tmp_path, counts):
    for label, count in counts.items():
        (tmp_path / label).mkdir()
        for i in range(count):
            audio.save(tmp_path / label / f"{i}.wav", np.ones(800), 8000)
    return recordings.read(tmp_path, 8000).clips


def test_a_tenth_of_each_class_at_random(tmp_path):
    clips = folder_of(tmp_path, {"yes": 30, "no": 12, "go": 2})
    train, test, how = recordings.split(clips, seed=3)
    held = [clip.label for clip in test]
    assert (held.count("yes"), held.count("no"), held.count("go")) == (3, 1, 1)
    assert len(train) == 39
    assert how == "a tenth of each class, drawn with seed 3, is the test set"
    assert recordings.split(clips, seed=3)[1] == test
    assert recordings.split(clips, seed=4)[1] != test


def test_a_class_of_one(tmp_path):
    clips = folder_of(tmp_path, {"yes": 3, "no": 1})
    with pytest.raises(ValueError, match="class 'no' has one recording; it needs two"):
        recordings.split(clips, seed=0)
