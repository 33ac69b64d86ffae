"""The state dict: what it holds, loading it, and what the errors of one that does not fit say."""

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


def test_without_strict_a_wrong_shape_is_not_answered_with_strict_false():
    with pytest.raises(RuntimeError, match=r"expected shape \(2, 2\), got \(3, 2\)") as caught:
        nn.Linear(2, 2).load_state_dict({"weight": np.ones((3, 2))}, strict=False)
    assert "strict=False" not in str(caught.value)


def test_complex_numbers_do_not_lose_their_imaginary_part():
    linear = nn.Linear(2, 2)
    before = linear.weight.tolist()
    with pytest.raises(RuntimeError, match="weight: expected real numbers, got complex64"):
        linear.load_state_dict({"weight": np.ones((2, 2), np.complex64), "bias": np.ones(2)})
    assert linear.weight.tolist() == before


def test_a_file_that_breaks_off_changes_nothing(tmp_path):
    layer = nn.Linear(50, 50)
    before = layer.weight.numpy()
    path = tmp_path / "state.safetensors"
    mx.save_safetensors(str(path), {k: mx.zeros(v.shape) for k, v in layer.state_dict().items()})
    state = mx.load(str(path))  # lazy: the data are read when they are needed
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(RuntimeError):
        layer.load_state_dict(state)
    np.testing.assert_array_equal(layer.weight.numpy(), before)
