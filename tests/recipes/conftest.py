"""Small folders of recordings, written with our own synthesis."""

import numpy as np
import pytest

from lucid import audio
from lucid.recipes import synthesis


@pytest.fixture(scope="session")
def _speech(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    rng = np.random.default_rng(0)
    for name in ("one", "six"):
        for person in ("ann", "bob"):
            voice = synthesis.speaker(rng)
            for take in (0, 5, 6, 7):
                audio.save(
                    folder / f"{name}_{person}_{take}.wav", synthesis.word(name, voice, rng), 8000
                )
    return folder


@pytest.fixture
def speech(_speech, tmp_path):
    """16 files named like FSDD's; a copy that may be spoilt."""
    folder = tmp_path / "speech"
    folder.mkdir()
    for path in _speech.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def noise(tmp_path):
    """Noise in folders, at 16 kHz."""
    rng = np.random.default_rng(0)
    for kind in ("rain", "wind"):
        (tmp_path / "noise" / kind).mkdir(parents=True)
        for take in range(3):
            samples = synthesis.noise(kind, 0.6, rng, 16000)
            audio.save(tmp_path / "noise" / kind / f"{take}.wav", samples, 16000)
    return tmp_path / "noise"
