"""The networks of the suite `steps`, each written once for all peers.

A `kit` is what differs between the peers: `kit.nn` has layers under PyTorch's names, and the rest
are the few functions that depend on the layout, which is (N, C, L) for some and (N, L, C) for
others. A model is a module whose call gives the loss of a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .case import draw


class Network(NamedTuple):
    """`make(kit, **sizes)` is the module; `batch(**sizes)` its arrays in the layout (N, C, L)."""

    make: Callable[..., Any]
    batch: Callable[..., list[np.ndarray]]
    sizes: dict[str, int]
    channels_first: bool = True  # whether a batch has its channels where the layout has them
    optimizer: str = "Adam"
    rate: float = 1e-3


def separating(nn: Any, narrow: int, wide: int, dilation: int) -> list[Any]:
    """The layers of a block of Conv-TasNet, up to what leads out of it."""
    return [
        nn.Conv1d(narrow, wide, 1),
        nn.PReLU(),
        nn.GroupNorm(1, wide),
        nn.Conv1d(wide, wide, 3, padding=dilation, dilation=dilation, groups=wide),
        nn.PReLU(),
        nn.GroupNorm(1, wide),
    ]


def conv_tasnet(kit: Any, filters: int, narrow: int, wide: int, layers: int, **_: int) -> Any:
    """Luo and Mesgarani 2019, small: two sources, two stacks, negative SI-SNR."""
    nn = kit.nn

    class Block(nn.Module):
        def __init__(self, dilation: int) -> None:
            super().__init__()
            self.net = nn.Sequential(*separating(nn, narrow, wide, dilation))
            self.residual = nn.Conv1d(wide, narrow, 1)
            self.skip = nn.Conv1d(wide, narrow, 1)

        def forward(self, x: Any) -> Any:
            y = self.net(x)
            return x + self.residual(y), self.skip(y)

    class ConvTasNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Conv1d(1, filters, 16, stride=8, bias=False)
            self.head = nn.Sequential(nn.GroupNorm(1, filters), nn.Conv1d(filters, narrow, 1))
            self.blocks = nn.ModuleList([Block(2**i) for _ in range(2) for i in range(layers)])
            self.tail = nn.Sequential(nn.PReLU(), nn.Conv1d(narrow, 2 * filters, 1), nn.Sigmoid())
            self.decoder = nn.ConvTranspose1d(filters, 1, 16, stride=8, bias=False)

        def forward(self, mixture: Any, first: Any, second: Any) -> Any:
            features = self.encoder(mixture)
            x, total = self.head(features), 0
            for block in self.blocks:
                x, skip = block(x)
                total = total + skip
            masks = self.tail(total)
            loss = 0
            for number, source in enumerate((first, second)):
                mask = kit.channels(masks, number * filters, (number + 1) * filters)
                loss = loss - si_snr(kit, kit.flat(self.decoder(mask * features)), kit.flat(source))
            return loss

    return ConvTasNet()


def si_snr(kit: Any, estimate: Any, target: Any) -> Any:
    """Scale-invariant signal-to-noise ratio of (N, L) in dB, mean over the batch."""
    projection = kit.sum(estimate * target) / (kit.sum(target * target) + 1e-8) * target
    noise = estimate - projection
    ratio = kit.sum(projection * projection) / (kit.sum(noise * noise) + 1e-8)
    return (kit.log(ratio + 1e-8) * (10 / np.log(10))).mean()


def waveforms(batch: int, samples: int, count: int) -> list[np.ndarray]:
    sources = [draw(seed, batch, 1, samples) for seed in range(1, count)]
    return [sum(sources, start=0.1 * draw(0, batch, 1, samples)), *sources]


def matchboxnet(kit: Any, mels: int, channels: int, classes: int, **_: int) -> Any:
    """Majumdar and Ginsburg 2020, 3x1: keywords from a spectrogram."""
    nn = kit.nn
    wide = 2 * channels

    def separable(inner: int, outer: int, K: int, dilation: int = 1) -> list[Any]:
        padding = dilation * (K - 1) // 2
        return [
            nn.DepthSeparableConv1d(inner, outer, K, 1, padding, dilation, bias=False),
            nn.BatchNorm1d(outer),
        ]

    class Block(nn.Module):
        def __init__(self, inner: int, K: int) -> None:
            super().__init__()
            self.body = nn.Sequential(*separable(inner, channels, K))
            self.beside = nn.Sequential(
                nn.Conv1d(inner, channels, 1, bias=False), nn.BatchNorm1d(channels)
            )
            self.activation = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.activation(self.body(x) + self.beside(x))

    class MatchboxNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                *separable(mels, wide, 11),
                nn.ReLU(),
                Block(wide, 13),
                Block(channels, 15),
                Block(channels, 17),
                *separable(channels, wide, 29, dilation=2),
                nn.ReLU(),
                nn.Conv1d(wide, wide, 1, bias=False),
                nn.BatchNorm1d(wide),
                nn.ReLU(),
            )
            self.head = nn.Linear(wide, classes)

        def forward(self, x: Any, labels: Any) -> Any:
            return kit.cross_entropy(self.head(kit.mean_in_time(self.layers(x))), labels)

    return MatchboxNet()


def hifi_gan(kit: Any, mels: int, channels: int, **_: int) -> Any:
    """The generator of Kong et al. 2020, small: upsampling by 256, two kernels in each fusion."""
    nn = kit.nn

    class Residual(nn.Module):
        def __init__(self, width: int, K: int) -> None:
            super().__init__()
            self.branches = nn.ModuleList(
                [
                    nn.Sequential(
                        nn.LeakyReLU(0.1),
                        nn.Conv1d(width, width, K, 1, D * (K - 1) // 2, D),
                        nn.LeakyReLU(0.1),
                        nn.Conv1d(width, width, K, 1, (K - 1) // 2),
                    )
                    for D in (1, 3, 5)
                ]
            )

        def forward(self, x: Any) -> Any:
            for branch in self.branches:
                x = x + branch(x)
            return x

    class Stage(nn.Module):
        def __init__(self, width: int, rate: int) -> None:
            super().__init__()
            self.up = nn.Sequential(
                nn.LeakyReLU(0.1),
                nn.ConvTranspose1d(width, width // 2, 2 * rate, rate, rate // 2),
            )
            self.three, self.seven = Residual(width // 2, 3), Residual(width // 2, 7)

        def forward(self, x: Any) -> Any:
            x = self.up(x)
            return (self.three(x) + self.seven(x)) * 0.5

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            stages = [Stage(channels >> i, rate) for i, rate in enumerate((8, 8, 2, 2))]
            self.net = nn.Sequential(
                nn.Conv1d(mels, channels, 7, 1, 3),
                *stages,
                nn.LeakyReLU(0.1),
                nn.Conv1d(channels >> 4, 1, 7, 1, 3),
                nn.Tanh(),
            )

        def forward(self, spectrogram: Any, waveform: Any) -> Any:
            return kit.abs(self.net(spectrogram) - waveform).mean()

    return Generator()


def lstm_tagger(kit: Any, features: int, hidden: int, classes: int, **_: int) -> Any:
    """A label for every frame; frames are (N, L, C) in every layout."""
    nn = kit.nn

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.LSTM(features, hidden), nn.LSTM(hidden, hidden)
            self.head = nn.Linear(hidden, classes)

        def forward(self, frames: Any, labels: Any) -> Any:
            scores = self.head(self.second(self.first(frames)))
            return kit.cross_entropy(scores.reshape(-1, classes), labels)

    return Tagger()


def unet(kit: Any, channels: int, depth: int, **_: int) -> Any:
    """Strided convolutions down, transposed ones up, batch norm; denoises a waveform."""
    nn = kit.nn
    widths = [1, *(channels << i for i in range(depth))]

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList(
                [
                    nn.Sequential(
                        nn.Conv1d(inner, outer, 8, 4, 2), nn.BatchNorm1d(outer), nn.ReLU()
                    )
                    for inner, outer in pairwise(widths)
                ]
            )
            self.middle = nn.Sequential(nn.Conv1d(widths[-1], widths[-1], 3, 1, 1), nn.ReLU())
            self.up = nn.ModuleList(
                [
                    nn.Sequential(
                        nn.ConvTranspose1d(2 * outer, inner, 8, 4, 2),
                        nn.BatchNorm1d(inner),
                        nn.ReLU(),
                    )
                    for inner, outer in pairwise(widths[1:])
                ]
            )
            self.last = nn.ConvTranspose1d(2 * channels, 1, 8, 4, 2)

        def forward(self, noisy: Any, clean: Any) -> Any:
            x, skips = noisy, []
            for layer in self.down:
                x = layer(x)
                skips.append(x)
            x = self.middle(x)
            for layer in reversed(list(self.up)):
                x = layer(kit.cat(x, skips.pop()))
            return kit.abs(self.last(kit.cat(x, skips.pop())) - clean).mean()

    return UNet()


TINY = "20 tiny layers"


def tiny(kit: Any, width: int, layers: int, **_: int) -> Any:
    """Linear and ReLU in turn: a step of it is all overhead."""
    nn = kit.nn

    class Tiny(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            parts = [part for _ in range(layers) for part in (nn.Linear(width, width), nn.ReLU())]
            self.net = nn.Sequential(*parts)

        def forward(self, x: Any, y: Any) -> Any:
            error = self.net(x) - y
            return (error * error).mean()

    return Tiny()


def labelled(shape: tuple[int, ...], count: int, classes: int) -> list[np.ndarray]:
    """An array and `count` class numbers."""
    return [draw(0, *shape), np.random.default_rng(0).integers(0, classes, count)]


NETWORKS = {
    "Conv-TasNet": Network(
        conv_tasnet,
        lambda batch, samples, **_: waveforms(batch, samples, 3),
        {"batch": 4, "samples": 8000, "filters": 128, "narrow": 64, "wide": 128, "layers": 6},
    ),
    "MatchboxNet": Network(
        matchboxnet,
        lambda batch, mels, frames, classes, **_: labelled((batch, mels, frames), batch, classes),
        {"batch": 64, "mels": 64, "frames": 100, "channels": 64, "classes": 30},
    ),
    "HiFi-GAN": Network(
        hifi_gan,
        lambda batch, mels, frames, **_: [
            draw(0, batch, mels, frames),
            0.5 * draw(1, batch, 1, 256 * frames),
        ],
        {"batch": 4, "mels": 80, "frames": 32, "channels": 128},
    ),
    "LSTM tagger": Network(
        lstm_tagger,
        lambda batch, frames, features, classes, **_: labelled(
            (batch, frames, features), batch * frames, classes
        ),
        {"batch": 16, "frames": 100, "features": 64, "hidden": 128, "classes": 40},
        channels_first=False,
    ),
    "U-Net": Network(
        unet,
        lambda batch, samples, **_: waveforms(batch, samples, 2),
        {"batch": 8, "samples": 16384, "channels": 24, "depth": 4},
    ),
    TINY: Network(
        tiny,
        lambda batch, width, **_: [draw(0, batch, width), draw(1, batch, width)],
        {"batch": 8, "width": 16, "layers": 20},
        optimizer="SGD",
        rate=1e-2,
    ),
}


def initial(name: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """The first value of a parameter of PyTorch's shape; None: the layer's own ones."""
    if "bias" in name:
        return np.zeros(shape, np.float32)
    if len(shape) > 1:
        return draw(0, *shape) / np.prod(shape[1:]).astype(np.float32) ** 0.5
    return None
