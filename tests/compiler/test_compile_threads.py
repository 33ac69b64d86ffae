"""Compiled functions in several threads."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

import lucid


def test_threads_have_graphs_of_their_own():
    w = lucid.tensor([2.0], requires_grad=True)
    fast = lucid.compile(lambda x: x * w)
    found = []

    def work(value):
        for _ in range(3):
            found.append((fast(lucid.tensor([value])) / value).item())

    work(1.0)
    threads = [threading.Thread(target=work, args=(float(i),)) for i in (3, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [2.0] * 9


@pytest.mark.parametrize("is_state", [False, True])
def test_pending_work_of_another_thread_is_explained(is_state):
    w = lucid.tensor([2.0])
    fast = lucid.compile(lambda x: x * w)
    fast(lucid.ones(1))

    def work():
        nonlocal pending
        pending = lucid.ones(1) + 1
        if is_state:
            w.mul_(2)

    pending = None
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    for each in (fast, lucid.compile(lambda x: x * w)):
        with pytest.raises(RuntimeError, match=r"another thread recorded.*flush\(\)"):
            each(lucid.ones(1) if is_state else pending)


ENDS = """
import lucid, threading
def work(width):
    layer = lucid.nn.Linear(width, 3)
    optimizer = lucid.optim.SGD(layer.parameters(), lr=0.1)
    @lucid.compile
    def step(x):
        optimizer.zero_grad()
        loss = layer(x).sum()
        loss.backward()
        optimizer.step()
        return loss
    for _ in range(3):
        step(lucid.ones(2, width)).item()
threads = [threading.Thread(target=work, args=(i,)) for i in (2, 3, 4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
"""


def test_threads_that_compiled_may_end_with_the_process():
    for _ in range(2):
        subprocess.run([sys.executable, "-c", ENDS], check=True)
