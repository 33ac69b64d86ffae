"""Peak memory and time of a training step with checkpointing: `python tests/bench/checkpoint.py`.

A residual stack as in a Conv-TasNet separator, of 1x1 and dilated depthwise convolutions.
"""

import time

import lucid  # before mlx: its BLAS is chosen then
from lucid import nn
from lucid.utils.checkpoint import checkpoint_sequential

import mlx.core as mx  # isort: skip

CHANNELS, HIDDEN, BLOCKS, SHAPE = 32, 64, 24, (4, 32, 4000)


class Block(nn.Module):
    def __init__(self, dilation):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(CHANNELS, HIDDEN, 1),
            nn.PReLU(),
            nn.GroupNorm(1, HIDDEN),
            nn.Conv1d(HIDDEN, HIDDEN, 3, padding=dilation, dilation=dilation, groups=HIDDEN),
            nn.PReLU(),
            nn.GroupNorm(1, HIDDEN),
            nn.Conv1d(HIDDEN, CHANNELS, 1),
        )

    def forward(self, x):
        return x + self.net(x)


def step(model, x, segments):
    """Seconds and peak bytes of one step."""
    model.zero_grad()
    mx.synchronize()
    before, start = mx.get_active_memory(), time.perf_counter()
    mx.reset_peak_memory()
    checkpoint_sequential(model, segments, x).square().mean().backward()
    mx.eval([p.grad.array for p in model.parameters()])
    mx.synchronize()
    return time.perf_counter() - start, mx.get_peak_memory() - before


def main():
    model = nn.Sequential(*[Block(2 ** (i % 8)) for i in range(BLOCKS)])
    x = lucid.randn(*SHAPE)
    print("| segments | peak MB | seconds |\n|---|---|---|")
    for segments in (1, 2, 4, 6, 12, 24):
        runs = [step(model, x, segments) for _ in range(4)][1:]
        seconds, peak = (min(values) for values in zip(*runs, strict=True))
        print(f"| {segments} | {peak / 1e6:.0f} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
