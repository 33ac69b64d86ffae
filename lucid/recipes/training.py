"""The training loop that all recipes share."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from lucid import nn
from lucid.recipes import checkpoint, report
from lucid.recipes.job import Job, Row
from lucid.recipes.progress import Progress
from lucid.recipes.run import Run
from lucid.tensor import Tensor

Work = TypeVar("Work", bound=Job)


def train(
    kind: type[Work],
    prepare: Callable[[Any], Any],
    config: Any,
    run: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
) -> tuple[Work, Run, list[Row]]:
    """Train a job of `kind`, made of `config` and the data that `prepare` makes of that; prints its
    progress. Returns the job, its run folder, and the rows of `metrics.csv`.

    Args:
        run: a new folder for the results; default: the first free `runs/<recipe>-<number>`.
        resume: instead of that and of `config`, the folder of a run to go on with.

    Raises what `prepare` and `fit` raise, and FileExistsError for a `run` that is taken.
    """
    if resume is not None:
        folder = Run.find(resume)
        state = checkpoint.load(resume, kind.recipe)
        config = checkpoint.settings(resume, state, type(config))
    data = prepare(config)
    print(data.report)
    job = kind(config, data)
    if resume is None:
        folder = Run.create(kind.recipe, run)
        folder.write_config(job)
    print(report.start(job, folder))
    return job, folder, fit(job, folder, resume=resume is not None)


def fit(job: Job, run: Run, *, resume: bool = False) -> list[Row]:
    """Train `job` to its end in the folder `run`; returns the rows of `metrics.csv`.

    Each epoch ends with a test and a checkpoint. All randomness comes from the seed, the epoch and
    the item, or is part of the checkpoint: with `resume=True` the training goes on from the last
    finished epoch, and ends with the same bits as if it had never stopped.

    Raises:
        FloatingPointError: the loss or a weight is not finite. The last checkpoint is kept.
        ValueError: the checkpoint does not fit the job.
        OSError: the disk does not take a checkpoint. The last one is kept.
        KeyboardInterrupt: after saying how to go on.
    """
    history = checkpoint.restore(run.checkpoint, job) if resume else []
    if history:  # the run may have ended between the checkpoint and what is made from it
        _keep(job, run, history, made=True)
    step = int(history[-1]["step"]) if history else 0
    per_epoch = len(job.loader)
    epochs = -(-job.steps // per_epoch)
    progress = Progress(job.steps, step, job.units)
    try:
        for epoch in range(len(history), epochs):
            title = f"epoch {epoch + 1:{len(str(epochs))}}/{epochs}"
            job.loader.set_epoch(epoch)
            count = min(per_epoch, job.steps - step)
            losses: list[float] = []
            shown = {job.score: history[-1][job.score]} if history else {}
            for loss in take_steps(job, count):
                step += 1
                if not math.isfinite(loss):
                    raise FloatingPointError(_diverged(f"loss is {loss}", step, epoch, run))
                losses.append(loss)
                recent = losses[-20:]
                values = {"loss": sum(recent) / len(recent), **shown}
                progress.step(title, step, len(losses) / count, values)
            if not _finite(job.model):  # the last step of an epoch shows in no loss
                raise FloatingPointError(_diverged("weights are not finite", step, epoch, run))
            job.model.eval()
            row: Row = {"epoch": epoch + 1, "step": step, "loss": sum(losses) / len(losses)}
            row |= job.evaluate()
            history.append(row)
            _keep(job, run, history)
            progress.epoch(
                title, {name: row[name] for name in row if name not in ("epoch", "step")}
            )
    except KeyboardInterrupt:
        progress.line(f"stopped; {_left_behind(job.recipe, run)}")
        raise
    return history


def take_steps(job: Job, count: int) -> Iterator[float]:
    """Make `count` steps; yields the loss of each.

    A loss is read one step late, when the next step has been handed to MLX: Python prepares one
    step while MLX computes the one before.
    """
    job.model.train()
    pending: Tensor | None = None
    for batch in itertools.islice(job.loader, count):
        job.optimizer.zero_grad()
        loss = job.loss(batch)
        loss.backward()
        if job.clip is not None:
            nn.utils.clip_grad_norm_(job.model.parameters(), job.clip)
        job.optimizer.step()
        job.schedule.step()
        if pending is not None:
            yield pending.item()
        pending = loss.detach()
    if pending is not None:
        yield pending.item()


def _keep(job: Job, run: Run, history: list[Row], made: bool = False) -> None:
    """Write the checkpoint unless it is `made`, then what can be made from it."""
    try:
        if not made:
            checkpoint.save(run.checkpoint, job, history)
        if all(history[-1][job.score] > row[job.score] for row in history[:-1]):
            checkpoint.save(run.best, job, history)
        run.write_metrics(history)
    except OSError as error:
        reason = f"{error.strerror or error}; {_left_behind(job.recipe, run)}, once there is room"
        raise OSError(error.errno, reason) from error


def _finite(model: nn.Module) -> bool:
    return all(bool(p.detach().isfinite().all()) for p in model.parameters())


def _diverged(what: str, step: int, epoch: int, run: Run) -> str:
    kept = f"the checkpoint of epoch {epoch} is kept in {run.checkpoint}" if epoch else (
        "no epoch was finished, so there is no checkpoint"
    )  # fmt: skip
    return f"the {what} at step {step} (epoch {epoch + 1}); {kept}; try a lower --lr"


def _left_behind(recipe: str, run: Run) -> str:
    if run.checkpoint.exists():
        return f"go on with: lucid train {recipe} --resume {run.path}"
    return "no epoch was finished, so there is nothing to resume"
