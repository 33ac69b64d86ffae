"""What scripts ask of `torch.backends`.

>>> import lucid
>>> lucid.backends.cuda.is_available()
False
"""

from types import SimpleNamespace

from lucid import cuda, mps

__all__ = ["cuda", "cudnn", "mps"]

# settings without effect: what runs here is always deterministic
cudnn = SimpleNamespace(enabled=False, benchmark=False, deterministic=True)
