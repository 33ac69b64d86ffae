"""Is what lucid returns what torch returns? Structure, dtypes, shapes, values.

Values: `torch.testing.assert_close` with its default tolerances (float32: rtol 1.3e-6, atol 1e-5;
bfloat16: rtol 1.6e-2, atol 1e-5; complex64 as float32). Where rounding adds up, torch's is as
arbitrary as ours: results (or gradients) also pass that lie at most three times as far from
torch's in the next wider dtype as torch's own do, relative to the largest element and taken over
all results of the sample.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

import lucid

from .convert import NO_DTYPE, Unsupported, dtype_name, to_torch

WIDER = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}
SCATTER = 3  # so many times as far from the truth as torch, by rounding alone
# more than this, relative to the largest element, is more than a few roundings
ROUNDING = {torch.float16: 0.01, torch.bfloat16: 0.1, torch.float32: 1e-3, torch.complex64: 1e-3}
TOLERANCES = {
    torch.bfloat16: (1.6e-2, 1e-5),
    torch.float16: (1e-3, 1e-5),
    torch.float32: (1.3e-6, 1e-5),
    torch.complex64: (1.3e-6, 1e-5),
    torch.float64: (1e-7, 1e-7),
}


class Mismatch(AssertionError):
    """What lucid returned is not what torch returned. `kind` says in what."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


def compare_kind(ours, theirs, path: str = "") -> None:
    """Containers, types, shapes and dtypes."""
    if isinstance(theirs, torch.Tensor):
        if theirs.dtype in NO_DTYPE:
            raise Unsupported(NO_DTYPE[theirs.dtype])
        if not isinstance(ours, lucid.Tensor):
            raise Mismatch("type", f"expected a Tensor{path}, got {type(ours).__name__}")
        if tuple(ours.shape) != tuple(theirs.shape):
            raise Mismatch("shape", f"expected {tuple(theirs.shape)}{path}, got {ours.shape}")
        if dtype_name(ours.dtype) != dtype_name(theirs.dtype):
            expected, got = dtype_name(theirs.dtype), dtype_name(ours.dtype)
            raise Mismatch("dtype", f"expected {expected}{path}, got {got}")
    elif isinstance(theirs, list | tuple):
        if not isinstance(ours, list | tuple):
            raise Mismatch("type", f"expected a tuple{path}, got {type(ours).__name__}")
        if len(ours) != len(theirs):
            raise Mismatch("type", f"expected {len(theirs)} results{path}, got {len(ours)}")
        for name in getattr(type(theirs), "__match_args__", ()):  # (values, indices)
            if not hasattr(ours, name):
                raise Mismatch("type", f"the result has no field .{name}{path}")
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            compare_kind(a, b, f"{path} at [{i}]")
    elif isinstance(theirs, torch.dtype):
        if dtype_name(ours) != dtype_name(theirs):
            raise Mismatch("value", f"expected {theirs}{path}, got {ours}")
    elif type(ours) is not type(theirs):
        raise Mismatch("type", f"expected {type(theirs).__name__}{path}, got {type(ours).__name__}")
    elif not isinstance(theirs, torch.Tensor) and ours != theirs and ours == ours:
        if not isinstance(theirs, float | complex):
            raise Mismatch("value", f"expected {theirs!r}{path}, got {ours!r}")
        compare_values(torch.tensor(ours), torch.tensor(theirs))


def leaves(value) -> list:
    """The tensors of a result in order, repeated ones too, as torch tensors outside the graph."""
    if isinstance(value, torch.Tensor):
        return [value.detach()]
    if isinstance(value, lucid.Tensor):
        return [to_torch(value)]
    if isinstance(value, list | tuple):
        return [leaf for v in value for leaf in leaves(v)]
    return []


def compare_values(ours: torch.Tensor, theirs: torch.Tensor, path: str = "") -> None:
    """The values of two tensors of torch."""
    _close(ours, theirs, *TOLERANCES.get(theirs.dtype, (0.0, 0.0)), path)


def slacks(theirs: Sequence[torch.Tensor], wide: Sequence[torch.Tensor]) -> list[float]:
    """How far rounding may take each result from `wide`: SCATTER times as far as it takes torch's.

    That is relative to the largest element and over all results, those left out of which torch
    has little right. What torch has quite otherwise in the wider dtype (other signs, another
    order) gives no room of its own.
    """
    found, common = [], 0.0
    for a, w in zip(theirs, wide, strict=True):
        if a.shape != w.shape or a.dtype not in WIDER:
            found.append((0.0, 0.0))
            continue
        off, size = _largest(a.to(w.dtype) - w), _largest(w)
        if size <= torch.finfo(a.dtype).eps:  # zero, but for rounding
            found.append((off, 0.0))
        elif off <= 0.5 * size:
            found.append((off, size))
            if off <= ROUNDING[a.dtype] * size:
                common = max(common, off / size)
        else:
            found.append((0.0, size))
    return [SCATTER * max(off, common * size) for off, size in found]


def compare_rounded(
    ours: torch.Tensor,
    theirs: torch.Tensor,
    wide: torch.Tensor,
    slack: float,
    path: str = "",
) -> None:
    """As `compare_values`, or within `slack` of the result in the wider dtype."""
    try:
        compare_values(ours, theirs, path)
    except Mismatch:
        if wide.dtype != WIDER.get(theirs.dtype) or wide.shape != theirs.shape:
            raise
        rtol, atol = TOLERANCES[theirs.dtype]
        _close(ours.to(wide.dtype), wide, rtol, atol + slack, path)


def _largest(x: torch.Tensor) -> float:
    return x.abs().nan_to_num(0, 0, 0).max().item() if x.numel() else 0.0


def _close(a: torch.Tensor, b: torch.Tensor, rtol: float, atol: float, path: str) -> None:
    try:
        torch.testing.assert_close(
            a.resolve_conj(), b.resolve_conj(), rtol=rtol, atol=atol, equal_nan=True
        )
    except AssertionError as error:
        raise Mismatch("value", " ".join(str(error).split()[:60]) + path) from None
