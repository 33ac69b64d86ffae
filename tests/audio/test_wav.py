"""The RIFF parser, against soundfile and against headers that real writers leave."""

import struct

import numpy as np
import pytest

from lucid.audio import info, load, save
from lucid.audio.wav import encode, read_header


def chunk(name, body):
    return struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2)


def fmt(tag=1, channels=1, rate=8000, bits=16, block=None):
    block = channels * bits // 8 if block is None else block
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits))


def riff(*chunks):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


RAMP = np.arange(-3, 4, dtype="<i2")


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "a.wav"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_encoding_equals_soundfile(tmp_path, subtype, container, channels):
    soundfile = pytest.importorskip("soundfile")
    rng = np.random.default_rng(0)
    audio = rng.uniform(-1, 1, (101, channels))  # odd counts: a padded chunk where width is odd
    path = tmp_path / "a.wav"
    soundfile.write(path, audio, 11025, subtype=subtype, format=container)
    expected, rate = soundfile.read(path, dtype="float32", always_2d=True)
    samples, found = load(path)
    assert found == rate == 11025
    assert samples.dtype == np.float32
    assert samples.flags.c_contiguous
    np.testing.assert_array_equal(samples, expected.T)
    part, _ = load(path, offset=7, frames=20)
    np.testing.assert_array_equal(part, expected.T[:, 7:27])


NAMES = ["mono_float64.wav", "mono_int24.wav", "mono_int32.wav", "signed_24bit.wav"]


@pytest.mark.parametrize("name", [*NAMES, "stereo_16bit.wav", "stereo_24bit.WAV"])
def test_real_files_equal_soundfile(shared_data, name):
    soundfile = pytest.importorskip("soundfile")
    path = shared_data / "wav-encodings" / name
    expected, rate = soundfile.read(path, dtype="float32", always_2d=True)
    samples, found = load(path)
    assert found == rate
    np.testing.assert_array_equal(samples, expected.T)
    described = info(path)
    assert (described.channels, described.frames) == samples.shape


def test_chunks_around_the_data_are_passed_over(write):
    extra = chunk(b"LIST", b"INFOIART\x05\0\0\0lucid\0"), chunk(b"bext", b"x" * 603)
    path = write(riff(*extra, fmt(), *extra, chunk(b"data", RAMP.tobytes()), *extra))
    np.testing.assert_array_equal(load(path)[0][0] * 32768, RAMP)


@pytest.mark.parametrize("riff_size", [0, 36, 0xFFFFFFFF])
@pytest.mark.parametrize("data_size", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_sizes_that_a_streaming_writer_left(write, riff_size, data_size):
    head = b"RIFF" + struct.pack("<I", riff_size) + b"WAVE" + fmt()
    path = write(head + b"data" + struct.pack("<I", data_size) + RAMP.tobytes())
    np.testing.assert_array_equal(load(path)[0][0] * 32768, RAMP)


def test_empty_data_before_another_chunk_is_empty(write):
    path = write(riff(fmt(), chunk(b"data", b""), chunk(b"LIST", b"INFO")))
    assert load(path)[0].shape == (1, 0)


def test_rf64(write):
    data = RAMP.tobytes()
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 100, len(data), len(RAMP), 0))
    path = write(
        b"RF64\xff\xff\xff\xffWAVE"
        + ds64
        + fmt()
        + b"data\xff\xff\xff\xff"
        + data
        + chunk(b"LIST", b"INFO")
    )
    np.testing.assert_array_equal(load(path)[0][0] * 32768, RAMP)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (riff(fmt()), "a fmt but no data chunk in its 36 bytes"),
        (riff(fmt(), bytes(1 << 25)), "a fmt but no data chunk"),  # at once, not chunk by chunk
        (riff(), "no fmt chunk"),
        (b"RIFF\0\0\0\0WAVEfmt \x10", "no fmt chunk"),
        (riff(chunk(b"data", b"1234"), fmt()), "data before the fmt"),
        (riff(chunk(b"fmt ", b"12345678"), chunk(b"data", b"")), "fmt chunk of 8 bytes"),
        (riff(fmt(channels=0), chunk(b"data", b"")), "0 channels"),
        (riff(fmt(rate=0), chunk(b"data", b"")), "at 0 Hz"),
        (riff(fmt(bits=40), chunk(b"data", b"")), "40 bits, 1 channels.*supported are pcm8, pcm16"),
        (riff(fmt(block=3, channels=2), chunk(b"data", b"")), "blocks of 3 bytes"),
        (riff(fmt(), chunk(b"data", RAMP.tobytes()))[:-4], "promises 7 frames.*holds 5"),
    ],
)
def test_damaged_files_name_the_fault(write, content, message):
    path = write(content)
    with pytest.raises(ValueError, match=rf"a\.wav: .*{message}"):
        load(path)


def test_every_prefix_and_many_bit_flips_raise_or_load(write):
    whole = riff(chunk(b"LIST", b"INFO"), fmt(), chunk(b"data", RAMP.tobytes()))
    rng = np.random.default_rng(0)
    broken = [whole[:n] for n in range(1, len(whole))]
    for _ in range(300):
        content = bytearray(whole)
        content[rng.integers(12, len(whole))] ^= 1 << rng.integers(8)
        broken.append(bytes(content))
    seen = set()
    for content in broken:
        path = write(content)
        try:
            header = read_header(path)
        except ValueError as error:
            seen.add(str(error).split(":")[1])
            continue
        if header.frames >= 0:
            assert load(path)[0].shape == (header.channels, header.frames)
    assert seen == {
        " not a WAV file",
        " damaged WAV file",
        " damaged WAV header",
        " truncated WAV file",
    }


@pytest.mark.parametrize("encoding", ["pcm16", "pcm24", "float32"])
def test_what_is_written_is_what_soundfile_reads(tmp_path, encoding):
    soundfile = pytest.importorskip("soundfile")
    audio = np.random.default_rng(1).uniform(-1, 1, (2, 33)).astype(np.float32)
    path = tmp_path / "a.wav"
    save(path, audio, 22050, encoding=encoding)
    read, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == 22050
    step = {"pcm16": 2.0**-15, "pcm24": 2.0**-23, "float32": 0.0}[encoding]
    np.testing.assert_allclose(read.T, audio, rtol=0, atol=step)
    np.testing.assert_array_equal(load(path)[0], read.T)
    save(path, load(path)[0], 22050, encoding=encoding)
    np.testing.assert_array_equal(load(path)[0], read.T)  # a second trip loses nothing


def test_header_fields_of_a_float_file():
    content = encode(np.zeros((2, 3), np.float32), 8000, "float32")
    assert struct.unpack("<I", content[4:8])[0] == len(content) - 8
    assert b"fact" in content
