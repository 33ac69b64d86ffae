"""SeparableConv1d: every argument of Keras' layer. `test_separable_parity` asks Keras itself."""

import copy
import math
import pickle

import numpy as np
import pytest

import lucid
from lucid import nn, optim


@pytest.mark.parametrize("L", [1, 5, 8, 9])
@pytest.mark.parametrize("K", [1, 2, 3, 5])
@pytest.mark.parametrize("s", [1, 2, 3])
@pytest.mark.parametrize("d", [1, 2])
def test_same_gives_the_length_over_the_stride_rounded_up(L, K, s, d):
    layer = nn.SeparableConv1d(1, 1, K, stride=s, padding="same", dilation=d)
    assert layer(lucid.zeros(2, 1, L)).shape == (2, 1, math.ceil(L / s))


def test_weights_are_named_shaped_and_started_as_in_keras():
    lucid.manual_seed(0)
    layer = nn.SeparableConv1d(40, 60, 9, depth_multiplier=2)
    shapes = {name: p.shape for name, p in layer.named_parameters()}
    assert shapes == {
        "depthwise.weight": (80, 1, 9), "pointwise.weight": (60, 80, 1), "pointwise.bias": (60,),
    }  # fmt: skip
    # Glorot: the fans of the kernels (9, 40, 2) and (1, 80, 60)
    for weight, fans in ((layer.depthwise.weight, 9 * 42), (layer.pointwise.weight, 140)):
        limit = math.sqrt(6 / fans)
        assert 0.97 * limit < weight.abs().amax().item() <= limit
    assert layer.pointwise.bias.tolist() == [0.0] * 60


def test_channels_last_is_the_same_layer_seen_from_the_side():
    first = nn.SeparableConv1d(3, 4, 3, depth_multiplier=2, stride=2, padding="same")
    last = nn.SeparableConv1d(
        3, 4, 3, depth_multiplier=2, stride=2, padding="same", data_format="channels_last"
    )
    last.load_state_dict(first.state_dict())
    x = lucid.randn(2, 3, 7)
    np.testing.assert_array_equal(last(x.transpose(1, 2)).transpose(1, 2).numpy(), first(x).numpy())
    np.testing.assert_array_equal(last(x[0].transpose(0, 1)).numpy(), first(x[0]).T.numpy())
    with pytest.raises(ValueError, match=r"\(N, 3, L\) or \(3, L\), got \(2, 7, 3\)"):
        last(x)


def test_regularizers_add_up():
    layer = nn.SeparableConv1d(
        2, 3, 3, depthwise_regularizer="l1", pointwise_regularizer=lambda w: 2 * w.sum(),
        bias_regularizer="l2", bias_initializer="ones", activity_regularizer="l2",
    )  # fmt: skip
    model = nn.Sequential(layer, nn.ReLU())
    y = layer(lucid.randn(4, 2, 8))
    wanted = (
        0.01 * np.abs(layer.depthwise.weight.numpy()).sum()
        + 2 * layer.pointwise.weight.numpy().sum()
        + 0.01 * 3
        + 0.01 * np.square(y.numpy()).sum() / 4
    )
    loss = model.regularization_loss()
    assert loss.item() == pytest.approx(wanted, rel=1e-5)
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("non_neg", lambda w: (w >= 0).all()),
        ("unit_norm", lambda w: np.allclose(np.linalg.norm(w, axis=0), 1, atol=1e-5)),
        ("max_norm", lambda w: (np.linalg.norm(w, axis=0) <= 2 + 1e-5).all()),
        ("min_max_norm", lambda w: (np.linalg.norm(w, axis=0) <= 1 + 1e-5).all()),
    ],
)
def test_constraints_hold_after_a_step(name, holds):
    settings = dict.fromkeys(
        ("depthwise_constraint", "pointwise_constraint", "bias_constraint"), name
    )
    layer = nn.SeparableConv1d(2, 3, 4, depth_multiplier=2, **settings)
    optimizer = optim.SGD(layer.parameters(), lr=30.0)
    layer(lucid.randn(4, 2, 9)).square().sum().backward()
    optimizer.step()
    depthwise = layer.depthwise.weight.numpy().reshape(2, 2, 4).transpose(2, 0, 1)
    assert holds(depthwise)
    assert holds(layer.pointwise.weight.numpy().transpose(2, 1, 0))
    assert holds(layer.pointwise.bias.numpy())


def test_initializers_activation_and_trainable():
    layer = nn.SeparableConv1d(
        2, 3, 4, depth_multiplier=2, activation="tanh", trainable=False, bias=False,
        depthwise_initializer=lambda shape: np.arange(math.prod(shape)).reshape(shape),
        pointwise_initializer={"class_name": "Constant", "config": {"value": 0.5}},
    )  # fmt: skip
    kernel = np.arange(16).reshape(4, 2, 2)  # (K, C_in, m): filter j of channel c is c*m + j
    assert layer.depthwise.weight[3, 0].tolist() == kernel[:, 1, 1].tolist()
    assert (layer.pointwise.weight == 0.5).all()
    assert layer.pointwise.bias is None
    assert not any(p.requires_grad for p in layer.parameters())
    assert layer(lucid.randn(1, 2, 9)).abs().amax().item() <= 1


def test_a_deep_copy_is_a_layer_of_its_own():
    layer = nn.SeparableConv1d(2, 3, 4, depthwise_regularizer="l2", depthwise_constraint="non_neg")
    twin = copy.deepcopy(layer)
    before = layer.regularization_loss().item()
    with lucid.no_grad():
        twin.depthwise.weight.mul_(0.0)
    assert twin.regularization_loss().item() == 0.0
    assert layer.regularization_loss().item() == before


@pytest.mark.parametrize("activation", ["leaky_relu", "linear", "softmax", "exponential"])
def test_copies_and_pickles_work_after_a_call_with_all_settings(activation):
    max_norm = {"class_name": "MaxNorm", "config": {"max_value": 0.1, "axis": 0}}
    layer = nn.SeparableConv1d(
        2, 3, 4, activation=activation, activity_regularizer="l2", depthwise_regularizer="l1_l2",
        depthwise_constraint=max_norm, pointwise_constraint="unit_norm", bias_constraint="non_neg",
    )  # fmt: skip
    x = lucid.randn(1, 2, 9)
    y = layer(x)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert twin(x).tolist() == y.tolist()
        assert twin.regularization_loss().item() == layer.regularization_loss().item()
        optimizer = optim.SGD(twin.parameters(), lr=1.0)
        twin.regularization_loss().backward()
        optimizer.step()
        assert (np.linalg.norm(twin.depthwise.weight.numpy()[:, 0], axis=1) < 0.11).all()


@pytest.mark.parametrize(
    ("policy", "dtype"),
    [
        (None, lucid.float32),
        ("float64", lucid.float64),
        ("mixed_float16", lucid.float32),
        ({"class_name": "DTypePolicy", "config": {"name": "float16"}}, lucid.float16),
    ],
)
def test_from_keras_takes_the_dtype_of_the_policy(policy, dtype):
    config = {"name": "s", "filters": 4, "kernel_size": [3], "strides": [1], "dtype": policy}
    weights = [np.full((3, 2, 1), 0.1), np.zeros((1, 2, 4)), np.zeros(4)]
    layer = nn.SeparableConv1d.from_keras(config, weights)
    assert {p.dtype for p in layer.parameters()} == {dtype}
    assert layer.depthwise.weight[0, 0, 0].item() == lucid.tensor(0.1, dtype=dtype).item()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"depth_multiplier": 0}, ValueError, "depth_multiplier must be at least 1, got 0"),
        ({"data_format": "NCL"}, ValueError, "channels_first, channels_last, got 'NCL'"),
        ({"padding": "reflect"}, ValueError, '"valid", "same" or "causal", got \'reflect\''),
        ({"activation": "rleu"}, ValueError, "unknown activation 'rleu'; known are .*relu"),
        ({"depthwise_initializer": "glorot"}, ValueError, "unknown initializer 'glorot'"),
        ({"pointwise_regularizer": 0.1}, TypeError, "regularizer must be None, a callable or"),
        ({"bias_constraint": "positive"}, ValueError, "known are max_norm, min_max_norm, non_neg"),
        ({"trainable": 1}, TypeError, "trainable must be a bool, got 1"),
        ({"bias_initializer": lambda shape: np.zeros(7)}, ValueError, r"shape \(3,\), got \(7,\)"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        nn.SeparableConv1d(2, 3, 4, **settings)


def test_from_keras_refuses_weights_that_do_not_fit():
    config = {"filters": 4, "kernel_size": (3,), "padding": "same"}
    with pytest.raises(ValueError, match="the config lacks filters"):
        nn.SeparableConv1d.from_keras({"kernel_size": 3}, [])
    depthwise, pointwise = np.zeros((3, 2, 1)), np.zeros((1, 2, 4))
    with pytest.raises(ValueError, match=r"expects 3 weight arrays \(.*bias\), got 2"):
        nn.SeparableConv1d.from_keras(config, [depthwise, pointwise])
    with pytest.raises(RuntimeError, match=r"pointwise.weight: expected shape \(4, 2, 1\)"):
        nn.SeparableConv1d.from_keras(config, [depthwise, np.zeros((1, 3, 4)), np.zeros(4)])
    with pytest.raises(ValueError, match=r"kernel of shape .*got \(3, 2\)"):
        nn.SeparableConv1d.from_keras(config, [depthwise[..., 0], pointwise, np.zeros(4)])
