"""The definitions that the kernels must meet: plain NumPy loops in float64."""

from types import SimpleNamespace

import numpy as np
import pytest


def pairs(L, length, K, stride, left, dilation):
    """All (t, k, i) with i = t*stride + k*dilation - left inside of x."""
    for t in range(length):
        for k in range(K):
            i = t * stride + k * dilation - left
            if 0 <= i < L:
                yield t, k, i


def channels(C_in, C_out, groups):
    """The channels (of y, of x) in each group."""
    Cg, Og = C_in // groups, C_out // groups
    for g in range(groups):
        yield slice(g * Og, (g + 1) * Og), slice(g * Cg, (g + 1) * Cg)


def conv1d(x, w, length, *, stride, left, dilation, groups):
    y = np.zeros((x.shape[0], w.shape[0], length))
    for t, k, i in pairs(x.shape[2], length, w.shape[2], stride, left, dilation):
        for o, c in channels(x.shape[1], w.shape[0], groups):
            y[:, o, t] += x[:, c, i] @ w[o, :, k].T
    return y


def conv_transpose1d(y, w, length, *, stride, left, dilation, groups):
    x = np.zeros((y.shape[0], w.shape[1] * groups, length))
    for t, k, i in pairs(length, y.shape[2], w.shape[2], stride, left, dilation):
        for o, c in channels(x.shape[1], w.shape[0], groups):
            x[:, c, i] += y[:, o, t] @ w[o, :, k]
    return x


def weight_grad(x, y, K, *, stride, left, dilation, groups):
    w = np.zeros((y.shape[1], x.shape[1] // groups, K))
    for t, k, i in pairs(x.shape[2], y.shape[2], K, stride, left, dilation):
        for o, c in channels(x.shape[1], y.shape[1], groups):
            w[o, :, k] += y[:, o, t].T @ x[:, c, i]
    return w


@pytest.fixture(scope="session")
def definition():
    return SimpleNamespace(
        conv1d=conv1d, conv_transpose1d=conv_transpose1d, weight_grad=weight_grad
    )
