"""Mixed precision, under the names of `torch.amp`: `autocast`, and loss scaling for float16.

A step in float16; with bfloat16 the scaler can be left out:

>>> import lucid
>>> from lucid import nn, optim
>>> model = nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Conv1d(4, 1, 3)).to("cpu")
>>> optimizer, scaler = optim.Adam(model.parameters()), lucid.amp.GradScaler("cpu")
>>> x, y = lucid.randn(2, 1, 16).to("cpu"), lucid.randn(2, 1, 12).to("cpu")
>>> with lucid.autocast("cpu", dtype=lucid.float16):
...     loss = nn.functional.mse_loss(model(x), y)
>>> scaler.scale(loss).backward()
>>> scaler.unscale_(optimizer)  # only to clip
>>> norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
>>> scaler.step(optimizer)
>>> scaler.update()
>>> optimizer.zero_grad()
>>> loss.dtype, model[0].weight.dtype
(mlx.core.float32, mlx.core.float32)
"""

from lucid.amp.autocast_mode import (
    autocast,
    custom_bwd,
    custom_fwd,
    get_autocast_dtype,
    is_autocast_available,
    is_autocast_enabled,
)
from lucid.amp.grad_scaler import GradScaler
