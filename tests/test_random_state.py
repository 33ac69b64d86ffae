"""The state of the random stream can be taken and given back."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lucid


@pytest.mark.parametrize("seed", [0, 5, 2**64 - 1])
def test_state_round_trip(seed):
    lucid.manual_seed(seed)
    lucid.randn(3)
    state = lucid.random.get_state()
    expected = lucid.randn(100).numpy()
    lucid.manual_seed(1)
    lucid.random.set_state(state)
    np.testing.assert_array_equal(lucid.random.get_state(), state)
    np.testing.assert_array_equal(lucid.randn(100).numpy(), expected)


def test_not_a_state():
    with pytest.raises(ValueError, match=r"array of 2 uint32, got int64 of shape \(3,\)"):
        lucid.random.set_state([1, 2, 3])


def test_the_stream_is_one_for_all_threads():
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: lucid.randn(8).tolist(), range(16)))
    assert len({tuple(d) for d in drawn}) == 16


def test_a_thread_that_drew_numbers_lets_the_process_end():
    # MLX's own random state aborts the process at exit in one of three cases
    code = (
        "import lucid, threading, time\n"
        "t = threading.Thread(target=lambda: (lucid.randn(2).eval(), time.sleep(0.1)))\n"
        "t.start(); t.join()"
    )
    for _ in range(4):
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
