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
