"""Denoising: a small Conv-TasNet takes the noise out of speech, waveform in and waveform out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

import lucid
from lucid import audio, models, nn, optim
from lucid.data import DataLoader, Dataset, item_rng
from lucid.recipes import checkpoint, plots, recordings, report, synthesis, training
from lucid.recipes.job import Job, Row
from lucid.recipes.losses import si_snr
from lucid.recipes.settings import as_text, check
from lucid.tensor import Tensor

_TEST_SEED = 0  # of the test mixes, which are the same for every seed of the training
_PAUSE = 1e-2  # the share of a noise's mean energy below which a part of it is a pause
_TRIES = 20
_PIECE = 8  # seconds that `enhance` gives to the network at a time


@dataclass(frozen=True)
class Config:
    """All that a training depends on, besides the recordings themselves.

    The sizes of the network are N, L, B, H, P, X and R of `lucid.models.ConvTasNet`.

    Raises ValueError for values that make no sense.

    >>> Config().steps
    4158
    """

    data: str | os.PathLike[str] | None = (
        None  # folder of speech; None makes speech and noise of our own
    )
    noise: str | os.PathLike[str] | None = None  # folder of noise
    steps: int = 4158
    batch_size: int = 8
    learning_rate: float = 1e-3  # at the start
    clip: float = 5.0  # the largest norm of the gradient
    seed: int = 0
    sample_rate: int = 8000  # Hz; everything is resampled to it
    seconds: float = 1.0  # of a training mix
    min_snr: float = -5.0  # dB
    max_snr: float = 10.0
    test_mixes: int = 300
    epoch_steps: int = 250  # steps from one test and checkpoint to the next
    features: int = 64  # N
    kernel_size: int = 16  # L
    bottleneck: int = 32  # B
    hidden: int = 64  # H
    taps: int = 3  # P
    layers: int = 6  # X
    stacks: int = 2  # R

    def __post_init__(self) -> None:
        as_text(self, "data", "noise")
        sizes = ("features", "bottleneck", "hidden", "layers", "stacks")
        check(self, ("steps", "test_mixes", "epoch_steps", *sizes))
        if self.clip <= 0:
            raise ValueError(f"clip must be above 0, got {self.clip}")
        if not self.min_snr <= self.max_snr:
            raise ValueError(f"min_snr {self.min_snr} must not be above max_snr {self.max_snr}")
        if (self.data is None) != (self.noise is None):
            raise ValueError("speech (data) and noise belong together: give both folders, or none")

    @property
    def length(self) -> int:
        """Samples of a mix."""
        return round(self.seconds * self.sample_rate)


# Without recordings: small enough for two minutes on two slow cores without OpenBLAS.
DEMO = Config(
    steps=480,
    epoch_steps=60,
    learning_rate=1e-2,
    test_mixes=60,
    seconds=0.75,
    features=32,
    bottleneck=16,
    hidden=32,
    layers=5,
    stacks=1,
)


class Mixes(Dataset):
    """Speech in noise: item `i` is (noisy, clean), float32 (1, length) each.

    The speech is clip `i` (from the start again after the last) at a random place; the noise, its
    part and its level are drawn.
    """

    def __init__(
        self,
        speech: Sequence[np.ndarray],
        noise: Sequence[np.ndarray],
        count: int,
        config: Config,
    ) -> None:
        self.speech, self.noise, self.count, self.config = speech, noise, count, config

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.draw(index, item_rng(_TEST_SEED, 0, index))

    def draw(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        length = self.config.length
        clean = audio.crop_or_pad(self.speech[index % len(self.speech)], length, rng)
        snr = rng.uniform(self.config.min_snr, self.config.max_snr)
        return audio.mix(clean, self._noise(rng), snr)[None], clean[None]

    def _noise(self, rng: np.random.Generator) -> np.ndarray:
        """A random part of a random noise, but no pause: a dog does not bark all the time."""
        length = self.config.length
        for _ in range(_TRIES):
            noise = self.noise[int(rng.integers(len(self.noise)))]
            part = audio.crop_or_pad(noise, length, rng, repeat=True)
            if np.square(part).mean() > _PAUSE * np.square(noise).mean():
                return part
        part = recordings.loudest(noise, length)
        return audio.crop_or_pad(part, length, rng, repeat=True)


@dataclass(frozen=True)
class Data:
    """What to learn from, what to test on, and where they come from, in words."""

    train: Mixes
    test: Mixes
    report: str


def prepare(config: Config) -> Data:
    """Read the recordings of `config.data` and `config.noise`, or make some.

    Raises FileNotFoundError, NotADirectoryError and ValueError for data that cannot be used.
    """
    if config.data is None or config.noise is None:
        return _synthesised(config)
    (speech, held_speech), speech_text = _read(config.data, config, "speech")
    (noise, held_noise), noise_text = _read(config.noise, config, "noise")
    text = f"{speech_text}\n{noise_text}"
    return _mixes(speech, held_speech, noise, held_noise, text, config)


def _read(
    folder: str | os.PathLike[str], config: Config, what: str
) -> tuple[tuple[list[np.ndarray], list[np.ndarray]], str]:
    """The samples to train on and those to test on, and a text about them."""
    found = recordings.read(folder, config.sample_rate, labelled=False)
    train, test, how = recordings.split(found.clips, config.seed)
    samples = dict(zip(found.clips, found.samples, strict=True))
    parts = [samples[clip] for clip in train], [samples[clip] for clip in test]
    return parts, f"{what}: {found.report(str(folder))}; {how}"


def _synthesised(config: Config) -> Data:
    def speech(speakers: int, part: int) -> list[np.ndarray]:
        made = synthesis.utterances(speakers, 3, (config.seed, part), config.sample_rate)
        return [u.samples for u in made]

    def noise(per_kind: int, part: int) -> list[np.ndarray]:
        return synthesis.noises(per_kind, 2.0, (config.seed, part), config.sample_rate)

    text = "speech and noise of our own (no --data); tested on voices that training never hears"
    return _mixes(speech(16, 0), speech(4, 1), noise(10, 2), noise(3, 3), text, config)


def _mixes(
    speech: Sequence[np.ndarray],
    held_speech: Sequence[np.ndarray],
    noise: Sequence[np.ndarray],
    held_noise: Sequence[np.ndarray],
    text: str,
    config: Config,
) -> Data:
    count = min(config.epoch_steps, config.steps) * config.batch_size
    train = Mixes(speech, noise, count, config)
    return Data(train, Mixes(held_speech, held_noise, config.test_mixes, config), text)


def network(config: Config) -> models.ConvTasNet:
    """A Conv-TasNet with two outputs: speech, and the rest."""
    return models.ConvTasNet(
        2,
        config.kernel_size,
        config.features,
        config.taps,
        config.bottleneck,
        config.hidden,
        config.layers,
        config.stacks,
    )


class Denoise(Job):
    """The job that `fit` trains: -SI-SNR of the first output against the clean speech."""

    recipe, score = "denoise", "si_snr_improvement"
    units: ClassVar = {"si_snr": "dB", "si_snr_improvement": "dB"}

    def __init__(self, config: Config, data: Data) -> None:
        lucid.manual_seed(config.seed)
        self.config, self.clip = config, config.clip
        self.data = {
            "speech": [len(data.train.speech), len(data.test.speech)],
            "noise": [len(data.train.noise), len(data.test.noise)],
        }
        self.loader = DataLoader(data.train, config.batch_size, shuffle=True, seed=config.seed)
        self.test = DataLoader([data.test[i] for i in range(len(data.test))], config.batch_size)
        self.steps = config.steps
        self.model = network(config)
        self.optimizer = optim.Adam(self.model.parameters(), lr=config.learning_rate)
        self.schedule = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=config.steps)

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        noisy, clean = batch
        return -si_snr(self.model(noisy)[:, 0], clean[:, 0]).mean()

    def evaluate(self) -> Row:
        """Mean SI-SNR of the test mixes after denoising, and how much better that is, in dB."""
        before, after = self.ratios()
        return {
            "si_snr": float(after.mean()),
            "si_snr_improvement": float((after - before).mean()),
        }

    def ratios(self) -> tuple[np.ndarray, np.ndarray]:
        """SI-SNR of each test mix in dB: as it is, and denoised."""
        self.model.eval()
        before, after = [], []
        with lucid.no_grad():
            for noisy, clean in self.test:
                before += si_snr(noisy, clean)[:, 0].tolist()
                after += si_snr(self.model(noisy)[:, :1], clean)[:, 0].tolist()
        return np.array(before), np.array(after)


def train(
    config: Config | None = None,
    run: str | os.PathLike[str] | None = None,
    *,
    resume: str | os.PathLike[str] | None = None,
) -> report.Result:
    """Train a denoiser; prints its progress.

    Args:
        config: the settings; `DEMO` by default.
        run: a new folder for the results; default: the first free `runs/denoise-<number>`.
        resume: instead of both, the folder of a run to go on with.

    Raises what `prepare` and `fit` raise, and FileExistsError for a `run` that is taken.
    """
    job, folder, history = training.train(Denoise, prepare, config or DEMO, run, resume)
    rate = job.config.sample_rate
    before, after = job.ratios()
    signals = _example(job, before)
    for name, samples in signals.items():
        audio.save(folder.path / f"{name}.wav", samples, rate)
    report.draw(
        lambda: plots.learning_curve(folder.path / "learning_curve.png", history, job.score, "dB"),
        lambda: plots.spectrograms(folder.path / "spectrograms.png", signals, rate),
    )
    return report.Result(folder.path, history, _table(before, after))


def _example(job: Denoise, before: np.ndarray) -> dict[str, np.ndarray]:
    """One test mix to look at and listen to: the one whose SI-SNR is nearest 0 dB."""
    noisy, clean = job.test.dataset[int(np.abs(before).argmin())]
    enhanced = enhance_samples(job.model, noisy)
    peak = max(np.abs(x).max() for x in (noisy, clean, enhanced))
    signals = {"noisy": noisy[0], "enhanced": enhanced[0], "clean": clean[0]}
    return {name: 0.9 / peak * samples for name, samples in signals.items()}


def _table(before: np.ndarray, after: np.ndarray) -> str:
    """SI-SNR by how noisy the mix was."""
    edges = np.quantile(before, [0, 1 / 3, 2 / 3, 1])
    rows = []
    for i, name in enumerate(("noisy third", "middle third", "clean third")):
        chosen = (before >= edges[i]) & (before <= edges[i + 1])
        rows.append(_row(name, before[chosen], after[chosen]))
    rows.append(_row("all", before, after))
    return report.table(("test mixes", "number", "SI-SNR in", "out", "better by, dB"), rows)


def _row(name: str, before: np.ndarray, after: np.ndarray) -> tuple[str, ...]:
    gain = (after - before).mean()
    return name, str(len(before)), f"{before.mean():.2f}", f"{after.mean():.2f}", f"{gain:.2f}"


def load(run: str | os.PathLike[str]) -> tuple[models.ConvTasNet, Config]:
    """The trained model of a run folder (or of a checkpoint in it), ready to use, and its settings.

    Raises FileNotFoundError; ValueError for a checkpoint of another kind or architecture.
    """
    state = checkpoint.load(run, "denoise")
    config = checkpoint.settings(run, state, Config)
    model = network(config)
    checkpoint.load_model(run, model, state)
    model.eval()
    return model, config


def enhance_samples(model: nn.Module, noisy: np.ndarray) -> np.ndarray:
    """Take the noise out of `noisy`, float32 (C, L); each channel on its own.

    The network's output has no scale of its own (SI-SNR does not see it): it is given the one that
    fits the noisy waveform best.
    """
    with lucid.no_grad():
        y = model(lucid.tensor(noisy[:, None]))[:, 0].numpy()
    energy = np.sum(y * y, axis=-1, keepdims=True)
    return y * (np.sum(y * noisy, axis=-1, keepdims=True) / np.maximum(energy, 1e-12))


def enhance(
    model: nn.Module,
    config: Config,
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
) -> None:
    """Write the audio file at `path` without its noise to the WAV file `out`.

    Any rate and number of channels will do; the result has the channels of the file and the rate of
    the network. Long recordings go through in pieces of 8 seconds, which fade into each other.

    Raises what `lucid.audio.load` and `lucid.audio.save` raise, and ValueError for an empty file.
    """
    if not Path(out).parent.is_dir():
        raise FileNotFoundError(f"{out}: its folder does not exist")
    if Path(out).exists() and Path(path).exists() and os.path.samefile(path, out):
        raise ValueError(f"{out}: is the noisy recording itself; give the result another name")
    samples, _ = audio.load(path, sample_rate=config.sample_rate)
    if samples.shape[-1] == 0:
        raise ValueError(f"{path}: holds no audio")
    if not np.isfinite(samples).all():
        raise ValueError(f"{path}: holds samples that are NaN or infinite")
    piece = _PIECE * config.sample_rate
    overlap = piece // 8
    fade = np.linspace(0, 1, overlap, dtype=np.float32)
    result = np.zeros_like(samples)
    for start in range(0, max(1, samples.shape[-1] - overlap), piece - overlap):
        part = enhance_samples(model, samples[:, start : start + piece])
        end = start + part.shape[-1]
        if start:
            shared = result[:, start : start + overlap] * (1 - fade)
            part[:, :overlap] = part[:, :overlap] * fade + shared
        result[:, start:end] = part
    peak = np.abs(result).max()
    audio.save(out, result / max(1, peak), config.sample_rate)
