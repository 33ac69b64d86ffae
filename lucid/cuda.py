"""What scripts ask of `torch.cuda` on their way to a device. lucid's GPU is called "gpu" or "mps".

>>> import lucid
>>> "cuda" if lucid.cuda.is_available() else "cpu"
'cpu'
"""

from __future__ import annotations


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
