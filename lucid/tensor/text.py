"""How a tensor prints: values rounded for reading, long ones summarised."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from lucid.ops.device import default_device


def text(tensor: Any) -> str:
    """`Tensor([...], grad=None)`, and what differs from the defaults."""
    values = tensor.numpy()
    parts = [_body(values, "Tensor(")]
    if values.size == 0 and values.ndim > 1:
        parts.append(f"shape={tensor.shape}")
    grad = tensor.grad
    if grad is None or grad.numel() > 8:
        shown = "None" if grad is None else f"<shape {grad.shape}>"
    else:
        shown = _body(grad.numpy(), "")
    parts.append(f"grad={shown}")
    if tensor.requires_grad:
        parts.append("requires_grad=True")
    if tensor.dtype not in (mx.float32, mx.int64, mx.bool_):
        parts.append(f"dtype={str(tensor.dtype).split('.')[-1]}")
    if tensor.device != default_device():
        parts.append(f"device={tensor.device!r}")
    return f"Tensor({', '.join(parts)})"


def _body(values: np.ndarray, prefix: str) -> str:
    return np.array2string(
        values,
        separator=", ",
        precision=4,
        threshold=1000,
        edgeitems=3,
        prefix=prefix,
        max_line_width=100,
        floatmode="maxprec",
        suppress_small=bool(_plain(values)),
    )


def _plain(values: np.ndarray) -> bool:
    """True where no value needs an exponent to be read."""
    if values.dtype.kind != "f" or values.size == 0:
        return True
    finite = np.abs(values[np.isfinite(values)].astype(np.float64))
    finite = finite[finite > 0]
    return finite.size == 0 or bool(finite.max() < 1e5 and finite.max() >= 1e-3)
