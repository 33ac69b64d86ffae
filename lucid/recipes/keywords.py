"""Keywords: tell short spoken words apart, from the spectrogram or from the waveform itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import lucid
from lucid import audio, models, nn, optim
from lucid.data import DataLoader, Dataset
from lucid.recipes import checkpoint, plots, recordings, report, synthesis, training
from lucid.recipes.job import Job, Row
from lucid.recipes.settings import as_text, check
from lucid.tensor import Tensor

# The waveform needs more steps: with 64, one of three seeds stayed below 99 % on FSDD.
BATCH = {"mel": 64, "raw": 32}


@dataclass(frozen=True)
class Config:
    """All that a training depends on, besides the recordings themselves.

    Raises ValueError for values that make no sense.

    >>> Config(input="raw").epochs
    15
    """

    data: str | os.PathLike[str] | None = None  # folder of recordings; None makes words of our own
    input: str = "mel"  # or "raw"
    epochs: int = 15
    batch_size: int = None  # type: ignore[assignment]  # default: what `BATCH` has for the input
    learning_rate: float = 3e-3  # at its peak
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    seed: int = 0
    sample_rate: int = 8000  # Hz; everything is resampled to it
    seconds: float = 1.0  # what the network sees
    mask: float = 0.15  # seconds at most that training blanks out
    channels: int = 64
    blocks: int = 3
    repeats: int = 1

    def __post_init__(self) -> None:
        as_text(self, "data")
        if self.input not in BATCH:
            raise ValueError(f"input must be 'mel' or 'raw', got {self.input!r}")
        if self.batch_size is None:
            object.__setattr__(self, "batch_size", BATCH[self.input])  # the dataclass is frozen
        check(self, ("epochs", "channels", "blocks", "repeats"))
        if not 0 <= self.mask < self.seconds:
            raise ValueError(f"mask must be from 0 to {self.seconds} seconds, got {self.mask}")

    @property
    def length(self) -> int:
        """Samples that the network sees."""
        return round(self.seconds * self.sample_rate)


class Words(Dataset):
    """Labelled clips: item `i` is (samples float32 (1, length), class number).

    With `augment` a clip is placed at random, scaled by 0.5 to 1.5, and up to `mask` samples of it
    are blanked out; without, it lies in the middle as it is.
    """

    def __init__(
        self,
        samples: Sequence[np.ndarray],
        numbers: Sequence[int],
        length: int,
        mask: int,
        augment: bool,
    ) -> None:
        self.samples, self.numbers = samples, numbers
        self.length, self.mask, self.augment = length, mask, augment

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return audio.crop_or_pad(self.samples[index], self.length)[None], self.numbers[index]

    def draw(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        if not self.augment:
            return self[index]
        x = audio.crop_or_pad(self.samples[index], self.length, rng)
        x = audio.time_mask(x, self.mask, rng) * np.float32(rng.uniform(0.5, 1.5))
        return x[None], self.numbers[index]


@dataclass(frozen=True)
class Data:
    """What to learn from, what to test on, and where they come from, in words."""

    labels: tuple[str, ...]
    train: Words
    test: Words
    report: str


def prepare(config: Config) -> Data:
    """Read the recordings of `config.data`, or make some.

    Raises FileNotFoundError, NotADirectoryError and ValueError for data that cannot be used.
    """
    if config.data is None:
        return _synthesised(config)
    found = recordings.read(config.data, config.sample_rate)
    labels = tuple(sorted({clip.label for clip in found.clips}))
    if len(labels) < 2:
        raise ValueError(
            f"{config.data}: all recordings are of one class, {labels[0]!r}; telling apart needs "
            "two: one folder per class, or files named {label}_{speaker}_{index}.wav"
        )
    train, test, how = recordings.split(found.clips, config.seed)
    samples = dict(zip(found.clips, found.samples, strict=True))

    def words(clips: Sequence[audio.Clip], augment: bool) -> Words:
        numbers = [labels.index(clip.label) for clip in clips]
        return _words([samples[clip] for clip in clips], numbers, config, augment)

    text = f"{found.report(str(config.data))}\n{len(labels)} classes; {how}"
    return Data(labels, words(train, True), words(test, False), text)


def _synthesised(config: Config) -> Data:
    labels = tuple(synthesis.DIGITS)

    def words(speakers: int, takes: int, part: int) -> Words:
        made = synthesis.utterances(speakers, takes, (config.seed, part), config.sample_rate)
        numbers = [labels.index(u.word) for u in made]
        return _words([u.samples for u in made], numbers, config, augment=part == 0)

    text = "spoken digits of our own (no --data); tested on 10 voices that training never hears"
    return Data(labels, words(16, 2, part=0), words(10, 2, part=1), text)


def _words(
    samples: Sequence[np.ndarray], numbers: Sequence[int], config: Config, augment: bool
) -> Words:
    return Words(samples, numbers, config.length, round(config.mask * config.sample_rate), augment)


class KeywordNet(nn.Module):
    """MatchboxNet behind a log-mel spectrogram, or DSNet on the waveform.

    Shapes: (N, 1, L) -> scores (N, num_classes).

    >>> net = KeywordNet(Config(), num_classes=10)
    >>> net(lucid.zeros(2, 1, 8000)).shape
    (2, 10)
    """

    def __init__(self, config: Config, num_classes: int) -> None:
        super().__init__()
        self.config = config
        if config.input == "mel":
            self.net: nn.Module = models.MatchboxNet(
                40, num_classes, config.blocks, config.repeats, config.channels
            )
        else:
            c = config.channels
            self.net = models.DSNet(num_classes, (c, c, 3 * c // 2, 2 * c, 2 * c, 2 * c))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(self.features(x) if self.config.input == "mel" else x)

    def features(self, x: Tensor) -> Tensor:
        """40 log-mel bands of 25 ms every 10 ms, (N, 1, L) -> (N, 40, T); mean 0, variance 1."""
        rate = self.config.sample_rate
        window = rate // 40
        n_fft = 1 << (window - 1).bit_length()
        with lucid.no_grad():
            mel = audio.log_mel(x.squeeze(1), rate, n_fft, rate // 100, window, n_mels=40)
            mel = mel - mel.mean((1, 2), keepdim=True)
            return mel / (mel.square().mean((1, 2), keepdim=True) + 1e-5).sqrt()


class Keywords(Job):
    """The job that `fit` trains."""

    recipe, score, clip = "keywords", "accuracy", None
    units: ClassVar = {"accuracy": "%"}

    def __init__(self, config: Config, data: Data) -> None:
        lucid.manual_seed(config.seed)
        self.config, self.labels = config, data.labels
        self.data = {
            "labels": list(data.labels),
            "train": len(data.train),
            "test": len(data.test),
        }
        self.loader = DataLoader(data.train, config.batch_size, shuffle=True, seed=config.seed)
        self.test = DataLoader(data.test, config.batch_size, seed=0)
        self.steps = config.epochs * len(self.loader)
        self.model = KeywordNet(config, len(data.labels))
        self.criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
        self.optimizer = optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.schedule = optim.lr_scheduler.OneCycleLR(
            self.optimizer, max_lr=config.learning_rate, total_steps=self.steps
        )

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        x, numbers = batch
        return self.criterion(self.model(x), numbers)

    def evaluate(self) -> Row:
        """Accuracy on the test set in percent."""
        counts = self.confusion()
        return {"accuracy": 100 * float(np.trace(counts) / counts.sum())}

    def confusion(self) -> np.ndarray:
        """counts[i, j]: test clips of class i that were taken for class j."""
        self.model.eval()
        counts = np.zeros((len(self.labels), len(self.labels)), int)
        with lucid.no_grad():
            for x, numbers in self.test:
                np.add.at(counts, (numbers.numpy(), self.model(x).argmax(-1).numpy()), 1)
        return counts


def train(
    config: Config | None = None,
    run: str | os.PathLike[str] | None = None,
    *,
    resume: str | os.PathLike[str] | None = None,
) -> report.Result:
    """Train a keyword recogniser; prints its progress.

    Args:
        config: the settings; `Config()` by default.
        run: a new folder for the results; default: the first free `runs/keywords-<number>`.
        resume: instead of both, the folder of a run to go on with.

    Raises what `prepare` and `fit` raise, and FileExistsError for a `run` that is taken.
    """
    job, folder, history = training.train(Keywords, prepare, config or Config(), run, resume)
    counts = job.confusion()
    report.draw(
        lambda: plots.learning_curve(folder.path / "learning_curve.png", history, "accuracy", "%"),
        lambda: plots.confusion_matrix(folder.path / "confusion_matrix.png", counts, job.labels),
    )
    return report.Result(folder.path, history, _table(counts, job.labels))


def _table(counts: np.ndarray, labels: Sequence[str]) -> str:
    rows = []
    for number, label in enumerate(labels):
        total, right = counts[number].sum(), counts[number, number]
        wrong = counts[number].copy()
        wrong[number] = 0
        taken = f"{labels[wrong.argmax()]} ({wrong.max()})" if wrong.any() else ""
        share = f"{100 * right / total:.1f}" if total else "-"
        rows.append((label, total, right, share, taken))
    total, right = counts.sum(), np.trace(counts)
    rows.append(("all", total, right, f"{100 * right / total:.2f}", ""))
    return report.table(("class", "clips", "right", "accuracy %", "most often taken for"), rows)


def load(run: str | os.PathLike[str]) -> tuple[KeywordNet, tuple[str, ...]]:
    """The trained model of a run folder (or of a checkpoint in it), ready to use, and its labels.

    Raises FileNotFoundError; ValueError for a checkpoint of another kind or architecture.
    """
    state = checkpoint.load(run, "keywords")
    labels = tuple(state["data"]["labels"])
    model = KeywordNet(checkpoint.settings(run, state, Config), len(labels))
    checkpoint.load_model(run, model, state)
    model.eval()
    return model, labels


def predict(
    model: KeywordNet, labels: Sequence[str], path: str | os.PathLike[str]
) -> list[tuple[str, float]]:
    """The labels with their probabilities for the audio file at `path`, the likeliest first.

    Any rate and number of channels will do. Of a recording longer than the network sees, it gets
    the loudest part.

    Raises what `lucid.audio.load` raises, and ValueError for an empty or silent file.
    """
    config = model.config
    (samples,), _ = audio.load(path, mono=True, sample_rate=config.sample_rate)
    if not np.isfinite(samples).all():
        raise ValueError(f"{path}: holds samples that are NaN or infinite")
    if not samples.any():
        raise ValueError(f"{path}: is silent, there is no word in it")
    x = audio.crop_or_pad(recordings.loudest(samples, config.length), config.length)
    with lucid.no_grad():
        shares = model(lucid.tensor(x[None, None])).softmax(-1)[0].tolist()
    return sorted(zip(labels, shares, strict=True), key=lambda pair: -pair[1])
