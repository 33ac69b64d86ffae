"""`lucid.data` under PyTorch's name."""

from lucid.data import *  # noqa: F403
