"""scatter_reduce where gradients are delicate: zeros in a product, ties of extremes."""

import numpy as np
import pytest

import lucid

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

INDEX = [[0, 0, 1, 2, 2, 3, 3, 3]]
# no zero, one among the values, one in the input, two among the values; equal values
SRC = [[2.0, 3.0, 0.0, 4.0, 4.0, 0.0, 0.0, 5.0]]
TIED = [[2.0, 6.0, 0.0, 7.0, 1.0]]
ALL_FOUR = [[4.0] * 5]
# Left out, the input's own value takes no part in a tie. In torch it takes its share all the same.
APART = [[9.0, 8.0, 7.0, 6.0, 1.0]]


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize(
    ("own", "include_self"), [(TIED, True), (ALL_FOUR, True), (APART, True), (APART, False)]
)
def test_gradients(name, own, include_self):
    weights = np.arange(1.0, 6.0, dtype=np.float32)[None]
    found = []
    for library in (lucid, torch):
        x = library.tensor(own, requires_grad=True)
        src = library.tensor(SRC, requires_grad=True)
        index = library.tensor(INDEX)
        y = x.scatter_reduce(1, index, src, name, include_self=include_self)
        y.backward(library.tensor(weights))
        found.append([t.detach().numpy() for t in (y, x.grad, src.grad)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_product_under_vmap():
    x, src, index = lucid.tensor(TIED * 2), lucid.tensor(SRC * 2), lucid.tensor(INDEX * 2)

    def total(x, src, index):
        return x.scatter_reduce(0, index, src, "prod").sum()

    ours = lucid.func.vmap(lucid.func.grad(total, argnums=(0, 1)))(x, src, index)
    theirs = [torch.tensor(TIED[0], requires_grad=True), torch.tensor(SRC[0], requires_grad=True)]
    total(*theirs, torch.tensor(INDEX[0])).backward()
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), np.stack([b.grad.numpy()] * 2), rtol=1e-6)
