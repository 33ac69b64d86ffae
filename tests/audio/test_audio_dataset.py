"""Folders of recordings: layouts, broken files, splits, items."""

import numpy as np
import pytest

from lucid.audio import (
    AudioFolder,
    crop_or_pad,
    load,
    save,
    scan,
    split,
    split_fold,
    split_official,
    split_speaker,
)


def put(folder, *names, frames=400):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        save(folder / name, np.full(frames, 0.25), 8000)


@pytest.fixture
def spoken(tmp_path):
    put(tmp_path, *(f"{d}_{s}_{i}.wav" for d in "01" for s in ("ann", "bob") for i in range(7)))
    return tmp_path


def test_names_carry_the_labels(spoken):
    found = scan(spoken)
    assert found.classes == ("0", "1")
    assert len(found.clips) == 28
    assert {clip.speaker for clip in found.clips} == {"ann", "bob"}
    train, test = split_official(found.clips)
    assert (len(train), len(test)) == (8, 20)
    assert {clip.index for clip in test} == set(range(5))
    train, test = split_speaker(found.clips, "bob")
    assert {clip.speaker for clip in train} == {"ann"}
    assert {clip.speaker for clip in test} == {"bob"}


def test_a_folder_per_class(tmp_path):
    put(tmp_path / "dog", "1-a-A.wav", "2-b-A.wav")
    put(tmp_path / "cat" / "deeper", "1-c-B.WAV")
    (tmp_path / "empty").mkdir()
    (tmp_path / "dog" / ".DS_Store.wav").write_bytes(b"junk")
    (tmp_path / "notes.txt").write_text("not audio")
    found = scan(tmp_path)
    assert [(clip.label, clip.fold) for clip in found.clips] == [("cat", 1), ("dog", 1), ("dog", 2)]
    train, test = split_fold(found.clips, 2)
    assert (len(train), len(test)) == (2, 1)
    assert scan(tmp_path, labelled=False).classes == ("",)


def test_a_single_folder_stands_for_what_is_in_it(spoken, tmp_path):
    outer = tmp_path / "outer"
    put(outer / "recordings", "3_eve_0.wav")
    assert scan(outer).classes == ("3",)


def test_broken_files_are_named_counted_and_left_out(spoken):
    (spoken / "0_ann_9.wav").write_bytes(b"RIFF....WAVE")
    (spoken / "0_ann_8.wav").write_bytes((spoken / "0_ann_0.wav").read_bytes()[:-100])
    (spoken / "0_ann_7.wav").touch()
    save(spoken / "0_bob_8.wav", np.zeros(0), 8000)
    put(spoken, "noname.wav")
    with pytest.warns(UserWarning, match="28 clips in 2 classes, 5 files skipped") as caught:
        found = scan(spoken)
    text = str(caught[0].message)
    for line in (
        "0_ann_9.wav: damaged WAV file: no fmt chunk",
        "0_ann_8.wav: truncated WAV file",
        "0_ann_7.wav: the file is empty",
        "0_bob_8.wav: it holds no audio frames",
        "noname.wav: its name is not {label}_{speaker}_{index}",
    ):
        assert line in text
    assert found.skipped[0][0].name == "0_ann_7.wav"


def test_unusable_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        scan(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"holds no audio files \(.wav.*one folder per class"):
        scan(tmp_path)
    with pytest.raises(ValueError, match="holds no audio files"):
        scan(tmp_path, labelled=False)
    (tmp_path / "a_b_0.wav").write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"no audio file can be used.*1 files skipped"):
        scan(tmp_path)
    with pytest.raises(NotADirectoryError, match="is a file, expected a folder"):
        scan(tmp_path / "a_b_0.wav")
    put(tmp_path / "dog", "1.wav")
    with pytest.raises(ValueError, match="has 1 audio files beside 1 folders with audio"):
        scan(tmp_path)


def test_splits_refuse_what_they_cannot_do(spoken):
    clips = scan(spoken).clips
    with pytest.raises(ValueError, match="no clip of speaker 'zoe'; there are ann, bob"):
        split_speaker(clips, "zoe")
    with pytest.raises(ValueError, match="28 of 28 clips have no fold in their name"):
        split_fold(clips, 1)
    with pytest.raises(ValueError, match="28 clips to train and 0 to test"):
        split(clips, lambda clip: False)


def test_items(spoken):
    clips = scan(spoken).clips
    dataset = AudioFolder(clips, sample_rate=16000, length=1000, cache=True)
    samples, number = dataset[0]
    assert (samples.shape, samples.dtype, number) == ((1, 1000), np.float32, 0)
    assert dataset[-1][1] == 1
    drawn = {
        int(np.argmax(dataset.draw(0, np.random.default_rng(seed))[0] != 0)) for seed in range(9)
    }
    assert len(drawn) > 3  # random places
    whole = AudioFolder(clips, sample_rate=8000)
    assert whole[0][0].shape == (1, 400)
    with pytest.raises(IndexError):
        dataset[28]


def test_a_part_is_that_of_the_whole(tmp_path):
    path = tmp_path / "a_b_0.wav"
    save(path, np.random.default_rng(0).uniform(-1, 1, (2, 30000)), 8000)
    clips = scan(tmp_path).clips
    for rate in (8000, 4000):  # cut while it is read, and after it was resampled
        whole, _ = load(path, mono=True, sample_rate=rate)
        dataset = AudioFolder(clips, sample_rate=rate, length=9000)
        np.testing.assert_array_equal(dataset[0][0], crop_or_pad(whole, 9000))
        for seed in range(4):
            drawn, _ = dataset.draw(0, np.random.default_rng(seed))
            expected = crop_or_pad(whole, 9000, np.random.default_rng(seed))
            np.testing.assert_array_equal(drawn, expected)
    save(path, np.full(12000, 0.5), 8000)  # another recording than was scanned
    assert AudioFolder(clips, sample_rate=8000, length=9000)[0][0].shape == (1, 9000)


def test_transform_runs_on_training_items_only(spoken):
    clips = scan(spoken).clips
    dataset = AudioFolder(
        clips, sample_rate=8000, transform=lambda x, rng: x * rng.integers(5, 6), cache=True
    )
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(dataset.draw(0, rng)[0], 5 * dataset[0][0])
    np.testing.assert_allclose(dataset.draw(0, rng)[0], 5 * dataset[0][0])


def test_audio_folder_refuses(spoken):
    with pytest.raises(ValueError, match="at least one clip, got none"):
        AudioFolder([], sample_rate=8000)
    with pytest.raises(ValueError, match=r"labels \['1'\] are not among \['0', '2'\]"):
        AudioFolder(scan(spoken).clips, sample_rate=8000, classes=["0", "2"])
    for length in (0, -1, 1000.0):
        with pytest.raises(ValueError, match=rf"an int of at least 1, got {length}"):
            AudioFolder(scan(spoken).clips, sample_rate=8000, length=length)


def test_real_folders(shared_data):
    found = scan(shared_data / "fsdd")
    assert found.classes == tuple("0123456789")
    train, test = split_official(found.clips)
    assert (len(train), len(test)) == (2700, 300)
    train, test = split_speaker(found.clips, "theo")
    assert (len(train), len(test)) == (2500, 500)


def test_real_folds(shared_data):
    pytest.importorskip("soundfile")
    found = scan(shared_data / "esc10")
    assert len(found.classes) == 10
    train, test = split_fold(found.clips, 5)
    assert (len(train), len(test)) == (320, 80)


def test_links_that_lead_back_end(tmp_path):
    for label in ("no", "yes"):
        (tmp_path / label).mkdir()
        save(tmp_path / label / "a.wav", np.zeros(8), 8000)
        (tmp_path / label / "up").symlink_to("..")
    (tmp_path / "here").symlink_to(".")
    for labelled in (True, False):
        assert len(scan(tmp_path, labelled=labelled).clips) == 2
