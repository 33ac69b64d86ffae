"""Suite `overhead`: microseconds per operation on tiny tensors, a tiny network, and imports."""

from __future__ import annotations

from collections.abc import Iterator

from .case import Case
from .models import TINY
from .steps import training

COUNT = 100  # operations in a call, evaluated together
SQUARE = (8, 8)
OPERANDS: dict[str, list[tuple[int, ...]]] = {  # shapes, by operation
    "add": [SQUARE, SQUARE],
    "mul": [SQUARE, SQUARE],
    "exp": [SQUARE],
    "matmul": [SQUARE, SQUARE],
    "relu": [SQUARE],
    "sum": [SQUARE],
    "reshape": [SQUARE],  # to (64,)
    "conv1d": [(2, 8, 8), (8, 8, 3)],  # padded by 1
    "linear": [SQUARE, SQUARE, (8,)],
}
# Built: recorded by MLX but not evaluated, beside PyTorch, which computes at once. The others are
# evaluated on both sides. Grad: recorded for backward. Backward: and run backward.
VARIANTS = ("built", "no grad", "grad", "backward")


def cases() -> Iterator[Case]:
    for name in OPERANDS:
        spec = {"name": name, "count": COUNT}
        yield Case("overhead", "operations on 8 x 8", name, "op", spec, VARIANTS, unit=COUNT)
    yield training(TINY, "overhead")
    yield Case(
        "overhead", "imports", "in a fresh process", "imports", {}, ("import",), questions=("cpu",)
    )
