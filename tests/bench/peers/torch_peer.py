"""PyTorch on the CPU, eager, with as many threads as it likes."""

from __future__ import annotations

import numpy as np
import torch

from .imperative import Imperative


class Torch(Imperative):
    lib = torch
    compile = staticmethod(lambda step: step)  # beside what others compile stands its eager step

    def tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values)

    def versions(self) -> dict[str, str]:
        return {"torch": torch.__version__, "torch threads": str(torch.get_num_threads())}
