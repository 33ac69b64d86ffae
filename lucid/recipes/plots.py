"""Pictures of a training. They need matplotlib, which the rest of Lucid does not."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lucid.recipes.job import Row


def figure(width: float, height: float) -> Any:
    """An empty matplotlib figure in inches, drawn without a display.

    Raises ImportError, saying how to get matplotlib.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install matplotlib") from error
    drawn = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(drawn)
    return drawn


def learning_curve(path: Path, history: Sequence[Row], score: str, unit: str) -> None:
    """Loss and score over the epochs."""
    drawn = figure(8, 3.2)
    left, right = drawn.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    for axes, name in ((left, "loss"), (right, score)):
        axes.plot(epochs, [row[name] for row in history], marker="o", markersize=3)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
    left.set_title("loss (training)")
    right.set_title(f"{score.replace('_', ' ')} in {unit} (test): {history[-1][score]:.2f}")
    drawn.savefig(path, dpi=120)


def confusion_matrix(path: Path, counts: np.ndarray, labels: Sequence[str]) -> None:
    """How often each class (row) was taken for each (column)."""
    size = 2.5 + 0.4 * len(labels)
    drawn = figure(size, size)
    axes = drawn.subplots()
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("recognised as")
    axes.set_ylabel("spoken")
    for row, column in zip(*np.nonzero(counts), strict=True):
        dark = share[row, column] > 0.5
        axes.text(
            column,
            row,
            str(counts[row, column]),
            ha="center",
            va="center",
            fontsize=8,
            color="white" if dark else "black",
        )
    with warnings.catch_warnings():  # a label in a script that the font lacks is drawn as boxes
        warnings.filterwarnings("ignore", "Glyph")
        drawn.savefig(path, dpi=120)


def spectrograms(path: Path, signals: dict[str, np.ndarray], sample_rate: int) -> None:
    """The spectrogram of each waveform (L,), side by side on one scale of 80 dB."""
    drawn = figure(3.6 * len(signals), 3.2)
    panels = drawn.subplots(1, len(signals), sharey=True, squeeze=False)[0]
    levels = {name: _decibels(samples) for name, samples in signals.items()}
    top = max(level.max() for level in levels.values())
    for axes, (name, level) in zip(panels, levels.items(), strict=True):
        seconds = len(signals[name]) / sample_rate
        image = axes.imshow(
            level,
            origin="lower",
            aspect="auto",
            extent=(0, seconds, 0, sample_rate / 2000),
            vmin=top - 80,
            vmax=top,
            cmap="magma",
        )
        axes.set_title(name)
        axes.set_xlabel("seconds")
    panels[0].set_ylabel("kHz")
    drawn.colorbar(image, ax=panels, label="dB")
    drawn.savefig(path, dpi=120)


def _decibels(samples: np.ndarray, size: int = 256, hop: int = 64) -> np.ndarray:
    """Power spectrogram in dB: (size/2 + 1, frames)."""
    padded = np.pad(samples, size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    spectrum = np.fft.rfft(frames * np.hanning(size), axis=1)
    return 20 * np.log10(np.abs(spectrum.T) + 1e-6)
