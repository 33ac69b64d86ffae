"""Computed weights: parametrizations, weight and spectral norm, both styles of keys, fusion."""

import copy
import warnings

import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.nn.utils import parametrizations, parametrize


@pytest.fixture(autouse=True)
def seed():
    lucid.manual_seed(0)


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x

    def right_inverse(self, x):
        return x / 2


class Squared(nn.Module):
    def forward(self, x):
        return x * x


class Pair(nn.Module):
    def forward(self, a, b):
        return a + b

    def right_inverse(self, x):
        return x - 1, lucid.ones_like(x)


def test_a_parametrized_weight_is_computed_and_can_be_assigned():
    layer = nn.Linear(2, 2)
    weight, original = layer.weight.tolist(), layer.weight
    assert parametrize.register_parametrization(layer, "weight", Doubled()) is layer
    assert layer.weight.tolist() == weight
    assert layer.parametrizations.weight.original is original  # an optimizer still has it
    assert (2 * original).tolist() == weight
    layer.weight = lucid.ones(2, 2)
    assert original.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    layer(lucid.ones(1, 2)).sum().backward()
    assert original.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    assert "weight" in dir(layer)
    assert "weight" not in dict(layer.named_parameters())


def test_a_chain_and_its_removal():
    layer = nn.Linear(2, 2)
    layer.weight.data = lucid.full((2, 2), 4.0)
    parametrize.register_parametrization(layer, "weight", Doubled())
    parametrize.register_parametrization(layer, "weight", Squared())
    assert layer.weight.tolist() == [[16.0, 16.0], [16.0, 16.0]]
    copied = copy.deepcopy(layer)
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer.weight) is nn.Parameter
    assert layer.weight.tolist() == [[16.0, 16.0], [16.0, 16.0]]
    assert not parametrize.is_parametrized(layer)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    assert parametrize.is_parametrized(copied, "weight")
    parametrize.remove_parametrizations(copied, "weight", leave_parametrized=False)
    assert copied.weight.tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_several_originals():
    layer = nn.Linear(2, 2)
    before = layer.weight.tolist()
    parametrize.register_parametrization(layer, "weight", Pair())
    assert sorted(layer.state_dict())[1:] == [
        "parametrizations.weight.original0",
        "parametrizations.weight.original1",
    ]
    np.testing.assert_allclose(layer.weight.tolist(), before, atol=1.2e-7)  # x - 1 + 1 rounds
    with pytest.raises(ValueError, match="'weight' has 2 originals"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(layer, "weight")
    assert sorted(layer.state_dict()) == ["bias", "weight"]


def test_buffers_too():
    norm = nn.BatchNorm1d(2)
    parametrize.register_parametrization(norm, "running_var", Doubled())
    assert norm.running_var.tolist() == [1.0, 1.0]
    assert "parametrizations.running_var.original" in dict(norm.named_buffers())


def test_reading_is_computed_once_inside_cached():
    layer = nn.Linear(2, 2)
    parametrize.register_parametrization(layer, "weight", Doubled())
    assert layer.weight is not layer.weight
    with parametrize.cached():
        first = layer.weight
        with parametrize.cached():
            assert layer.weight is first
    assert layer.weight is not first


class Flat(nn.Module):
    def forward(self, x):
        return x.flatten()


class Nothing(nn.Module):
    def forward(self, x):
        return None


def test_what_cannot_be_parametrized():
    layer = nn.Linear(2, 3)
    before = layer.weight.tolist()
    with pytest.raises(ValueError, match=r"has no parameter or buffer 'gain'; it has \['weight'"):
        parametrize.register_parametrization(layer, "gain", Doubled())
    with pytest.raises(ValueError, match=r"shape \(6,\) for a tensor of .*shape \(3, 2\)"):
        parametrize.register_parametrization(layer, "weight", Flat())
    with pytest.raises(ValueError, match="must return a Tensor, got NoneType"):
        parametrize.register_parametrization(layer, "weight", Nothing())
    with pytest.raises(ValueError, match="has no parametrization of 'weight'"):
        parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight.tolist() == before
    assert list(layer.state_dict()) == ["weight", "bias"]
    parametrize.register_parametrization(layer, "weight", Flat(), unsafe=True)
    assert layer.weight.shape == (6,)


@pytest.mark.parametrize("normalise", [nn.utils.weight_norm, parametrizations.weight_norm])
def test_bad_arguments(normalise):
    with pytest.raises(IndexError, match=r"dim 3 is out of range .* shape \(4, 2, 3\)"):
        normalise(nn.Conv1d(2, 4, 3), dim=3)
    with pytest.raises(ValueError, match="has no parameter or buffer 'gain'"):
        normalise(nn.Conv1d(2, 4, 3), "gain")
    with pytest.raises(ValueError, match=r"weight_norm of 'weight' not found in Linear"):
        nn.utils.remove_weight_norm(nn.Linear(1, 1))
    with pytest.raises(ValueError, match="n_power_iterations must be 1 or more, got 0"):
        nn.utils.spectral_norm(nn.Linear(1, 1), n_power_iterations=0)
    layer = nn.utils.weight_norm(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="computes its 'weight' already"):
        nn.utils.weight_norm(layer)


def test_no_graph_grows_with_the_steps_of_spectral_norm():
    layer = parametrizations.spectral_norm(nn.Linear(4, 4))
    x = lucid.ones(2, 4)
    for _ in range(3):
        layer(x).sum().backward()
    u = layer.parametrizations.weight[0]._u
    assert not u.requires_grad
    assert u.is_leaf


# Against PyTorch -----------------------------------------------------------------------------

LAYERS = {
    "Conv1d": lambda n: n.Conv1d(4, 6, 3, groups=2),
    "ConvTranspose1d": lambda n: n.ConvTranspose1d(4, 6, 4, stride=2),
    "Linear": lambda n: n.Linear(4, 3),
}
STYLES = {
    "weight_norm": lambda n: n.utils.weight_norm,
    "weight_norm dim 1": lambda n: lambda m: n.utils.weight_norm(m, dim=1),
    "weight_norm of all": lambda n: lambda m: n.utils.weight_norm(m, dim=None),
    "new weight_norm": lambda n: n.utils.parametrizations.weight_norm,
    "spectral_norm": lambda n: n.utils.spectral_norm,
    "new spectral_norm": lambda n: lambda m: n.utils.parametrizations.spectral_norm(m, "weight", 2),
}


@pytest.mark.parity
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("style", STYLES)
def test_as_in_pytorch(style, layer):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates the older style
        theirs = STYLES[style](torch.nn)(LAYERS[layer](torch.nn))
    ours = STYLES[style](nn)(LAYERS[layer](nn))
    state = theirs.state_dict()
    assert sorted(ours.state_dict()) == sorted(state)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in state.items()
    }
    ours.load_state_dict(state)
    x = np.random.default_rng(0).standard_normal((2, 4) if layer == "Linear" else (2, 4, 9))
    x = x.astype(np.float32)
    for mode in (True, True, False):
        theirs.train(mode), ours.train(mode)
        a, b = theirs(torch.tensor(x)), ours(lucid.tensor(x))
        np.testing.assert_allclose(b.numpy(), a.detach().numpy(), rtol=1e-5, atol=1e-6)
        (a * a).sum().backward()
        (b * b).sum().backward()
    grads = {name: p.grad.numpy() for name, p in theirs.named_parameters()}
    for name, p in ours.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), grads[name], rtol=2e-5, atol=1e-5, err_msg=name)
    for name, value in theirs.state_dict().items():
        ours_now = ours.state_dict()[name].numpy()
        np.testing.assert_allclose(ours_now, value.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parity
@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_either_style_of_keys_loads_into_either(kind):
    pytest.importorskip("torch")
    layers = [
        nn.Sequential(style(nn.Conv1d(2, 3, 3)))
        for style in (getattr(nn.utils, kind), getattr(parametrizations, kind))
    ]
    for source, target in (layers, layers[::-1]):
        target.load_state_dict(source.state_dict())
        x = lucid.randn(1, 2, 8)
        assert lucid.equal(source.eval()(x), target.eval()(x))
    with pytest.raises(RuntimeError, match=r"missing: 0.weight_(g|orig)"):
        layers[0].load_state_dict(nn.Sequential(nn.Conv1d(2, 3, 3)).state_dict())


@pytest.mark.parametrize("normalise", ["weight_norm", "spectral_norm"])
def test_removal_keeps_the_layer_as_it_is(normalise):
    layer = getattr(nn.utils, normalise)(nn.Conv1d(2, 3, 3)).eval()
    x = lucid.randn(1, 2, 8)
    before = layer(x)
    getattr(nn.utils, f"remove_{normalise}")(layer)
    assert lucid.equal(layer(x), before)
    assert list(layer.state_dict()) == ["bias", "weight"]
    assert not layer._pre_hooks


# Fusion --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv1d(4, 6, 3, groups=2, stride=2),
        nn.Conv1d(4, 6, 3, bias=False),
        nn.ConvTranspose1d(4, 6, 4, stride=2),
        nn.ConvTranspose1d(4, 6, 4, stride=2, groups=2),
    ],
    ids=repr,
)
@pytest.mark.parametrize("affine", [True, False])
def test_fusing_changes_nothing(conv, affine):
    bn = nn.BatchNorm1d(6, affine=affine)
    for _ in range(3):
        bn(3 + 2 * lucid.randn(4, 6, 10))
    if affine:
        bn.weight.data, bn.bias.data = lucid.randn(6), lucid.randn(6)
    conv.eval(), bn.eval()
    x = lucid.randn(2, 4, 12)
    fused = nn.utils.fuse_conv_bn_eval(conv, bn)
    assert type(fused) is type(conv)
    np.testing.assert_allclose(
        fused(x).detach().numpy(), bn(conv(x)).detach().numpy(), rtol=1e-5, atol=2e-6
    )


def test_fusing_a_linear_layer():
    linear, bn = nn.Linear(3, 4).eval(), nn.BatchNorm1d(4)
    bn(lucid.randn(8, 4))
    x = lucid.randn(5, 3)
    fused = nn.utils.fuse_linear_bn_eval(linear, bn.eval())
    np.testing.assert_allclose(
        fused(x).detach().numpy(), bn(linear(x)).detach().numpy(), rtol=1e-5, atol=2e-6
    )


def test_what_cannot_be_fused():
    conv, bn = nn.Conv1d(2, 3, 1), nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match=r"fusing is for inference: call eval\(\)"):
        nn.utils.fuse_conv_bn_eval(conv, bn)
    with pytest.raises(ValueError, match="the layer gives 3 channels, the batch norm has 4"):
        nn.utils.fuse_conv_bn_eval(conv.eval(), nn.BatchNorm1d(4).eval())
    with pytest.raises(ValueError, match="with running statistics"):
        nn.utils.fuse_conv_bn_eval(conv, nn.BatchNorm1d(3, track_running_stats=False).eval())
