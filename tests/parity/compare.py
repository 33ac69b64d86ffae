"""Is what lucid returns what torch returns? Structure, dtypes, shapes, values.

Values: `torch.testing.assert_close` with its default tolerances (float32: rtol 1.3e-6, atol 1e-5;
bfloat16: rtol 1.6e-2, atol 1e-5; complex64 as float32), or the wider ones that torch's own tests
state for the op. A result also passes that lies at most twice as far from torch's result in the
next wider dtype as torch's own does: where rounding adds up, torch's is as arbitrary as ours.
"""

from __future__ import annotations

import torch

import lucid

from .convert import NO_DTYPE, Unsupported, dtype_name, to_torch

WIDER = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}
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
        compare_values(torch.tensor(ours), torch.tensor(theirs), None, (0.0, 0.0))


def leaves(value) -> list:
    """The tensors of a result in order, repeated ones too, as torch tensors outside the graph."""
    if isinstance(value, torch.Tensor):
        return [value.detach()]
    if isinstance(value, lucid.Tensor):
        return [to_torch(value)]
    if isinstance(value, list | tuple):
        return [leaf for v in value for leaf in leaves(v)]
    return []


def compare_values(
    ours: torch.Tensor,
    theirs: torch.Tensor,
    wide: torch.Tensor | None,
    wider: tuple[float, float],
    path: str = "",
) -> None:
    """The values of two tensors of torch.

    Args:
        wide: torch's result in a wider dtype, where there is one.
        wider: (rtol, atol) that torch's own tests state for the op.
    """
    rtol, atol = TOLERANCES.get(theirs.dtype, (0.0, 0.0))
    rtol, atol = max(rtol, wider[0]), max(atol, wider[1])
    ours, theirs = ours.resolve_conj(), theirs.resolve_conj()
    try:
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=atol, equal_nan=True)
        return
    except AssertionError as error:
        problem = " ".join(str(error).split()[:60])
    if wide is not None and wide.dtype in WIDER.values() and wide.shape == theirs.shape:
        off = (theirs.to(wide.dtype) - wide).abs().nan_to_num(0, 0, 0)
        slack = atol + (2 * off.max().item() if off.numel() else 0.0)
        try:
            torch.testing.assert_close(
                ours.to(wide.dtype), wide, rtol=rtol, atol=slack, equal_nan=True
            )
            return
        except AssertionError:
            pass
    raise Mismatch("value", f"{problem}{path}")
