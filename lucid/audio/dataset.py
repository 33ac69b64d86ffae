"""Folders of recordings: find them, check them, split them, read them."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lucid.audio.augment import crop_or_pad, place
from lucid.audio.io import info, load

SUFFIXES = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")

# {label}_{speaker}_{index}.wav, the names of the Free Spoken Digit Dataset
_SPOKEN = re.compile(r"(?P<label>.+)_(?P<speaker>[^_]+)_(?P<index>\d+)")
# {fold}-{recording}-{take}.ogg, the names of ESC-10 and ESC-50
_FOLDED = re.compile(r"(?P<fold>\d)-\w+-\w+")


@dataclass(frozen=True)
class Clip:
    """One recording. `speaker`, `index` and `fold` are what its name tells, else None."""

    path: Path
    label: str
    sample_rate: int
    frames: int
    speaker: str | None = None
    index: int | None = None
    fold: int | None = None


@dataclass(frozen=True)
class Scan:
    """What `scan` found: the readable clips, sorted by path, and what it skipped and why."""

    clips: tuple[Clip, ...]
    skipped: tuple[tuple[Path, str], ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, sorted; the position of a label is its class number."""
        return tuple(sorted({clip.label for clip in self.clips}))

    def report(self) -> str:
        """One line on what was found, then one for each skipped file."""
        lines = [f"{len(self.clips)} clips in {len(self.classes)} classes, "]
        lines[0] += f"{len(self.skipped)} files skipped"
        return "\n".join(lines + [f"  {path}: {reason}" for path, reason in self.skipped])


def scan(folder: str | os.PathLike[str], *, labelled: bool = True) -> Scan:
    """Find the audio files of `folder` and read their headers.

    The label of a clip is the name of its class folder (`folder/<label>/...`, as in ESC-10), or
    comes from its own name where the files lie side by side: `{label}_{speaker}_{index}.wav`, as in
    FSDD. A folder that holds nothing but one such folder stands for it. `labelled=False` takes
    every audio file at any depth, with the label "", as suits noise.

    Files that cannot be read are left out, named in `Scan.skipped` and in one UserWarning.

    Raises FileNotFoundError, NotADirectoryError, ValueError where nothing usable is found, and
    ImportError where the files need `soundfile` and it is missing.

    >>> import tempfile
    >>> from lucid.audio import save
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("yes_ann_0.wav", "no_ann_0.wav", "no_bob_1.wav"):
    ...     save(folder / name, np.zeros(8000), 8000)
    >>> found = scan(folder)
    >>> print(found.report())
    3 clips in 2 classes, 0 files skipped
    >>> [(clip.label, clip.speaker) for clip in found.clips]
    [('no', 'ann'), ('no', 'bob'), ('yes', 'ann')]
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: no such folder")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: is a file, expected a folder of audio files")
    try:
        named = _labels(folder) if labelled else [(path, "") for path in _audio_below(folder)]
    except PermissionError as error:
        raise ValueError(f"{folder}: cannot be read: {error}") from error
    if not named:
        raise ValueError(f"{folder}: holds no audio files ({', '.join(SUFFIXES)})")
    clips: list[Clip] = []
    skipped: list[tuple[Path, str]] = []
    for path, label in named:
        try:
            clips.append(_clip(path, label))
        except (ValueError, OSError) as error:
            skipped.append((path, str(error).removeprefix(f"{path}: ")))
    found = Scan(tuple(clips), tuple(skipped))
    if not clips:
        raise ValueError(f"{folder}: no audio file can be used: {found.report()}")
    if skipped:
        warnings.warn(f"{folder}: {found.report()}", stacklevel=2)
    return found


def _labels(folder: Path) -> list[tuple[Path, str | None]]:
    """Each audio file with its label; None where the name of the file has to tell it."""
    direct = [path for path in _visible(folder) if path.suffix.lower() in SUFFIXES]
    above = frozenset([os.path.realpath(folder)])
    below = {child: _audio_below(child, above) for child in _visible(folder) if child.is_dir()}
    classes = {child: paths for child, paths in below.items() if paths}
    if direct and classes:
        raise ValueError(
            f"{folder}: has {len(direct)} audio files beside {len(classes)} folders with audio; "
            "keep either one folder per class, or files named {label}_{speaker}_{index}.wav"
        )
    if direct:
        return [(path, None) for path in direct]
    if len(classes) == 1:
        return _labels(next(iter(classes)))
    if not classes:
        raise ValueError(
            f"{folder}: holds no audio files ({', '.join(SUFFIXES)}); expected one folder per "
            "class, or files named {label}_{speaker}_{index}.wav"
        )
    return [(path, child.name) for child, paths in classes.items() for path in paths]


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _audio_below(folder: Path, above: frozenset[str] = frozenset()) -> list[Path]:
    """Audio files at any depth, sorted; hidden ones (.DS_Store, ._name) are left alone.

    A link to one of the folders `above` it would lead round in circles, and is left alone too.
    """
    real = os.path.realpath(folder)
    if real in above:
        return []
    found: list[Path] = []
    for path in _visible(folder):
        if path.is_dir():
            found += _audio_below(path, above | {real})
        elif path.suffix.lower() in SUFFIXES:
            found.append(path)
    return found


def _clip(path: Path, label: str | None) -> Clip:
    """Read the header of `path`, and in its name."""
    spoken, folded = _SPOKEN.fullmatch(path.stem), _FOLDED.fullmatch(path.stem)
    if label is None:
        if spoken is None:
            raise ValueError("its name is not {label}_{speaker}_{index}")
        label = spoken["label"]
    described = info(path)
    if described.frames == 0:
        raise ValueError("it holds no audio frames")
    return Clip(
        path,
        label,
        described.sample_rate,
        described.frames,
        speaker=spoken["speaker"] if spoken else None,
        index=int(spoken["index"]) if spoken else None,
        fold=int(folded["fold"]) if folded else None,
    )


def split(
    clips: Sequence[Clip], held_out: Callable[[Clip], bool]
) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Part `clips` into (train, test): test are those for which `held_out` is true.

    Raises ValueError where one side would be empty.
    """
    train = tuple(clip for clip in clips if not held_out(clip))
    test = tuple(clip for clip in clips if held_out(clip))
    if not train or not test:
        raise ValueError(
            f"the split gives {len(train)} clips to train and {len(test)} to test; both need some"
        )
    return train, test


def split_official(clips: Sequence[Clip]) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """The split of FSDD: of every speaker and digit, recordings 0 to 4 are the test set."""
    _require(clips, "index", "{label}_{speaker}_{index}.wav")
    return split(clips, lambda clip: clip.index is not None and clip.index < 5)


def split_speaker(clips: Sequence[Clip], speaker: str) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Leave one speaker out: the test set is all that `speaker` says."""
    _require(clips, "speaker", "{label}_{speaker}_{index}.wav")
    speakers = sorted({str(clip.speaker) for clip in clips})
    if speaker not in speakers:
        raise ValueError(f"no clip of speaker {speaker!r}; there are {', '.join(speakers)}")
    return split(clips, lambda clip: clip.speaker == speaker)


def split_fold(clips: Sequence[Clip], fold: int) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """The folds of ESC-10: the test set is fold `fold`, the first digit of the name."""
    _require(clips, "fold", "{fold}-{recording}-{take}.ogg")
    folds = sorted({clip.fold for clip in clips if clip.fold is not None})
    if fold not in folds:
        raise ValueError(f"no clip of fold {fold}; there are {folds}")
    return split(clips, lambda clip: clip.fold == fold)


def _require(clips: Sequence[Clip], field: str, names: str) -> None:
    without = [clip.path.name for clip in clips if getattr(clip, field) is None]
    if without:
        raise ValueError(
            f"{len(without)} of {len(clips)} clips have no {field} in their name, such as "
            f"{without[0]!r}; expected names like {names}"
        )


class AudioFolder:
    """A dataset of clips: item `i` is `(samples, class number)`.

    `samples` is float32 (1, length) at `sample_rate`: mono, resampled, cropped or padded to
    `length` frames (`length=None` keeps each clip's own). Read through `draw(index, rng)`, as
    `lucid.data.DataLoader` does, the crop is placed at random and `transform(samples, rng)` is
    applied; read as `dataset[index]`, the crop is the middle and there is no transform.
    `cache=True` keeps the decoded clips in memory.

    `classes` are the labels in the order of their numbers: hand the training set's to the test set.

    >>> import tempfile
    >>> from lucid.audio import save
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("yes_ann_0.wav", "no_ann_0.wav"):
    ...     save(folder / name, np.zeros(8000), 8000)
    >>> dataset = AudioFolder(scan(folder).clips, sample_rate=16000, length=12000)
    >>> samples, number = dataset[0]
    >>> samples.shape, dataset.classes[number]
    ((1, 12000), 'no')
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        *,
        sample_rate: int,
        length: int | None = None,
        classes: Sequence[str] | None = None,
        transform: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
        cache: bool = False,
    ) -> None:
        if not clips:
            raise ValueError("AudioFolder: expects at least one clip, got none")
        self.clips = tuple(clips)
        labels = {clip.label for clip in clips}
        self.classes = tuple(sorted(labels) if classes is None else classes)
        unknown = sorted(labels - set(self.classes))
        if unknown:
            raise ValueError(f"AudioFolder: labels {unknown} are not among {list(self.classes)}")
        if length is not None and (not isinstance(length, int | np.integer) or length < 1):
            raise ValueError(f"AudioFolder: length must be an int of at least 1, got {length!r}")
        self.sample_rate = sample_rate
        self.length = length
        self.transform = transform
        self._number = {label: number for number, label in enumerate(self.classes)}
        self._cache: dict[int, np.ndarray] | None = {} if cache else None

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return self._fitted(index, None), self._number[self.clips[index].label]

    def draw(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        """Item `index` with its crop and transform drawn from `rng`."""
        samples = self._fitted(index, rng)
        if self.transform is not None:
            samples = self.transform(samples, rng)
        return samples, self._number[self.clips[index].label]

    def _fitted(self, index: int, rng: np.random.Generator | None) -> np.ndarray:
        if self.length is None:
            return self._samples(index)
        clip = self.clips[index]
        spare = clip.frames - self.length
        if spare <= 0 or not self._cut_while_read(clip):
            return crop_or_pad(self._samples(index), self.length, rng)
        samples, _ = self._load(clip, offset=place(spare, rng), frames=self.length)
        fits = samples.shape[-1] == self.length  # not if the file has changed since
        return samples if fits else crop_or_pad(samples, self.length)

    def _cut_while_read(self, clip: Clip) -> bool:
        """Whether the part is all that has to be read; a compressed file may be cut elsewhere."""
        same_rate = clip.sample_rate == self.sample_rate
        return self._cache is None and same_rate and clip.path.suffix.lower() in (".wav", ".wave")

    def _samples(self, index: int) -> np.ndarray:
        """The whole clip. Two workers may both decode it once; they store the same samples."""
        clip = self.clips[index]
        if self._cache is None:
            return self._load(clip)[0]
        if index not in self._cache:
            samples, _ = self._load(clip)
            samples.flags.writeable = False  # spares the cache a transform in place
            self._cache[index] = samples
        return self._cache[index]

    def _load(self, clip: Clip, **part: int) -> tuple[np.ndarray, int]:
        return load(clip.path, mono=True, sample_rate=self.sample_rate, **part)
