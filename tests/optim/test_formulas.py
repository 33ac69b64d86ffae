"""Optimizers that torch lacks, or rounds, against the published formula in float64."""

import itertools

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import optim

STEPS = 20
SHAPES = [(4, 3, 5), (7,), (), (0, 3)]


@pytest.fixture(autouse=True)
def uncompiled():
    """Every option is another kernel for the C++ compiler, at a second each."""
    mx.disable_compile()
    yield
    mx.enable_compile()


def lion(p, gradients, lr, betas=(0.9, 0.99), weight_decay=0.0):
    """Chen et al. (2023), program 1."""
    m = np.zeros_like(p)
    for g in gradients:
        update = np.sign(betas[0] * m + (1 - betas[0]) * g)
        p = p - lr * (update + weight_decay * p)
        m = betas[1] * m + (1 - betas[1]) * g
    return p


def novograd(
    p, gradients, lr, betas=(0.95, 0.98), eps=1e-8, weight_decay=0.0, averaging=False, amsgrad=False
):
    """Ginsburg et al. (2019), algorithm 1, with the options of NeMo's optimizer."""
    m, v, largest = np.zeros_like(p), 0.0, 0.0
    for t, g in enumerate(gradients):
        norm = (g * g).sum()
        v = norm if t == 0 else betas[1] * v + (1 - betas[1]) * norm
        largest = max(largest, v)
        g = g / (np.sqrt(largest if amsgrad else v) + eps) + weight_decay * p
        m = betas[0] * m + (1 - betas[0] if averaging else 1.0) * g
        p = p - lr * m
    return p


def muon(p, gradients, lr, momentum=0.95, nesterov=True, weight_decay=0.1, match=False, steps=5):
    """Jordan et al. (2024), and Liu et al. (2025) for `match`."""
    a, b, c = 3.4445, -4.775, 2.0315
    buffer = np.zeros_like(p)
    for g in gradients:
        buffer = momentum * buffer + (1 - momentum) * g
        u = (1 - momentum) * g + momentum * buffer if nesterov else buffer
        left, s, right = np.linalg.svd(u / np.linalg.norm(u), full_matrices=False)
        for _ in range(steps):  # a polynomial of the matrix is one of its singular values
            s = a * s + b * s**3 + c * s**5
        scale = 0.2 * max(p.shape) ** 0.5 if match else max(1, p.shape[0] / p.shape[1]) ** 0.5
        p = p - lr * weight_decay * p
        p = p - lr * scale * (left * s) @ right
    return p


def options(**choices):
    return [dict(zip(choices, v, strict=True)) for v in itertools.product(*choices.values())]


CASES = [
    *(("Lion", lion, o) for o in options(betas=[(0.9, 0.99), (0.5, 0.8)], weight_decay=[0, 0.1])),
    *(
        ("NovoGrad", novograd, o)
        for o in options(weight_decay=[0, 0.1], averaging=[False, True], amsgrad=[False, True])
    ),
    *(("Muon", muon, o) for o in options(nesterov=[False, True], match=[False, True])),
    ("Muon", muon, {"momentum": 0.5, "weight_decay": 0.0, "steps": 3}),
]
SCALES = {True: "match_rms_adamw", False: "original"}
NAMES = {"averaging": "grad_averaging", "steps": "ns_steps"}


def settings_of(choices):
    settings = {NAMES.get(k, k): v for k, v in choices.items()}
    match = settings.pop("match", None)
    return settings if match is None else {**settings, "adjust_lr_fn": SCALES[match]}


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "formula", "choices"), CASES, ids=lambda v: str(v)[:60])
def test_the_published_formula(name, formula, choices, dtype, maximize):
    if maximize and name == "Muon":
        return
    rng = np.random.default_rng(0)
    for shape in [(4, 3), (5, 9), (6, 6)] if name == "Muon" else SHAPES:
        start = rng.standard_normal(shape)
        gradients = [rng.standard_normal(shape) for _ in range(STEPS)]
        p = lucid.tensor(start, requires_grad=True, dtype=dtype, device="cpu")
        more = {"maximize": True} if maximize else {}
        optimizer = getattr(optim, name)([p], lr=0.02, **settings_of(choices), **more)
        for g in gradients:
            p.grad = lucid.tensor(-g if maximize else g, dtype=dtype, device="cpu")
            optimizer.step()
        expected = formula(start, gradients, 0.02, **choices)
        tolerance = 1e-12 if dtype == "float64" else 3e-6
        np.testing.assert_allclose(p.numpy(), expected, rtol=tolerance, atol=tolerance)


def test_no_gradient_is_no_step_of_novograd():
    p = lucid.ones(3, requires_grad=True)
    optimizer = optim.NovoGrad([p], lr=0.1)
    p.grad = lucid.zeros(3)
    optimizer.step()
    np.testing.assert_array_equal(p.numpy(), np.ones(3))


def test_muon_refuses_what_is_no_matrix():
    with pytest.raises(ValueError, match=r"got a parameter of shape \(2, 3, 4\); give those of"):
        optim.Muon([lucid.ones(2, 3, 4, requires_grad=True)])
