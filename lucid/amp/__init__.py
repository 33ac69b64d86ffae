"""Mixed precision, under the names of `torch.amp`: `autocast`, and loss scaling for float16."""

from lucid.amp.autocast_mode import (
    autocast,
    custom_bwd,
    custom_fwd,
    get_autocast_dtype,
    is_autocast_available,
    is_autocast_enabled,
)
from lucid.amp.grad_scaler import GradScaler
