"""The process of a peer, seen from the parent."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import lucid

ROOT = Path(__file__).resolve().parents[2]


class Worker:
    """The process of one peer, started when it is first asked, and again if it has died.

    What it prints is shown where LUCID_BENCH_STDERR is set.
    """

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, do: str, patience: float = 100, **request: Any) -> dict[str, Any]:
        """Its answer; a gap if it dies, or is ended after `patience` seconds."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps({"do": do, **request}).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return {"gap": self._ended()}
        if not select.select([process.stdout], [], [], patience)[0]:
            self.close()
            return {"gap": f"no end after {patience:.0f} s", "at_least": patience}
        line = process.stdout.readline()
        return json.loads(line) if line else {"gap": self._ended()}

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.worker", self.peer],
                cwd=ROOT,
                env=os.environ | _environment(self.peer),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if os.environ.get("LUCID_BENCH_STDERR") else subprocess.DEVNULL,
            )
        return self._process

    def _ended(self) -> str:
        assert self._process is not None
        code = self._process.wait()
        self.close()
        return f"the process ended with {code}"


def _environment(peer: str) -> dict[str, str]:
    """The peer `mlx-openblas` is plain MLX with the BLAS that lucid finds on this machine."""
    return {"OPENBLAS": lucid.blas} if peer == "mlx-openblas" and lucid.blas else {}
