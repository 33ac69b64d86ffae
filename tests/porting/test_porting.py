"""Training scripts written for PyTorch, run as they are, and with lucid in PyTorch's place.

The only change is the one below: each `import torch` becomes `import lucid as torch`.
"""

import re
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = ("keyword_spotter", "vocoder", "denoiser")


def ported(source):
    """The script with lucid in the place of torch."""
    source = re.sub(r"^import torch$", "import lucid as torch", source, flags=re.M)
    return re.sub(r"^(import|from) torch(?=[. ])", r"\1 lucid", source, flags=re.M)


def run(name, source, folder):
    script = {"__name__": name}
    exec(compile(source, f"{name}.py", "exec"), script)
    return script["main"](folder)


def source_of(name):
    return (Path(__file__).parent / f"{name}.py").read_text()


def test_the_change_is_in_the_imports_only():
    for name in SCRIPTS:
        before, after = (s.splitlines() for s in (source_of(name), ported(source_of(name))))
        changed = [b for a, b in zip(before, after, strict=True) if a != b]
        assert changed
        assert all(re.match(r"(import|from) lucid", line) for line in changed)
        assert 60 <= len(before) <= 120


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_trains(name, tmp_path, capsys):
    losses, score = run(name, ported(source_of(name)), tmp_path)
    assert np.isfinite([*losses, score]).all()
    assert capsys.readouterr().out


@pytest.mark.parity
@pytest.mark.parametrize("name", SCRIPTS)
def test_it_trains_as_in_pytorch(name, tmp_path):
    pytest.importorskip("torch")
    theirs, expected = run(name, source_of(name), tmp_path)
    ours, score = run(name, ported(source_of(name)), tmp_path)
    # sums of float32 in another order; 8 to 24 steps of an optimizer in between
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    assert score == pytest.approx(expected, rel=1e-4)
