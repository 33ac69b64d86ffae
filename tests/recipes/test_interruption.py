"""Processes that are killed, interrupted, or run out of disk, and what a resume makes of them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import lucid

pytestmark = pytest.mark.slow  # each starts a few processes

SMALL = {
    "keywords": "data={speech!r}, epochs=4, batch_size=6, channels=4",
    "denoise": (
        "data={speech!r}, noise={noise!r}, steps=11, epoch_steps=3, batch_size=2, test_mixes=4, "
        "features=8, bottleneck=4, hidden=6, layers=2, stacks=1"
    ),
}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def start(*command):
    root = Path(lucid.__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def train(recipe, run, folders):
    config = SMALL[recipe].format(**folders)
    code = f"from lucid.recipes import {recipe} as r; r.train(r.Config({config}), {run!r})"
    return start("-c", code)


def finish(process, status=0):
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    return out, err


def until(process, text):
    assert any(text in line for line in process.stdout), process.stderr.read()


@pytest.mark.parametrize("recipe", SMALL)
def test_killed_and_resumed_gives_the_same_bits(speech, noise, recipe):
    folders = {"speech": str(speech), "noise": str(noise)}
    finish(train(recipe, "whole", folders))
    killed = train(recipe, "parts", folders)
    until(killed, "epoch 2/4")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    before = Path("parts/metrics.csv").read_text().splitlines()
    assert 3 <= len(before) < 5, "it was to be killed in the middle"
    out, _ = finish(start("-m", "lucid.recipes", "train", recipe, "--resume", "parts"))
    assert "epoch 1/4" not in out
    for path in Path("whole").iterdir():
        if path.suffix != ".png":
            assert Path("parts", path.name).read_bytes() == path.read_bytes(), path.name


def test_ctrl_c_says_how_to_go_on(speech):
    command = ["train", "keywords", "--data", str(speech), "--epochs", "500", "--run", "mine"]
    process = start("-m", "lucid.recipes", *command)
    until(process, "epoch   2/500")
    process.send_signal(signal.SIGINT)
    out, err = finish(process, status=130)
    assert "stopped; go on with: lucid train keywords --resume mine" in out
    assert err == "lucid: interrupted\n"
    assert not [p.name for p in Path("mine").iterdir() if "tmp" in p.name]


def test_a_full_disk_keeps_what_there_is(speech):
    """No file may pass 100 kB there, so the first checkpoint cannot be written."""
    command = ["train", "keywords", "--data", str(speech), "--epochs", "2", "--run", "mine"]
    code = f"""
import resource
from lucid.recipes.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
raise SystemExit(main({command}))
"""
    _, err = finish(start("-c", code), status=2)
    assert "Traceback" not in err
    assert "could not save" in err
    assert "no epoch was finished, so there is nothing to resume" in err
    assert sorted(p.name for p in Path("mine").iterdir()) == ["config.json"]
