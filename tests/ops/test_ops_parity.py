"""The same expression in lucid and in PyTorch gives the same values, dtypes and gradients."""

import numpy as np
import pytest

import lucid

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

rng = np.random.default_rng(0)
A = rng.standard_normal((3, 4)).astype(np.float32)
B = rng.standard_normal((4,)).astype(np.float32)
C = rng.standard_normal((2, 3, 4)).astype(np.float32)
D = rng.standard_normal((4, 2)).astype(np.float32)
P = (np.abs(A) + 0.1).astype(np.float32)
U = rng.uniform(-0.9, 0.9, (3, 4)).astype(np.float32)
TIES = np.array([[1.0, 2.0, 2.0], [3.0, 3.0, 3.0]], np.float32)
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, 1.0, -1.0], np.float32)
HALVES = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.7], np.float32)

# (expression of a library and tensors, arrays); `t` is lucid or torch
CASES = {
    "add": (lambda t, x, y: x + y, A, B),
    "add alpha": (lambda t, x, y: t.add(x, y, alpha=3), A, B),
    "sub": (lambda t, x, y: y - x, A, C),
    "rsub": (lambda t, x: 2 - x, A),
    "mul": (lambda t, x, y: x * y, A, C),
    "div": (lambda t, x, y: x / y, A, P),
    "rdiv": (lambda t, x: 1 / x, P),
    "pow": (lambda t, x, y: x**y, P, A),
    "pow 2": (lambda t, x: x**2, A),
    "pow 3": (lambda t, x: x**3, A),
    "pow 0": (lambda t, x: x**0, A),
    "pow -2": (lambda t, x: x**-2, P),
    "pow half": (lambda t, x: x**0.5, P),
    "pow at zero": (lambda t, x: x**2.5, np.zeros(2, np.float32)),
    "pow zero to zero": (lambda t, x, y: x**y, np.zeros(3, np.float32), np.array([0, 1, 2.0])),
    "rpow": (lambda t, x: 2**x, A),
    "floordiv": (lambda t, x: (x // 0.3).detach(), A),
    "remainder": (lambda t, x, y: x % y, A, B),
    "neg": (lambda t, x: -x, A),
    "abs": (lambda t, x: abs(x), SPECIAL),
    "maximum": (lambda t, x, y: t.maximum(x, y), A, B),
    "maximum of ties": (lambda t, x, y: t.maximum(x, y), TIES, TIES.copy()),
    "minimum": (lambda t, x, y: t.minimum(x, y), A, C),
    "max with tensor": (lambda t, x, y: t.max(x, y), A, B),
    "clamp": (lambda t, x: x.clamp(-0.5, 0.5), A),
    "clamp edge": (lambda t, x: x.clamp(min=0), SPECIAL),
    "clamp max": (lambda t, x: t.clamp(x, max=0.3), A),
    "lerp": (lambda t, x, y: t.lerp(x, y, 0.3), A, C),
    "atan2": (lambda t, x, y: t.atan2(x, y), A, B),
    "where": (lambda t, x, y: t.where(x > 0, x, y), A, B),
    "exp": (lambda t, x: x.exp(), A),
    "expm1": (lambda t, x: t.expm1(x), A),
    "log": (lambda t, x: x.log(), P),
    "log2": (lambda t, x: x.log2(), P),
    "log10": (lambda t, x: x.log10(), P),
    "log1p": (lambda t, x: t.log1p(x), P),
    "sqrt": (lambda t, x: x.sqrt(), P),
    "rsqrt": (lambda t, x: x.rsqrt(), P),
    "square": (lambda t, x: x.square(), A),
    "reciprocal": (lambda t, x: x.reciprocal(), P),
    "sin": (lambda t, x: t.sin(x), A),
    "cos": (lambda t, x: t.cos(x), A),
    "tan": (lambda t, x: t.tan(x), U),
    "asin": (lambda t, x: t.asin(x), U),
    "acos": (lambda t, x: t.acos(x), U),
    "atan": (lambda t, x: t.atan(x), A),
    "sinh": (lambda t, x: t.sinh(x), A),
    "cosh": (lambda t, x: t.cosh(x), A),
    "tanh": (lambda t, x: t.tanh(x), A),
    "sigmoid": (lambda t, x: t.sigmoid(x), A),
    "erf": (lambda t, x: t.erf(x), A),
    "floor": (lambda t, x: x.floor(), HALVES),
    "ceil": (lambda t, x: x.ceil(), HALVES),
    "round": (lambda t, x: x.round(), HALVES),
    "round 1": (lambda t, x: t.round(x, decimals=1), A),
    "trunc": (lambda t, x: x.trunc(), HALVES),
    "sign": (lambda t, x: x.sign(), SPECIAL),
    "nan_to_num": (lambda t, x: t.nan_to_num(x, posinf=9.0), SPECIAL),
    "sum": (lambda t, x: x.sum(), C),
    "sum dim": (lambda t, x: x.sum(-1), C),
    "sum dims keepdim": (lambda t, x: x.sum((0, -1), keepdim=True), C),
    "mean": (lambda t, x: t.mean(x, dim=1), C),
    "var": (lambda t, x: x.var(-1, keepdim=True), C),
    "var biased": (lambda t, x: x.var((0, 2), unbiased=False), C),
    "std": (lambda t, x: x.std(), C),
    "std correction": (lambda t, x: t.std(x, dim=1, correction=0), C),
    "std of equals": (lambda t, x: x.std(-1), TIES),
    "norm": (lambda t, x: x.norm(), A),
    "norm of zeros": (lambda t, x: x.norm(), np.zeros((2, 2), np.float32)),
    "norm 1": (lambda t, x: x.norm(1, -1), A),
    "norm inf": (lambda t, x: t.norm(x, float("inf"), 0, keepdim=True), A),
    "prod": (lambda t, x: x.prod(), P),
    "prod dim": (lambda t, x: x.prod(1, keepdim=True), SPECIAL[[0, 4, 5, 1]].reshape(2, 2)),
    "amax": (lambda t, x: x.amax(1), TIES),
    "amin": (lambda t, x: x.amin((0, 1)), TIES),
    "max": (lambda t, x: x.max(), TIES),
    "max dim": (lambda t, x: x.max(-1).values, A),
    "max dim keepdim": (lambda t, x: x.max(0, keepdim=True)[0], A),
    "min dim": (lambda t, x: t.min(x, 1)[0], A),
    "min indices": (lambda t, x: x.min(1).indices, A),
    "argmax": (lambda t, x: x.argmax(), A),
    "argmax dim": (lambda t, x: x.argmax(-1, keepdim=True), A),
    "argmin": (lambda t, x: t.argmin(x, dim=0), A),
    "all": (lambda t, x: (x > 0).all(1), A),
    "any": (lambda t, x: (x > 1).any(), A),
    "cumsum": (lambda t, x: x.cumsum(-1), C),
    "logsumexp": (lambda t, x: x.logsumexp(1, keepdim=True), C),
    "logsumexp two dims": (lambda t, x: t.logsumexp(x, (0, -1)), C),
    "softmax": (lambda t, x: t.softmax(x, dim=1), C),
    "log_softmax": (lambda t, x: x.log_softmax(-1), C),
    "sort": (lambda t, x: x.sort().values, A),
    "sort descending": (lambda t, x: t.sort(x, dim=0, descending=True)[0], A),
    "sort indices": (lambda t, x: x.sort(stable=True)[1] if t is torch else x.sort()[1], TIES),
    "argsort": (lambda t, x: x.argsort(-1), A),
    "topk": (lambda t, x: x.topk(2).values, A),
    "topk smallest": (lambda t, x: x.topk(2, dim=0, largest=False)[1], A),
    "reshape": (lambda t, x: x.reshape(2, -1), A),
    "view": (lambda t, x: x.view(-1), A),
    "flatten": (lambda t, x: x.flatten(1), C),
    "permute": (lambda t, x: x.permute(2, 0, -2), C),
    "transpose": (lambda t, x: x.transpose(-1, 0), C),
    "T": (lambda t, x: x.T, A),
    "mT": (lambda t, x: x.mT, C),
    "swapaxes": (lambda t, x: x.swapaxes(0, 1), C),
    "movedim": (lambda t, x: x.movedim((0, 1), (-1, 0)), C),
    "unsqueeze": (lambda t, x: x.unsqueeze(-2), A),
    "squeeze": (lambda t, x: x.unsqueeze(0).squeeze(0), A),
    "expand": (lambda t, x: x.expand(2, -1, 4), A),
    "tile": (lambda t, x: x.tile(2), A),
    "repeat": (lambda t, x: x.repeat(2, 1, 3), A),
    "repeat_interleave": (lambda t, x: x.repeat_interleave(2, dim=1), A),
    "flip": (lambda t, x: x.flip(-1), A),
    "roll": (lambda t, x: x.roll((1, -2), (0, 1)), A),
    "tril": (lambda t, x: x.tril(), A),
    "triu": (lambda t, x: t.triu(x, 1), A),
    "cat": (lambda t, x, y: t.cat([x, x, y], -2), C, C),
    "stack": (lambda t, x, y: t.stack((x, y), dim=1), A, P),
    "split": (lambda t, x: x.split(3, dim=1)[1], A),
    "split sizes": (lambda t, x: t.cat(t.split(x, [1, 3], 1)[::-1], 1), A),
    "chunk": (lambda t, x: x.chunk(3, -1)[0], A),
    "unbind": (lambda t, x: x.unbind(-1)[2] * x.unbind()[0][0], A),
    "gather": (lambda t, x: x.gather(1, t.tensor([[0, 0], [3, 1]])), A),
    "take_along_dim": (lambda t, x: t.take_along_dim(x, t.tensor([[2]]), 1), A),
    "index_select": (lambda t, x: x.index_select(-1, t.tensor([1, 1, 3])), A),
    "masked_fill": (lambda t, x: x.masked_fill(x > 0, -1.0), A),
    "index": (lambda t, x: x[:, [0, 2]] * x[1:2, t.tensor([3, 3])], A),
    "index int and array": (lambda t, x: x[0, :, [0, 1]], C),
    "mask": (lambda t, x: x[x > 0], A),
    "matmul": (lambda t, x, y: x @ y, A, D),
    "matmul batched": (lambda t, x, y: t.matmul(x, y), C, D),
    "matvec": (lambda t, x, y: x @ y, C, B),
    "outer": (lambda t, x, y: t.outer(x, y), B, SPECIAL[4:]),
    "einsum": (lambda t, x, y: t.einsum("nct,to->nco", x, y), C, D),
    "einsum three": (lambda t, x, y, z: t.einsum("nct,to,t->no", x, y, z), C, D, B),
    "einsum implicit": (lambda t, x, y: t.einsum("ij,jk", x, y), A, D),
    "einsum dots": (lambda t, x, y: t.einsum("...t,to->...o", x, y), C, D),
    "einsum dots broadcast": (lambda t, x, y: t.einsum("...,...->...", x, y), C, A),
    "einsum trace": (lambda t, x: t.einsum("ii", x[:, :3]), A),
    "einsum diagonal": (lambda t, x: t.einsum("ii->i", x[:, :3]), A),
    "einsum outer": (lambda t, x, y: t.einsum("i,j->ji", x, y), B, SPECIAL[4:]),
    "einsum sum": (lambda t, x: t.einsum("nct->t", x), C),
    "eq": (lambda t, x, y: x == y, TIES, TIES[:1]),
    "ne": (lambda t, x: x != 2, TIES),
    "compare": (lambda t, x, y: (x < y) & (x >= y - 1) | ~(x <= y), A, B),
    "isclose": (lambda t, x: t.isclose(x, x + 1e-6), A),
    "logical": (lambda t, x: t.logical_xor(x > 0, t.logical_not(x)), TIES),
    "isinf": (lambda t, x: t.isinf(x), SPECIAL),
    "type": (lambda t, x: x.double().half().float(), A),
    "in place": (lambda t, x: x.clone().mul_(x).add_(1, alpha=2).sub_(x).div_(2), A),
    "in place clamp": (lambda t, x: (x * 2).clamp_(-1, 1), A),
    "zero": (lambda t, x: (x * 2).zero_() + x, A),
    "copy": (lambda t, x, y: (x * 2).copy_(y), A, B),
    "fill": (lambda t, x: (x * 2).fill_(3.0) * x, A),
    "assign": (lambda t, x, y: assigned(x, y), A, B),
    "angle": (lambda t, x, y: t.angle(t.complex(x, y)), A, A[::-1].copy()),
    "complex": (lambda t, x, y: abs(t.complex(x, y) * (2 - 1j) / t.complex(y, x)), A, P),
    "real": (lambda t, x, y: (t.complex(x, y) * t.complex(x, y)).real, A, P),
}


def assigned(x, y):
    z = x * 2
    z[1:, 1] = y[:2]
    z[0] *= 3
    z[z > 1] = 0
    return z


def values(library, array, **settings):
    return library.tensor(array.copy(), **settings)


def number(y):
    return y.detach().resolve_conj().numpy() if isinstance(y, torch.Tensor) else y.numpy()


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients(name):
    expression, arrays = CASES[name][0], [np.asarray(a, np.float32) for a in CASES[name][1:]]
    ours = [lucid.tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = expression(lucid, *ours), expression(torch, *theirs)
    assert y.shape == tuple(z.shape)
    assert str(y.dtype).split(".")[-1].rstrip("_") == str(z.dtype).split(".")[-1]
    assert y.requires_grad == z.requires_grad
    np.testing.assert_allclose(number(y), number(z), rtol=3e-6, atol=1e-6)
    if not z.requires_grad:
        return
    seed = np.cos(np.arange(1.0, 1 + z.numel())).astype(np.float32).reshape(z.shape)
    y.backward(lucid.tensor(seed))
    z.backward(torch.tensor(seed))
    for a, b in zip(ours, theirs, strict=True):
        expected = np.zeros(b.shape, np.float32) if b.grad is None else b.grad.numpy()
        got = np.zeros(b.shape, np.float32) if a.grad is None else a.grad.numpy()
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-6)


PADS = [
    ((1, 2), "constant"),
    ((-1, 2), "constant"),
    ((1, 0, 2, 1), "constant"),
    ((2, 1), "reflect"),
    ((2, 3), "replicate"),
    ((3, 4), "circular"),
    ((-1, 2), "reflect"),
]


@pytest.mark.parametrize(("widths", "mode"), PADS)
def test_pad(widths, mode):
    x, z = lucid.tensor(C, requires_grad=True), torch.tensor(C, requires_grad=True)
    y, w = lucid.pad(x, widths, mode), torch.nn.functional.pad(z, widths, mode)
    np.testing.assert_array_equal(y.numpy(), w.detach().numpy())
    (y * y).sum().backward()
    (w * w).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), z.grad.numpy(), rtol=1e-6)


DTYPES = ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64"]


@pytest.mark.parametrize("a", DTYPES)
@pytest.mark.parametrize("b", [*DTYPES, 1, 1.5])
@pytest.mark.parametrize("scalar", [False, True])
def test_promotion(a, b, scalar):
    def of(library):
        dtype = getattr(library, a)
        x = library.ones(2, dtype=dtype)
        if isinstance(b, str):
            y = library.ones(() if scalar else 2, dtype=getattr(library, b))
        else:
            y = b
        return [str(f(x, y).dtype).split(".")[-1].rstrip("_") for f in (add, mul, div)]

    add, mul, div = (lambda x, y: x + y), (lambda x, y: x * y), (lambda x, y: x / y)
    assert of(lucid) == of(torch)


def test_integer_division_and_powers():
    a, b = np.array([7, -7, 7, -7, 0]), np.array([2, 2, -2, -1, 3])
    for f in (
        lambda x, y: x // y,
        lambda x, y: x % y,
        lambda x, y: x // 2,
        lambda x, y: x % -3,
        lambda x, y: 7 // y,
        lambda x, y: x**2,
        lambda x, y: x & y,
        lambda x, y: x | 1,
        lambda x, y: x ^ y,
        lambda x, y: ~x,
        lambda x, y: x.sum(),
        lambda x, y: x.prod(),
        lambda x, y: x.cumsum(0),
        lambda x, y: x.clamp(0, 3),
    ):
        ours = f(lucid.tensor(a), lucid.tensor(b))
        theirs = f(torch.tensor(a), torch.tensor(b))
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
        assert ours.dtype == lucid.int64


def test_order_puts_nan_last_and_finds_it_as_the_largest():
    a = np.array([2.0, np.nan, 1.0], np.float32)
    x, z = lucid.tensor(a), torch.tensor(a)
    np.testing.assert_array_equal(x.sort().values.numpy(), z.sort().values.numpy())
    np.testing.assert_array_equal(x.max().numpy(), z.max().numpy())
    assert x.argmax().item() == z.argmax().item()
    np.testing.assert_array_equal(lucid.maximum(x, 0).isnan().numpy(), np.isnan(a))
    np.testing.assert_array_equal(x.clamp(0, 1).numpy(), z.clamp(0, 1).numpy())


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (0.0, 2.0), (-2.0, 3.0), (2.0, 0.0), (0.0, 1.0)])
def test_power_at_its_edges(x, y):
    results = []
    for library in (lucid, torch):
        a = library.tensor(x, requires_grad=True)
        b = library.tensor(y, requires_grad=True)
        (a**b).backward()
        results.append((a.grad.item(), b.grad.item()))
        c = library.tensor(x, requires_grad=True)
        (c**y).backward()
        results[-1] += (c.grad.item(),)
    np.testing.assert_allclose(results[0], results[1])


def test_no_nan_leaks_through_where():
    x = lucid.tensor([0.0, 4.0], requires_grad=True)
    lucid.where(x > 0, x, 1.0).sqrt().sum().backward()
    assert x.grad.tolist() == [0.0, 0.25]
