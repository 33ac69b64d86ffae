"""Autocast: dtypes, gradients through the casts, regions, threads, training."""

import threading

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import nn, optim
from lucid.nn import functional as F
from lucid.ops.autocast import active

HALF = [lucid.float16, lucid.bfloat16]


def randn(*shape, requires_grad=False, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    return lucid.tensor(values, dtype=lucid.float32, requires_grad=requires_grad, device="cpu")


@pytest.mark.parametrize("dtype", HALF)
def test_dtypes(dtype):
    x, w = randn(4, 4), randn(4, 4)
    with lucid.autocast("cpu", dtype=dtype):
        assert (x @ w).dtype == dtype
        assert F.linear(x, w, w[0]).dtype == dtype
        assert (x + w).dtype == lucid.float32
        low = x @ w
        assert (low + w).dtype == lucid.float32
        assert (low * 2).dtype == dtype
        assert low.relu().dtype == dtype
        for wide in (
            low.exp(),
            low.sum(),
            low.softmax(-1),
            low.log_softmax(-1),
            low**2,
            low.norm(),
        ):
            assert wide.dtype == lucid.float32
        assert lucid.atan2(low, w).dtype == lucid.float32
        assert lucid.atan2(low, low).dtype == dtype
        integers = lucid.arange(4, device="cpu")
        assert integers.sum().dtype == lucid.int64
        double = x.double()
        assert (double @ double).dtype == lucid.float64
    assert (x @ w).dtype == lucid.float32
    assert low.exp().dtype == dtype


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("shape", [(2, 3, 16), (3, 16)])
def test_the_cast_is_recorded(dtype, shape):
    """float32 parameters get float32 gradients, close to those without autocast."""
    layer = nn.Conv1d(3, 4, 5, padding=2).to("cpu")
    x = randn(*shape, requires_grad=True)
    gradients = []
    for enabled in (True, False):
        with lucid.autocast("cpu", dtype=dtype, enabled=enabled):
            y = layer(x)
            assert y.dtype == (dtype if enabled else lucid.float32)
            loss = F.mse_loss(y, lucid.zeros(*y.shape, device="cpu"))
        assert loss.dtype == lucid.float32
        gradients.append(lucid.autograd.grad(loss, [x, layer.weight, layer.bias]))
    for low, full in zip(*gradients, strict=True):
        assert low.dtype == lucid.float32
        scale = np.abs(full.numpy()).max()
        # of the dtype's 8 or 11 bits, a few are lost in the sums
        assert np.abs(low.numpy() - full.numpy()).max() < 0.02 * scale


@pytest.mark.parametrize("dtype", HALF)
def test_gradients_of_gradients(dtype):
    """A gradient penalty through conv1d with bias, in half precision and in float32."""
    layer = nn.Conv1d(2, 3, 3).to("cpu")
    found = []
    for enabled in (True, False):
        layer.zero_grad()
        x = randn(2, 2, 8, requires_grad=True)
        with lucid.autocast("cpu", dtype=dtype, enabled=enabled):
            y = layer(x).tanh().sum()
        (g,) = lucid.autograd.grad(y, x, create_graph=True)
        assert g.dtype == lucid.float32
        ((g * g).sum() - 1).pow(2).backward()
        assert {p.grad.dtype for p in layer.parameters()} == {lucid.float32}
        found.append([p.grad.numpy() for p in layer.parameters()])
    for low, full in zip(*found, strict=True):
        # two passes in 8 bits
        assert np.abs(low - full).max() < 0.05 * np.abs(full).max()


def test_regions():
    x = randn(2, 2)
    outer = lucid.autocast("cpu")
    with outer:
        with lucid.autocast("cpu", enabled=False):
            assert (x @ x).dtype == lucid.float32
            assert not lucid.is_autocast_enabled("cpu")
            with lucid.autocast("cpu", dtype=lucid.float16):
                assert (x @ x).dtype == lucid.float16
        with outer:
            assert (x @ x).dtype == lucid.bfloat16
        assert (x @ x).dtype == lucid.bfloat16
        assert lucid.get_autocast_dtype("cpu") == lucid.bfloat16
        with lucid.autocast("gpu"):  # another device: this one stays as it is
            assert (x @ x).dtype == lucid.bfloat16
            assert lucid.is_autocast_enabled("mps")
            assert lucid.get_autocast_dtype("mps") == lucid.float16
    with pytest.raises(ZeroDivisionError), outer:
        1 / 0  # noqa: B018
    assert not lucid.is_autocast_enabled()
    with lucid.autocast("gpu"):
        assert (x @ x).dtype == lucid.float32


def test_decorator_and_threads():
    x = randn(2, 2)

    @lucid.autocast("cpu", dtype=lucid.float16)
    def product(depth):
        """Of x with itself."""
        return product(depth - 1) if depth else x @ x

    assert product(2).dtype == lucid.float16
    assert product.__doc__ == "Of x with itself."
    assert active.get() is None
    seen = []
    with lucid.autocast("cpu"):
        thread = threading.Thread(target=lambda: seen.append(lucid.is_autocast_enabled()))
        thread.start()
        thread.join()
    assert seen == [False]


def test_a_weight_is_cast_once_per_region():
    x, w = randn(2, 2), randn(2, 2, requires_grad=True)
    with lucid.autocast("cpu"):
        with lucid.no_grad():
            x @ w
        a, b = x @ w, x @ w
        casts = {id(y._node.edges[1][0]) for y in (a, b)}
        assert len(casts) == 1
        with lucid.no_grad():
            w.copy_(w * 2)
        c = x @ w
        assert id(c._node.edges[1][0]) not in casts
        cache = active.get().cache
        assert len(cache) == 1
    assert cache == {}
    # bfloat16 has 8 bits, and each value was rounded a few times
    np.testing.assert_allclose(c.float().numpy(), 2 * a.float().numpy(), rtol=1e-2)
    (a.sum() + b.sum() + c.sum()).backward()
    np.testing.assert_allclose(w.grad.numpy(), 3 * (x.numpy().sum(0)[:, None] + [0, 0]), rtol=2e-2)
    with lucid.autocast("cpu", cache_enabled=False):
        a, b = x @ w, x @ w
        assert a._node.edges[1][0] is not b._node.edges[1][0]


LAYERS = {
    "Conv1d": (lambda: nn.Conv1d(3, 4, 3), (2, 3, 8), True),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(3, 4, 3), (2, 3, 8), True),
    "Conv2d": (lambda: nn.Conv2d(3, 4, 3), (2, 3, 8, 8), True),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 4, 3), (2, 3, 8, 8), True),
    "SeparableConv1d": (lambda: nn.SeparableConv1d(3, 4, 3), (2, 3, 8), True),
    "Linear": (lambda: nn.Linear(8, 4), (2, 8), True),
    "PReLU": (lambda: nn.PReLU(), (2, 8), True),
    "LSTM": (lambda: nn.LSTM(4, 3, num_layers=2, bidirectional=True), (5, 2, 4), True),
    "GRU": (lambda: nn.GRU(4, 3), (5, 2, 4), True),
    "GRUCell": (lambda: nn.GRUCell(4, 3), (2, 4), True),
    "attention": (
        lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True),
        (2, 5, 4),
        False,
    ),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (2, 4, 8), False),
    "LayerNorm": (lambda: nn.LayerNorm(8), (2, 4, 8), False),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), (2, 4, 8), False),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(4, affine=True), (2, 4, 8), False),
    "Softmax": (lambda: nn.Softmax(-1), (2, 4, 8), False),
}


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", LAYERS)
def test_layers_take_both_dtypes(name, dtype):
    """What comes out of another layer, in half precision, and what comes from outside."""
    make, shape, low = LAYERS[name]
    layer = make().to("cpu")
    full = layer(randn(*shape))
    full = full[0] if isinstance(full, tuple) else full
    for given in (lucid.float32, dtype):
        layer.zero_grad()
        x = randn(*shape).to(given).requires_grad_()
        with lucid.autocast("cpu", dtype=dtype):
            y = layer(x)
            y = y[0] if isinstance(y, tuple) else y
            if low:
                assert y.dtype == dtype
            elif name not in ("BatchNorm1d", "InstanceNorm1d"):  # as they are given
                assert y.dtype == lucid.float32
            loss = (y * y).sum()
        assert np.abs((y.float() - full).detach().numpy()).max() < 0.05
        loss.backward()
        assert x.grad.dtype == given
        assert {p.grad.dtype for p in layer.parameters()} <= {lucid.float32}


def test_lists_of_tensors():
    a, b = randn(2, 2), randn(2, 2, seed=1)
    with lucid.autocast("cpu"):
        assert lucid.cat([a @ a, b]).dtype == lucid.float32
        assert lucid.einsum("ij,jk->ik", a, b).dtype == lucid.bfloat16


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lucid.autocast("cuda"), 'device_type "cpu" or "gpu", got \'cuda\''),
        (lambda: lucid.autocast(3), "device_type as a string, got 3"),
        (lambda: lucid.autocast("cpu", dtype=lucid.float32), "lucid.float16 or lucid.bfloat16"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_custom_functions():
    seen = []

    class Product(lucid.autograd.Function):
        @staticmethod
        @lucid.amp.custom_fwd(device_type="cpu", cast_inputs=lucid.float32)
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            seen.append((x.dtype, lucid.is_autocast_enabled()))
            return x @ y

        @staticmethod
        @lucid.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            seen.append((g.dtype, lucid.is_autocast_enabled()))
            return g @ y.T, x.T @ g

    x = randn(2, 2, requires_grad=True)
    with lucid.autocast("cpu"):
        y = Product.apply(x @ x, x)
        assert y.dtype == lucid.float32
        y.sum().backward()
    assert seen == [(lucid.float32, False)] * 2
    assert x.grad.dtype == lucid.float32


@pytest.mark.parametrize("dtype", [None, *HALF])
def test_a_network_trains_as_in_float32(dtype):
    """Denoise sines: the losses follow those of float32."""
    lucid.manual_seed(0)
    network = nn.Sequential(
        nn.Conv1d(1, 8, 9, padding=4), nn.BatchNorm1d(8), nn.ReLU(), nn.Conv1d(8, 1, 9, padding=4)
    ).to("cpu")
    optimizer = optim.Adam(network.parameters(), lr=1e-2)
    scaler = lucid.amp.GradScaler("cpu", init_scale=2.0**10, enabled=dtype is lucid.float16)
    rng = np.random.default_rng(0)
    t = np.arange(64) / 64
    losses = []
    for _ in range(40):
        clean = np.sin(
            2 * np.pi * (rng.uniform(1, 6, (16, 1, 1)) * t + rng.uniform(size=(16, 1, 1)))
        )
        noisy = clean + 0.5 * rng.standard_normal(clean.shape)
        clean, noisy = (lucid.tensor(v, dtype=lucid.float32, device="cpu") for v in (clean, noisy))
        with lucid.autocast("cpu", dtype=dtype or lucid.float16, enabled=dtype is not None):
            loss = F.mse_loss(network(noisy), clean)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    # what float32 gives; half precision rounds at 5e-4 and 4e-3, and a mean of many evens it out
    assert losses[0] == pytest.approx(0.6379, rel=1e-3)
    assert np.mean(losses[-5:]) == pytest.approx(0.06311, rel=1e-3)


def test_checkpoints_compute_again_in_the_same_precision():
    block = nn.Sequential(nn.Conv1d(2, 3, 3), nn.Tanh(), nn.Conv1d(3, 2, 3)).to("cpu")
    found = []
    for again in (True, False):
        block.zero_grad()
        x = randn(2, 2, 16, requires_grad=True)
        with lucid.autocast("cpu"):
            y = (
                lucid.utils.checkpoint.checkpoint(block, x, use_reentrant=False)
                if again
                else block(x)
            )
            assert y.dtype == lucid.bfloat16
            loss = y.square().mean()
        loss.backward()
        found.append([x.grad.numpy(), *(p.grad.numpy() for p in block.parameters())])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_memory_is_flat():
    layer = nn.Linear(64, 64).to("cpu")
    x = randn(8, 64)

    def run(steps):
        for _ in range(steps):
            with lucid.autocast("cpu"):
                layer(layer(x)).sum().backward()
            layer.zero_grad()
        mx.synchronize()
        return mx.get_active_memory()

    assert run(50) - run(10) < 1024
