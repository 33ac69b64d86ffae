"""Lazy layers: what they become, loading into them, what they refuse."""

import copy
import pickle

import pytest

import lucid
from lucid import nn

LAYERS = [
    ("Linear", (3,), {}, (4, 5), 5),
    ("Linear", (3,), {"bias": False}, (5,), 5),
    ("Conv1d", (4, 3), {"padding": 1, "groups": 2}, (2, 6, 9), 6),
    ("Conv1d", (4, 3, 2), {}, (6, 9), 6),
    ("ConvTranspose1d", (4, 3), {"stride": 2}, (2, 6, 9), 6),
    ("Conv2d", (4, (3, 1)), {}, (2, 6, 9, 3), 6),
    ("ConvTranspose2d", (4, 3), {}, (6, 9, 3), 6),
    ("BatchNorm1d", (), {}, (3, 6), 6),
    ("BatchNorm1d", (), {"affine": False}, (3, 6, 4), 6),
    ("BatchNorm2d", (), {"track_running_stats": False}, (3, 6, 4, 2), 6),
    ("InstanceNorm1d", (), {"affine": True, "track_running_stats": False}, (6, 4), 6),
    ("InstanceNorm2d", (1e-4, 0.2, False), {}, (3, 6, 4, 2), 6),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "shape", "size"), LAYERS)
def test_becomes_the_ordinary_layer(name, args, kwargs, shape, size):
    lazy, kind = getattr(nn, "Lazy" + name)(*args, **kwargs), getattr(nn, name)
    if name.startswith("Instance"):  # as in torch, the lazy one has another default
        kwargs = {"track_running_stats": True, **kwargs}
    ordinary = kind(size, *args, **kwargs)
    assert list(lazy.state_dict()) == list(ordinary.state_dict())
    assert isinstance(lazy, kind)
    x = lucid.randn(*shape)
    lazy(x)
    assert type(lazy) is kind
    assert repr(lazy) == repr(ordinary)
    assert vars(lazy).keys() == vars(ordinary).keys()
    assert all(type(p) is nn.Parameter for p in lazy.parameters())
    assert all(type(b) is lucid.Tensor for b in lazy.buffers())
    ordinary.load_state_dict(lazy.state_dict())
    assert lazy(x).equal(ordinary(x))


@pytest.mark.parametrize(("name", "args", "kwargs", "shape", "size"), LAYERS)
def test_loading_before_the_first_input(name, args, kwargs, shape, size):
    later = {"track_running_stats": True} if name.startswith("Instance") else {}
    ordinary = getattr(nn, name)(size, *args, **{**later, **kwargs})
    lazy = getattr(nn, "Lazy" + name)(*args, **kwargs)
    lazy.load_state_dict(lazy.state_dict())  # as lazy as before
    lazy.load_state_dict(ordinary.state_dict())
    x = lucid.randn(*shape)
    assert lazy(x).equal(ordinary(x))


@pytest.mark.parity
@pytest.mark.parametrize(("name", "args", "kwargs", "shape", "size"), LAYERS)
def test_names_of_the_state_are_those_of_torch(name, args, kwargs, shape, size):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn, "Lazy" + name)(*args, **kwargs)
    ours = getattr(nn, "Lazy" + name)(*args, **kwargs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        ours_is_lazy = isinstance(
            ours.state_dict()[key], nn.UninitializedParameter | nn.UninitializedBuffer
        )
        assert ours_is_lazy == torch.nn.parameter.is_lazy(value)


def test_dtype_mode_and_copies_before_the_first_input():
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d()).double().eval()
    model[0].requires_grad_(False)
    assert "LazyLinear(in_features=0, out_features=3, bias=True)" in repr(model)
    x = lucid.ones(2, 4).double()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other(x).dtype == other[0].weight.dtype == lucid.float64
        assert not other[0].weight.requires_grad
        assert other[1].weight.requires_grad
        assert not other[1].training
    assert model[0].has_uninitialized_params()
    assert model[0].weight.dtype == lucid.float64
    assert repr(model[0].weight) == "UninitializedParameter()"


def test_refusals():
    layer = nn.LazyLinear(3)
    with pytest.raises(RuntimeError, match="no shape and no values yet; call its module once"):
        layer.weight.shape  # noqa: B018
    with pytest.raises(ValueError, match=r"parameter 0 belongs to a lazy module .* to SGD"):
        lucid.optim.SGD(layer.parameters(), lr=0.1)
    with pytest.raises(TypeError, match="LazyConv1d: missing a required argument"):
        nn.LazyConv1d(3)
    with pytest.raises(ValueError, match="kernel_size must be at least 1"):
        nn.LazyConv1d(3, 0)
    with pytest.raises(ValueError, match=r"cannot find its size from an input of shape \(3,\)"):
        nn.LazyConv1d(3, 1)(lucid.ones(3))
    layer.load_state_dict(nn.Linear(4, 3).state_dict())
    with pytest.raises(ValueError, match=r"weight that was loaded has shape \(3, 4\), an input"):
        layer(lucid.ones(2, 5))
    with pytest.raises(RuntimeError, match=r"weight: expected shape .* that is not initialized"):
        nn.Linear(4, 3).load_state_dict(nn.LazyLinear(3).state_dict())
