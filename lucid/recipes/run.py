"""The run folder: everything that one training leaves behind."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from lucid.recipes.job import Job


class Run:
    """A folder with `checkpoint.safetensors`, `best.safetensors`, `config.json`, `metrics.csv`.

    >>> Run("runs/mine").checkpoint.name
    'checkpoint.safetensors'
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.checkpoint = self.path / "checkpoint.safetensors"
        self.best = self.path / "best.safetensors"

    @classmethod
    def create(cls, recipe: str, path: str | os.PathLike[str] | None = None) -> Run:
        """A new folder: `path`, or else the first free `runs/<recipe>-<number>`.

        Raises FileExistsError where `path` holds something already: a run is never overwritten.

        >>> import tempfile
        >>> run = Run.create("keywords", Path(tempfile.mkdtemp()) / "mine")
        >>> run.path.is_dir()
        True
        """
        if path is None:
            return cls(_numbered(Path("runs"), recipe))
        run = cls(path)
        if run.path.exists() and not run.path.is_dir():
            raise FileExistsError(f"{run.path}: is a file, expected a new folder for the run")
        if run.checkpoint.exists():
            raise FileExistsError(
                f"{run.path}: holds a run already; go on with it: --resume {run.path}, or give "
                "another folder"
            )
        if run.path.exists() and any(run.path.iterdir()):
            raise FileExistsError(f"{run.path}: is not empty; give a new folder for the run")
        run.path.mkdir(parents=True, exist_ok=True)
        return run

    @classmethod
    def find(cls, path: str | os.PathLike[str]) -> Run:
        """The run in folder `path`.

        Raises FileNotFoundError where there is none, or none with a checkpoint.
        """
        run = cls(path)
        if not run.path.is_dir():
            raise FileNotFoundError(f"{run.path}: no such run folder")
        if not run.checkpoint.exists():
            raise FileNotFoundError(
                f"{run.path}: has no {run.checkpoint.name}; no epoch of it was finished, so start "
                "again"
            )
        return run

    def write_config(self, job: Job) -> None:
        """Write `config.json`: the settings and what is known of the data, for people to read."""
        config = dataclasses.asdict(job.config)
        settings = {"recipe": job.recipe, "config": config, "data": job.data}
        self._write("config.json", json.dumps(settings, indent=2) + "\n")

    def write_metrics(self, history: Sequence[Mapping[str, float]]) -> None:
        """Write `metrics.csv`, one row per epoch."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        self._write("metrics.csv", text.getvalue())

    def _write(self, name: str, text: str) -> None:
        """Whole or not at all."""
        temporary = self.path / f".{name}.tmp"
        try:
            temporary.write_text(text, encoding="utf-8")
            os.replace(temporary, self.path / name)
        finally:
            temporary.unlink(missing_ok=True)


def _numbered(root: Path, recipe: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = root / f"{recipe}-{number}"
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1
