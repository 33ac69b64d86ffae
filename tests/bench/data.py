"""Suite `data`: time per sample from files on disk (in the system's cache) to batches."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from lucid.audio import save

from .case import Case, draw

SPOKEN = Path(__file__).resolve().parents[3] / "shared" / "data" / "fsdd" / "recordings"
VARIANTS = ("in line", "2 workers")
BATCH = 32


def cases() -> Iterator[Case]:
    with tempfile.TemporaryDirectory() as folder:
        count, rate, seconds = 256, 16000, 3
        for number in range(count):
            samples = draw(number, rate * seconds)
            save(Path(folder) / f"{number % 10}_noise_{number}.wav", samples, rate)
        yield loader(f"{count} WAV files of {seconds} s at 16 kHz", folder, count, rate)
    if SPOKEN.is_dir():
        yield loader(
            "spoken digits, WAV at 8 kHz", str(SPOKEN), len(list(SPOKEN.glob("*.wav"))), 8000
        )


def loader(name: str, folder: str, count: int, rate: int) -> Case:
    """Every file is read, cropped or padded to a second at a random place, and batched."""
    spec = {"folder": folder, "rate": rate, "length": rate, "batch": BATCH}
    return Case("data", "files to batches", name, "loader", spec, VARIANTS, unit=count)
