"""Fixtures shared by all tests."""

import os
import signal
from pathlib import Path

import pytest

import lucid  # before any test imports mlx: its BLAS is chosen then
import metal_emulator
from lucid import _shards
from lucid.kernels import shaders
from metal_emulator import coverage

MEASURED = os.environ.get("LUCID_SHADER_COVERAGE") == "1" and not metal_emulator.missing()
COVERAGE = metal_emulator.Coverage()

# A shell's background job ignores Ctrl-C, and so would the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if named := os.environ.get("LUCID_TEST_DEVICE"):  # "cpu" or "gpu"; else the default of the machine
    lucid.set_default_device(named)

if os.environ.get("LUCID_TEST_SHARDS") == "1":  # arrays of any size, in three at most
    _shards.LEAST, _shards._cores = 2, 3


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test starts at the same random numbers, whatever ran before it."""
    lucid.manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real audio: $LUCID_TEST_DATA, or `shared/data` beside the checkout."""
    named = os.environ.get("LUCID_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real audio at {folder}; set LUCID_TEST_DATA to its folder")
    return folder


@pytest.fixture
def compiler():
    """What the emulator needs to run at all."""
    reason = metal_emulator.missing()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def emulator(compiler):
    """The library runs its Metal shaders, in the emulator; the session tells what they did."""
    with metal_emulator.emulated() as session:
        yield session
    for run in session.runs if MEASURED else ():
        if run.options.mode.checked:  # others may have turned branches into selections
            COVERAGE.add(run)


def pytest_sessionfinish(session):
    if MEASURED and any(coverage.report(COVERAGE, shaders.folder())):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    if MEASURED:
        terminalreporter.section("lines of shaders that no test ran")
        for line in coverage.report(COVERAGE, shaders.folder()):
            terminalreporter.write_line(line)
