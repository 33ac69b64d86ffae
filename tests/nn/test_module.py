"""Module: registration, the tree, dtype and mode, repr, summary."""

import copy
import pickle

import numpy as np
import pytest

import lucid
from lucid import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 3)
        self.body = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        self.again = self.first
        self.register_buffer("seen", lucid.tensor(3))
        self.register_buffer("scratch", lucid.ones(2), persistent=False)

    def forward(self, x):
        return self.body(self.first(x))


# Registration


def test_names_and_sharing():
    net = Net()
    names = ["first.weight", "first.bias", "body.0.weight", "body.0.bias"]
    assert [n for n, _ in net.named_parameters()] == names
    assert [n for n, _ in net.named_modules()] == ["", "first", "body", "body.0", "body.1"]
    assert [n for n, _ in net.named_children()] == ["first", "body"]
    assert [n for n, _ in net.named_buffers()] == ["seen", "scratch"]
    assert len(list(net.parameters(recurse=False))) == 0
    assert list(net.state_dict()) == ["seen", *names, "again.weight", "again.bias"]
    both = [n for n, _ in net.named_parameters(remove_duplicate=False)]
    assert both == [*names, "again.weight", "again.bias"]
    assert net.get_submodule("body.0") is net.body[0]
    assert net.get_parameter("body.0.bias") is net.body[0].bias
    assert net.get_buffer("seen") is net.seen
    assert "body" in dir(net)


def test_super_init_must_come_first():
    class Early(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    class Never(nn.Module):
        def __init__(self):
            self.size = 3

    with pytest.raises(AttributeError, match=r"Early.__init__ must call super\(\).__init__\(\) be"):
        Early()
    with pytest.raises(AttributeError, match=r"Never.__init__ must call super\(\).__init__\(\)"):
        Never()(1)


def test_what_may_be_assigned():
    layer = nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"'weight' is a parameter of Linear.*wrap it: nn.Param"):
        layer.weight = lucid.ones(2, 2)
    with pytest.raises(TypeError, match=r"takes a nn.Parameter or None, got int"):
        layer.bias = 3
    layer.bias = None
    assert layer.bias is None
    assert layer(lucid.ones(1, 2)).shape == (1, 2)
    layer.bias = nn.Parameter(lucid.zeros(2))
    assert list(layer.state_dict()) == ["weight", "bias"]
    layer.weight = nn.Parameter(lucid.ones(2, 2))
    assert list(layer.state_dict()) == ["weight", "bias"]  # in its old place
    net = Net()
    with pytest.raises(TypeError, match="'first' is a child module of Net"):
        net.first = "no"
    with pytest.raises(TypeError, match="'seen' is a buffer of Net and takes a Tensor or None"):
        net.seen = 4
    net.seen = lucid.tensor(5)
    assert net.state_dict()["seen"].item() == 5
    net.seen = nn.Parameter(lucid.ones(1))  # it changes its kind
    assert "seen" not in dict(net.named_buffers())
    del net.body
    assert not hasattr(net, "body")
    with pytest.raises(AttributeError, match="'Net' has no attribute 'nothing'"):
        net.nothing  # noqa: B018


def test_names_are_checked():
    module = nn.Module()
    for name in ("", "a.b", 3):
        with pytest.raises(KeyError, match="a name must be a string"):
            module.register_buffer(name, lucid.ones(1))
    with pytest.raises(KeyError, match="already has an attribute 'forward'"):
        module.register_parameter("forward", None)
    with pytest.raises(TypeError, match=r"takes a nn.Module or None, got int"):
        module.add_module("x", 3)
    with pytest.raises(AttributeError, match=r"has no module 'a.b': Module has no 'a'"):
        module.get_submodule("a.b")
    with pytest.raises(AttributeError, match="has no parameter 'w'"):
        module.get_parameter("w")
    with pytest.raises(NotImplementedError, match=r"Module must define forward\(\)"):
        module(1)


def test_a_parameter_stays_a_parameter_and_its_results_do_not():
    p = nn.Parameter(lucid.ones(2))
    assert type(p * 2) is lucid.Tensor
    assert type(p[0]) is lucid.Tensor
    assert type(p.detach()) is lucid.Tensor
    p.constraint = lucid.abs
    (p * 3).sum().backward()
    for q in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(q) is nn.Parameter
        assert q.requires_grad
        assert q.grad is None
        assert q.constraint is lucid.abs
        np.testing.assert_array_equal(q.numpy(), p.numpy())
    with pytest.raises(RuntimeError, match="only floating point"):
        nn.Parameter(lucid.tensor([1, 2]))
    assert not nn.Parameter(lucid.tensor([1, 2]), requires_grad=False).requires_grad


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_copies_of_every_dtype(dtype):
    p = nn.Parameter(lucid.randn(3), dtype=dtype)
    for q in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert q.dtype == p.dtype
        assert q.tolist() == p.tolist()


def test_copies_are_independent_and_keep_sharing():
    net = Net()
    x = lucid.randn(2, 4)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.again is other.first
        np.testing.assert_array_equal(other(x).numpy(), net(x).numpy())
        before = net.first.bias.tolist()
        nn.init.constant_(other.first.bias, 9.0)
        assert net.first.bias.tolist() == before


def test_a_deep_tree():
    model = nn.Identity()
    for _ in range(150):
        model = nn.Sequential(model)
    assert len(list(model.modules())) == 151
    model.eval()
    assert model(3) == 3
    assert repr(model).count("Sequential") == 150
    assert len(list(copy.deepcopy(model).modules())) == 151


# Dtype, mode


def test_to_changes_the_same_parameters():
    net = Net()
    weight = net.first.weight
    (net(lucid.ones(1, 4))).sum().backward()
    assert net.half() is net
    assert net.first.weight is weight
    assert weight.dtype == weight.grad.dtype == lucid.float16
    assert net.seen.dtype == lucid.int64
    assert net.double().first.weight.dtype == lucid.float64
    assert net.float().first.weight.dtype == lucid.float32
    assert net.to("cpu", lucid.bfloat16).first.weight.dtype == lucid.bfloat16
    assert net.cpu().first.weight.device == "cpu"
    assert net.to(lucid.ones(1).half(), non_blocking=True).first.weight.dtype == lucid.float16
    assert net.to(lucid.device("cpu"), lucid.float32, True).first.weight.dtype == lucid.float32
    with pytest.raises(TypeError, match="must be floating point, got"):
        net.to("int32")
    with pytest.raises(ValueError, match=r"device .cuda.: lucid runs on"):
        net.cuda()


def test_modes_and_gradients():
    net = Net()
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())
    with pytest.raises(TypeError, match="train expects a bool, got str"):
        net.train("no")
    net(lucid.ones(1, 4)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net.first.bias.grad.tolist() == [0.0] * 3
    net.zero_grad()
    assert net.first.bias.grad is None
    net.requires_grad_(False)
    assert not net(lucid.ones(1, 4)).requires_grad
    order = []
    net.apply(lambda m: order.append(type(m).__name__))
    assert order == ["Linear", "Linear", "ReLU", "Sequential", "Net"]


def test_buffers_by_assignment():
    layer = nn.Identity()
    layer.kept, layer.lost = nn.Buffer(lucid.ones(1)), nn.Buffer(lucid.ones(1), persistent=False)
    assert [n for n, _ in layer.named_buffers()] == ["kept", "lost"]
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert list(other.state_dict()) == ["kept"]
        assert type(other.kept) is nn.Buffer
    layer.kept = lucid.zeros(2)
    assert layer.state_dict()["kept"].tolist() == [0.0, 0.0]
    with pytest.raises(TypeError, match="'kept' is a buffer"):
        layer.kept = 3


def test_submodules_by_name():
    net = nn.Sequential(nn.Sequential(nn.ReLU()))
    net.set_submodule("0.0", nn.Tanh(), strict=True)
    net.set_submodule("0.1", nn.ReLU())
    assert [type(m).__name__ for m in net[0]] == ["Tanh", "ReLU"]
    with pytest.raises(AttributeError, match=r"has no module '0\.2'"):
        net.set_submodule("0.2", nn.ReLU(), strict=True)
    with pytest.raises(ValueError, match="needs the name of a submodule"):
        net.set_submodule("", nn.ReLU())
    net.register_module("last", nn.Identity())
    assert net.bfloat16().type("float32").to_empty(device="cpu")[1] is net.last


# Text


def test_repr():
    assert repr(Net()) == (
        "Net(\n"
        "  (first): Linear(in_features=4, out_features=3, bias=True)\n"
        "  (body): Sequential(\n"
        "    (0): Linear(in_features=3, out_features=3, bias=True)\n"
        "    (1): ReLU()\n"
        "  )\n"
        "  (again): Linear(in_features=4, out_features=3, bias=True)\n"
        ")"
    )


def test_summary():
    net = Net().train()
    table = net.summary(lucid.ones(2, 4))
    assert str(table) == repr(table)
    assert table.splitlines()[1].split() == ["(model)", "Net", "(2,", "3)"]
    assert table.splitlines()[2].split() == ["first", "Linear", "(2,", "3)", "15"]
    assert table.splitlines()[-1] == "total 27 parameters, 27 trainable, 0.11 kB"
    assert "(5, 2, 3), (1, 2, 3), (1, 2, 3)" in nn.LSTM(4, 3).summary((5, 2, 4))
    assert net.training
    assert not net.first._hooks
    net.first.requires_grad_(False)
    assert "27 parameters, 12 trainable" in net.summary()
    assert net.parameter_count() == 27
    with pytest.raises(ValueError, match=r"linear expects x of shape \(..., 4\), got \(2, 5\)"):
        net.summary((2, 5))
    assert net.training
    assert not net.first._hooks


def test_regularization_loss():
    class Decay(nn.Linear):
        def _regularization(self):
            return 0.5 * lucid.sum(self.weight * self.weight)

    model = nn.Sequential(Decay(2, 2), nn.ReLU(), Decay(2, 2))
    total = model.regularization_loss()
    expected = sum(0.5 * (m.weight.numpy() ** 2).sum() for m in (model[0], model[2]))
    np.testing.assert_allclose(total.item(), expected, rtol=1e-6)
    total.backward()
    np.testing.assert_allclose(model[0].weight.grad.numpy(), model[0].weight.numpy(), rtol=1e-6)
    assert nn.Linear(1, 1).regularization_loss().item() == 0.0
