"""Where the time of a training step goes: milliseconds by operation, ours beside PyTorch's.

Run as `python -m tests.bench.profile NETWORK`. Each result of ours is computed alone, right after
it was asked for, which takes longer than together, as MLX's thread wakes up for each: a tenth in
Conv-TasNet, four times as long in the network of 20 tiny layers.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import Any
from unittest.mock import patch

import lucid.autograd.tape
import lucid.ops.op

# isort: split
import mlx.core as mx

from .models import NETWORKS

STEPS = 4
Times = Counter[str]


def ours(network: str) -> Times:
    """Milliseconds of a step by operation; the rest is Python, and the optimizer."""
    from .peers.lucid_peer import Lucid

    peer = Lucid()
    training = peer.training(network)
    times: Times = Counter()
    record, pull = lucid.ops.op._recorded, lucid.ops.op.OpNode.pull
    plus = lucid.autograd.tape._plus

    def timed(label: str, arrays: Iterable[Any]) -> None:
        start = time.perf_counter()
        mx.eval([array for array in arrays if array is not None])
        times[label] += 1e3 * (time.perf_counter() - start) / STEPS

    def recorded(operation: Any, out: Any, *rest: Any) -> Any:
        timed(operation.name, [out] if isinstance(out, mx.array) else out)
        return record(operation, out, *rest)

    def pulled(node: Any, *gradients: mx.array) -> Any:
        found = pull(node, *gradients)
        for number, gradient in enumerate(found):  # of the input, the weight, the bias
            timed(f"{node.name} backward {number}", [gradient])
        return found

    def added(*gradients: Any) -> Any:
        total = plus(*gradients)
        timed("sums of gradients", [total])
        return total

    def step() -> None:
        training.update()
        peer.wait(training.held)

    for _ in range(2):
        step()
    with (
        patch.object(lucid.ops.op, "_recorded", recorded),
        patch.object(lucid.autograd.tape, "_plus", added),
        patch.object(lucid.ops.op.OpNode, "pull", pulled),
    ):
        total = mean_of(step)
    times["rest"] = total - times.total()
    return times


def torchs(network: str) -> Times:
    """The same of PyTorch, by its own profiler."""
    from torch.profiler import profile

    from .peers.torch_peer import Torch

    update = Torch().training(network).update
    for _ in range(2):
        update()
    with profile() as found:
        mean_of(update)
    return Counter({e.key: e.self_cpu_time_total / 1e3 / STEPS for e in found.key_averages()})


def mean_of(step: Callable[[], Any]) -> float:
    """Milliseconds of a step."""
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    return 1e3 * (time.perf_counter() - start) / STEPS


def table(title: str, times: Times, rows: int = 15) -> str:
    lines = [f"{milliseconds:9.2f} ms  {label}" for label, milliseconds in times.most_common(rows)]
    return "\n".join([f"{title}: {times.total():.1f} ms", *lines])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.profile", description=__doc__)
    parser.add_argument("network", choices=NETWORKS)
    name = parser.parse_args().network
    print(table("lucid", ours(name)))
    print(table("torch", torchs(name)) if find_spec("torch") else "torch: not installed")
