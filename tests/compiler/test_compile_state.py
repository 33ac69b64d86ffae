"""What else a compiled function touches, and where it runs."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.compiler.compiled import LIMIT, PATIENCE, Compiled


def same(run):
    """`run(wrap)` gives the same eager and compiled."""
    lucid.manual_seed(3)
    eager = run(lambda f: f)
    lucid.manual_seed(3)
    compiled = run(lucid.compile)
    assert len(eager) == len(compiled)
    for a, b in zip(eager, compiled, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=2e-5, atol=1e-6)
    assert np.isfinite(np.concatenate([np.asarray(a).ravel() for a in eager])).all()


def inputs(count=4, *shape):
    rng = np.random.default_rng(1)
    return [lucid.Tensor(rng.normal(size=shape or (3, 4)).astype(np.float32)) for _ in range(count)]


def test_state_that_a_module_sets_anew():
    class Stream(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.LSTMCell(4, 5)
            self.state = None

        def forward(self, x):
            h, c = self.cell(x, self.state)
            self.state = (h.detach(), c.detach())
            return h

    def run(wrap):
        net = Stream()
        step, found, kept = wrap(net), [], []
        for i, x in enumerate(inputs(6)):
            if i == 4:
                net.state = (lucid.ones(3, 5), lucid.zeros(3, 5))
            found.append(step(x).detach())
            kept.append(net.state[0])  # a tensor of its own in each call
        return [*found, *kept, *net.state]

    same(run)


def test_batch_norm_without_momentum_counts_batches():
    def run(wrap):
        norm = nn.BatchNorm1d(4, momentum=None)
        fast = wrap(norm)
        for x in inputs():
            fast(x)
        return list(norm.state_dict().values())

    same(run)


@pytest.mark.parametrize("reuse", ["weight_norm", "spectral_norm", "constraint", "checkpoint"])
def test_what_stands_around_the_parameters(reuse):
    def run(wrap):
        layer = nn.Linear(4, 4)
        layers = nn.Sequential(layer, nn.Dropout(0.4))
        if reuse == "weight_norm":
            nn.utils.parametrizations.weight_norm(layer)
        elif reuse == "spectral_norm":
            nn.utils.parametrizations.spectral_norm(layer)
        elif reuse == "constraint":
            layer.weight.constraint = lambda w: w.clamp(-0.1, 0.1)
        optimizer = lucid.optim.Adam(layers.parameters(), lr=0.05)

        def step(x):
            optimizer.zero_grad()
            if reuse == "checkpoint":
                y = lucid.utils.checkpoint.checkpoint(layers, x, use_reentrant=False)
            else:
                y = layers(x)
            y.square().mean().backward()
            optimizer.step()
            return y.detach()

        step = wrap(step)
        return [*(step(x) for x in inputs()), *layers.state_dict().values()]

    same(run)


def test_hooks_of_tensors_and_optimizers():
    def run(wrap):
        w = nn.Parameter(lucid.ones(4))
        optimizer = lucid.optim.SGD([w], lr=0.1)
        w.register_hook(lambda g: g * 2)

        def halve(*_):
            w.grad.mul_(0.5)

        optimizer.register_step_pre_hook(halve)

        def step(x):
            optimizer.zero_grad()
            (w * x).sum().backward()
            optimizer.step()

        step = wrap(step)
        found = []
        for i, x in enumerate(inputs(6)):
            if i == 3:
                w.register_hook(lambda g: g + 1)
            step(x)
            found.append(w.detach())
        return found

    same(run)


def test_two_networks_that_take_turns():
    def run(wrap):
        g, d = nn.Linear(4, 4), nn.Linear(4, 1)
        g_step, d_step = lucid.optim.Adam(g.parameters()), lucid.optim.Adam(d.parameters())

        def step(x):
            d.requires_grad_(True)
            d_step.zero_grad()
            (d(x).mean() - d(g(x).detach()).mean()).backward()
            d_step.step()
            d.requires_grad_(False)
            g_step.zero_grad()
            d(g(x)).mean().backward()
            g_step.step()

        step = wrap(step)
        for x in inputs():
            step(x)
        assert not d.weight.requires_grad
        return [*g.state_dict().values(), *d.state_dict().values(), g.weight.grad, d.weight.grad]

    same(run)


def test_autocast_inside_and_outside():
    def run(wrap):
        layer = nn.Linear(4, 4)
        x = inputs(1)[0]

        def function(x):
            with lucid.autocast("cpu", dtype=lucid.bfloat16, enabled=True):
                return layer(x).float()

        inner, outer, found = wrap(function), wrap(lambda x: layer(x)), []
        for _ in range(3):
            found.append(inner(x).detach())
            with lucid.autocast("cpu", dtype=lucid.bfloat16):
                y = outer(x)
                assert y.dtype == lucid.bfloat16
            assert outer(x).dtype == lucid.float32
        return found

    same(run)


def test_a_compiled_function_inside_others():
    w = lucid.tensor(3.0, requires_grad=True)
    inner = lucid.compile(lambda x: x * w)
    outer = lucid.compile(lambda x: inner(x).sum() + lucid.func.vmap(inner)(x).sum())
    for _ in range(3):
        assert outer(lucid.ones(2)).item() == 12
        assert lucid.func.vmap(inner)(lucid.ones(2)).tolist() == [3.0, 3.0]


def test_a_method():
    class Trainer:
        def __init__(self, w):
            self.w, self.scale = lucid.tensor(w), 1.0

        @lucid.compile
        def step(self, x):
            self.w.mul_(x * self.scale)
            return self.w + 0

    a, b = Trainer(1.0), Trainer(10.0)
    x = lucid.tensor(2.0)
    assert [t.step(x).item() for t in (a, b, a, b, a)] == [2, 20, 4, 40, 8]
    a.scale = 0.5
    assert [t.step(x).item() for t in (a, b, a)] == [8, 80, 8]


SCALE = 2.0


def test_variables_that_a_function_names(monkeypatch):
    offset = 1.0
    layer = nn.Linear(1, 1, bias=False)

    @lucid.compile
    def function(x):
        return layer(x).detach() * 0 + x * SCALE + offset

    x = lucid.ones(1, 1)
    assert [function(x).item() for _ in range(2)] == [3, 3]
    offset = 5.0
    assert [function(x).item() for _ in range(2)] == [7, 7]
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 4.0)
    assert [function(x).item() for _ in range(2)] == [9, 9]


def test_a_warning_says_what_varies():
    fast = lucid.compile(lambda x, n: x * n)
    for n in range(PATIENCE):
        fast(lucid.ones(2), n)
    with pytest.warns(RuntimeWarning, match=r"traced 8 times.*the argument 7 became 8.*Tensors"):
        fast(lucid.ones(2), PATIENCE)
    fast(lucid.ones(2), PATIENCE + 1)  # once is enough
    fast = lucid.compile(lambda x: x.sum())
    for n in range(PATIENCE):
        fast(lucid.ones(n + 1))
    with pytest.warns(RuntimeWarning, match=r"a Tensor of shape \(8,\) became \(9,\).*buckets"):
        fast(lucid.ones(PATIENCE + 1))


def test_a_number_that_always_changes_is_not_traced_for_ever():
    compiled = Compiled(lambda x, n: x * n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [compiled((lucid.tensor(1.0), float(n)), {}).item() for n in range(LIMIT + 5)]
    assert found == [float(n) for n in range(LIMIT + 5)]
    assert compiled.traces == LIMIT
    assert len(compiled.graphs) <= 32


def test_memory_does_not_grow():
    layer = nn.Linear(64, 64)
    optimizer = lucid.optim.Adam(layer.parameters())

    @lucid.compile
    def step(x):
        optimizer.zero_grad()
        loss = layer(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    x, total = lucid.ones(64, 64), 0
    used = []
    for i in range(60):
        total = total + step(x).detach()
        if i in (20, 59):
            mx.synchronize()
            used.append(mx.get_active_memory())
    assert used[1] <= used[0] + 4 * 64 * 64


def test_a_scaler_that_looks_at_gradients_is_refused():
    w = lucid.tensor(1.0, requires_grad=True)
    optimizer, scaler = lucid.optim.SGD([w], lr=0.1), lucid.amp.GradScaler(init_scale=8.0)

    def step(x):
        scaler.scale(w * x).backward()
        scaler.step(optimizer)
        scaler.update()

    with pytest.raises(
        lucid.compiler.DataDependentError,
        match=r"`scaler\.step\(optimizer\)`.*call the scaler's step and update behind it",
    ):
        lucid.compile(step)(lucid.tensor(2.0))
    assert (w.item(), w.grad) == (1.0, None)


@pytest.mark.parametrize("kind", ["swa", "ema", "own"])
def test_an_averaged_model_is_updated_inside_a_step(kind):
    averages = {
        "swa": {},
        "ema": {"multi_avg_fn": lucid.optim.swa_utils.get_ema_multi_avg_fn(0.5)},
        "own": {"avg_fn": lambda mean, value, n: (mean * n + value) / (n + 1), "use_buffers": True},
    }

    def run(wrap):
        lucid.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
        optimizer = lucid.optim.SGD(net.parameters(), lr=0.1)
        averaged = lucid.optim.swa_utils.AveragedModel(net, **averages[kind])

        def step(x):
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()
            averaged.update_parameters(net)

        step = wrap(step)
        for x in inputs():
            step(x)
        assert averaged.n_averaged.item() == 4
        return list(averaged.state_dict().values())

    same(run)


PLAIN = """
import warnings, lucid
w = lucid.tensor(4.0, requires_grad=True)
optimizer = lucid.optim.SGD([w], lr=0.25)
@lucid.compile
def step(x):
    optimizer.zero_grad()
    loss = (w * x) ** 2
    loss.backward()
    optimizer.step()
    return loss + lucid.ones(int(x.shape[0]))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print([step(lucid.ones(1)).item() for _ in range(3)])
try:
    step(lucid.ones(1, 2)[0, :0].reshape(0, 2) @ lucid.ones(3))
except Exception as error:
    print(type(error).__name__, w.item())
print([str(c.message) for c in caught])
"""


def test_without_a_compiler_it_runs_and_says_so_once():
    done = subprocess.run(
        [sys.executable, "-c", PLAIN],
        env={**os.environ, "MLX_DISABLE_COMPILE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    losses, error, messages = done.stdout.splitlines()
    assert losses == "[17.0, 5.0, 2.0]"
    assert error.endswith(" 0.5")
    assert messages.count("lucid.compile has no effect") == 1
    assert "g++" in messages
