"""vmap against calling the function once per sample, for every operation."""

import numpy as np
import pytest

import lucid
from gradient_cases import collected
from lucid import func, nn
from lucid.func import mapping, vmap

CASES, _ = collected()


def samples(case, count=3):
    """Values for each argument: `count` of them, in the range of the case."""
    rng = np.random.default_rng(0)
    for c in case[1:]:
        if isinstance(c, np.ndarray):
            yield np.stack([c * (1 + 0.02 * i) for i in range(count)])
        else:
            yield rng.uniform(0.2, 0.8, size=(count, *c))


def tensor(values):
    return lucid.tensor(values, dtype=lucid.float64)


def outputs(y):
    return [t for t in (y if isinstance(y, tuple | list) else [y]) if isinstance(t, lucid.Tensor)]


def compare(function, args, dims):
    """vmap against a loop, and the gradients of both, each sample with a seed of its own."""
    count = 3
    rows = [
        outputs(function(*[a[i] if d == 0 else a for a, d in zip(args, dims, strict=True)]))
        for i in range(count)
    ]
    expected = [lucid.stack(list(column)) for column in zip(*rows, strict=True)]
    found = outputs(vmap(lambda *xs: tuple(outputs(function(*xs))), dims)(*args))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a.tolist(), b.tolist(), rtol=1e-5, atol=1e-6)
    pairs = [(a, b) for a, b in zip(found, expected, strict=True) if b.requires_grad]
    if not pairs:
        return
    seeds = [tensor(np.random.default_rng(1).normal(size=b.shape)).to(b.dtype) for _, b in pairs]
    gradients = [
        lucid.autograd.grad(ys, args, seeds, materialize_grads=True)
        for ys in zip(*pairs, strict=True)
    ]
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_every_operation(name):
    case = CASES[name]
    values = list(samples(case))
    for shared in {None, 0, len(values) - 1} if len(values) > 1 else {None}:
        args = [tensor(v[0] if i == shared else v) for i, v in enumerate(values)]
        for a in args:
            a.requires_grad_()
        compare(case[0], args, tuple(None if i == shared else 0 for i in range(len(values))))


@pytest.fixture
def no_loop(monkeypatch):
    """Fails where a function is called once per sample."""

    def refused(*args):
        raise AssertionError("called once per sample")

    monkeypatch.setattr(mapping, "_looped", refused)


CONVOLUTIONS = [name for name in CASES if name.startswith(("conv1d", "conv_tr", "separable"))]


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.usefixtures("no_loop")
def test_convolutions_are_one_convolution(name):
    values = list(samples(CASES[name]))
    for dims in (
        (0,) * len(values),
        (None, *(0,) * (len(values) - 1)),
        (0, None, None, None, None),
    ):
        used = dims[: len(values)]
        args = [
            tensor(v if d == 0 else v[0]).requires_grad_()
            for v, d in zip(values, used, strict=True)
        ]
        compare(CASES[name][0], args, used)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(1, 4, 5, stride=2, padding=2),
            nn.LeakyReLU(0.2),
            nn.Conv1d(4, 4, 3, padding=1, groups=4),
            nn.GroupNorm(2, 4),
            nn.ConvTranspose1d(4, 1, 4, stride=2, padding=1),
        )

    def forward(self, x):
        return self.net(x)


@pytest.mark.usefixtures("no_loop")
def test_per_sample_gradients():
    lucid.manual_seed(0)
    model = Net()
    weights = {name: p.detach() for name, p in model.named_parameters()}
    x, target = lucid.randn(5, 1, 16), lucid.randn(5, 1, 16)

    def loss(weights, x, target):
        y = func.functional_call(model, weights, x[None])
        return (y[0] - target).square().mean()

    each = vmap(func.grad(loss), (None, 0, 0))(weights, x, target)
    for i in range(5):
        model.zero_grad()
        (model(x[i : i + 1])[0] - target[i]).square().mean().backward()
        for name, p in model.named_parameters():
            np.testing.assert_allclose(
                each[name][i].numpy(), p.grad.numpy(), rtol=1e-4, atol=1e-6, err_msg=name
            )


@pytest.mark.usefixtures("no_loop")
def test_gradients_of_what_is_used_but_not_given():
    model, x = Net().double(), tensor(np.random.default_rng(0).normal(size=(3, 1, 8)))
    y = vmap(lambda x: model(x[None])[0])(x)
    assert y.requires_grad
    mapped = lucid.autograd.grad(y.square().sum(), list(model.parameters()))
    plain = lucid.autograd.grad(model(x).square().sum(), list(model.parameters()))
    for a, b in zip(mapped, plain, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.usefixtures("no_loop")
def test_second_derivatives_through_vmap():
    w = tensor([0.3, -0.8]).requires_grad_()
    scale = (w * 2).exp()  # recorded outside, used inside
    function = vmap(lambda x, y: (x * scale).sin().sum() * y, (0, None))
    product = vmap(lambda x: x * scale * w)(tensor([[1.0, 1.0]])).sum()
    (both,) = lucid.autograd.grad(product, w, retain_graph=True)
    (plain,) = lucid.autograd.grad(((w * 2).exp() * w).sum(), w)
    np.testing.assert_allclose(both.numpy(), plain.numpy(), rtol=1e-12)
    x, y = tensor([[0.1, 0.2], [0.5, 0.4], [1.0, -1.0]]).requires_grad_(), tensor(0.7)
    y.requires_grad_()
    assert lucid.autograd.gradcheck(function, (x, y))
    assert lucid.autograd.gradgradcheck(function, (x, y))
    (slope,) = lucid.autograd.grad(function(x, y).sum(), w, create_graph=True)
    (found,) = lucid.autograd.grad(slope.sum(), w)
    plain = ((x * (w * 2).exp()).sin().sum(1) * y).sum()
    (expected,) = lucid.autograd.grad(plain, w, create_graph=True)
    (expected,) = lucid.autograd.grad(expected.sum(), w)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-10)


@pytest.mark.usefixtures("no_loop")
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.Linear, nn.LayerNorm, nn.PReLU])
def test_layers_are_mapped(kind):
    layer = kind(4, 4) if kind is not nn.LayerNorm and kind is not nn.PReLU else kind(4)
    x = lucid.randn(3, 5, 4)
    y = vmap(lambda x: layer(x[:, None])[0] if kind in (nn.LSTM, nn.GRU) else layer(x))(x)
    for i in range(3):
        z = layer(x[i][:, None])[0] if kind in (nn.LSTM, nn.GRU) else layer(x[i])
        np.testing.assert_allclose(y[i].tolist(), z.tolist(), rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("no_loop")
def test_writing_into_a_tensor_from_inside():
    def function(x):
        y = x * 2
        y[0] = 0
        y += 1
        return y

    assert vmap(function)(lucid.ones(2, 3)).tolist() == [[1.0, 3.0, 3.0]] * 2


@pytest.mark.usefixtures("no_loop")
@pytest.mark.parametrize(
    "function",
    [
        lambda x: nn.functional.pad(x[None], (1, 2), mode="reflect"),
        lambda x: nn.functional.pad(x[None], (1, 2), mode="replicate"),
        lambda x: x.unfold(1, 3, 1),
        lambda x: lucid.slice_scatter(x, x[:, :2], dim=1, start=1, end=3),
    ],
)
def test_derivatives_of_writes(function):
    x, v = (lucid.randn(3, 2, 5, dtype=lucid.float64) for _ in range(2))

    def product(x, v):
        return lucid.func.jvp(lucid.func.grad(lambda x: function(x).sin().sum()), (x,), (v,))[1]

    rows = lucid.stack([product(*pair) for pair in zip(x, v, strict=True)])
    np.testing.assert_allclose(vmap(product)(x, v), rows, rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("no_loop")
def test_nested():
    a, b = lucid.randn(3, 2), lucid.randn(4, 2)
    products = vmap(lambda x: vmap(lambda y: (x * y).sum())(b))(a)
    np.testing.assert_allclose(products.numpy(), (a @ b.T).numpy(), rtol=1e-5, atol=1e-6)
    x, w = lucid.randn(2, 3, 1, 2, 6), lucid.randn(2, 4, 2, 3)
    y = vmap(lambda x, w: vmap(lambda x: nn.functional.conv1d(x, w, padding=1))(x))(x, w)
    for i in range(2):
        expected = nn.functional.conv1d(x[i, :, 0], w[i], padding=1)
        np.testing.assert_allclose(y[i, :, 0].numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_what_mlx_cannot_map_is_called_once_per_sample():
    x = lucid.tensor([[1.0, -2.0], [-3.0, 0.5], [2.0, 2.0]], requires_grad=True)
    calls = []

    def looks(x):
        calls.append(1)
        return x * 2 if x.sum().item() > 0 else -x

    y = vmap(looks)(x)
    assert y.tolist() == [[-1.0 * 1, 2.0], [3.0, -0.5], [4.0, 4.0]]
    assert len(calls) == 4  # the trace, and three samples
    y.sum().backward()
    assert x.grad.tolist() == [[-1.0, -1.0], [-1.0, -1.0], [2.0, 2.0]]


def test_writing_into_a_tensor_from_outside():
    norm = nn.BatchNorm1d(2)
    x = lucid.randn(4, 3, 2, 5)
    y = vmap(norm)(x)
    other = nn.BatchNorm1d(2)
    expected = lucid.stack([other(part) for part in x])
    np.testing.assert_allclose(y.tolist(), expected.tolist(), rtol=1e-5, atol=1e-6)
    assert norm.running_mean.tolist() == other.running_mean.tolist()
    assert norm.num_batches_tracked.item() == 4


def test_dims():
    x = lucid.randn(2, 3, 4)
    y, z = vmap(lambda d: (d["x"].sum(0), d["k"] * 1), ({"x": -1, "k": None},), (0, 1))(
        {"x": x, "k": lucid.ones(2)}
    )
    assert y.tolist() == x.sum(0).T.tolist()
    assert z.shape == (2, 4)
    whole = vmap(lambda row, scale: row * scale, chunk_size=2)(lucid.ones(5, 2), lucid.arange(5))
    assert whole[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert lucid.vmap(lambda x, k: x * k, (0, None))(lucid.ones(2), 3).tolist() == [3.0, 3.0]


def test_randomness():
    x = lucid.zeros(4, 100)

    def noisy(x):
        return x + lucid.randn(100)

    with pytest.raises(RuntimeError, match='pass randomness="same" or randomness="different"'):
        vmap(noisy)(x)
    same = vmap(noisy, randomness="same")
    y = same(x)
    assert bool((y == y[0]).all())
    assert not bool((same(x)[0] == y[0]).any())
    other = vmap(noisy, randomness="different")(x)
    assert not bool((other[0] == other[1]).any())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vmap(lambda x: x, 2)(lucid.ones(2, 3)), r"in_dims has 2 for a Tensor of shape"),
        (lambda: vmap(lambda x: x, None)(lucid.ones(2)), "all in_dims are None"),
        (lambda: vmap(lambda x, y: x)(lucid.ones(2), lucid.ones(3)), r"got the sizes \[2, 3\]"),
        (lambda: vmap(lambda x: x)(lucid.ones(0, 3)), r"at least 1, got the sizes \[0\]"),
        (lambda: vmap(lambda x: 3)(lucid.ones(2)), "expects a function that returns Tensors"),
        (lambda: vmap(lambda x: x, randomness="some"), 'randomness must be "error"'),
        (lambda: vmap(lambda x, y: x, (0,))(lucid.ones(2), lucid.ones(2)), "for 2 values; give"),
        (lambda: vmap(lambda x: x @ lucid.ones(5))(lucid.ones(2, 3)), "matmul"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_gradients_of_a_weight_that_autocast_cast_before():
    w, x = (lucid.ones(2, 2, requires_grad=True) for _ in range(2))
    with lucid.autocast("cpu", dtype=lucid.bfloat16):
        once = (x @ w).sin().sum()
        mapped = vmap(lambda x: (x @ w).sin())(x).sum()
    expected = lucid.autograd.grad(once, w, retain_graph=True)[0]
    assert lucid.autograd.grad(mapped, w)[0].tolist() == expected.tolist()


def test_results_without_the_dimension():
    shared = lucid.arange(3)
    sums, same = vmap(lambda x: (x.sum(), shared), out_dims=(0, None))(lucid.ones(2, 3))
    assert sums.tolist() == [3.0, 3.0]
    assert same.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="chunk_size must be None or at least 1, got 0"):
        vmap(lucid.sin, chunk_size=0)
