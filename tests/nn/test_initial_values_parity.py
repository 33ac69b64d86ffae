"""The distributions that fresh layers draw their parameters from, against torch's."""

import numpy as np
import pytest

import lucid
from lucid import nn

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

LAYERS = [
    ("Linear", (64, 96)),
    ("Bilinear", (16, 24, 32)),
    ("RNN", (64, 48)),
    ("LSTM", (64, 48, 2)),
    ("GRU", (64, 48)),
    ("LSTMCell", (64, 48)),
    ("Embedding", (64, 48, 3)),
    ("EmbeddingBag", (64, 48)),
    ("MultiheadAttention", (48, 4)),
    ("MultiheadAttention", (48, 4, 0.0, True, True, False, 32, 64)),
    ("TransformerEncoderLayer", (48, 4, 64)),
    ("Transformer", (32, 4, 1, 1, 48)),
    ("LazyLinear", (96,)),
]


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize(("name", "args"), LAYERS)
def test_spread_of_every_parameter(name, args):
    lucid.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = getattr(nn, name)(*args), getattr(torch.nn, name)(*args)
    if name.startswith("Lazy"):
        ours(lucid.ones(1, 64)), theirs(torch.ones(1, 64))
    for (label, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        mine, other = p.detach().numpy(), q.detach().numpy()
        if np.ptp(other) == 0:  # constants: biases of 0, weights of norms of 1
            np.testing.assert_array_equal(mine, other, err_msg=label)
            continue
        spread = 4 / np.sqrt(other.size)  # four standard errors of each, roughly
        np.testing.assert_allclose(mine.std(), other.std(), rtol=spread, err_msg=label)
        np.testing.assert_allclose(mine.mean(), 0, atol=spread * other.std(), err_msg=label)
        kurtosis = [((a - a.mean()) ** 4).mean() / a.var() ** 2 for a in (mine, other)]
        if other.size > 1000:  # uniform 1.8, normal 3
            assert abs(kurtosis[0] - kurtosis[1]) < 0.4, label
