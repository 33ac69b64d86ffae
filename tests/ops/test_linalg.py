"""Linear algebra: what the table of gradients and PyTorch's own samples leave open."""

import subprocess
import sys

import numpy as np
import pytest

import lucid

RNG = np.random.default_rng(0)
SQUARE = RNG.standard_normal((4, 4)).astype(np.float32)
SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])

SINGULAR_32 = lucid.tensor(SINGULAR)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8])
@pytest.mark.parametrize(
    "shapes", [((2, 3), (3, 4)), ((3,), (3,)), ((5, 2, 3), (3,)), ((3,), (3, 2))]
)
def test_integers_multiply_exactly(dtype, shapes):
    limits = np.iinfo(dtype)
    x, y = (RNG.integers(limits.min, limits.max, s, dtype=dtype) for s in shapes)
    z = lucid.tensor(x) @ lucid.tensor(y)
    assert z.dtype == lucid.tensor(x).dtype
    np.testing.assert_array_equal(z.numpy(), x @ y)


def test_a_long_sum_of_integers():
    x = RNG.integers(-(2**40), 2**40, (300, 700))
    np.testing.assert_array_equal((lucid.tensor(x) @ lucid.tensor(x.T)).numpy(), x @ x.T)


def test_eigenvalues_are_those_of_numpy():
    for x in (SQUARE, SQUARE + 1j * SQUARE.T):
        w, v = lucid.linalg.eig(lucid.tensor(x))
        order, expected = np.argsort(w.numpy()), np.sort_complex(np.linalg.eigvals(x))
        np.testing.assert_allclose(w.numpy()[order], expected, atol=2e-6)
        np.testing.assert_allclose(x @ v.numpy(), v.numpy() * w.numpy(), atol=4e-6)


@pytest.mark.parity
@pytest.mark.parametrize("upper", [False, True])
def test_solving_by_a_factor_has_the_gradient_of_its_triangle(upper):
    torch = pytest.importorskip("torch")
    factor, b = np.triu(SQUARE) if upper else np.tril(SQUARE), SQUARE[:, :2]
    x = lucid.tensor(factor, dtype=lucid.float64, requires_grad=True)
    t = torch.tensor(factor, dtype=torch.float64, requires_grad=True)
    for ours, theirs in [
        (
            lucid.cholesky_solve(lucid.tensor(b, dtype=lucid.float64), x, upper),
            torch.cholesky_solve(torch.tensor(b, dtype=torch.float64), t, upper),
        ),
        (lucid.cholesky_inverse(x, upper), torch.cholesky_inverse(t, upper)),
    ]:
        (g,) = lucid.autograd.grad((ours * ours).sum(), [x])
        (expected,) = torch.autograd.grad((theirs * theirs).sum(), [t])
        expected = expected.triu() if upper else expected.tril()
        np.testing.assert_allclose(g.numpy(), expected, rtol=1e-9, atol=1e-9 * expected.abs().max())


def test_older_names():
    x = lucid.tensor([2, 3])
    assert lucid.vander(x, 3).tolist() == [[4, 2, 1], [9, 3, 1]]
    assert lucid.vander(x, increasing=True).tolist() == [[1, 2], [1, 3]]
    assert lucid.ger(x, x).tolist() == [[4, 6], [6, 9]]


THIRD_ORDER = {
    "cholesky": lambda M, A, W: (M.linalg.cholesky(A @ A.mT) * W).sum(),
    "det": lambda M, A, W: M.linalg.det(A),
    "eigh": lambda M, A, W: (M.linalg.eigh(A + A.mT).eigenvalues ** 3).sum(),
    "inv": lambda M, A, W: (M.linalg.inv(A) * W).sum(),
    "lu": lambda M, A, W: sum((f * W).sum() for f in M.linalg.lu(A)[1:]),
    "pinv": lambda M, A, W: (M.linalg.pinv(A[:, :2]) * W[:2]).sum(),
    "qr": lambda M, A, W: sum((f * W).sum() for f in M.linalg.qr(A)),
    "slogdet": lambda M, A, W: M.linalg.slogdet(A).logabsdet,
    "solve": lambda M, A, W: (M.linalg.solve(A, W + A * A) * W).sum(),
    "svd": lambda M, A, W: (M.linalg.svd(A)[0] @ M.linalg.svd(A)[2] * W).sum(),
}


@pytest.mark.parity
@pytest.mark.parametrize("name", THIRD_ORDER)
def test_third_derivatives(name):
    """The derivatives of decompositions are made of decompositions that have theirs."""
    torch = pytest.importorskip("torch")
    A, slope, W = (RNG.standard_normal((3, 3)) + 2 * k * np.eye(3) for k in (1, 0, 0))

    def derivatives(M, tensor):
        t = tensor(0.1).requires_grad_()
        y = THIRD_ORDER[name](M, tensor(A) + t * tensor(slope), tensor(W))
        found = []
        for _ in range(3):
            (y,) = M.autograd.grad(y, [t], create_graph=True)
            found.append(y.item())
        return found

    ours = derivatives(lucid, lambda v: lucid.tensor(v, dtype=lucid.float64))
    theirs = derivatives(torch, lambda v: torch.tensor(v, dtype=torch.float64))
    np.testing.assert_allclose(ours, theirs, rtol=1e-8)


def test_the_gradient_of_a_singular_determinant_is_its_cofactors():
    x = lucid.tensor(SINGULAR, dtype=lucid.float64, requires_grad=True)
    y = lucid.linalg.det(x)
    assert y.item() == 0
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), [[4, -2], [-2, 1]], atol=1e-12)


def test_equal_singular_values_have_finite_gradients():
    x = lucid.eye(3, requires_grad=True)
    u, s, vh = lucid.linalg.svd(x)
    (s.sum() + (u @ vh).sum()).backward()
    assert lucid.isfinite(x.grad).all().item()


def test_info_instead_of_an_error():
    batch = lucid.tensor(np.stack([np.eye(2), SINGULAR]), dtype=lucid.float32)
    assert lucid.linalg.inv_ex(batch).info.tolist() == [0, 2]
    assert lucid.linalg.solve_ex(batch, lucid.ones(2, 2, 1)).info.tolist() == [0, 2]
    assert lucid.linalg.inv_ex(batch * (1 + 1j)).info.tolist() == [0, 2]
    assert lucid.linalg.cholesky_ex(-batch).info.tolist() == [1, 1]


def test_matrix_exp_where_values_cannot_be_read():
    import mlx.core as mx

    from lucid.autograd import laziness

    def traced(x):
        with laziness.tracing():
            return lucid.matrix_exp(lucid.Tensor._wrap(x, "cpu")).array

    x = mx.array(SQUARE)
    expected = lucid.matrix_exp(lucid.tensor(SQUARE)).numpy()
    np.testing.assert_allclose(np.array(mx.compile(traced)(x)), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda L: L.inv(lucid.tensor(SINGULAR)), "LinAlgError", "pivot 2 is 0"),
        (lambda L: L.inv(lucid.zeros(3, 2, 2)), "LinAlgError", "matrix 0 of the batch"),
        (lambda L: L.solve(lucid.zeros(2, 2), lucid.ones(2)), "LinAlgError", "singular"),
        (lambda L: L.cholesky(-lucid.eye(2)), "LinAlgError", "leading minor of order 1"),
        (lambda L: L.inv(lucid.ones(2, 3)), "ValueError", r"square matrices .* got shape \(2, 3\)"),
        (lambda L: L.det(lucid.ones(3)), "ValueError", r"a matrix or a batch of them"),
        (lambda L: L.svd(lucid.ones(2, 2).int()), "TypeError", r"use x\.float\(\)"),
        (lambda L: L.svd(lucid.ones(2, 2).half()), "TypeError", r"use x\.float\(\)"),
        (lambda L: L.qr(lucid.ones(2, 2), "all"), "ValueError", "got 'all'"),
        (lambda L: L.eigh(lucid.ones(2, 2), "X"), "ValueError", "got 'X'"),
        (lambda L: L.solve(lucid.ones(2, 2), lucid.ones(3, 1)), "ValueError", "cannot solve"),
        (lambda L: L.lu(lucid.eye(2), pivot=False), "NotImplementedError", "pivot=True"),
        (lambda L: L.lu_factor(SINGULAR_32, pivot=False), "NotImplementedError", "pivot=True"),
        (lambda L: lucid.lu(SINGULAR_32), "LinAlgError", "pivot 2 is 0"),
        (lambda L: lucid.lu_unpack(lucid.eye(2), lucid.ones(2)), "TypeError", "int32 pivots"),
        (lambda L: L.householder_product(lucid.ones(2, 3), lucid.ones(2)), "ValueError", "n >= m"),
        (lambda L: lucid.ormqr(lucid.eye(2), lucid.ones(2), lucid.eye(3)), "ValueError", "not fit"),
        (lambda L: L.matrix_norm(lucid.eye(2), 3), "ValueError", "got 3"),
        (lambda L: L.multi_dot([lucid.eye(2)]), "ValueError", "at least 2 tensors, got 1"),
        (lambda L: lucid.mm(lucid.ones(2), lucid.ones(2)), "ValueError", "2 dimensions"),
        (lambda L: lucid.ones(2, 3) @ lucid.ones(2, 3), "ValueError", "matmul"),
        (lambda L: lucid.ones(2, 3).int() @ lucid.ones(2, 3).int(), "ValueError", "contract 3"),
        (lambda L: lucid.ones(2, 3).bool() @ lucid.ones(3, 2).bool(), "TypeError", "bools"),
    ],
)
def test_refusals_of_linear_algebra(call, error, message):
    with pytest.raises(Exception, match=message) as raised:
        call(lucid.linalg)
    assert type(raised.value).__name__ == error


def test_no_matrix_ends_the_process():
    """NaN, infinity, nothing at all: LAPACK dies of some of them, on MLX's thread."""
    code = """
import lucid
L = lucid.linalg
matrices = [lucid.full((3, 3), float("nan")), lucid.full((3, 3), float("inf")), lucid.zeros(0, 0),
            lucid.zeros(0, 3, 3), lucid.zeros(2, 0, 0), lucid.zeros(3, 0), lucid.zeros(0, 3),
            lucid.zeros(3, 3), lucid.full((3, 3), float("nan")) * 1j]
for f in (L.inv, L.det, L.slogdet, L.cholesky, L.qr, L.svd, L.eig, L.eigh, L.lu, L.pinv,
          L.matrix_exp, L.matrix_norm, L.cond, L.matrix_rank, lambda A: L.solve(A, A),
          lambda A: L.lstsq(A, A), lambda A: L.solve_triangular(A, A, upper=True),
          lambda A: L.qr(A, "complete"), lucid.geqrf, L.lu_factor,
          lucid.cholesky_inverse, lucid.logdet):
    for A in matrices:
        x = A.clone().requires_grad_()
        try:
            result = f(x)
            for y in result if isinstance(result, tuple) else (result,):
                y.tolist()
                if y.requires_grad:
                    lucid.autograd.grad(y.abs().sum(), [x])[0].tolist()
        except (RuntimeError, ValueError, IndexError):
            pass
print("alive")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "alive\n", done.stderr[-2000:]
