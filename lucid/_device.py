"""Where MLX computes."""

from __future__ import annotations

import mlx.core as mx

_CPU = mx.Device(mx.cpu)


def on_cpu() -> bool:
    """Whether it is the CPU, where much has to be done in other ways than on a GPU."""
    return mx.default_device() == _CPU
