"""Skips the tests that compile where nothing can be compiled."""

import pytest

import metal_emulator


@pytest.fixture
def compiler():
    reason = metal_emulator.missing()
    if reason:
        pytest.skip(reason)
