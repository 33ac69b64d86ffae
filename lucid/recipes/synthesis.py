"""Audio of our own: spoken digits made of formants and noise, and noises to hide them in.

Nothing is downloaded. A voice is a sum of harmonics of a gliding pitch under three formants; hisses
and bursts are noise in a band. Speakers differ in pitch, in the length of the vocal tract (which
moves all formants) and in tempo, and no two takes are the same. The formants of the vowels are the
averages for men in Peterson and Barney, "Control Methods Used in a Study of the Vowels" (1952).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_FRAME = 0.005  # seconds between two settings of the voice


@dataclass(frozen=True)
class Phone:
    """A sound of speech: how long, how loud a voice through which formants, which noise."""

    seconds: float
    voice: float
    formants: tuple[float, float, float]
    noise: float = 0.0
    band: tuple[float, float] = (1000.0, 1000.0)  # centre and width in Hz


PHONES = {
    "ah": Phone(0.13, 1.0, (640, 1190, 2390)),
    "ao": Phone(0.16, 1.0, (570, 840, 2410)),
    "aa": Phone(0.10, 1.0, (730, 1090, 2440)),
    "eh": Phone(0.11, 1.0, (530, 1840, 2480)),
    "ey": Phone(0.10, 1.0, (480, 2000, 2600)),
    "ih": Phone(0.09, 1.0, (390, 1990, 2550)),
    "iy": Phone(0.14, 1.0, (270, 2290, 3010)),
    "ow": Phone(0.17, 1.0, (450, 800, 2350)),
    "uw": Phone(0.17, 1.0, (300, 870, 2240)),
    "w": Phone(0.06, 0.6, (290, 610, 2150)),
    "r": Phone(0.07, 0.7, (420, 1300, 1600)),
    "n": Phone(0.08, 0.35, (250, 1100, 2300)),
    "v": Phone(0.06, 0.3, (300, 1100, 2300), 0.06, (2500, 2500)),
    "z": Phone(0.08, 0.2, (300, 1600, 2500), 0.25, (3500, 800)),
    "s": Phone(0.12, 0.0, (300, 1600, 2500), 0.45, (3500, 800)),
    "f": Phone(0.10, 0.0, (300, 1100, 2300), 0.12, (2600, 2600)),
    "th": Phone(0.08, 0.0, (300, 1400, 2500), 0.08, (3000, 2000)),
    "-": Phone(0.05, 0.0, (300, 1500, 2500)),  # the closure before a burst
    "t": Phone(0.03, 0.0, (300, 1700, 2600), 0.6, (3200, 1200)),
    "k": Phone(0.03, 0.0, (300, 1900, 2400), 0.5, (1900, 700)),
}

DIGITS = {
    "zero": "z ih r ow",
    "one": "w ah n",
    "two": "t uw",
    "three": "th r iy",
    "four": "f ao r",
    "five": "f aa iy v",
    "six": "s ih - k s",
    "seven": "s eh v ah n",
    "eight": "ey iy - t",
    "nine": "n aa iy n",
}


@dataclass(frozen=True)
class Speaker:
    """Pitch in Hz, factors on the formants and on the speed."""

    pitch: float
    tract: float
    tempo: float


def speaker(rng: np.random.Generator) -> Speaker:
    """A new voice. High voices have short tracts, as a rule.

    >>> 80 < speaker(np.random.default_rng(0)).pitch < 260
    True
    """
    height = rng.uniform()
    return Speaker(
        pitch=90 * 2 ** (1.3 * height + rng.uniform(-0.1, 0.1)),
        tract=0.92 + 0.26 * height + rng.uniform(-0.03, 0.03),
        tempo=rng.uniform(0.85, 1.2),
    )


def word(
    name: str, voice: Speaker, rng: np.random.Generator, sample_rate: int = 8000
) -> np.ndarray:
    """One take of a digit: float32 (L,), a third to two thirds of a second, peak 0.5.

    Raises ValueError for a word that is not one of `DIGITS`.

    >>> rng = np.random.default_rng(0)
    >>> word("three", speaker(rng), rng).dtype
    dtype('float32')
    """
    if name not in DIGITS:
        raise ValueError(f"word: {name!r} is not one of {', '.join(DIGITS)}")
    phones = [PHONES[p] for p in DIGITS[name].split()]
    counts = [
        max(2, round(p.seconds / voice.tempo * rng.uniform(0.8, 1.25) / _FRAME)) for p in phones
    ]
    which = np.repeat(np.arange(len(phones)), counts)
    formants = np.array([p.formants for p in phones]) * voice.tract
    formants *= rng.normal(1, 0.03, formants.shape)
    loudness = np.array([p.voice for p in phones])
    hiss = np.array([p.noise for p in phones])

    length = int(len(which) * _FRAME * sample_rate)
    pitch = voice.pitch * rng.uniform(0.92, 1.08) * np.linspace(1.1, 0.85, len(which))
    y = _harmonics(
        pitch, _glide(formants[which], 9), _glide(loudness[which], 5), length, sample_rate
    )
    for number in np.flatnonzero(hiss):
        envelope = _stretch(_glide(hiss[number] * (which == number), 3), length)
        y += envelope * _band(rng, length, phones[number].band, voice.tract, sample_rate)
    y += rng.normal(0, 0.002, length)  # the room
    edge = np.linspace(0, 1, round(_FRAME * sample_rate))
    y[: len(edge)] *= edge  # no clicks
    y[-len(edge) :] *= edge[::-1]
    return (0.5 * y / np.abs(y).max()).astype(np.float32)


def _harmonics(
    pitch: np.ndarray, formants: np.ndarray, loudness: np.ndarray, length: int, sample_rate: int
) -> np.ndarray:
    """The voice: every harmonic of the pitch below the Nyquist rate, weighted by the formants."""
    k = np.arange(1, int(sample_rate / 2 / pitch.max()) + 1)
    frequency = k * pitch[:, None]  # (frames, harmonics)
    bandwidth = 60 + 0.05 * formants
    distance = (frequency[:, :, None] - formants[:, None, :]) / (bandwidth[:, None, :] / 2)
    weight = (1 / (1 + distance**2)) @ np.array([1.0, 0.6, 0.35])
    weight *= loudness[:, None] / np.sqrt(k)  # the spectrum of the vocal cords falls
    phase = np.cumsum(_stretch(pitch, length)) * (2 * np.pi / sample_rate)
    weights = np.stack([_stretch(column, length) for column in weight.T])
    return np.einsum("kt,kt->t", weights, np.sin(k[:, None] * phase))


def _band(
    rng: np.random.Generator,
    length: int,
    band: tuple[float, float],
    tract: float,
    sample_rate: int,
) -> np.ndarray:
    """White noise through a bell around `band`, of unit variance."""
    frequency = np.fft.rfftfreq(length, 1 / sample_rate)
    centre = min(band[0] * tract, 0.9 * sample_rate / 2)
    return _shaped(rng, length, np.exp(-0.5 * ((frequency - centre) / (band[1] / 2)) ** 2))


def _shaped(rng: np.random.Generator, length: int, weight: np.ndarray) -> np.ndarray:
    """Noise whose spectrum has the given weights, of unit variance."""
    y = np.fft.irfft(np.fft.rfft(rng.standard_normal(length)) * weight, length)
    return y / (y.std() + 1e-12)


def _glide(track: np.ndarray, frames: int) -> np.ndarray:
    """A moving average over time (the first axis): the mouth does not jump."""
    reach = frames // 2
    padded = np.pad(track, [(reach, reach)] + [(0, 0)] * (track.ndim - 1), mode="edge")
    return np.mean([padded[i : i + len(track)] for i in range(frames)], axis=0)


def _stretch(track: np.ndarray, length: int) -> np.ndarray:
    """A track of settings, one per frame, to one per sample."""
    return np.interp(np.linspace(0, len(track) - 1, length), np.arange(len(track)), track)


@dataclass(frozen=True)
class Utterance:
    """A synthesised recording and what is in it."""

    samples: np.ndarray
    word: str
    speaker: int


def utterances(
    speakers: int, takes: int, seed: int | Sequence[int], sample_rate: int = 8000
) -> list[Utterance]:
    """Every digit, `takes` times by each of `speakers` voices. Another seed gives other voices.

    >>> len(utterances(speakers=2, takes=1, seed=0))
    20
    """
    rng = np.random.default_rng(seed)
    voices = [speaker(rng) for _ in range(speakers)]
    return [
        Utterance(word(name, voice, rng, sample_rate), name, number)
        for number, voice in enumerate(voices)
        for name in DIGITS
        for _ in range(takes)
    ]


NOISES = ("rain", "wind", "engine", "clock", "birds", "crackle")


def noise(
    kind: str, seconds: float, rng: np.random.Generator, sample_rate: int = 8000
) -> np.ndarray:
    """A background noise: float32 (L,), peak 0.5.

    Raises ValueError for a kind that is not one of `NOISES`.

    >>> noise("rain", 0.5, np.random.default_rng(0)).shape
    (4000,)
    """
    length = round(seconds * sample_rate)
    t = np.arange(length) / sample_rate
    frequency = np.fft.rfftfreq(length, 1 / sample_rate)
    if kind == "rain":
        y = _shaped(rng, length, np.minimum(1, frequency / rng.uniform(300, 2000)))
    elif kind == "wind":
        y = _shaped(rng, length, 1 / (1 + (frequency / rng.uniform(100, 400)) ** 2))
        y *= 1 + 0.7 * np.sin(2 * np.pi * (rng.uniform(0.2, 2) * t + rng.uniform()))
    elif kind == "engine":
        phase = (
            2 * np.pi * np.cumsum(rng.uniform(30, 90) * (1 + 0.05 * np.sin(6 * t))) / sample_rate
        )
        levels = rng.uniform(0.2, 1, 24) / np.arange(1, 25) ** 0.5
        y = sum(a * np.sin(k * phase) for k, a in enumerate(levels, 1))
        y = y + 0.3 * _shaped(rng, length, 1 / (1 + frequency / 500))
    elif kind == "clock":
        y = _strokes(rng, t, np.arange(rng.uniform(0, 0.3), seconds, rng.uniform(0.2, 0.5)), 0.012)
    elif kind == "birds":
        y = np.zeros(length)
        for start in rng.uniform(0, seconds, max(1, round(5 * seconds))):
            since = t - start
            sweep = rng.uniform(1500, 3000) + rng.uniform(-8000, 8000) * since
            shape = np.exp(-0.5 * ((since - 0.05) / 0.02) ** 2)
            y += shape * np.sin(2 * np.pi * sweep * since)
    elif kind == "crackle":
        y = _strokes(rng, t, rng.uniform(0, seconds, max(1, round(30 * seconds))), 0.003)
        y = y + 0.05 * _shaped(rng, length, 1 / (1 + frequency / 200))
    else:
        raise ValueError(f"noise: {kind!r} is not one of {', '.join(NOISES)}")
    y = y + 1e-3 * rng.standard_normal(length)
    return (0.5 * y / np.abs(y).max()).astype(np.float32)


def _strokes(
    rng: np.random.Generator, t: np.ndarray, starts: np.ndarray, decay: float
) -> np.ndarray:
    """Bursts of noise at `starts` that die away in `decay` seconds."""
    since = t - starts[:, None]
    envelopes = np.where(since >= 0, np.exp(-np.maximum(since, 0) / decay), 0)
    return (rng.uniform(0.2, 1, len(starts)) @ envelopes) * rng.standard_normal(len(t))


def noises(
    per_kind: int, seconds: float, seed: int | Sequence[int], sample_rate: int = 8000
) -> list[np.ndarray]:
    """`per_kind` recordings of each kind of noise.

    >>> len(noises(per_kind=1, seconds=0.2, seed=0))
    6
    """
    rng = np.random.default_rng(seed)
    return [noise(kind, seconds, rng, sample_rate) for kind in NOISES for _ in range(per_kind)]
