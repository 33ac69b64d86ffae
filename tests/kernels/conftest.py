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


def split(signal, weight, groups):
    """Views by group: (N, groups, C/groups, L) and (groups, Og, Cg, K)."""
    N, C, L = signal.shape
    return signal.reshape(N, groups, C // groups, L), weight.reshape(groups, -1, *weight.shape[1:])


def conv1d(x, w, length, *, stride, left, dilation, groups):
    y = np.zeros((x.shape[0], w.shape[0], length))
    (xs, ws), (ys, _) = split(x, w, groups), split(y, w, groups)
    for t, k, i in pairs(x.shape[2], length, w.shape[2], stride, left, dilation):
        ys[..., t] += np.einsum("goc,ngc->ngo", ws[..., k], xs[..., i])
    return y


def conv_transpose1d(y, w, length, *, stride, left, dilation, groups):
    x = np.zeros((y.shape[0], w.shape[1] * groups, length))
    (xs, ws), (ys, _) = split(x, w, groups), split(y, w, groups)
    for t, k, i in pairs(length, y.shape[2], w.shape[2], stride, left, dilation):
        xs[..., i] += np.einsum("goc,ngo->ngc", ws[..., k], ys[..., t])
    return x


def weight_grad(x, y, K, *, stride, left, dilation, groups):
    w = np.zeros((y.shape[1], x.shape[1] // groups, K))
    (xs, ws), (ys, _) = split(x, w, groups), split(y, w, groups)
    for t, k, i in pairs(x.shape[2], y.shape[2], K, stride, left, dilation):
        ws[..., k] += np.einsum("ngo,ngc->goc", ys[..., t], xs[..., i])
    return w


@pytest.fixture(scope="session")
def definition():
    return SimpleNamespace(
        conv1d=conv1d, conv_transpose1d=conv_transpose1d, weight_grad=weight_grad
    )
