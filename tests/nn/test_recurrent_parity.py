"""RNN, LSTM, GRU and their cells against torch's, in float64: outputs and all gradients."""

import numpy as np
import pytest

import lucid
from lucid import nn

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

C, H, N, L = 3, 4, 3, 5
LENGTHS = {"full": [5, 5, 5], "sorted": [5, 3, 1], "unsorted": [2, 4, 3]}
SETTINGS = [
    {},
    {"bias": False},
    {"num_layers": 2, "bidirectional": True},
    {"num_layers": 3, "batch_first": True},
    {"bidirectional": True, "batch_first": True, "bias": False},
]
CASES = [(kind, s) for kind in ("RNN", "LSTM", "GRU") for s in SETTINGS]
CASES += [("RNN", {"nonlinearity": "relu", "num_layers": 2, "bidirectional": True})]
CASES += [("LSTM", {"proj_size": 2}), ("LSTM", {"proj_size": 3, "num_layers": 2,
                                                "bidirectional": True})]  # fmt: skip
CELLS = [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("LSTMCell", {}),
         ("GRUCell", {}), ("GRUCell", {"bias": False})]  # fmt: skip


def both(kind, args, settings):
    theirs = getattr(torch.nn, kind)(*args, **settings).double()
    ours = getattr(nn, kind)(*args, **settings).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    assert repr(ours) == repr(theirs)
    return ours, theirs


def leaves(shapes, seed=0):
    rng = np.random.default_rng(seed)
    values = [rng.normal(size=s) for s in shapes]
    return (
        [lucid.tensor(v, dtype="float64", requires_grad=True) for v in values],
        [torch.tensor(v, requires_grad=True) for v in values],
    )


def flat(outputs):
    """Tensors, however deep."""
    if isinstance(outputs, lucid.Tensor | torch.Tensor):
        return [outputs]
    return [t for several in outputs for t in flat(several)]


def compare(ours, theirs, inputs, outputs):
    """Outputs, and the gradients of inputs and parameters for a random loss."""
    mine, other = map(flat, outputs)
    assert [y.shape for y in mine] == [tuple(z.shape) for z in other]
    rng = np.random.default_rng(5)
    losses = [0.0, 0.0]
    for y, z in zip(mine, other, strict=True):
        np.testing.assert_allclose(y.numpy(), z.detach().numpy(), atol=1e-12)
        w = rng.normal(size=y.shape)
        losses[0] = losses[0] + (y * lucid.tensor(w, dtype="float64")).sum()
        losses[1] = losses[1] + (z * torch.tensor(w)).sum()
    for loss in losses:
        loss.backward()
    for x, z in zip(*inputs, strict=True):
        np.testing.assert_allclose(x.grad.numpy(), z.grad.numpy(), atol=1e-11)
    named = dict(theirs.named_parameters())
    for name, p in ours.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), named[name].grad.numpy(), atol=1e-11)


def hidden(kind, settings, *batch):
    count = settings.get("num_layers", 1) * (2 if settings.get("bidirectional") else 1)
    out = settings.get("proj_size", H)
    return [(count, *batch, out), *([(count, *batch, H)] if kind == "LSTM" else [])]


def call(kind, layer, x, hx):
    return layer(x, tuple(hx) if kind == "LSTM" else hx[0])


@pytest.mark.parametrize(("kind", "settings"), CASES)
@pytest.mark.parametrize("batched", [True, False])
def test_layer(kind, settings, batched):
    ours, theirs = both(kind, (C, H), settings)
    batch = (N,) if batched else ()
    shape = (N, L, C) if batched and settings.get("batch_first") else (L, *batch, C)
    mine, other = leaves([shape, *hidden(kind, settings, *batch)])
    outputs = call(kind, ours, mine[0], mine[1:]), call(kind, theirs, other[0], other[1:])
    compare(ours, theirs, (mine, other), outputs)
    compare_values(ours(mine[0]), theirs(other[0]))


def compare_values(ours, theirs):
    for y, z in zip(flat(ours), flat(theirs), strict=True):
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), atol=1e-12)


@pytest.mark.parametrize(("kind", "settings"), CASES)
@pytest.mark.parametrize("lengths", LENGTHS)
def test_packed(kind, settings, lengths):
    ours, theirs = both(kind, (C, H), settings)
    first = settings.get("batch_first", False)
    order = {"batch_first": first, "enforce_sorted": lengths != "unsorted"}
    mine, other = leaves([(N, L, C) if first else (L, N, C), *hidden(kind, settings, N)])
    outputs = []
    for layer, (x, *hx), rnn in (
        (ours, mine, nn.utils.rnn),
        (theirs, other, torch.nn.utils.rnn),
    ):
        packed = rnn.pack_padded_sequence(x, LENGTHS[lengths], **order)
        y, ends = call(kind, layer, packed, hx)
        assert y.batch_sizes.tolist() == packed.batch_sizes.tolist()
        back, found = rnn.pad_packed_sequence(y, first, -1.0, total_length=L + 1)
        assert found.tolist() == LENGTHS[lengths]
        outputs.append([y.data, back, ends])
    compare(ours, theirs, (mine, other), outputs)


@pytest.mark.parametrize(("kind", "settings"), CELLS)
@pytest.mark.parametrize("batch", [(N,), ()])
def test_cell(kind, settings, batch):
    ours, theirs = both(kind, (C, H), settings)
    mine, other = leaves([(*batch, C), *[(*batch, H)] * (1 + (kind == "LSTMCell"))])
    hx = [tuple(t[1:]) if kind == "LSTMCell" else t[1] for t in (mine, other)]
    compare(ours, theirs, (mine, other), (ours(mine[0], hx[0]), theirs(other[0], hx[1])))
    compare_values(ours(mine[0]), theirs(other[0]))


def test_gradient_of_the_gradient():
    ours, theirs = both("LSTM", (C, H), {"num_layers": 2, "bidirectional": True, "proj_size": 2})
    (x,), (z,) = leaves([(L, N, C)])
    penalties = []
    for layer, t, grad in ((ours, x, lucid.autograd.grad), (theirs, z, torch.autograd.grad)):
        (g,) = grad((layer(t)[0] ** 2).sum(), [t], create_graph=True)
        penalties.append((g**2).sum())
        penalties[-1].backward()
    np.testing.assert_allclose(penalties[0].item(), penalties[1].item(), rtol=1e-12)
    np.testing.assert_allclose(x.grad.numpy(), z.grad.numpy(), atol=1e-12)
    named = dict(theirs.named_parameters())
    for name, p in ours.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), named[name].grad.numpy(), atol=1e-12)


def test_sequences_of_different_lengths():
    pieces = [np.random.default_rng(n).normal(size=(n, 2)) for n in (2, 5, 3)]
    mine = [lucid.tensor(p, dtype="float64") for p in pieces]
    other = [torch.tensor(p) for p in pieces]
    ours, theirs = nn.utils.rnn, torch.nn.utils.rnn
    for settings in ({}, {"batch_first": True, "padding_value": 2.0}, {"padding_side": "left"}):
        y, z = ours.pad_sequence(mine, **settings), theirs.pad_sequence(other, **settings)
        np.testing.assert_array_equal(y.numpy(), z.numpy())
    y = ours.pack_sequence(mine, enforce_sorted=False)
    z = theirs.pack_sequence(other, enforce_sorted=False)
    for a, b in zip(y, z, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    for a, b in zip(ours.unpack_sequence(y), pieces, strict=True):
        np.testing.assert_array_equal(a.numpy(), b)
    lengths = lucid.tensor([2, 5, 3])
    for a, b in zip(ours.unpad_sequence(ours.pad_sequence(mine), lengths), pieces, strict=True):
        np.testing.assert_array_equal(a.numpy(), b)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_half_precision_is_computed_in_float32(kind):
    ours = getattr(nn, kind)(8, 8).to("bfloat16")
    exact = getattr(nn, kind)(8, 8)
    exact.load_state_dict(ours.state_dict())
    x = lucid.randn(20, 2, 8).bfloat16()
    y = ours(x)[0]
    assert y.dtype == x.dtype
    np.testing.assert_allclose(y.float().numpy(), exact(x.float())[0].detach().numpy(), atol=2**-7)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_single_precision(kind):
    """float32 runs in fused steps, with a tanh of our own on the CPU."""
    ours, theirs = both(kind, (C, H), {})
    ours.float(), theirs.float()
    x = np.random.default_rng(0).normal(scale=5, size=(40, N, C)).astype(np.float32)
    mine, other = lucid.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(mine)[0], theirs(other)[0]
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), atol=2e-6)
    (y**2).sum().backward()
    (z**2).sum().backward()
    np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), atol=1e-5)
    for name, p in ours.named_parameters():
        expected = dict(theirs.named_parameters())[name].grad.numpy()
        np.testing.assert_allclose(p.grad.numpy(), expected, rtol=1e-4, atol=1e-4)
