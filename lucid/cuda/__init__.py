"""What scripts ask of `torch.cuda` on their way to a device. lucid's GPU is called "gpu" or "mps".

>>> import lucid
>>> "cuda" if lucid.cuda.is_available() else "cpu"
'cpu'
"""

from __future__ import annotations

from lucid.cuda import amp


def is_available() -> bool:
    """False: there is no device of this name."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing, as in torch without CUDA; `lucid.manual_seed` seeds all there is."""


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Nothing, as in torch without CUDA."""


def synchronize(device: object = None) -> None:
    """Nothing, since nothing runs there."""


def memory_allocated(device: object = None) -> int:
    """0, as in torch without CUDA."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def reset_peak_memory_stats(device: object = None) -> None:
    """Nothing."""
