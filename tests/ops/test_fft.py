"""Fourier transforms and parts of complex tensors: values, and gradients by central differences."""

import numpy as np
import pytest

import lucid
from lucid import ops

LENGTHS = [1, 2, 3, 4, 7, 16, 100, 512]


def differences(f, x, h):
    """The gradient of f(x).sum() by central differences in float64; complex: dL/da + i dL/db."""
    gradient = np.zeros_like(x)
    units = (1, 1j) if np.iscomplexobj(x) else (1,)
    for i in np.ndindex(x.shape):
        for unit in units:
            step = np.zeros_like(x)
            step[i] = h * unit
            gradient[i] += unit * (f(x + step) - f(x - step)).sum() / (2 * h)
    return gradient


@pytest.mark.parametrize("n", LENGTHS)
def test_rfft(n):
    rng = np.random.default_rng(n)
    x = rng.standard_normal((2, n))
    t = lucid.tensor(x, requires_grad=True)
    z = ops.rfft(t)
    np.testing.assert_allclose(z.numpy(), np.fft.rfft(x), atol=2e-6 * n**0.5)
    w = rng.standard_normal(z.shape)
    (ops.real(z) * w + ops.imag(z) * w**2).sum().backward()
    c = w - 1j * w**2  # Re(c z) is the loss
    direct = np.real(np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n // 2 + 1)) / n) @ c.T)
    np.testing.assert_allclose(t.grad.numpy(), direct.T, atol=2e-6 * n)


@pytest.mark.parametrize("n", LENGTHS)
def test_irfft(n):
    rng = np.random.default_rng(n)
    z = rng.standard_normal((2, n // 2 + 1)) + 1j * rng.standard_normal((2, n // 2 + 1))
    t = lucid.tensor(z.astype(np.complex64), requires_grad=True)
    x = ops.irfft(t, n=n)
    np.testing.assert_allclose(x.numpy(), np.fft.irfft(z, n), atol=2e-6)
    if n > 16:
        return
    w = rng.standard_normal((2, n))
    (x * w).sum().backward()
    expected = differences(lambda z: np.fft.irfft(z, n) * w, z, 1e-5)
    np.testing.assert_allclose(t.grad.numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("power", [2.0, 1.0, 0.5, 3.0])
def test_abs_power(power):
    z = np.array([3 + 4j, -1e-3 + 2e-3j, 1j, -2], np.complex64)
    t = lucid.tensor(z, requires_grad=True)
    y = ops.abs_power(t, power)
    np.testing.assert_allclose(y.numpy(), np.abs(z.astype(complex)) ** power, rtol=1e-6)
    y.sum().backward()
    expected = differences(lambda z: np.abs(z) ** power, z.astype(complex), 1e-7)
    np.testing.assert_allclose(t.grad.numpy(), expected, rtol=1e-5)
    zero = lucid.tensor(np.zeros(2, np.complex64), requires_grad=True)
    y = ops.abs_power(zero, power)
    y.backward(create_graph=True)
    assert y.tolist() == [0, 0]
    assert zero.grad.tolist() == [0, 0]
    first = zero.grad
    (second,) = lucid.autograd.grad(ops.real(first).sum(), [zero], allow_unused=True)
    assert second is None or np.isfinite(second.numpy()).all()


def test_parts():
    z = lucid.tensor(np.array([1 + 2j, 3 - 4j], np.complex64), requires_grad=True)
    assert z.real.tolist() == [1, 3]
    assert z.imag.tolist() == [2, -4]
    assert z.conj().tolist() == [1 - 2j, 3 + 4j]
    (ops.real(z) * lucid.tensor([1.0, 2.0]) + ops.imag(ops.conj(z)) * 5).sum().backward()
    assert z.grad.tolist() == [1 - 5j, 2 - 5j]
    re, im = lucid.ones(2, requires_grad=True), lucid.ones(2, requires_grad=True)
    (ops.imag(ops.complex(re, im)) * 3 + ops.real(ops.complex(re, im))).sum().backward()
    assert (re.grad.tolist(), im.grad.tolist()) == ([1, 1], [3, 3])


def test_empty_batches():
    assert ops.rfft(lucid.zeros(0, 8)).shape == (0, 5)
    assert ops.irfft(ops.rfft(lucid.zeros(0, 8)), n=8).shape == (0, 8)


def test_refuses():
    z = ops.rfft(lucid.ones(8))
    with pytest.raises(ValueError, match="expects a real signal"):
        ops.rfft(z)
    with pytest.raises(ValueError, match="at least one value to transform, got n=0"):
        ops.irfft(z, n=0)
    with pytest.raises(ValueError, match='"ortho" or "forward", got \'half\''):
        lucid.fft.fft(z, norm="half")
    with pytest.raises(ValueError, match="at least one value to transform, got n=-1"):
        lucid.fft.fft(z, -1)
    with pytest.raises(ValueError, match="expects at least one value along dim 0, got -2"):
        lucid.fft.fftn(z, (-2,))
    with pytest.raises(TypeError, match="parts of one floating point dtype"):
        ops.complex(lucid.ones(1), lucid.ones(1).int())
