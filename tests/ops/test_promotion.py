"""The dtype of a result is torch's for every pair of dtypes, with dimensions or without."""

import itertools

import mlx.core as mx
import pytest

import lucid
from lucid.ops.promotion import result_type

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

DTYPES = [
    *("bool", "uint8", "int8", "int16", "int32", "int64"),
    *("float16", "bfloat16", "float32", "float64", "complex64"),
]
NUMBERS = [True, 2, 1.5, 1 + 2j]
# MLX has no complex numbers of other widths
ONE_WIDTH = {"complex32": "complex64", "complex128": "complex64"}


def named(dtype):
    name = str(dtype).split(".")[-1].rstrip("_")
    return ONE_WIDTH.get(name, name)


def of(library, kind):
    """A tensor with dimensions ("int8 2"), one without ("int8 0"), or the number itself."""
    if not isinstance(kind, str):
        return kind
    name, size = kind.split()
    dtype = getattr(library, name)
    return library.ones(2, dtype=dtype) if size == "2" else library.ones((), dtype=dtype)


KINDS = [f"{name} {size}" for name in DTYPES for size in (2, 0)]


@pytest.mark.parametrize("a", KINDS)
def test_pairs(a):
    for b in [*KINDS, *NUMBERS]:
        arrays = [
            x.array if isinstance(x, lucid.Tensor) else x for x in (of(lucid, a), of(lucid, b))
        ]
        expected = named(torch.result_type(of(torch, a), of(torch, b)))
        assert named(result_type(arrays)) == expected, (a, b)


@pytest.mark.parametrize("name", ["add", "maximum", "true_divide", "eq", "atan2", "where"])
def test_results(name):
    real = [k for k in KINDS if not k.startswith("complex")]  # torch cannot divide its narrow ones
    numbers = [] if name in ("maximum", "atan2") else NUMBERS[:3]  # those take tensors, in torch
    for a, b in itertools.product(real, [*real, *numbers]):
        expected = named(apply(torch, name, a, b).dtype)
        assert named(apply(lucid, name, a, b).dtype) == expected, (a, b)


def apply(library, name, a, b):
    x, y = of(library, a), of(library, b)
    if name == "where":
        return library.where(library.tensor([True, False]), x, y)
    return getattr(library, name)(x, y)


def test_three_groups():
    """Arrays with dimensions, without, and numbers, in this order of weight."""
    half, long, wide = mx.zeros(2, mx.float16), mx.zeros((), mx.int64), mx.zeros((), mx.float64)
    assert result_type([half, long, 1.5]) == mx.float16
    assert result_type([half, wide]) == mx.float16
    assert result_type([mx.zeros(2, mx.int32), wide, 1]) == mx.float64
    assert result_type([True, 2]) == mx.int64
    with pytest.raises(TypeError, match="expected a tensor or a number"):
        result_type([None])
