"""Every operation's derivatives, of first and second order, against float64 central differences."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import lucid
import lucid.ops
from lucid.ops import loss
from lucid.ops.normalization import channel_norm, layer_norm
from lucid.ops.pool import max_pool, sum_pool

# One line per case: a function of tensors, and an array or a shape for each of them. A shape
# stands for numbers in (0.2, 0.8), all different, so that no function is near a kink or a pole.
MIXED = np.array([[-1.3, 0.4, 2.1], [0.7, -0.2, -2.6]])
ZEROS = np.array([[1.5, 0.0, -2.0], [0.0, 0.0, 3.0], [0.5, 2.0, 4.0]])
INDEX = lucid.tensor([[0, 2, 2], [1, 0, 0]])
MASK = lucid.tensor([[True, False, True], [False, True, True]])

CASES = {
    "abs": (lucid.abs, MIXED),
    "abs_power": (lambda x, y: lucid.ops.abs_power(lucid.ops.complex(x, y), 1.5), (3,), (3,)),
    "abs_power 2": (lambda x, y: lucid.ops.abs_power(lucid.ops.complex(x, y)), (3,), (3,)),
    "acos": (lucid.acos, (3,)),
    "add": (lambda x, y: x + y, (2, 3), (3,)),
    "add alpha": (lambda x, y: x.add(y, alpha=-2), (2, 3), (2, 1)),
    "amax": (lambda x: x.amax(1), (2, 3)),
    "amin": (lambda x: x.amin((0, 1), keepdim=True), (2, 3)),
    "angle": (lambda x, y: lucid.angle(lucid.ops.complex(x, y)), (3,), (3,)),
    "asin": (lucid.asin, (3,)),
    "astype": (lambda x: x.to(lucid.complex64).real, (3,)),
    "atan": (lucid.atan, MIXED),
    "atan2": (lucid.atan2, MIXED, (2, 1)),
    "cat": (lambda x, y: lucid.cat([x, y], 1), (2, 3), (2, 1)),
    "binary_cross_entropy": (
        loss.binary_cross_entropy_with_logits,
        MIXED,
        (2, 3),
        (3,),
    ),
    "ceil": (lucid.ceil, MIXED),
    "channel_norm": (
        lambda x, w, b: channel_norm(x, w, b, groups=None, eps=1e-5)[0],
        (2, 3, 2),
        (3,),
        (3,),
    ),
    "channel_norm groups": (
        lambda x, w, b: channel_norm(x, w, b, groups=2, eps=1e-5)[0],
        (2, 4, 2),
        (4,),
        (4,),
    ),
    "chunk": (lambda x: x.chunk(2, 1)[1], (2, 3)),
    "clamp": (lambda x: x.clamp(-1, 0.5), MIXED),
    "clone": (lambda x: x.clone(), (3,)),
    "conj": (lambda x, y: lucid.conj(lucid.ops.complex(x, y)).imag, (3,), (3,)),
    "cos": (lucid.cos, MIXED),
    "cosh": (lucid.cosh, MIXED),
    "cumsum": (lambda x: x.cumsum(1), (2, 3)),
    "div": (lambda x, y: x / y, (2, 3), (3,)),
    "div number": (lambda x: 2 / x, (2, 3)),
    "einsum": (lambda x, y: lucid.einsum("nij,jk->ik", x, y), (2, 2, 3), (3, 2)),
    "einsum diagonal": (lambda x: lucid.einsum("ii->i", x), (3, 3)),
    "elu": (lucid.ops.elu, MIXED),
    "erf": (lucid.erf, MIXED),
    "exp": (lucid.exp, MIXED),
    "expand": (lambda x: x.expand(4, -1, 3), (2, 1)),
    "expm1": (lucid.expm1, MIXED),
    "flatten": (lambda x: x.flatten(1), (2, 3, 1)),
    "flip": (lambda x: x.flip(0, -1), (2, 3)),
    "floor": (lucid.floor, MIXED),
    "frame": (lambda x: lucid.ops.frame(x, size=3, hop=2), (2, 8)),
    "gather": (lambda x: x.gather(1, INDEX), (2, 3)),
    "gelu": (lucid.ops.gelu, MIXED),
    "gelu tanh": (lambda x: lucid.ops.gelu(x, "tanh"), MIXED),
    "getitem": (lambda x: x[1:, ::-2], (2, 3)),
    "getitem array": (lambda x: x[:, [0, 2, 0]], (2, 3)),
    "getitem mask": (lambda x: x[MASK], (2, 3)),
    "getitem pairs": (lambda x: x[[0, 1], :, [1, 1]], (2, 2, 3)),
    "huber": (lambda x, y: loss.huber(x, y, delta=1.0), MIXED, (2, 3)),
    "irfft": (lambda x, y: lucid.ops.irfft(lucid.ops.complex(x, y), n=5), (3,), (3,)),
    "layer_norm": (lambda x, w, b: layer_norm(x, w, b, ndim=1, eps=1e-5), (2, 4), (4,), (4,)),
    "leaky_relu": (lambda x: lucid.ops.leaky_relu(x, 0.1), MIXED),
    "lerp": (lucid.lerp, (3,), (3,), (1,)),
    "log": (lucid.log, (3,)),
    "log10": (lucid.log10, (3,)),
    "log1p": (lucid.log1p, (3,)),
    "log2": (lucid.log2, (3,)),
    "log_softmax": (lambda x: x.log_softmax(0), MIXED),
    "logsumexp": (lambda x: x.logsumexp(-1), MIXED),
    "masked_fill": (lambda x, y: x.masked_fill(MASK, y), (2, 3), (1,)),
    "matmul": (lambda x, y: x @ y, (2, 3, 2), (2, 3)),
    "matmul batched": (lambda x, y: x @ y, (2, 1, 2, 3), (2, 3, 2)),
    "matmul row": (lambda x, y: x @ y, (3,), (2, 3, 2)),
    "matmul column": (lambda x, y: x @ y, (2, 2, 3), (3,)),
    "matmul dot": (lambda x, y: x @ y, (3,), (3,)),
    "max": (lambda x: x.max(1).values, (2, 3)),
    "max_pool": (lambda x: max_pool(x, K=3, s=2, p=1, d=1, count=3), (2, 5)),
    "maximum": (lucid.maximum, MIXED, (3,)),
    "mean": (lambda x: x.mean((0, 2)), (2, 3, 2)),
    "min": (lambda x: x.min(), (2, 3)),
    "minimum": (lucid.minimum, MIXED, (1,)),
    "mul": (lambda x, y: x * y, (2, 3), (3,)),
    "mul complex": (
        lambda x, y: (lucid.ops.complex(x, y) * lucid.ops.complex(y, x * x)).real,
        (3,),
        (3,),
    ),
    "div complex": (
        lambda x, y: (lucid.ops.complex(x, y) / lucid.ops.complex(y, x * x)).imag,
        (3,),
        (3,),
    ),
    "nan_to_num": (lucid.nan_to_num, MIXED),
    "neg": (lambda x: -x, (3,)),
    "norm": (lambda x: x.norm(), MIXED),
    "norm 1": (lambda x: x.norm(1, dim=1), MIXED),
    "norm 3": (lambda x: x.norm(3, dim=(0, 1), keepdim=True), MIXED),
    "norm inf": (lambda x: x.norm(float("inf"), dim=1), MIXED),
    "overlap_add": (lambda x: lucid.ops.overlap_add(x, hop=2), (3, 5)),
    "pad": (lambda x: lucid.pad(x, (2, -1, 1, 0), value=3.0), (2, 3)),
    "pad circular": (lambda x: lucid.pad(x, (1, 3), "circular"), (2, 3)),
    "pad reflect": (lambda x: lucid.pad(x, (2, 1), "reflect"), (2, 3)),
    "pad replicate": (lambda x: lucid.pad(x, (2, 3), "replicate"), (2, 3)),
    "permute": (lambda x: x.permute(2, 0, 1), (2, 3, 1)),
    "pow": (lambda x, y: x**y, (2, 3), (3,)),
    "pow number": (lambda x: x**3, MIXED),
    "pow exponent": (lambda x: 2**x, MIXED),
    "prelu": (lucid.ops.prelu, MIXED, (3,)),
    "prod": (lambda x: x.prod(1), ZEROS),
    "prod all": (lambda x: x.prod(), (5,)),
    "reciprocal": (lucid.reciprocal, MIXED),
    "relu": (lucid.relu, MIXED),
    "remainder": (lambda x, y: x % y, MIXED, (3,)),
    "repeat_interleave": (lambda x: x.repeat_interleave(2, dim=0), (2, 3)),
    "reshape": (lambda x: x.reshape(3, -1), (2, 3)),
    "rfft": (lambda x: lucid.ops.rfft(x).real + lucid.ops.rfft(x).imag, (5,)),
    "roll": (lambda x: x.roll(1, 1), (2, 3)),
    "round": (lambda x: x.round(), MIXED),
    "rsqrt": (lucid.rsqrt, (3,)),
    "select": (lambda x: x[1, ..., None], (2, 3)),
    "setitem": (lambda x, y: put(x, (slice(None), slice(1, None)), y), (2, 3), (2, 1)),
    "setitem array": (lambda x, y: put(x, (slice(1), [2, 0]), y), (2, 3), (2,)),
    "setitem mask": (lambda x, y: put(x, MASK, y), (2, 3), (1,)),
    "setitem mask values": (lambda x, y: put(x, MASK, y), (2, 3), (4,)),
    "sigmoid": (lucid.sigmoid, MIXED),
    "sign": (lucid.sign, MIXED),
    "silu": (lucid.ops.silu, MIXED),
    "sin": (lucid.sin, MIXED),
    "sinh": (lucid.sinh, MIXED),
    "softmax": (lambda x: x.softmax(-1), MIXED),
    "soft_cross_entropy": (
        lambda x, q: loss.soft_cross_entropy(x, q, axis=1),
        MIXED,
        (2, 3),
    ),
    "softplus": (lambda x: lucid.ops.softplus(x, beta=2.0), MIXED),
    "sort": (lambda x: x.sort(1, descending=True).values, MIXED),
    "split": (lambda x: lucid.cat(x.split([1, 2], 1)[::-1], 1), (2, 3)),
    "sqrt": (lucid.sqrt, (3,)),
    "square": (lucid.square, MIXED),
    "squeeze": (lambda x: x.squeeze(), (2, 1, 3)),
    "stack": (lambda x, y: lucid.stack([x, y], -1), (2, 3), (2, 3)),
    "std": (lambda x: x.std(1, correction=0), MIXED),
    "sub": (lambda x, y: x - y, (2, 1), (2, 3)),
    "sub alpha": (lambda x, y: x.sub(y, alpha=3), (2, 1), (2, 3)),
    "sum": (lambda x: x.sum(-1), (2, 3)),
    "sum_pool": (lambda x: sum_pool(x, K=3, s=2, p=1, count=3), (2, 5)),
    "take_along_dim": (lambda x: x.take_along_dim(lucid.tensor([[1], [0]]), 1), (2, 3)),
    "tan": (lucid.tan, MIXED),
    "tanh": (lucid.tanh, MIXED),
    "tile": (lambda x: x.tile(2, 1, 2), (2, 3)),
    "to_device": (lambda x: lucid.ops.clone(x), (3,)),
    "topk": (lambda x: x.topk(2, largest=False).values, MIXED),
    "transpose": (lambda x: x.transpose(0, 1), (2, 3)),
    "tril": (lambda x: x.tril(-1), (3, 3)),
    "triu": (lambda x: x.triu(1), (3, 3)),
    "trunc": (lucid.trunc, MIXED),
    "unbind": (lambda x: x.unbind(1)[1], (2, 3)),
    "unsqueeze": (lambda x: x.unsqueeze(-1), (2, 3)),
    "var": (lambda x: x.var((0, 1)), MIXED),
    "weighted_sum": (
        lambda x: loss.weighted_sum(x, lucid.tensor([1.0, 0.0, 2.0]), axis=1),
        (2, 3),
    ),
    "where": (lambda x, y: lucid.where(x > y, x, y), (2, 3), (3,)),
}

NO_DERIVATIVE = {
    *("argmax", "argmin", "argsort", "all", "any", "floor_divide", "isclose"),
    *("eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite"),
    *("logical_and", "logical_or", "logical_xor", "logical_not"),
    *("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not"),
}
BESIDE_THEIR_OWN_TESTS = {"lucid.ops.conv"}
FLOAT32_ONLY = {"rfft", "irfft"} | {name for name in CASES if "complex" in name}
FLOAT32_ONLY |= {
    "astype",
    "abs_power",
    "abs_power 2",
    "angle",
    "conj",
}  # complex numbers are complex64


def put(x, key, value):
    y = x.clone()
    y[key] = value
    return y


def inputs_of(case):
    rng = np.random.default_rng(0)
    shaped = [c if isinstance(c, np.ndarray) else rng.permutation(np.prod(c)) for c in case[1:]]
    return [
        s if isinstance(c, np.ndarray) else 0.2 + 0.6 * (s.reshape(c) + 0.3 + 0.1 * i) / s.size
        for i, (s, c) in enumerate(zip(shaped, case[1:], strict=True))
    ]


def tensors(values):
    return [lucid.tensor(v, dtype=lucid.float64, requires_grad=True) for v in values]


def numeric(function, values, step):
    """The gradient of a function of arrays that returns a number."""
    gradients = []
    for position, value in enumerate(values):
        gradient = np.zeros_like(value)
        for place in np.ndindex(value.shape):
            shifted = [v.copy() for v in values]
            shifted[position][place] += step
            above = function(shifted)
            shifted[position][place] -= 2 * step
            gradient[place] = (above - function(shifted)) / (2 * step)
        gradients.append(gradient)
    return gradients


def weights(shape):
    return np.cos(np.arange(1.0, 1 + np.prod(shape, dtype=int))).reshape(shape)


def projected(function, values):
    """A number out of the function: its value times fixed weights, summed."""
    y = function(*values)
    return (y * lucid.tensor(weights(y.shape), dtype=y.dtype)).sum()


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    function, values = CASES[name][0], inputs_of(CASES[name])
    coarse = name in FLOAT32_ONLY
    step, tolerance = (1e-3, 2e-3) if coarse else (1e-6, 1e-7)

    def value(arrays):
        return projected(function, tensors(arrays)).item()

    def gradients(arrays):
        xs = tensors(arrays)
        return lucid.autograd.grad(projected(function, xs), xs, create_graph=True), xs

    def slope(arrays):
        """The gradients times fixed weights, summed."""
        found, xs = gradients(arrays)
        total = sum((g * lucid.tensor(weights(g.shape), dtype=g.dtype)).sum() for g in found)
        return total, xs

    found, _ = gradients(values)
    for g, expected in zip(found, numeric(value, values, step), strict=True):
        assert g.dtype == lucid.float64
        np.testing.assert_allclose(g.numpy(), expected, rtol=tolerance, atol=tolerance)
    total, xs = slope(values)
    if not total.requires_grad:
        second = [np.zeros_like(v) for v in values]
    else:
        second = [
            np.zeros_like(v) if g is None else g.numpy()
            for g, v in zip(lucid.autograd.grad(total, xs, allow_unused=True), values, strict=True)
        ]
    expected = numeric(lambda arrays: slope(arrays)[0].item(), values, step)
    for g, e in zip(second, expected, strict=True):
        np.testing.assert_allclose(g, e, rtol=10 * tolerance, atol=10 * tolerance)


def recorded(tensor):
    """The names of all operations behind a tensor."""
    names, stack = set(), [tensor._node]
    while stack:
        node = stack.pop()
        names.add(node.name)
        stack += [edge[0] for edge in node.edges if edge and hasattr(edge[0], "edges")]
    return names


def test_every_operation_is_in_the_table():
    seen = set(NO_DERIVATIVE)
    for case in CASES.values():
        seen |= recorded(case[0](*tensors(inputs_of(case))))
    for module in pkgutil.iter_modules(lucid.ops.__path__, "lucid.ops."):
        if module.name in BESIDE_THEIR_OWN_TESTS:
            continue
        functions = vars(importlib.import_module(module.name)).values()
        names = {
            f.__name__.lstrip("_")
            for f in functions
            if inspect.isfunction(f) and hasattr(f, "broadcasts")
        }
        assert names <= seen, f"{module.name}: add {names - seen} to CASES"
