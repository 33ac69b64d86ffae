"""Load and save audio files as float32 NumPy arrays of shape (channels, frames).

WAV is read here; FLAC, Ogg, MP3 and WAV codecs such as MS-ADPCM go through `soundfile`
(`pip install soundfile`), which is imported only when such a file is met.
"""

from __future__ import annotations

import math
import os
import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lucid.audio import wav
from lucid.audio.open_file import OpenFile
from lucid.audio.resample import resample

# The first bytes of the formats that libsndfile reads. MP3 without tags has no such mark.
_MAGIC = {
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"ID3": "MP3",
    b"FORM": "AIFF",
    b"caff": "CAF",
    b".snd": "AU",
    b"RIFX": "big-endian WAV",
    b"riff": "Wave64",
}
_SAVE_ENCODINGS = ("pcm16", "pcm24", "float32")


@dataclass(frozen=True)
class AudioInfo:
    """What a file holds: rate in Hz, channels, frames (samples per channel), encoding."""

    sample_rate: int
    channels: int
    frames: int
    encoding: str

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate


def info(path: str | os.PathLike[str]) -> AudioInfo:
    """Describe the audio file at `path` without decoding it.

    Raises FileNotFoundError, IsADirectoryError, ValueError for an empty, damaged or unknown file,
    ImportError where the format needs `soundfile` and that is missing.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "a.wav")
    >>> save(path, np.zeros((2, 8000), np.float32), 16000)
    >>> info(path)
    AudioInfo(sample_rate=16000, channels=2, frames=8000, encoding='pcm16')
    >>> info(path).duration
    0.5
    """
    path = _path(path)
    with OpenFile(path) as file:
        header = _wav_header(file)
    if header is not None:
        return AudioInfo(header.sample_rate, header.channels, header.frames, header.encoding)
    with _soundfile(path) as sound:
        return AudioInfo(sound.samplerate, sound.channels, sound.frames, sound.subtype.lower())


def load(
    path: str | os.PathLike[str],
    *,
    offset: int = 0,
    frames: int | None = None,
    mono: bool = False,
    sample_rate: int | None = None,
) -> tuple[np.ndarray, int]:
    """Load audio as `(samples, sample_rate)`, samples float32 of shape (channels, frames).

    Integer samples are divided by full scale, so they lie in [-1, 1); float samples are kept.
    `offset` and `frames` choose a part, counted at the file's own rate; a part that passes the end
    is shorter. `mono=True` averages the channels to one; `sample_rate` resamples to that rate.

    Raises what `info` raises, and ValueError for an offset outside the file.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "a.wav")
    >>> save(path, np.array([0.0, 0.5, -0.25]), 8000)
    >>> load(path, offset=1)
    (array([[ 0.5 , -0.25]], dtype=float32), 8000)
    """
    path = _path(path)
    _check_count("offset", offset, low=0)
    if frames is not None:
        _check_count("frames", frames, low=0)
    with OpenFile(path) as file:
        header = _wav_header(file)
        if header is not None:
            count = _part(path, header.frames, offset, frames)
            samples, rate = wav.read_frames(file, header, offset, count), header.sample_rate
    if header is None:
        samples, rate = _decoded(path, offset, frames)
    if mono and len(samples) > 1:
        samples = samples.mean(axis=0, keepdims=True)
    if sample_rate is not None and sample_rate != rate:
        samples, rate = resample(samples, rate, sample_rate), sample_rate
    return samples, rate


def _decoded(path: Path, offset: int, frames: int | None) -> tuple[np.ndarray, int]:
    """What `load` reads through soundfile."""
    with _soundfile(path) as file:
        count = _part(path, file.frames, offset, frames)
        file.seek(offset)
        decoded = file.read(count, dtype="float32", always_2d=True)
        if len(decoded) < count and file.format != "MP3":  # the length of an MP3 is a guess
            raise ValueError(
                f"{path}: truncated {file.format} file: it promises {count} frames, "
                f"{len(decoded)} can be read; copy it again"
            )
        return np.ascontiguousarray(decoded.T), file.samplerate


def save(
    path: str | os.PathLike[str], audio: Any, sample_rate: int, *, encoding: str = "pcm16"
) -> None:
    """Save `audio`, (frames,) or (channels, frames), as the WAV file `path`.

    `audio` is an array of floats or anything NumPy can read, such as a Tensor; `encoding` is
    "pcm16", "pcm24" or "float32". As in soundfile and torchaudio, the integer encodings clip what
    lies outside [-1, 1]; a UserWarning then says how much. The file appears whole or not at all: it
    is written under a temporary name beside `path`, synced, and renamed.

    Raises ValueError for NaN or infinite samples, a wrong shape, rate, encoding or suffix;
    TypeError for samples that are not floats; OSError where the disk does not take the file.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "tone.wav")
    >>> save(path, 0.5 * np.sin(np.arange(8000) * 0.3), 8000, encoding="float32")
    >>> info(path).encoding
    'float32'
    """
    path = Path(path)
    samples = _samples(audio)
    _check_count("sample_rate", sample_rate, low=1)
    if encoding not in _SAVE_ENCODINGS:
        raise ValueError(f"save: encoding {encoding!r} is not one of {', '.join(_SAVE_ENCODINGS)}")
    if path.suffix.lower() not in (".wav", ".wave"):
        raise ValueError(f"save: writes WAV files, got the name {path.name!r}; end it in .wav")
    if encoding != "float32":
        clipped = int(np.count_nonzero(np.abs(samples) > 1))
        if clipped:
            warnings.warn(
                f"{path}: {clipped} of {samples.size} samples lie outside [-1, 1] (peak "
                f"{np.abs(samples).max():.3g}) and were clipped; scale the audio, or save it with "
                'encoding="float32"',
                stacklevel=2,
            )
    _write_atomically(path, wav.encode(samples, sample_rate, encoding))


def _samples(audio: Any) -> np.ndarray:
    """`audio` as a float array (channels, frames), checked."""
    samples = np.asarray(audio)
    if not np.issubdtype(samples.dtype, np.floating):
        raise TypeError(
            f"save: expects float samples in [-1, 1], got dtype {samples.dtype}; divide integers "
            "by their full scale first (int16: 32768)"
        )
    if samples.ndim == 1:
        samples = samples[None]
    if samples.ndim != 2 or not 1 <= samples.shape[0] <= 255:
        raise ValueError(
            f"save: expects audio of shape (frames,) or (channels, frames) with at most 255 "
            f"channels, got {np.shape(audio)}; channels come first"
        )
    bad = int(np.count_nonzero(~np.isfinite(samples)))
    if bad:
        raise ValueError(f"save: {bad} of {samples.size} samples are NaN or infinite")
    return samples


def _write_atomically(path: Path, content: bytes) -> None:
    if path.is_dir():
        raise IsADirectoryError(f"save: {path} is a folder, expected the name of a WAV file")
    if path.exists() and not path.is_file():  # renaming would put a file in its place
        raise ValueError(f"save: {path} is a device or a pipe, expected the name of a WAV file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: {path}: there is no folder {path.parent}")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        written = temporary.stat().st_size
        if written != len(content):  # some full or remote disks do not report the failed write
            raise OSError(f"{path}: wrote {written} of {len(content)} bytes; is the disk full?")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _part(path: Path, total: int, offset: int, frames: int | None) -> int:
    """How many frames to read."""
    if offset > total:
        raise ValueError(f"{path}: offset {offset} lies behind the end, it has {total} frames")
    return total - offset if frames is None else min(frames, total - offset)


def _check_count(name: str, value: object, *, low: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: expects an int, got {value!r}")
    if value < low:
        raise ValueError(f"{name}: expects an int of at least {low}, got {value}")


def _path(path: str | os.PathLike[str]) -> Path:
    """Not made anew where it is one: that takes longer than to open the file."""
    return path if isinstance(path, Path) else Path(path)


def _wav_header(file: OpenFile) -> wav.WavHeader | None:
    """The header where the file is a WAV that we decode; None where soundfile has to."""
    start = file.read(0, 12)
    if not start:
        raise ValueError(f"{file.path}: the file is empty")
    if wav.is_wav(start):
        header = wav.parse_header(file)
        return header if header.encoding in wav.SUPPORTED else None
    if _format_name(start) is None:
        raise ValueError(
            f"{file.path}: not an audio file that can be read: it starts with {start!r}; supported "
            "are WAV, and FLAC, Ogg, MP3 and AIFF through soundfile"
        )
    return None


def _format_name(start: bytes) -> str | None:
    for magic, name in _MAGIC.items():
        if start.startswith(magic):
            return name
    is_mpeg_frame = len(start) > 1 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0
    return "MP3" if is_mpeg_frame else None


@contextmanager
def _soundfile(path: Path) -> Iterator[Any]:
    """The file opened by soundfile; what libsndfile cannot read becomes a ValueError."""
    with open(path, "rb") as file:
        start = file.read(12)
    if wav.is_wav(start):
        name = f"WAV with {wav.read_header(path).encoding} samples"
    else:
        name = str(_format_name(start))
    soundfile = _import_soundfile(path, name)
    try:
        with soundfile.SoundFile(os.fspath(path)) as sound:
            if sound.frames < 0 or not math.isfinite(sound.samplerate):
                raise ValueError(f"{path}: damaged {name} file")
            yield sound
    except soundfile.LibsndfileError as error:
        raise ValueError(
            f"{path}: cannot read this {name} file: {error}; convert it with: "
            "ffmpeg -i in -c:a pcm_s16le out.wav"
        ) from error


def _import_soundfile(path: Path, name: str) -> ModuleType:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: the package is there, libsndfile is not
        raise ImportError(
            f"{path}: reading {name} needs soundfile: pip install soundfile, or convert the file "
            f"to one of {', '.join(wav.SUPPORTED)} with: ffmpeg -i in -c:a pcm_s16le out.wav"
        ) from error
    return soundfile
