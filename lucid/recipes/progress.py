"""A progress bar in a terminal; one line per epoch everywhere else."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from typing import TextIO

_WIDTH = 24  # of the bar itself
_PAUSE = 0.1  # seconds between two drawings


class Progress:
    """Shows how far a training is: loss, metric and time left.

    Args:
        steps: of the whole training.
        done: steps that an earlier run made.
        units: what to write behind some of the values.
        stream: where to write; the bar is drawn only where that is a terminal.

    >>> bar = Progress(steps=20, units={"accuracy": "%"})
    >>> bar.epoch("epoch 1/2", {"loss": 0.5, "accuracy": 97.5})  # doctest: +ELLIPSIS
    epoch 1/2  loss 0.5  accuracy 97.5 %  ...
    """

    def __init__(
        self,
        steps: int,
        done: int = 0,
        units: Mapping[str, str] | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self.steps, self._done_before = steps, done
        self.units = units or {}
        self.stream = sys.stdout if stream is None else stream
        self._live = self.stream.isatty()
        self._start = self._epoch_start = time.monotonic()
        self._drawn = 0.0
        self._length = 0

    def step(self, title: str, step: int, part: float, values: Mapping[str, float]) -> None:
        """Draw the bar after `step` steps of all, with `part` of this epoch done."""
        now = time.monotonic()
        if not self._live or now - self._drawn < _PAUSE:
            return
        self._drawn = now
        bar = ("#" * round(part * _WIDTH)).ljust(_WIDTH, ".")
        left = (now - self._start) / max(1, step - self._done_before) * (self.steps - step)
        self._draw(f"{title} [{bar}] {self._text(values)}  {clock(left)} left")

    def epoch(self, title: str, values: Mapping[str, float]) -> None:
        """One line that stays, after an epoch."""
        now = time.monotonic()
        seconds, self._epoch_start = now - self._epoch_start, now
        self.line(f"{title}  {self._text(values)}  {clock(seconds)}")

    def line(self, text: str) -> None:
        """A line that stays."""
        self._draw("")
        print(text, file=self.stream, flush=True)

    def _draw(self, text: str) -> None:
        if not self._live:
            return
        text = text[: shutil.get_terminal_size().columns - 1]
        self.stream.write("\r" + text.ljust(self._length) + ("" if text else "\r"))
        self.stream.flush()
        self._length = len(text)

    def _text(self, values: Mapping[str, float]) -> str:
        return "  ".join(
            f"{name.replace('_', ' ')} {value:.4g} {self.units.get(name, '')}".rstrip()
            for name, value in values.items()
        )


def clock(seconds: float) -> str:
    """Seconds as a clock shows them.

    >>> clock(75), clock(3700)
    ('1:15', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
