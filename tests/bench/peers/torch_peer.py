"""PyTorch on the CPU, eager, with as many threads as it likes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from torch.utils.checkpoint import checkpoint_sequential
from torch.utils.data import DataLoader, Dataset

from ..case import Built
from .imperative import Imperative


class Torch(Imperative):
    program, lib = "import torch", torch
    compile = staticmethod(lambda step: step)  # beside what others compile stands its eager step

    def tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values)

    def checkpointed(self, model: torch.nn.Sequential, segments: int, x: torch.Tensor) -> Any:
        return checkpoint_sequential(model, segments, x, use_reentrant=False)

    def loader(self, folder: str, rate: int, length: int, batch: int) -> Built:
        """The labels of an epoch of batches of cropped recordings; workers stay alive."""
        recordings = Recordings(folder, length)

        def epoch(workers: int) -> Callable[[], list[torch.Tensor]]:
            batches = DataLoader(
                recordings, batch, num_workers=workers, persistent_workers=workers > 0
            )
            return lambda: [torch.cat([labels for _, labels in batches])]

        return Built({"in line": epoch(0), "2 workers": epoch(2)}, self.numpy)


class Recordings(Dataset):
    """What `lucid.audio.AudioFolder` does, in the usual few lines of `soundfile` and NumPy."""

    def __init__(self, folder: str, length: int) -> None:
        self.paths, self.length = sorted(Path(folder).glob("*.wav")), length
        labels = sorted({path.name.split("_")[0] for path in self.paths})
        self.numbers = {label: number for number, label in enumerate(labels)}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path, length = self.paths[index], self.length
        samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
        samples = samples.mean(1)
        if len(samples) > length:
            start = np.random.randint(len(samples) - length + 1)
            samples = samples[start : start + length]
        samples = np.pad(samples, (0, length - len(samples)))
        return torch.from_numpy(samples[None]), self.numbers[path.name.split("_")[0]]
