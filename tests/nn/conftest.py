"""Comparison of our layers with torch's, from the same weights and inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid


class Parity:
    """Runs both, forward and backward, and compares everything."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch

    def load(self, ours: Any, theirs: Any) -> None:
        """Our weights from torch's, names and shapes being the same."""
        state = theirs.state_dict()
        assert list(ours.state_dict()) == list(state)
        ours.load_state_dict(state)

    def compare(self, ours: Any, theirs: Any, *inputs: Any, rtol: float = 1e-5) -> None:
        """Output, gradients of inputs and parameters, and the buffers after it."""
        mine, other = [], []
        for x in inputs:
            floating = x.dtype.kind == "f"
            mine.append(lucid.tensor(x, requires_grad=floating))
            other.append(self.torch.tensor(x, requires_grad=floating))
        y, z = ours(*mine), theirs(*other)
        close(y, z, rtol, "output")
        g = np.random.default_rng(0).normal(size=z.shape).astype(np.float32)
        y.backward(lucid.tensor(g))
        z.backward(self.torch.tensor(g))
        for i, (a, b) in enumerate(zip(mine, other, strict=True)):
            if b.grad is not None:
                close(a.grad, b.grad, rtol, f"gradient of input {i}")
        if isinstance(ours, lucid.nn.Module):
            theirs_by_name = dict(theirs.named_parameters())
            for name, p in ours.named_parameters():
                close(p.grad, theirs_by_name[name].grad, rtol, f"gradient of {name}")
            for (name, b), (_, c) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
                close(b, c, rtol, f"buffer {name}")


def close(ours: Any, theirs: Any, rtol: float, what: str) -> None:
    expected = theirs.detach().numpy()
    assert ours.shape == tuple(expected.shape), what
    scale = np.abs(expected).max() if expected.size else 1.0
    np.testing.assert_allclose(
        ours.numpy(), expected, rtol=rtol, atol=rtol * max(scale, 1e-3), err_msg=what
    )


@pytest.fixture(scope="session")
def parity() -> Parity:
    return Parity(pytest.importorskip("torch"))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def gradcheck() -> Any:
    """Compares gradients, first and second order, with central differences in float64."""
    return _gradcheck


def _gradcheck(function: Any, *arrays: np.ndarray, tol: float = 1e-7) -> None:
    rng = np.random.default_rng(1)

    def leaves() -> list[Any]:
        return [lucid.tensor(a, dtype="float64", requires_grad=True) for a in arrays]

    start = leaves()
    y = function(*start)
    seed = lucid.tensor(rng.normal(size=y.shape), dtype="float64")
    directions = [lucid.tensor(rng.normal(size=a.shape), dtype="float64") for a in arrays]

    def value(*tensors: Any) -> Any:
        return (function(*tensors) * seed).sum()

    def slope(*tensors: Any) -> Any:  # a scalar made of first derivatives
        found = lucid.autograd.grad(value(*tensors), tensors, create_graph=True, allow_unused=True)
        parts = [(g * d).sum() for g, d in zip(found, directions, strict=True) if g is not None]
        return sum(parts[1:], parts[0])

    for what, scalar in (("first", value), ("second", slope)):
        tensors = leaves()
        z = scalar(*tensors)
        if not z.requires_grad:  # a linear function has no second derivative
            continue
        analytic = lucid.autograd.grad(z, tensors, allow_unused=True)
        for i, a in enumerate(arrays):
            numeric = np.zeros_like(a)
            for at in np.ndindex(a.shape):
                ends = []
                for h in (1e-6, -1e-6):
                    moved = [b.copy() for b in arrays]
                    moved[i][at] += h
                    shifted = [lucid.tensor(b, dtype="float64", requires_grad=True) for b in moved]
                    ends.append(scalar(*shifted).item())
                numeric[at] = (ends[0] - ends[1]) / 2e-6
            found = np.zeros_like(a) if analytic[i] is None else analytic[i].numpy()
            scale = max(1.0, np.abs(numeric).max())
            np.testing.assert_allclose(
                found, numeric, atol=tol * scale, err_msg=f"{what} derivative in input {i}"
            )
