"""Real recordings, read once and kept in memory, so that training never waits for a disk."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lucid import audio

_LARGEST = 8 << 30  # bytes of samples
_SHORTEST = 0.025  # seconds: one window of the spectrogram


@dataclass(frozen=True)
class Recordings:
    """Clips with their samples, float32 (L,) each, and what was skipped and why."""

    clips: tuple[audio.Clip, ...]
    samples: tuple[np.ndarray, ...]
    skipped: tuple[tuple[Path, str], ...]

    def report(self, what: str) -> str:
        """One line on what was read, then one for each skipped file."""
        seconds = sum(clip.frames / clip.sample_rate for clip in self.clips)
        line = f"{what}: {len(self.clips)} recordings, {seconds / 60:.1f} minutes"
        if self.skipped:
            line += f", {len(self.skipped)} files skipped"
        return "\n".join([line, *(f"  skipped {path}: {why}" for path, why in self.skipped)])


def read(folder: str | os.PathLike[str], sample_rate: int, *, labelled: bool = True) -> Recordings:
    """Decode every recording of `folder`, mono, at `sample_rate`.

    Files that are damaged, silent, or shorter than 25 ms are skipped, and named in the result.

    Raises what `lucid.audio.scan` raises; ValueError where nothing can be used, or where the
    samples would take more than 8 GB.
    """
    with warnings.catch_warnings():  # it warns of what we report
        warnings.simplefilter("ignore", UserWarning)
        found = audio.scan(folder, labelled=labelled)
    size = sum(4 * clip.frames * sample_rate // clip.sample_rate for clip in found.clips)
    if size > _LARGEST:
        raise ValueError(
            f"{folder}: its recordings would take {size / (1 << 30):.0f} GB of memory, at most "
            f"{_LARGEST >> 30} are allowed; give a part of them, or a lower sample rate"
        )
    kept: list[audio.Clip] = []
    samples: list[np.ndarray] = []
    skipped = list(found.skipped)
    for clip in found.clips:
        try:
            samples.append(_decoded(clip, sample_rate))
            kept.append(clip)
        except (ValueError, OSError) as error:
            skipped.append((clip.path, str(error).removeprefix(f"{clip.path}: ")))
    if not kept:
        reasons = "; ".join(f"{path.name}: {why}" for path, why in skipped[:3])
        raise ValueError(f"{folder}: none of its {len(skipped)} audio files can be used: {reasons}")
    return Recordings(tuple(kept), tuple(samples), tuple(skipped))


def _decoded(clip: audio.Clip, sample_rate: int) -> np.ndarray:
    (samples,), _ = audio.load(clip.path, mono=True, sample_rate=sample_rate)
    if len(samples) < _SHORTEST * sample_rate:
        raise ValueError(f"it is too short: {1000 * len(samples) / sample_rate:.3g} ms")
    if not np.isfinite(samples).all():
        raise ValueError("it holds samples that are NaN or infinite")
    if not samples.any():
        raise ValueError("it is silent: all samples are zero")
    return samples


def split(
    clips: Sequence[audio.Clip], seed: int
) -> tuple[tuple[audio.Clip, ...], tuple[audio.Clip, ...], str]:
    """(train, test, how): as the names of the files say, else a tenth of each class at random.

    Raises ValueError where a class has a single recording, so that it cannot be on both sides.
    """
    if all(clip.fold is not None for clip in clips) and len({clip.fold for clip in clips}) > 1:
        last = max(clip.fold for clip in clips if clip.fold is not None)
        return *audio.split_fold(clips, last), f"fold {last} is the test set"
    indices = [clip.index for clip in clips]
    if None not in indices and min(indices) < 5 <= max(indices):  # type: ignore[type-var,operator]
        return *audio.split_official(clips), "recordings 0 to 4 of each speaker are the test set"
    rng = np.random.default_rng(seed)
    held: set[Path] = set()
    for label in sorted({clip.label for clip in clips}):
        paths = [clip.path for clip in clips if clip.label == label]
        if len(paths) < 2:
            where = f"class {label!r} has" if label else f"{paths[0].parent}: holds"
            raise ValueError(f"{where} one recording; it needs two, to learn from and to test")
        count = max(1, round(len(paths) / 10))
        held |= {paths[i] for i in rng.permutation(len(paths))[:count]}
    train, test = audio.split(clips, lambda clip: clip.path in held)
    return train, test, f"a tenth of each class, drawn with seed {seed}, is the test set"


def loudest(samples: np.ndarray, length: int) -> np.ndarray:
    """The part of `length` samples with the most energy; a shorter recording as it is.

    >>> loudest(np.array([0.0, 1.0, 3.0, 2.0, 0.0]), 2)
    array([3., 2.])
    """
    if len(samples) <= length:
        return samples
    energy = np.concatenate([[0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int(np.argmax(energy[length:] - energy[:-length]))
    return samples[start : start + length]
