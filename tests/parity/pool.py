"""Work in other processes: a crash or a hang of one entry is a failure of that entry alone."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from typing import Any

SECONDS = 120  # for one task


class Worker:
    """One process that does one task after the other."""

    def __init__(self, function: Callable) -> None:
        context = multiprocessing.get_context("spawn")  # MLX hangs in forked children
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(function, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Any = None
        self.deadline = 0.0

    def give(self, task: Any) -> None:
        self.task, self.deadline = task, time.monotonic() + SECONDS
        self.connection.send(task)

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def run(
    function: Callable, tasks: list, processes: int
) -> Iterator[tuple[Any, Any | None, str | None]]:
    """Yield (task, function(task), None), or (task, None, why not), in the order of completion."""
    waiting = list(reversed(tasks))
    workers = [Worker(function) for _ in range(min(processes, len(tasks)))]
    try:
        for worker in workers:
            worker.give(waiting.pop())
        while workers:
            ready = wait([w.connection for w in workers], timeout=1)
            for i, worker in enumerate(list(workers)):
                if worker.connection in ready:
                    try:
                        yield worker.task, worker.connection.recv(), None
                    except (EOFError, ConnectionResetError):
                        worker.process.join()
                        code = worker.process.exitcode
                        yield worker.task, None, f"crash: the process ended with {code}"
                        worker.stop()
                        workers[i] = worker = Worker(function)
                elif time.monotonic() > worker.deadline:
                    yield worker.task, None, f"hang: no answer within {SECONDS} s"
                    worker.stop()
                    workers[i] = worker = Worker(function)
                else:
                    continue
                if waiting:
                    worker.give(waiting.pop())
                else:
                    worker.stop()
                    workers[i] = None
            workers = [w for w in workers if w is not None]
    finally:
        for worker in workers:
            worker.stop()


def _serve(function: Callable, connection) -> None:
    while True:
        connection.send(function(connection.recv()))
