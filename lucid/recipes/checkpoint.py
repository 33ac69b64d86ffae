"""Checkpoints: all that a training needs to go on as if it had never stopped."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any, TypeVar

import lucid
from lucid import random
from lucid.recipes.job import Job, Row

Settings = TypeVar("Settings")
_KEYS = {"recipe", "config", "data", "model", "optimizer", "schedule", "random", "history"}


def save(path: Path, job: Job, history: list[Row]) -> None:
    """Write model, optimizer, schedule, random stream, config and history to `path`, whole or not.

    The order of the data is not in it: that follows from the seed and the number of the epoch.
    """
    state = {
        "recipe": job.recipe,
        "config": dataclasses.asdict(job.config),
        "data": job.data,
        "model": job.model.state_dict(),
        "optimizer": job.optimizer.state_dict(),
        "schedule": job.schedule.state_dict(),
        "random": random.get_state(),
        "history": history,
    }
    lucid.save(state, path)


def load(path: str | os.PathLike[str], recipe: str) -> dict[str, Any]:
    """Read a checkpoint of `recipe`: the file, or the run folder that holds it.

    Raises FileNotFoundError, and ValueError for a damaged file or one of another kind.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "checkpoint.safetensors"
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such checkpoint")
    state = lucid.load(path)
    if not isinstance(state, dict) or not state.keys() >= _KEYS:
        raise ValueError(f"{path}: is not a checkpoint of a lucid run")
    if state["recipe"] != recipe:
        raise ValueError(
            f"{path}: is a checkpoint of a {state['recipe']!r} run, expected one of {recipe!r}"
        )
    return state


def settings(path: str | os.PathLike[str], state: dict[str, Any], kind: type[Settings]) -> Settings:
    """The settings of a checkpoint as an object of the dataclass `kind`.

    Raises ValueError for settings that `kind` does not have: another version of Lucid wrote them.
    """
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(state["config"].keys() - known)
    if unknown:
        raise ValueError(f"{path}: has settings unknown to this version: {', '.join(unknown)}")
    return kind(**state["config"])


def restore(path: Path, job: Job) -> list[Row]:
    """Put the state of the checkpoint into `job`; returns the history.

    Raises ValueError, naming what differs, where data, model or optimizer are not those of the
    checkpoint.
    """
    state = load(path, job.recipe)
    differing = [
        f"{name} was {state['data'].get(name)!r}, is {value!r}"
        for name, value in job.data.items()
        if state["data"].get(name) != value
    ]
    if differing:
        raise ValueError(f"{path}: the data changed since: {'; '.join(differing)}")
    load_model(path, job.model, state)
    job.optimizer.load_state_dict(state["optimizer"])
    job.schedule.load_state_dict(state["schedule"])
    random.set_state(state["random"])
    return state["history"]


def load_model(path: str | os.PathLike[str], model: Any, state: dict[str, Any]) -> None:
    """Put the weights into `model`. Raises ValueError naming the weights that do not fit."""
    try:
        model.load_state_dict(state["model"])
    except RuntimeError as error:
        raise ValueError(f"{path}: holds another architecture: {error}") from error
