"""Loading and saving: parts, formats, and everything that can be wrong with a path or an array."""

import builtins
import os
import shutil

import numpy as np
import pytest

from lucid.audio import info, load, save


@pytest.fixture
def tone(tmp_path):
    path = tmp_path / "tone.wav"
    t = np.arange(1000) / 8000
    save(path, np.stack([np.sin(2 * np.pi * 440 * t), np.zeros(1000)]) * 0.5, 8000)
    return path


@pytest.fixture
def no_soundfile(monkeypatch):
    real = builtins.__import__

    def blocked(name, *args, **kwargs):
        if name == "soundfile":
            raise ImportError("No module named 'soundfile'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", blocked)


def test_info_and_parts(tone):
    described = info(tone)
    assert (described.sample_rate, described.channels, described.frames) == (8000, 2, 1000)
    assert described.duration == 0.125
    whole, rate = load(tone)
    assert rate == 8000
    np.testing.assert_array_equal(load(tone, offset=990, frames=100)[0], whole[:, 990:])
    assert load(tone, offset=1000)[0].shape == (2, 0)
    assert load(tone, frames=0)[0].shape == (2, 0)
    np.testing.assert_array_equal(load(tone, mono=True)[0], whole.mean(0, keepdims=True))
    resampled, rate = load(tone, sample_rate=16000)
    assert (resampled.shape, resampled.dtype, rate) == ((2, 2000), np.float32, 16000)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"offset": -1}, ValueError, "offset: expects an int of at least 0, got -1"),
        ({"offset": 1001}, ValueError, "offset 1001 lies behind the end, it has 1000 frames"),
        ({"frames": -1}, ValueError, "frames: expects an int of at least 0, got -1"),
        ({"frames": 1.5}, TypeError, "frames: expects an int, got 1.5"),
        ({"sample_rate": 0}, ValueError, "at least 1 Hz, got 0"),
    ],
)
def test_bad_arguments(tone, arguments, error, message):
    with pytest.raises(error, match=message):
        load(tone, **arguments)


def test_bad_paths(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.wav: no such audio file"):
        load(tmp_path / "none.wav")
    with pytest.raises(IsADirectoryError, match="is a folder, expected an audio file"):
        load(tmp_path)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(ValueError, match=r"empty\.wav: the file is empty"):
        info(tmp_path / "empty.wav")
    (tmp_path / "text.wav").write_text("this is no audio")
    with pytest.raises(ValueError, match=r"text\.wav: not an audio file.*b'this is no a'"):
        info(tmp_path / "text.wav")


def test_a_wav_is_opened_once_and_closed(tone, monkeypatch):
    opened, real = [], os.open

    def counted(path, *args, **kwargs):
        opened.append(real(path, *args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(os, "open", counted)
    load(tone)
    (file,) = opened
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


def test_what_fails_closes_its_file(tmp_path, monkeypatch):
    closed, real = [], os.close
    monkeypatch.setattr(os, "close", lambda file: closed.append(real(file)))
    with pytest.raises(IsADirectoryError):
        load(tmp_path)
    assert len(closed) == 1


@pytest.mark.parametrize("frames", [5, 9000, 20000])
def test_parts_inside_and_beyond_what_is_read_first(tmp_path, frames, monkeypatch):
    monkeypatch.setattr("lucid.audio.open_file._MOST", 1001)  # as a system may shorten a read
    samples = np.random.default_rng(0).integers(-9, 9, (2, frames)) / 32768
    save(tmp_path / "a.wav", samples, 8000)
    for offset in (0, frames // 2, frames - 1):
        np.testing.assert_array_equal(
            load(tmp_path / "a.wav", offset=offset, frames=4000)[0],
            samples[:, offset : offset + 4000].astype(np.float32),
        )


def test_a_name_that_no_file_can_have():
    with pytest.raises(FileNotFoundError, match="no such audio file"):
        load("a\0.wav")


@pytest.mark.parametrize(("suffix", "exact"), [("flac", True), ("ogg", False), ("aiff", True)])
def test_other_formats_go_through_soundfile(tmp_path, suffix, exact):
    soundfile = pytest.importorskip("soundfile")
    audio = 0.5 * np.sin(np.arange(4000)[:, None] * [0.1, 0.2])
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, audio, 16000)
    samples, rate = load(path, offset=100, frames=3000)
    assert (samples.shape, samples.dtype, rate) == ((2, 3000), np.float32, 16000)
    # FLAC and AIFF hold 16 bits here; Vorbis is lossy
    np.testing.assert_allclose(samples.T, audio[100:3100], atol=1e-4 if exact else 0.05)
    assert info(path).frames == 4000


def test_damaged_flac(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "a.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 40000), 16000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"a\.flac: (truncated|cannot read this) FLAC file"):
        load(path)
    path.write_bytes(whole[:20])
    with pytest.raises(ValueError, match=r"a\.flac: cannot read this FLAC file"):
        info(path)


def test_real_files_of_other_encodings(shared_data):
    soundfile = pytest.importorskip("soundfile")
    adpcm = shared_data / "wav-encodings" / "ms_adpcm.wav"
    assert info(adpcm).encoding == "ms_adpcm"
    samples, rate = load(adpcm, frames=5000)
    expected, _ = soundfile.read(adpcm, frames=5000, dtype="float32")
    assert rate == 11024
    np.testing.assert_array_equal(samples[0], expected)
    clip = sorted((shared_data / "esc10").rglob("*.ogg"))[0]
    samples, rate = load(clip, mono=True, sample_rate=8000)
    assert (samples.shape, rate) == ((1, 40008), 8000)  # 220,544 frames at 44.1 kHz


@pytest.mark.usefixtures("no_soundfile")
def test_without_soundfile_the_error_says_what_to_install(tmp_path, shared_data):
    shutil.copy(shared_data / "wav-encodings" / "ms_adpcm.wav", tmp_path / "b.wav")
    message = r"b\.wav: reading WAV with ms-adpcm samples needs soundfile: pip install soundfile"
    with pytest.raises(ImportError, match=message):
        load(tmp_path / "b.wav")
    (tmp_path / "a.flac").write_bytes(b"fLaC" + b"\0" * 20)
    with pytest.raises(ImportError, match=r"reading FLAC needs soundfile.*ffmpeg"):
        load(tmp_path / "a.flac")


class Arrayed:
    def __array__(self, dtype=None, copy=None):
        return np.zeros((1, 10), np.float32)


def test_save_takes_anything_with_array(tmp_path):
    save(tmp_path / "a.wav", Arrayed(), 8000)
    assert load(tmp_path / "a.wav")[0].shape == (1, 10)


def test_save_clips_and_says_so(tmp_path):
    path = tmp_path / "loud.wav"
    with pytest.warns(UserWarning, match=r"loud\.wav: 2 of 4 samples lie outside.*peak 2\b"):
        save(path, np.array([2.0, -1.5, 1.0, -1.0]), 8000)
    np.testing.assert_array_equal(load(path)[0] * 32768, [[32767, -32768, 32767, -32768]])
    save(path, np.array([2.0]), 8000, encoding="float32")  # no warning: kept as it is
    assert load(path)[0].item() == 2.0


@pytest.mark.parametrize(
    ("audio", "rate", "options", "error", "message"),
    [
        (np.array([0.0, np.nan]), 8000, {}, ValueError, "1 of 2 samples are NaN or infinite"),
        (np.zeros(3, np.int16), 8000, {}, TypeError, "expects float samples.*got dtype int16"),
        (np.zeros((8000, 2)), 8000, {}, ValueError, r"got \(8000, 2\); channels come first"),
        (np.zeros((1, 2, 3)), 8000, {}, ValueError, r"\(channels, frames\).*got \(1, 2, 3\)"),
        (np.zeros(3), 0, {}, ValueError, "sample_rate: expects an int of at least 1, got 0"),
        (np.zeros(3), 8e3, {}, TypeError, "sample_rate: expects an int, got 8000.0"),
        (np.zeros(3), 8000, {"encoding": "mp3"}, ValueError, "'mp3' is not one of pcm16, pcm24"),
    ],
)
def test_save_refuses(tmp_path, audio, rate, options, error, message):
    with pytest.raises(error, match=message):
        save(tmp_path / "a.wav", audio, rate, **options)
    assert not list(tmp_path.iterdir())


def test_save_refuses_another_suffix(tmp_path):
    with pytest.raises(ValueError, match=r"writes WAV files, got the name 'a.flac'"):
        save(tmp_path / "a.flac", np.zeros(3), 8000)


def test_a_failed_save_keeps_the_old_file_and_no_litter(tone, monkeypatch):
    before = tone.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(tone, np.zeros(10), 8000)
    assert tone.read_bytes() == before
    assert [path.name for path in tone.parent.iterdir()] == ["tone.wav"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes")
def test_a_pipe_is_neither_waited_for_nor_replaced(tmp_path):
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    for read in (info, load):
        with pytest.raises(ValueError, match="is a device or a pipe, expected an audio file"):
            read(pipe)
    with pytest.raises(ValueError, match="is a device or a pipe, expected the name of a WAV"):
        save(pipe, np.zeros(4), 8000)
    assert pipe.is_fifo()


def test_save_names_the_folder_that_is_wrong(tmp_path):
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder\.wav is a folder, expected the name"):
        save(tmp_path / "folder.wav", np.zeros(4), 8000)
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing"):
        save(tmp_path / "missing" / "a.wav", np.zeros(4), 8000)


def test_save_refuses_what_the_header_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match="1 channels of pcm16 at 2147483648 Hz"):
        save(tmp_path / "a.wav", np.zeros(4), 2**31)
    with pytest.raises(ValueError, match=r"beyond 3\.4e38 do not fit into float32"):
        save(tmp_path / "a.wav", np.array([1e300]), 8000, encoding="float32")
    assert not list(tmp_path.iterdir())
