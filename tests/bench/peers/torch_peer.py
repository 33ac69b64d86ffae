"""PyTorch on the CPU, eager, with as many threads as it likes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint_sequential

from .imperative import Imperative


class Torch(Imperative):
    program, lib = "import torch", torch
    compile = staticmethod(lambda step: step)  # beside what others compile stands its eager step

    def tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values)

    def checkpointed(self, model: torch.nn.Sequential, segments: int, x: torch.Tensor) -> Any:
        return checkpoint_sequential(model, segments, x, use_reentrant=False)
