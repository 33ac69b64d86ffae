"""Read and write RIFF/WAVE files without a dependency.

Source: "Multimedia Programming Interface and Data Specifications 1.0" (IBM, Microsoft, 1991) and
"Multiple Channel Audio Data and WAVE Files" (Microsoft, 2001) for the extensible header; RF64 as in
EBU Tech 3306. The parser never trusts a size that it read: everything is checked against the file.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lucid.audio.open_file import OpenFile

PCM, FLOAT, EXTENSIBLE = 0x0001, 0x0003, 0xFFFE

# (tag, bytes per sample) -> the name this library gives the encoding
ENCODINGS = {
    (PCM, 1): "pcm8",
    (PCM, 2): "pcm16",
    (PCM, 3): "pcm24",
    (PCM, 4): "pcm32",
    (FLOAT, 4): "float32",
    (FLOAT, 8): "float64",
}
SUPPORTED = tuple(ENCODINGS.values())
_WIDTHS = {name: width for (_, width), name in ENCODINGS.items()}

# Tags worth naming in an error, from the registry in Microsoft's mmreg.h
_TAG_NAMES = {
    0x0002: "ms-adpcm",
    0x0006: "a-law",
    0x0007: "mu-law",
    0x0011: "ima-adpcm",
    0x0031: "gsm610",
    0x0050: "mpeg",
    0x0055: "mp3",
}

# Writers that cannot seek back leave a size of 0, 0xFFFFFFFF (ffmpeg) or about 2 GB (sox, arecord).
_STREAMED = 0x7FFFF000


@dataclass(frozen=True)
class WavHeader:
    """What the header of a WAV file says, and where its samples are.

    `encoding` is one of `SUPPORTED`, or the name of a codec that this module cannot decode;
    `frames` is -1 for such a codec.
    """

    sample_rate: int
    channels: int
    frames: int
    encoding: str
    data_offset: int


def is_wav(start: bytes) -> bool:
    """Whether the first 12 bytes of a file announce RIFF/WAVE or its 64-bit form."""
    return start[:4] in (b"RIFF", b"RF64") and start[8:12] == b"WAVE"


def read_header(path: str | os.PathLike[str]) -> WavHeader:
    """Read the header of the WAV file at `path`; the samples are not touched.

    Raises ValueError, naming the file, where the header is damaged or the data is cut short.
    """
    with OpenFile(Path(path)) as file:
        return parse_header(file)


def parse_header(file: OpenFile) -> WavHeader:
    """What `read_header` returns."""
    start = file.read(0, 12)
    if not is_wav(start):
        raise ValueError(f"{file.path}: not a WAV file: it starts with {start!r}")
    return _walk_chunks(file, riff_size=struct.unpack("<I", start[4:8])[0])


def _walk_chunks(file: OpenFile, riff_size: int) -> WavHeader:
    """Step from chunk to chunk until the data; LIST, bext, fact and others are passed over."""
    format_chunk = long_size = None
    place = 12
    while True:
        head = file.read(place, 8)
        if len(head) < 8 or not any(head):  # zeros: what a crash leaves of a recording
            found = "a fmt but no data chunk" if format_chunk else "no fmt chunk"
            raise ValueError(
                f"{file.path}: damaged WAV file: {found} in its {file.size} bytes; copy or export "
                "it again"
            )
        name, length = head[:4], struct.unpack("<I", head[4:])[0]
        place += 8
        if name == b"data":
            if format_chunk is None:
                raise ValueError(f"{file.path}: damaged WAV file: data before the fmt chunk")
            length = long_size if length == 0xFFFFFFFF and long_size else length
            streamed = length == 0 and riff_size in (0, 0xFFFFFFFF, place - 8)
            streamed = streamed or (_STREAMED <= length <= 0xFFFFFFFF and length > file.size)
            return _header(file, format_chunk, place, None if streamed else length)
        body = file.read(place, min(length, 64))
        if name == b"fmt ":
            format_chunk = body
        elif name == b"ds64" and len(body) >= 16:
            long_size = struct.unpack("<Q", body[8:16])[0]
        place += length + length % 2  # chunks are padded to even sizes


def _header(file: OpenFile, fmt: bytes, offset: int, length: int | None) -> WavHeader:
    """Check the fmt chunk `fmt` and the `length` of the data (None: to the end of the file)."""
    path = file.path
    if len(fmt) < 16:
        raise ValueError(f"{path}: damaged WAV file: a fmt chunk of {len(fmt)} bytes, not 16")
    tag, channels, rate, _, block, bits = struct.unpack("<HHIIHH", fmt[:16])
    if tag == EXTENSIBLE and len(fmt) >= 26:
        tag = struct.unpack("<H", fmt[24:26])[0]  # the first two bytes of the sub-format's GUID
    if channels == 0 or rate == 0:
        raise ValueError(f"{path}: damaged WAV file: {channels} channels at {rate} Hz")
    if tag not in (PCM, FLOAT):
        name = _TAG_NAMES.get(tag, f"wav-tag-{tag:#06x}")
        return WavHeader(rate, channels, -1, name, offset)
    width = block // channels
    encoding = ENCODINGS.get((tag, width))
    if encoding is None or width * channels != block or not 8 * (width - 1) < bits <= 8 * width:
        raise ValueError(
            f"{path}: damaged WAV header: {bits} bits, {channels} channels, blocks of {block} "
            f"bytes, format tag {tag}; supported are {', '.join(SUPPORTED)}"
        )
    present = file.size - offset
    length = present if length is None else length
    if length - present >= block:
        raise ValueError(
            f"{path}: truncated WAV file: the header promises {length // block} frames, the file "
            f"holds {present // block}; copy it again, or repair it with: ffmpeg -i in.wav out.wav"
        )
    return WavHeader(rate, channels, min(length, present) // block, encoding, offset)


def read_frames(file: OpenFile, header: WavHeader, offset: int, frames: int) -> np.ndarray:
    """Decode `frames` frames from `offset` on: float32 (channels, frames), full scale is 1."""
    block = _WIDTHS[header.encoding] * header.channels
    raw = file.read(header.data_offset + offset * block, frames * block)
    if len(raw) != frames * block:
        raise ValueError(f"{file.path}: the file shrank while it was being read")
    samples = _decode(np.frombuffer(raw, np.uint8), header.encoding)
    return np.ascontiguousarray(samples.reshape(frames, header.channels).T)


def _decode(raw: np.ndarray, encoding: str) -> np.ndarray:
    """Bytes to float32; integers are divided by 2**(bits-1), so they lie in [-1, 1)."""
    if encoding == "pcm8":  # the only unsigned one
        return (raw.astype(np.float32) - 128) / 128
    if encoding == "pcm16":
        return _scaled(raw.view("<i2"), 16)
    if encoding == "pcm24":  # three bytes become the upper three of an int32
        wide = np.zeros((raw.size // 3, 4), np.uint8)
        wide[:, 1:] = raw.reshape(-1, 3)
        return _scaled(wide.view("<i4")[:, 0], 32)
    if encoding == "pcm32":
        return _scaled(raw.view("<i4"), 32)
    if encoding == "float32":
        return raw.view("<f4").astype(np.float32)
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf, as everywhere
        return raw.view("<f8").astype(np.float32)


def _scaled(integers: np.ndarray, bits: int) -> np.ndarray:
    samples = integers.astype(np.float32)
    samples *= 2.0 ** (1 - bits)  # in place: a second array of this size costs as much again
    return samples


def encode(audio: np.ndarray, sample_rate: int, encoding: str) -> bytes:
    """A whole WAV file as bytes from float `audio` (channels, frames) within [-1, 1]."""
    channels = audio.shape[0]
    if sample_rate * channels * _WIDTHS[encoding] > 0xFFFFFFFF:
        raise ValueError(
            f"a WAV file holds at most 4 GB per second, not {channels} channels of {encoding} at "
            f"{sample_rate} Hz"
        )
    interleaved = np.ascontiguousarray(audio.T)
    if encoding == "float32":
        if np.abs(interleaved).max(initial=0) > np.finfo(np.float32).max:
            raise ValueError("samples beyond 3.4e38 do not fit into float32; scale the audio")
        tag, data = FLOAT, interleaved.astype("<f4").tobytes()
    elif encoding == "pcm16":
        tag, data = PCM, _quantise(interleaved, 16).astype("<i2").tobytes()
    else:  # pcm24: the lower three bytes of an int32
        wide = _quantise(interleaved, 24).astype("<i4").reshape(-1, 1).view(np.uint8)
        tag, data = PCM, wide[:, :3].tobytes()
    width = _WIDTHS[encoding]
    block = channels * width
    fmt = struct.pack("<HHIIHH", tag, channels, sample_rate, sample_rate * block, block, 8 * width)
    chunks = _chunk(b"fmt ", fmt)
    if tag == FLOAT:  # the specification wants the frame count beside anything but PCM
        chunks += _chunk(b"fact", struct.pack("<I", audio.shape[1]))
    if len(chunks) + len(data) + 13 > 0xFFFFFFFF:
        raise ValueError(
            f"{len(data)} bytes of audio do not fit into a WAV file (4 GB); save it in parts"
        )
    chunks += _chunk(b"data", data)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunks), b"WAVE") + chunks


def _quantise(samples: np.ndarray, bits: int) -> np.ndarray:
    """Nearest integer of `bits` bits: undoes `_decode`, so loading and saving is lossless."""
    scale = 2 ** (bits - 1)
    return np.clip(np.rint(samples.astype(np.float64) * scale), -scale, scale - 1)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2)
