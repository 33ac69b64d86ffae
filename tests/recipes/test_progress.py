"""The bar in a terminal, and one line per epoch elsewhere."""

import io
import re

from lucid.recipes import progress
from lucid.recipes.progress import Progress, clock


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_quiet_where_there_is_no_terminal():
    out = io.StringIO()
    bar = Progress(10, stream=out)
    for step in range(10):
        bar.step("epoch 1/1", step, step / 10, {"loss": 1.0})
    bar.epoch("epoch 1/1", {"loss": 0.25, "si_snr": 3.5})
    assert re.fullmatch(r"epoch 1/1  loss 0.25  si snr 3.5  0:00\n", out.getvalue())


def test_bar_shows_loss_metric_and_time_left(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    out = Terminal()
    bar = Progress(100, stream=out)
    now[0] = 30.0
    bar.step("epoch 1/2", 25, 0.5, {"loss": 0.5, "accuracy": 91.0})
    shown = out.getvalue().split("\r")[-1]
    assert shown.startswith("epoch 1/2 [############............] loss 0.5  accuracy 91  1:30 left")


def test_time_left_counts_the_steps_of_this_run_only(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    out = Terminal()
    bar = Progress(100, done=90, stream=out)
    now[0] = 10.0
    bar.step("epoch 9/9", 95, 0.5, {})
    assert "0:10 left" in out.getvalue()


def test_a_line_clears_the_bar(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    out = Terminal()
    bar = Progress(10, stream=out)
    now[0] = 1.0
    bar.step("epoch", 5, 0.5, {"loss": 1.0})
    long = len(out.getvalue().split("\r")[-1])
    bar.line("done")
    assert out.getvalue().endswith("\r" + " " * long + "\rdone\n")


def test_clock():
    assert [clock(s) for s in (0, 59.6, 75, 3600)] == ["0:00", "1:00", "1:15", "1:00:00"]
