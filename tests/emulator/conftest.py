"""Shared by the tests of the emulator. Those that compile skip where nothing can be compiled."""

import json

import mlx.core as mx
import pytest

import metal_emulator
from metal_emulator import bridge, mac_check
from metal_emulator.cases import Block, Layer


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """What the bridge writes for a Mac, of three layers."""
    reason = metal_emulator.missing()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("bridge") / "mac-check"
    wide = Layer("wide", True, 1, 16, 12, 40, 4, 2, 1, 1, 1, 1)
    block = Block("block", 2, 24, 24, 32, 81, 5, 2, 3, 2, 1, True)
    causal = Layer("causal", False, 2, 3, 3, 50, 4, 1, 6, 0, 2, 3)
    bridge.write(folder, [wide, block], [causal])
    return folder


@pytest.fixture
def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


@pytest.fixture
def gpu(monkeypatch):
    """MLX runs kernels, because the emulator does; nothing is timed more than once."""
    build = mx.fast.metal_kernel

    def metal_kernel(**kernel):
        built = build(**kernel)
        return lambda **call: metal_emulator.launch(built, **call).outputs

    monkeypatch.setattr(mx.fast, "metal_kernel", metal_kernel)
    monkeypatch.setattr(mx.metal, "is_available", lambda: True)
    monkeypatch.setattr(mac_check, "best", lambda function: mx.eval(function()) or 2.0)
