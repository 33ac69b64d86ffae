"""Activation functions."""

import lucid
from gradient_cases import MIXED

CASES = {
    "elu": (lucid.ops.elu, MIXED),
    "gelu": (lucid.ops.gelu, MIXED),
    "gelu tanh": (lambda x: lucid.ops.gelu(x, "tanh"), MIXED),
    "leaky_relu": (lambda x: lucid.ops.leaky_relu(x, 0.1), MIXED),
    "log_softmax": (lambda x: x.log_softmax(0), MIXED),
    "prelu": (lucid.ops.prelu, MIXED, (3,)),
    "relu": (lucid.relu, MIXED),
    "sigmoid": (lucid.sigmoid, MIXED),
    "silu": (lucid.ops.silu, MIXED),
    "softmax": (lambda x: x.softmax(-1), MIXED),
    "softplus": (lambda x: lucid.ops.softplus(x, beta=2.0), MIXED),
    "tanh": (lucid.tanh, MIXED),
}
