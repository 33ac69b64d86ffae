"""Activation functions."""

import lucid
from gradient_cases import MIXED
from lucid.nn import functional as F

CASES = {
    "celu": (lambda x: F.celu(x, 2.0), MIXED),
    "elu": (lucid.ops.elu, MIXED),
    "glu": (lambda x: F.glu(x, 0), MIXED),
    "gelu": (lucid.ops.gelu, MIXED),
    "gelu tanh": (lambda x: lucid.ops.gelu(x, "tanh"), MIXED),
    "hardshrink": (F.hardshrink, MIXED),
    "hardsigmoid": (F.hardsigmoid, MIXED),
    "hardswish": (F.hardswish, MIXED),
    "hardtanh": (F.hardtanh, MIXED),
    "leaky_relu": (lambda x: lucid.ops.leaky_relu(x, 0.1), MIXED),
    "log_softmax": (lambda x: x.log_softmax(0), MIXED),
    "logsigmoid": (F.logsigmoid, MIXED),
    "mish": (F.mish, MIXED),
    "prelu": (lucid.ops.prelu, MIXED, (3,)),
    "relu": (lucid.relu, MIXED),
    "selu": (F.selu, MIXED),
    "sigmoid": (lucid.sigmoid, MIXED),
    "silu": (lucid.ops.silu, MIXED),
    "snake": (F.snake, MIXED, (2, 1), (2, 1)),
    "softmax": (lambda x: x.softmax(-1), MIXED),
    "softplus": (lambda x: lucid.ops.softplus(x, beta=2.0), MIXED),
    "softshrink": (F.softshrink, MIXED),
    "softsign": (F.softsign, MIXED),
    "tanh": (lucid.tanh, MIXED),
    "tanhshrink": (F.tanhshrink, MIXED),
    "threshold": (lambda x: F.threshold(x, 0.1, 5.0), MIXED),
}
