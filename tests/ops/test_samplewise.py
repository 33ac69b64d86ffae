"""Operations in shards: the values and gradients that they have without."""

import importlib
import inspect
import pkgutil
from functools import partial

import mlx.core as mx
import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
import lucid.ops
from gradient_cases import collected
from lucid import _shards
from lucid.ops.attention import attention
from lucid.ops.conv import separable_conv1d
from lucid.ops.frame import overlap_add

N = 5  # samples: shards of unequal lengths


def integers(name):
    return lambda x, y: getattr(lucid, name)((16 * x).long(), (8 * y).long())


# Beside the gradient cases: what has no gradient, and cases with samples where those have none.
INDEX = np.arange(2 * N).reshape(N, 2) % 4
KEEP = mx.array(np.random.default_rng(1).integers(0, 2, (N, 2, 3, 4)) * 2.0)
ALLOWED = mx.array(np.random.default_rng(2).integers(0, 2, (N, 1, 3, 4)) > 0)


def shapes(x):
    """A signal through what changes its shape and leaves its samples alone."""
    y = x.transpose(1, 2).reshape(N, 3, 2, 4).permute(0, 2, 1, 3).flatten(0, 1).unflatten(0, (N, 2))
    y = y.unsqueeze(1).expand(-1, 2, -1, -1, -1).flatten(1).clone().to(lucid.float32).double()
    y = lucid.flip(y, (1,)) + lucid.roll(y, 3, 1)
    a, b = y.chunk(2, dim=1)
    spectrum = lucid.fft.rfft(F.glu(a, 1) + F.pad(b, (0, -12)))
    return lucid.fft.irfft(spectrum) * F.silu(a[:, :12])


CASES = collected()[0] | {
    **{
        f"{name} of integers": (integers(name), (N, 3), (N, 1))
        for name in [
            "bitwise_or",
            "bitwise_xor",
            "bitwise_left_shift",
            "bitwise_right_shift",
            "gcd",
            "lcm",
            "floor_divide",
            "logical_and",
            "logical_or",
            "logical_xor",
        ]
    },
    **{
        f"{name} of two": (getattr(lucid, name), (N, 3), (3,))
        for name in ["ge", "le", "heaviside", "isclose"]
    },
    **{
        f"{name} of one": (getattr(lucid, name), (N, 3))
        for name in ["isfinite", "isinf", "isneginf", "isposinf", "isreal", "signbit"]
    },
    **{
        f"{name} along {dim}": (partial(getattr(lucid, name), dim=dim), (N, 3, 4))
        for name in [
            "all",
            "any",
            "argmin",
            "argmax",
            "count_nonzero",
            "sum",
            "mean",
            "amax",
            "softmax",
            "log_softmax",
            "logsumexp",
            "var",
            "std",
            "cumsum",
            "norm",
            "prod",
        ]
        for dim in [0, 1, -1, -3]
    },
    "reductions over two": (
        lambda x: x.amax((1, 2)) + x.mean((0, 1)).sum() + x.sum((-3, 2)).sum(),
        (N, 3, 4),
    ),
    "std of all": (lambda x: lucid.std(x, True) * lucid.var(x, False), (N, 3)),
    "in another dtype": (lambda x: (x.float() * 3).double(), (N, 3)),
    "tril of samples": (lambda x: lucid.tril(x) - 2 * lucid.triu(x), (N, 3, 3)),
    "overlap_add of samples": (lambda x: overlap_add(x, hop=2), (N, 3, 4)),
    "interpolate samples": (
        lambda x: F.interpolate(x, scale_factor=2.0, mode="linear"),
        (N, 2, 4),
    ),
    "unpool samples": (
        lambda x: F.max_unpool1d(*F.max_pool1d_with_indices(x, 2), 2),
        (N, 2, 6),
    ),
    "separable_conv1d of samples": (
        lambda x, *w: separable_conv1d(x, *w, padding=(1, 1), relu=True),
        *[(N, 2, 6), (4, 1, 3), (4,), (3, 4, 1), (3,)],
    ),
    "matmul of rows": (lucid.matmul, (N, 3), (3, 4)),
    "matmul of itself": (lambda x: x @ x, (N, N)),
    "matmul of a batch": (lucid.matmul, (N, 2, 3), (N, 3, 4)),
    "matmul with one matrix": (lucid.matmul, (N, 2, 3), (1, 3, 4)),
    "matmul of one matrix": (lucid.matmul, (2, 3), (N, 3, 4)),
    "matmul of a vector": (lucid.matmul, (3,), (N, 3, 4)),
    "matmul with a vector": (lucid.matmul, (N, 3), (3,)),
    "vector times matrix": (lucid.matmul, (N,), (N, 3)),
    "attention of samples": (
        lambda q, k, v, b: attention(q, k, v, b, scale=0.7, keep=KEEP, allowed=ALLOWED),
        *[(N, 2, 3, 2), (N, 2, 4, 2), (N, 2, 4, 3), (N, 1, 3, 4)],
    ),
    "attention with shared keys": (
        lambda q, k, v, b: attention(q, k, v, b, scale=0.7),
        *[(N, 2, 3, 2), (2, 4, 2), (1, 2, 4, 3), (3, 4)],
    ),
    "where of samples": (lambda x, y: lucid.where(x > 0.5, x, y), (N, 3), (3,)),
    "where of rows": (lambda x, y: lucid.where(y > 0.5, x, y), (N, 3), (N, 1)),
    "where with a shared condition": (lambda c, x, y: lucid.where(c > 0.5, x, y), (3,), (N, 3), ()),
    "embedding of samples": (lambda w: F.embedding(lucid.tensor(INDEX), w), (4, 3)),
    "gather of samples": (lambda x: lucid.gather(x, 1, lucid.tensor(INDEX)), (N, 4)),
    "index_select of samples": (lambda x: lucid.index_select(x, 1, lucid.tensor([2, 0])), (N, 4)),
    "losses": (
        lambda x: (
            F.cross_entropy(x, lucid.tensor(INDEX), reduction="none")
            + F.nll_loss(x, lucid.tensor(INDEX), reduction="none")
        ),
        (N, 4, 2),
    ),
    "shapes": (shapes, (N, 4, 6)),
    "conv2d of samples": (lambda x, w: F.conv2d(x, w, padding=1), (N, 2, 4, 3), (3, 2, 3, 3)),
    "cat and stack": (
        lambda x, y: lucid.cat([lucid.stack([x, y], 1), lucid.stack([y, x], -2)], -1),
        *[(N, 3), (N, 3)],
    ),
}


def inputs_of(case):
    """Its arrays, of random numbers where it names a shape."""
    rng = np.random.default_rng(0)
    return [c if isinstance(c, np.ndarray) else rng.uniform(0.2, 0.8, c) for c in case[1:]]


def computed(case):
    """The values, and the gradients of all arrays."""
    tensors = [lucid.tensor(x, dtype=lucid.float64, requires_grad=True) for x in inputs_of(case)]
    outs = case[0](*tensors)
    outs = outs if isinstance(outs, tuple | list) else [outs]
    for i, y in enumerate(y for y in outs if y.requires_grad):
        weights = np.random.default_rng(i).normal(size=y.shape)
        y.backward(lucid.tensor(weights).to(y.dtype), retain_graph=True)
    return [y.numpy() for y in outs] + [
        x.grad if x.grad is None else x.grad.numpy() for x in tensors
    ]


def differences(name, case, cores, monkeypatch):
    """Where the values and gradients in shards are others, and how much."""
    near = (
        1e-6 if "complex" in name or name == "shapes" else 1e-12
    )  # complex numbers have single precision
    monkeypatch.setattr(_shards, "_cores", 1)
    expected = computed(case)
    monkeypatch.setattr(_shards, "_cores", cores)
    for a, b in zip(computed(case), expected, strict=True):
        if (a is None) != (b is None):
            yield f"{name}: {a} instead of {b}"
        elif a is not None and not np.allclose(a, b, rtol=near, atol=near, equal_nan=True):
            yield f"{name}: {abs(a - b).max()}"


@pytest.fixture
def sharded(monkeypatch):
    """The names of the operations that were computed in shards."""
    names, each = set(), _shards.each

    def noted(functions):
        function = inspect.unwrap(getattr(functions[0], "func", functions[0]))
        names.add(function.__name__.lstrip("_"))
        return each(functions)

    monkeypatch.setattr(_shards, "each", noted)
    return names


@pytest.mark.parametrize("cores", [2, 3])
def test_values_and_gradients_in_shards(cores, sharded, monkeypatch):
    monkeypatch.setattr(_shards, "LEAST", 2)
    wrong = [d for n, c in CASES.items() for d in differences(n, c, cores, monkeypatch)]
    assert not wrong, "\n".join(wrong)
    missing = with_a_rule() - sharded
    assert not missing, f"add cases with samples of {sorted(missing)}"


def with_a_rule():
    """The names of all operations that are cut."""
    found = set()
    for module in pkgutil.walk_packages(lucid.ops.__path__, "lucid.ops."):
        functions = vars(importlib.import_module(module.name)).values()
        found |= {
            f.__name__.lstrip("_")
            for f in functions
            if inspect.isfunction(f) and getattr(f, "samples", None) is not None
        }
    return found
