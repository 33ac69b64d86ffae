"""Random samplers: their distributions (fixed seeds, SciPy's statistics), generators, refusals."""

import numpy as np
import pytest
from scipy import stats

import lucid

N = 20_000


def zeros(dtype=lucid.float32):
    return lucid.zeros(N, dtype=dtype)


CONTINUOUS = {
    "rand": (lambda g: lucid.rand(N, generator=g), stats.uniform()),
    "randn": (lambda g: lucid.randn(N, generator=g), stats.norm()),
    "rand_like": (lambda g: lucid.rand_like(zeros(), generator=g), stats.uniform()),
    "randn_like": (lambda g: lucid.randn_like(zeros(), generator=g), stats.norm()),
    "normal": (lambda g: lucid.normal(2.0, 3.0, (N,), generator=g), stats.norm(2, 3)),
    "normal tensors": (lambda g: lucid.normal(zeros() + 2, 3.0, generator=g), stats.norm(2, 3)),
    "normal_": (lambda g: zeros().normal_(-1, 2, generator=g), stats.norm(-1, 2)),
    "uniform_": (lambda g: zeros().uniform_(-1, 2, generator=g), stats.uniform(-1, 3)),
    "exponential_": (lambda g: zeros().exponential_(2, generator=g), stats.expon(scale=0.5)),
    "cauchy_": (lambda g: zeros().cauchy_(1, 2, generator=g), stats.cauchy(1, 2)),
    "log_normal_": (
        lambda g: zeros().log_normal_(0.5, 2, generator=g),
        stats.lognorm(2, scale=np.exp(0.5)),
    ),
}
DISCRETE = {
    "randint": (lambda g: lucid.randint(3, 9, (N,), generator=g), stats.randint(3, 9)),
    "randint_like": (lambda g: lucid.randint_like(zeros(), 5, generator=g), stats.randint(0, 5)),
    "random_": (lambda g: zeros().random_(2, 6, generator=g), stats.randint(2, 6)),
    "random_ int8": (lambda g: zeros(lucid.int8).random_(generator=g), stats.randint(0, 128)),
    "bernoulli": (lambda g: lucid.bernoulli(zeros() + 0.3, generator=g), stats.bernoulli(0.3)),
    "bernoulli p": (lambda g: lucid.bernoulli(zeros(), 0.7, generator=g), stats.bernoulli(0.7)),
    "bernoulli_": (lambda g: zeros().bernoulli_(0.2, generator=g), stats.bernoulli(0.2)),
    "geometric_": (lambda g: zeros().geometric_(0.4, generator=g), stats.geom(0.4)),
    "geometric_ int": (lambda g: zeros(lucid.int64).geometric_(0.4, generator=g), stats.geom(0.4)),
    "poisson": (lambda g: lucid.poisson(zeros() + 3.5, generator=g), stats.poisson(3.5)),
    "multinomial": (
        lambda g: lucid.multinomial(lucid.tensor([1.0, 2.0, 0.0, 5.0]), N, True, generator=g),
        stats.rv_discrete(values=(range(4), [1 / 8, 2 / 8, 0, 5 / 8])),
    ),
    "multinomial once": (
        lambda g: lucid.multinomial(lucid.ones(N, 2) * lucid.tensor([1.0, 3.0]), 2, generator=g)[
            :, 0
        ],
        stats.rv_discrete(values=(range(2), [1 / 4, 3 / 4])),
    ),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_density(name):
    draw, law = CONTINUOUS[name]
    drawn = draw(lucid.Generator().manual_seed(3))
    assert drawn.shape == (N,)
    assert stats.kstest(drawn.numpy(), law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", DISCRETE)
def test_frequencies(name):
    draw, law = DISCRETE[name]
    values, counts = np.unique(draw(lucid.Generator().manual_seed(3)).numpy(), return_counts=True)
    expected = N * law.pmf(values)
    assert (expected > 0).all()
    rare = expected < 5  # the statistic needs more; these count as one
    if rare.any():
        expected = np.append(expected[~rare], N - expected[~rare].sum())
        counts = np.append(counts[~rare], counts[rare].sum())
    # all but this much of the distribution was seen
    np.testing.assert_allclose(expected.sum(), N, rtol=1e-3)
    assert stats.chisquare(counts, expected * N / expected.sum()).pvalue > 1e-3


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE])
def test_a_generator_repeats_and_leaves_the_stream(name):
    draw = (CONTINUOUS.get(name) or DISCRETE[name])[0]
    g, state = lucid.Generator(), lucid.get_rng_state()
    first = draw(g.manual_seed(5)).numpy()
    np.testing.assert_array_equal(draw(g.manual_seed(5)).numpy(), first)
    assert not np.array_equal(draw(g).numpy(), first)
    np.testing.assert_array_equal(lucid.get_rng_state(), state)


def test_a_generator():
    g = lucid.Generator(device="cpu").manual_seed(-1)
    assert g.initial_seed() == 2**64 - 1
    state = g.get_state()
    first = lucid.randperm(50, generator=g).tolist()
    assert sorted(first) == list(range(50))
    g.set_state(state)
    assert lucid.randperm(50, generator=g).tolist() == first
    assert g.seed() == g.initial_seed() != 2**64 - 1
    with pytest.raises(TypeError, match=r"generator must be a lucid\.Generator, got int"):
        lucid.rand(2, generator=3)


def test_forked_stream():
    assert lucid.manual_seed(3) is lucid.default_generator
    assert lucid.initial_seed() == 3
    with lucid.random.fork_rng():
        inside = lucid.rand(4).tolist()
    assert lucid.rand(4).tolist() == inside
    assert lucid.seed() == lucid.initial_seed()


@pytest.mark.parametrize("dtype", [lucid.float16, lucid.bfloat16])
def test_half_precision_stays_below_one(dtype):
    lucid.manual_seed(0)
    u = lucid.rand(100_000, dtype=dtype)
    assert u.dtype == dtype
    assert u.float().max().item() < 1
    assert lucid.zeros(100_000, dtype=dtype).uniform_().float().max().item() < 1


def test_no_row_is_drawn_twice_without_replacement():
    drawn = lucid.multinomial(lucid.ones(100, 7), 7).numpy()
    assert (np.sort(drawn, -1) == np.arange(7)).all()


def test_a_filled_tensor_leaves_the_graph():
    x = lucid.ones(3, requires_grad=True)
    y = x * 2
    assert not y.normal_().requires_grad
    with pytest.raises(RuntimeError, match="a leaf that requires grad"):
        x.normal_()


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: lucid.bernoulli(lucid.tensor([0.5, 1.5])), ValueError, "from 0 to 1"),
        (lambda: lucid.bernoulli(lucid.tensor([1, 0])), TypeError, "floating point"),
        (lambda: lucid.normal(0.0, -1.0, (2,)), ValueError, "std >= 0, got -1"),
        (lambda: lucid.normal(0.0, lucid.tensor([-1.0])), ValueError, "std >= 0"),
        (lambda: lucid.normal(0.0, 1.0), TypeError, "needs a size"),
        (lambda: lucid.multinomial(lucid.tensor([1.0, -1.0]), 1), ValueError, "finite weights"),
        (lambda: lucid.multinomial(lucid.tensor([1.0, float("nan")]), 1), ValueError, "finite"),
        (lambda: lucid.multinomial(lucid.zeros(3), 1, True), ValueError, "one has 0 only"),
        (lambda: lucid.multinomial(lucid.tensor([1.0, 0.0]), 2), ValueError, "2 weights above 0"),
        (lambda: lucid.multinomial(lucid.ones(2), 3), ValueError, "at most 2"),
        (lambda: lucid.multinomial(lucid.ones(2), 0), ValueError, "at least 1 sample"),
        (lambda: lucid.multinomial(lucid.ones(1, 1, 1), 1), ValueError, r"got \(1, 1, 1\)"),
        (lambda: lucid.poisson(lucid.tensor([-1.0])), ValueError, "at least 0"),
        (lambda: lucid.ones(2).uniform_(1, 0), ValueError, "from=1 and to=0"),
        (lambda: lucid.ones(2).exponential_(0), ValueError, "lambd > 0, got 0"),
        (lambda: lucid.ones(2).geometric_(1), ValueError, "0 < p < 1, got 1"),
        (lambda: lucid.ones(2).random_(3, 3), ValueError, "from=3 and to=3"),
        (lambda: lucid.tensor([1, 2]).normal_(), TypeError, "floating point tensors"),
    ],
)
def test_refusals_of_samplers(draw, error, message):
    with pytest.raises(error, match=message):
        draw()
