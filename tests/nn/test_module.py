"""Module: registration, the tree, state, hooks, repr, summary."""

import copy
import pickle

import mlx.core as mx
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


# State


def test_round_trip_and_snapshot():
    net, other = Net(), Net()
    state = net.state_dict()
    before = state["first.bias"].tolist()
    nn.init.constant_(net.first.bias, 7.0)
    assert state["first.bias"].tolist() == before
    assert not state["first.bias"].requires_grad
    weight = other.first.weight
    keys = other.load_state_dict(net.state_dict())
    assert keys == ([], [])
    assert other.first.weight is weight
    assert other.first.bias.tolist() == [7.0] * 3
    assert other.again.bias.tolist() == [7.0] * 3


def test_a_state_that_does_not_fit_changes_nothing():
    net = Net()
    before = {k: v.numpy() for k, v in net.state_dict().items()}
    state = {k: np.ones(v.shape, np.float32) for k, v in before.items()}
    state["first.weigth"] = state.pop("first.weight")
    state["body.0.bias"] = np.ones(5, np.float32)
    state["body.0.weight"] = "text"
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    message = str(caught.value)
    for part in (
        "the state does not fit Net; nothing was changed",
        "missing: first.weight (3, 4); did you mean first.weigth (3, 4)?",
        "unexpected: first.weigth (3, 4); the nearest name here is first.weight (3, 4)",
        "body.0.bias: expected shape (3,), got (5,)",
        "body.0.weight: expected a tensor of shape (3, 3), got str",
        "strict=False loads what agrees by name",
    ):
        assert part in message
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])
    with pytest.raises(RuntimeError, match=r"body.0.bias: expected shape \(3,\), got \(5,\)"):
        net.load_state_dict({"body.0.bias": np.ones(5)}, strict=False)
    with pytest.raises(TypeError, match="expects a dict of names, got list"):
        net.load_state_dict([])


def test_loading_by_name_only():
    net = Net()
    keys = net.load_state_dict({"first.bias": np.zeros(3), "x": 1}, strict=False)
    assert keys.unexpected_keys == ["x"]
    assert "first.weight" in keys.missing_keys
    assert net.first.bias.tolist() == [0.0] * 3


def test_loading_keeps_the_dtype_of_the_parameter():
    layer = nn.Linear(2, 1).half()
    layer.load_state_dict({"weight": np.array([[0.5, 2.0]]), "bias": mx.array([1.0])})
    assert layer.weight.dtype == lucid.float16
    double = nn.Linear(2, 1).double()
    values = np.array([[1 / 3, 2 / 3]])
    double.load_state_dict({"weight": values, "bias": np.array([1e-12])})
    np.testing.assert_array_equal(double.weight.numpy(), values)
    again = nn.Linear(2, 1).double()
    again.load_state_dict(double.state_dict())
    np.testing.assert_array_equal(again.weight.numpy(), values)


@pytest.mark.parity
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_loading_from_torch(dtype):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Linear(3, 2).to(getattr(torch, dtype))
    ours = nn.Linear(3, 2)
    ours.load_state_dict(theirs.state_dict())
    np.testing.assert_array_equal(ours.weight.numpy(), theirs.weight.detach().float().numpy())
    ours.load_state_dict(dict(theirs.named_parameters()))  # they require grad


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


# Hooks


def test_forward_hooks_see_and_replace():
    layer = nn.Identity()
    seen = []
    pre = layer.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    post = layer.register_forward_hook(lambda m, args, y: seen.append((m, args[0], y)) or y * 10)
    assert layer(1) == 20
    assert seen == [(layer, 2, 2)]
    pre.remove()
    pre.remove()
    assert layer(1) == 10
    post.remove()
    assert layer(1) == 1
    with pytest.raises(TypeError, match="a hook must be callable, got int"):
        layer.register_forward_hook(3)


def test_a_hook_registered_twice_is_removed_once():
    layer, calls = nn.Identity(), []
    hook = lambda m, args, y: calls.append(1)  # noqa: E731
    first, _ = layer.register_forward_hook(hook), layer.register_forward_hook(hook)
    first.remove()
    first.remove()
    layer(1)
    assert calls == [1]


def test_a_hook_fires_for_its_own_module_only():
    net, calls = nn.Sequential(nn.ReLU(), nn.ReLU()), []
    net[0].register_forward_hook(lambda m, args, y: calls.append("forward"))
    net[0].register_full_backward_hook(lambda m, gi, go: calls.append("backward"))
    x = lucid.ones(2, requires_grad=True)
    net[1](x).sum().backward()
    assert calls == []
    net(x).sum().backward()
    assert calls == ["forward", "backward"]


def test_full_backward_hook():
    layer, seen = nn.Linear(2, 3), []

    def hook(module, grad_input, grad_output):
        seen.append((module, grad_input, grad_output))
        return tuple(10 * g for g in grad_input)

    handle = layer.register_full_backward_hook(hook)
    x = lucid.ones(4, 2, requires_grad=True)
    layer(x).sum().backward()
    module, (grad_input,), (grad_output,) = seen[0]
    assert module is layer
    np.testing.assert_array_equal(grad_output.numpy(), np.ones((4, 3)))
    np.testing.assert_allclose(grad_input.numpy()[0], layer.weight.numpy().sum(0), rtol=1e-5)
    np.testing.assert_allclose(x.grad.numpy(), 10 * grad_input.numpy(), rtol=1e-6)
    handle.remove()
    layer(x).sum().backward()
    assert len(seen) == 1
    # the first layer of a model: its input needs no gradient, its hook still fires
    layer.register_full_backward_hook(lambda m, gi, go: seen.append(gi))
    layer(lucid.ones(4, 2)).sum().backward()
    assert seen[-1] == (None,)


@pytest.mark.parity
def test_full_backward_hook_as_in_torch():
    torch = pytest.importorskip("torch")
    found = []
    for library in (lucid, torch):
        model = library.nn.Sequential(library.nn.Tanh(), library.nn.Softsign())
        model[1].register_full_backward_hook(lambda m, gi, go: found.append((gi[0], go[0])))
        x = library.tensor([0.5, -2.0], requires_grad=True)
        (model(x) * library.tensor([1.0, 3.0])).sum().backward()
    for ours, theirs in zip(found[0], found[1], strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)


def test_order_and_keywords_of_forward_hooks():
    class Scale(nn.Module):
        def forward(self, x, factor=1):
            return x * factor

    layer, order = Scale(), []
    layer.register_forward_pre_hook(lambda m, a: order.append("second"))
    layer.register_forward_pre_hook(lambda m, a: order.append("first"), prepend=True)
    layer.register_forward_pre_hook(lambda m, a, k: (a, {**k, "factor": 3}), with_kwargs=True)
    layer.register_forward_hook(lambda m, a, k, y: y + k["factor"], with_kwargs=True)
    assert layer(5) == 18
    assert order == ["first", "second"]
    layer.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple \(args, kwargs\), got 3"):
        layer(5)


def test_hooks_that_are_always_called():
    layer, seen = nn.Linear(2, 2), []
    layer.register_forward_hook(lambda m, a, y: seen.append("ordinary"))
    layer.register_forward_hook(lambda m, a, y: seen.append(y), always_call=True)
    with pytest.raises(ValueError, match="linear expects"):
        layer(lucid.ones(3))
    assert seen == [None]
    layer(lucid.ones(2))
    assert len(seen) == 3


def test_backward_pre_hooks_change_the_gradient_of_the_output():
    layer, seen = nn.Linear(2, 3), []
    layer.register_full_backward_pre_hook(lambda m, go: (10 * go[0],))
    layer.register_full_backward_hook(lambda m, gi, go: seen.append(go[0]))
    layer(lucid.ones(4, 2)).sum().backward()
    assert layer.bias.grad.tolist() == [40.0] * 3
    assert seen[0].tolist() == [[10.0] * 3] * 4
    layer.register_full_backward_pre_hook(lambda m, go: (1, 2))
    with pytest.raises(RuntimeError, match="must return None or 1 gradients, one per output"):
        layer(lucid.ones(4, 2)).sum().backward()


def test_backward_hooks_on_outputs_that_are_not_all_tensors():
    layer, seen = nn.LSTM(2, 3), []
    layer.register_full_backward_pre_hook(lambda m, go: (2 * go[0], None))
    layer.register_full_backward_hook(lambda m, gi, go: seen.append(go))
    x = lucid.randn(4, 1, 2, requires_grad=True)
    layer(x)[0].sum().backward()
    ((g, rest),) = seen
    assert g.tolist() == [[[2.0] * 3]] * 4
    assert rest is None
    nowhere = nn.Identity()
    nowhere.register_full_backward_hook(lambda m, gi, go: None)
    with pytest.raises(TypeError, match="a Tensor or a tuple with Tensors, got str"):
        nowhere("text")


# More state


def test_assigning_a_state():
    layer = nn.Linear(2, 1)
    layer.bias.requires_grad_(False)
    state = {"weight": lucid.ones(1, 2).half(), "bias": nn.Parameter(lucid.zeros(1))}
    layer.load_state_dict(state, assign=True)
    assert layer.weight.dtype == lucid.float16
    assert type(layer.weight) is nn.Parameter
    assert layer.weight.requires_grad
    assert layer.bias is state["bias"]
    assert not layer.bias.requires_grad
    with pytest.raises(RuntimeError, match=r"weight: expected shape \(1, 2\), got \(2,\)"):
        layer.load_state_dict({"weight": lucid.ones(2), "bias": lucid.ones(1)}, assign=True)


def test_variables_prefix_and_destination():
    layer, found = nn.Linear(2, 1), {"x": 1}
    assert layer.state_dict(keep_vars=True)["weight"] is layer.weight
    assert layer.state_dict(prefix="a.", destination=found) is found
    assert list(found) == ["x", "a.weight", "a.bias"]


def test_state_besides_tensors():
    class Counter(nn.Linear):
        count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    net = nn.Sequential(Counter(1, 1))
    net[0].count = 5
    state = net.state_dict()
    assert list(state) == ["0.weight", "0.bias", "0._extra_state"]
    other = nn.Sequential(Counter(1, 1))
    other.load_state_dict(state)
    assert other[0].count == 5
    del state["0._extra_state"]
    with pytest.raises(RuntimeError, match=r"missing: 0\._extra_state"):
        other.load_state_dict(state)
    with pytest.raises(RuntimeError, match=r"Linear has no extra state; define get_extra_state"):
        nn.Linear(1, 1).get_extra_state()


def test_hooks_of_the_state():
    net, seen = nn.Sequential(nn.Linear(1, 1)), []
    net[0].register_state_dict_pre_hook(lambda m, prefix, keep: seen.append((prefix, keep)))
    net.register_state_dict_post_hook(lambda m, state, prefix, _: state.update(version=2))
    state = net.state_dict()
    assert seen == [("0.", False)]
    assert state["version"] == 2

    def rename(module, state, prefix, _, strict, missing, unexpected, errors):
        state.pop("version")
        for name in list(state):
            state[name.replace("first.", "0.")] = state.pop(name)

    old = {name.replace("0.", "first."): value for name, value in state.items()}
    net.register_load_state_dict_pre_hook(rename)
    net.load_state_dict(old)
    assert "first.weight" in old  # the hook saw a copy
    del old["first.bias"]
    with pytest.raises(RuntimeError, match=r"nothing was changed:\n  missing: 0\.bias"):
        net.load_state_dict(old)
    handle = net.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    assert net.load_state_dict(old).missing_keys == []
    handle.remove()
    net.register_load_state_dict_post_hook(lambda m, keys: seen.append(keys.missing_keys))
    with pytest.raises(RuntimeError, match=r"what agrees was loaded:\n  missing: 0\.bias"):
        net.load_state_dict(old)
    assert seen[-1] == ["0.bias"]


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
