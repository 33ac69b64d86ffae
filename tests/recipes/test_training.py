"""The loop and its checkpoints, on a job so small that only they can be at fault."""

import dataclasses
import errno
import os
from typing import ClassVar

import numpy as np
import pytest

import lucid
from lucid import nn, optim
from lucid.data import DataLoader, Dataset
from lucid.recipes import checkpoint
from lucid.recipes.job import Job
from lucid.recipes.run import Run
from lucid.recipes.training import fit


@dataclasses.dataclass
class Settings:
    size: int = 3
    epochs: int = 4


class Points(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        raise AssertionError("training draws")

    def draw(self, index, rng):
        x = rng.standard_normal(3).astype(np.float32)
        return x, np.float32(index)


class Line(Job):
    """A linear fit; its loss draws from lucid's stream, as dropout does."""

    recipe, score, clip = "line", "score", 1.0
    units: ClassVar = {"score": "points"}

    def __init__(self, size=3, epochs=4):
        lucid.manual_seed(3)
        self.config = Settings(size, epochs)
        self.data = {"points": 10}
        self.model = nn.Linear(size, 1)
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.1)
        self.loader = DataLoader(Points(), 4, shuffle=True, seed=1)
        self.steps = epochs * len(self.loader) - 1  # the last epoch is shorter
        self.schedule = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=self.steps)
        self.at = {}  # step: what happens there
        self.made = 0

    def loss(self, batch):
        self.made += 1
        action = self.at.get(self.made)
        if action is not None:
            return action()
        x, y = batch
        return (self.model(x)[:, 0] - y + 0.1 * lucid.randn(len(y))).square().mean()

    def evaluate(self):
        return {"score": -float(self.model.weight.square().sum().item())}


def weights(run):
    return checkpoint.load(run.checkpoint, "line")["model"]["weight"].numpy().tobytes()


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def test_a_training_leaves_rows_and_a_checkpoint(run, capsys):
    job = Line()
    history = fit(job, run)
    assert [(row["epoch"], row["step"]) for row in history] == [(1, 3), (2, 6), (3, 9), (4, 11)]
    assert list(history[0]) == ["epoch", "step", "loss", "score"]
    lines = (run.path / "metrics.csv").read_text().splitlines()
    assert len(lines) == 5
    assert lines[1] == f"1,3,{history[0]['loss']},{history[0]['score']}"
    assert capsys.readouterr().out.count(" points  0:00") == 4
    state = checkpoint.load(run.path, "line")
    assert state["history"] == history
    assert state["config"] == {"size": 3, "epochs": 4}


def test_best_is_kept_beside_the_last(run):
    job = Line()
    scores = iter([1.0, 3.0, 3.0, 2.0])
    job.evaluate = lambda: {"score": next(scores)}
    fit(job, run)
    assert checkpoint.load(run.best, "line")["history"][-1]["epoch"] == 2
    assert checkpoint.load(run.checkpoint, "line")["history"][-1]["epoch"] == 4


def stop():
    raise KeyboardInterrupt


@pytest.mark.parametrize("at", [4, 8])
def test_resuming_gives_the_same_bits(tmp_path, capsys, at):
    whole, parts = Run(tmp_path / "whole"), Run(tmp_path / "parts")
    whole.path.mkdir()
    parts.path.mkdir()
    expected = fit(Line(), whole)
    job = Line()
    job.at[at] = stop
    with pytest.raises(KeyboardInterrupt):
        fit(job, parts)
    assert f"go on with: lucid train line --resume {parts.path}" in capsys.readouterr().out
    lucid.manual_seed(99)  # a new process would stand elsewhere
    assert fit(Line(), parts, resume=True) == expected
    assert weights(parts) == weights(whole)
    for name in ("metrics.csv", "best.safetensors"):
        assert (parts.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_resuming_a_finished_training_changes_nothing(run):
    history = fit(Line(), run)
    before = weights(run)
    assert fit(Line(), run, resume=True) == history
    assert weights(run) == before


def test_stopping_before_the_first_checkpoint(run, capsys):
    job = Line()
    job.at[2] = stop
    with pytest.raises(KeyboardInterrupt):
        fit(job, run)
    assert "nothing to resume" in capsys.readouterr().out


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_and_names_the_step(run, value):
    job = Line()
    job.at[5] = lambda: job.model.weight.sum() * value
    with pytest.raises(FloatingPointError, match=r"the loss is .* at step 5 \(epoch 2\)") as caught:
        fit(job, run)
    assert f"checkpoint of epoch 1 is kept in {run.checkpoint}" in str(caught.value)
    state = checkpoint.load(run.checkpoint, "line")
    assert all(np.isfinite(v.numpy()).all() for v in state["model"].values())


def test_nan_in_the_first_and_in_the_last_step_of_an_epoch(run):
    for step in (1, 3):
        job = Line()
        job.at[step] = lambda job=job: job.model.weight.sum() * float("nan")
        with pytest.raises(FloatingPointError, match=f"at step {step} .epoch 1.; no epoch was"):
            fit(job, run)
        assert not run.checkpoint.exists()


def test_a_full_disk_keeps_the_last_checkpoint(run, monkeypatch):
    job = Line()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    job.at[6] = lambda: (monkeypatch.setattr(os, "fsync", full), job.model.weight.sum())[1]
    with pytest.raises(OSError, match=r"No space left .*go on with: .*once there is room"):
        fit(job, run)
    monkeypatch.undo()
    assert checkpoint.load(run.checkpoint, "line")["history"][-1]["epoch"] == 1
    assert not [p for p in run.path.iterdir() if "tmp" in p.name]
    fit(Line(), run, resume=True)


def test_a_checkpoint_of_another_architecture_names_what_differs(run):
    fit(Line(), run)
    job = Line(size=5)
    with pytest.raises(ValueError, match=r"another architecture.*\n.*weight.*\(1, 5\).*\(1, 3\)"):
        checkpoint.restore(run.checkpoint, job)


def test_other_data_are_named(run):
    fit(Line(), run)
    job = Line()
    job.data = {"points": 11}
    with pytest.raises(ValueError, match="the data changed since: points was 10, is 11"):
        checkpoint.restore(run.checkpoint, job)


def test_files_that_are_no_checkpoint(run):
    with pytest.raises(FileNotFoundError, match="no such checkpoint"):
        checkpoint.load(run.path, "line")
    fit(Line(), run)
    with pytest.raises(
        ValueError, match="is a checkpoint of a 'line' run, expected one of 'keywords'"
    ):
        checkpoint.load(run.path, "keywords")
    run.checkpoint.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=str(run.checkpoint)):
        checkpoint.load(run.path, "line")
    lucid.save({"weight": lucid.zeros(3)}, run.checkpoint)
    with pytest.raises(ValueError, match="is not a checkpoint of a lucid run"):
        checkpoint.load(run.path, "line")
