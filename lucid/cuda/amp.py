"""torch's old place of `autocast` and `GradScaler`; `lucid.amp` is the new one.

>>> import lucid
>>> lucid.cuda.amp.autocast().fast_dtype
mlx.core.float16
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid import amp
from lucid.amp import GradScaler, custom_bwd, custom_fwd  # noqa: F401  torch has them here, too
from lucid.ops.device import default_device


class autocast(amp.autocast):
    """`lucid.amp.autocast` for the default device, in float16 unless asked otherwise."""

    def __init__(
        self, enabled: bool = True, dtype: Any = mx.float16, cache_enabled: bool = True
    ) -> None:
        super().__init__(default_device(), dtype, enabled, cache_enabled)
