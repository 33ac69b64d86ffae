"""SeparableConv1d against Keras' own layer, on Keras' JAX backend on the CPU."""

import os
import random

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np
import pytest

import lucid
from lucid import nn

pytest.importorskip("jax")
keras = pytest.importorskip("keras")
pytestmark = [
    pytest.mark.parity,
    # Keras about JAX, and about a softmax over an axis of one
    pytest.mark.filterwarnings("ignore::DeprecationWarning:keras"),
    pytest.mark.filterwarnings("ignore:You are using a softmax:UserWarning"),
]

ACTIVATIONS = [None, "relu", "tanh", "sigmoid", "elu", "softplus", "leaky_relu", "gelu", "silu",
               "softmax", "hard_sigmoid", "selu", "mish", "softsign", "relu6"]  # fmt: skip
REGULARIZERS = [None, "l1", "l2", keras.regularizers.L1L2(0.02, 0.03)]
CONSTRAINTS = [None, "non_neg", "max_norm", "unit_norm",
               keras.constraints.MinMaxNorm(0.3, 0.8, rate=0.7)]  # fmt: skip


def settings(seed):
    """A random layer and an input that it fits. Keras takes no stride together with a dilation."""
    rng = random.Random(seed)
    C, K, m = rng.randint(1, 5), rng.randint(1, 6), rng.randint(1, 3)
    s, d = (rng.randint(1, 4), 1) if rng.random() < 0.5 else (1, rng.randint(1, 3))
    options = {
        "filters": rng.randint(1, 6), "kernel_size": K, "strides": s, "dilation_rate": d,
        "padding": rng.choice(["valid", "same"]), "depth_multiplier": m,
        "data_format": rng.choice(["channels_last", "channels_first"]),
        "activation": rng.choice(ACTIVATIONS), "use_bias": rng.random() < 0.7,
        "bias_initializer": "random_normal",
        "depthwise_regularizer": rng.choice(REGULARIZERS),
        "pointwise_regularizer": rng.choice(REGULARIZERS),
        "activity_regularizer": rng.choice(REGULARIZERS),
        "depthwise_constraint": rng.choice(CONSTRAINTS),
        "pointwise_constraint": rng.choice(CONSTRAINTS),
    }  # fmt: skip
    L = d * (K - 1) + rng.randint(1, 20)
    shape = (rng.randint(1, 3), L, C)
    return options, shape if options["data_format"] == "channels_last" else (shape[0], C, L)


def kernel(weight, m=None):
    """A weight of ours in Keras' layout."""
    values = weight.numpy()
    if values.ndim == 3 and m is not None:
        return values.reshape(-1, m, values.shape[-1]).transpose(2, 0, 1)
    return values.transpose(2, 1, 0) if values.ndim == 3 else values


@pytest.mark.parametrize("seed", range(200))
def test_separable_conv1d(seed):
    import jax

    options, shape = settings(seed)
    rng = np.random.default_rng(seed)
    theirs = keras.layers.SeparableConv1D(**options)
    theirs.build(shape)
    weights = [rng.standard_normal(v.shape).astype(np.float32) for v in theirs.weights]
    theirs.set_weights(weights)
    ours = nn.SeparableConv1d.from_keras(theirs.get_config(), weights)
    m = options["depth_multiplier"]
    x = rng.standard_normal(shape).astype(np.float32)
    g = rng.standard_normal(theirs.compute_output_shape(shape)).astype(np.float32)

    def forward(weights, x):
        y, _, losses = theirs.stateless_call(weights, [], x, return_losses=True)
        if theirs.activity_regularizer is not None:  # a stateless call leaves this one out
            losses = [*losses, theirs.activity_regularizer(y) / len(x)]
        return y, sum(losses, jax.numpy.zeros(()))

    @jax.jit  # one compilation instead of one per operation
    def with_gradients(weights, x, g):
        (y, penalty), pull = jax.vjp(forward, weights, x)
        return y, penalty, *pull((g, jax.numpy.ones(())))

    y, penalty, wanted_w, wanted_x = with_gradients(weights, x, g)
    if seed < 10:  # that the loss is put together as Keras does it
        theirs(x)
        close(np.asarray(penalty), np.asarray(sum(theirs.losses, 0.0)), "Keras' own sum")

    a = lucid.tensor(x, requires_grad=True)
    z = ours(a)
    loss = ours.regularization_loss()
    ((z * lucid.tensor(g)).sum() + loss).backward()
    grads = [kernel(ours.depthwise.weight.grad, m), kernel(ours.pointwise.weight.grad)]
    if options["use_bias"]:
        grads.append(ours.pointwise.bias.grad.numpy())

    close(z.numpy(), y, "output")
    close(np.array(loss.item()), penalty, "regularization_loss")
    close(a.grad.numpy(), wanted_x, "gradient of x")
    for got, wanted, name in zip(grads, wanted_w, ("depthwise", "pointwise", "bias"), strict=False):
        close(got, wanted, f"gradient of {name}")


@pytest.mark.parametrize("seed", range(20))
def test_constraints(seed):
    options, shape = settings(seed)
    options |= {"depthwise_constraint": CONSTRAINTS[seed % 4 + 1],
                "pointwise_constraint": CONSTRAINTS[(seed + 1) % 4 + 1]}  # fmt: skip
    theirs = keras.layers.SeparableConv1D(**options)
    theirs.build(shape)
    ours = nn.SeparableConv1d.from_keras(theirs.get_config(), theirs.get_weights())
    for parameter, variable, m in (
        (ours.depthwise.weight, theirs.depthwise_kernel, options["depth_multiplier"]),
        (ours.pointwise.weight, theirs.pointwise_kernel, None),
    ):
        constrained = parameter.constraint(parameter.detach())
        close(kernel(constrained, m), variable.constraint(variable.value), "constraint")


def close(got, wanted, what):
    wanted = np.asarray(wanted)
    assert got.shape == wanted.shape, what
    error = np.abs(got - wanted).max() / max(1.0, np.abs(wanted).max())
    assert error <= 1e-5, f"{what}: {error:.1e}"


@pytest.mark.parametrize(
    "name",
    ["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
     "lecun_normal", "random_normal", "random_uniform", "truncated_normal", "variance_scaling"],
)  # fmt: skip
def test_initializers_have_keras_law(name):
    lucid.manual_seed(0)
    shape = (9, 40, 60)
    wanted = np.asarray(keras.initializers.get(name)(shape))
    got = nn.keras.INITIALIZERS[name](shape).numpy()
    # 21,600 draws: the standard deviation is known to 0.5 %, four of those allowed
    assert got.std() == pytest.approx(wanted.std(), rel=0.02)
    assert abs(got.mean()) < 0.03 * got.std()
    assert np.abs(got).max() == pytest.approx(np.abs(wanted).max(), rel=0.15)
