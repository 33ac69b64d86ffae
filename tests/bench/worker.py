"""One peer's process: builds cases and times them when it is asked to.

Run as `python -m tests.bench.worker PEER`. Requests and answers are lines of JSON on stdin and
stdout; whatever a library prints goes to stderr.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from .case import Built, digest
from .memory import growth

# The module and the class of each peer.
PEERS = {
    "lucid": ("lucid_peer", "Lucid"),
    "torch": ("torch_peer", "Torch"),
    "mlx": ("mlx_peer", "Mlx"),
    "mlx-openblas": ("mlx_peer", "Mlx"),
    "jax": ("jax_peer", "Jax"),
}


def measure(function: Callable[[], Any], seconds: float) -> tuple[float, float]:
    """Best and mean seconds of a call, of as many calls as fit, and of one at least."""
    times = []
    stop = time.perf_counter() + seconds
    while not times or time.perf_counter() < stop:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times), sum(times) / len(times)


def settle(limit: float = 0.05) -> None:
    """Wait until no thread of this process computes: BLAS's and OpenMP's spin for a while before
    they sleep, and would slow down whoever comes next."""
    stop = time.perf_counter() + limit
    while time.perf_counter() < stop:
        busy = time.process_time()
        time.sleep(0.002)
        if time.process_time() - busy < 0.0004:
            return


class Session:
    """The requests that a peer answers."""

    def __init__(self, name: str) -> None:
        module, kind = PEERS[name]
        package = __package__ or "tests.bench"
        self.peer = getattr(importlib.import_module(f".peers.{module}", package), kind)()
        self.built: Built | None = None

    def build(self, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        """Make a case: the names of its passes."""
        self.built = None
        gc.collect()
        method = getattr(self.peer, kind, None)
        if method is None:
            raise NotImplementedError(f"no {kind}")
        self.built = method(**spec)
        return {"passes": list(self._built.passes)}

    def check(self, name: str, calls: int) -> dict[str, Any]:
        """Run a pass a few times: a digest of what came out, and the seconds of the last."""
        run, numpy = self._built.passes[name], self._built.numpy
        arrays: list[Any] = []
        for _ in range(calls):
            start = time.perf_counter()
            result = run()
            seconds = time.perf_counter() - start
            arrays += numpy(result)
        return {"digest": digest(arrays), "seconds": seconds}

    def run(self, name: str, seconds: float) -> dict[str, Any]:
        best, mean = measure(self._built.passes[name], seconds)
        settle()
        return {"best": best, "mean": mean}

    def memory(self, name: str, calls: list[int]) -> dict[str, Any]:
        """Peak megabytes of a pass after a few and after more calls."""
        return {"memory": growth(self._built.passes[name], calls)}

    def ask_peer(self, question: str, **request: Any) -> dict[str, Any]:
        """What a method of the peer says, which is not a time."""
        method = getattr(self.peer, question, None)
        if method is None:
            raise NotImplementedError(f"no {question}")
        return {question: method(**request)}

    @property
    def _built(self) -> Built:
        if self.built is None:
            raise RuntimeError("nothing was built")
        return self.built

    def answer(self, do: str, **request: Any) -> dict[str, Any]:
        """What a method returns; a gap with its reason where it fails."""
        try:
            return getattr(self, do)(**request)
        except NotImplementedError as error:
            return {"gap": str(error)}
        except Exception as error:  # whatever a library raises, the others go on
            traceback.print_exc()
            return {"gap": f"{type(error).__name__}: {error}".splitlines()[0][:200]}


class Missing(NamedTuple):
    """A peer that is not installed: a gap with this reason, whatever it is asked."""

    reason: str

    def answer(self, **_: Any) -> dict[str, Any]:
        return {"gap": self.reason}


def opened(name: str) -> Session | Missing:
    try:
        return Session(name)
    except ImportError as error:
        return Missing(str(error))


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    session = opened(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(session.answer(**json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
