"""What is set up on Linux before MLX loads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def heap(before="", **environment):
    """What the kernel says about the heap of a process that has imported lucid, in kB or words."""
    code = before + "import lucid; print(open('/proc/self/smaps').read())"
    command = [sys.executable, "-c", code]
    output = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    ).stdout
    facts = [block.partition("\n")[2] for block in output.split("[heap]")[1:]]
    return [dict(line.split(":", 1) for line in text.splitlines()[:24]) for text in facts]


@pytest.mark.skipif(not HUGE.exists(), reason="a Linux kernel with transparent huge pages")
def test_the_heap_grows_into_huge_pages_and_takes_no_memory_before():
    advised = [part for part in heap() if "hg" in part["VmFlags"].split()]
    half = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2048
    assert sum(int(part["Size"].split()[0]) for part in advised) > 0.9 * half
    assert sum(int(part["Rss"].split()[0]) for part in advised) < 100_000
    assert not [part for part in heap(LUCID_MALLOC="0") if "hg" in part["VmFlags"].split()]


TWICE = """
import resource, lucid
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(2):
    before = faults()
    arrays = [(lucid.zeros(1 << 26) + i).eval() for i in range(5)]
    del arrays
print(faults() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_more_than_a_gigabyte_is_kept():
    output = subprocess.run(
        [sys.executable, "-c", TWICE], capture_output=True, text=True, check=True
    ).stdout
    assert int(output) < 10_000  # 262,000 pages were given back and taken again


THREADS = """
import resource, threading, lucid
def work():
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        (lucid.zeros(1 << 26) + 1).eval()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
for _ in range(2):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_threads_keep_it_too():
    output = subprocess.run(
        [sys.executable, "-c", THREADS], capture_output=True, text=True, check=True
    ).stdout
    assert max(map(int, output.split())) < 10_000  # 131,000 pages, of two buffers of 256 MB


@pytest.mark.skipif(not HUGE.exists(), reason="a Linux kernel with transparent huge pages")
@pytest.mark.parametrize(("limit", "advised"), [(1 << 30, 0), (6 << 30, 2 << 30)])
def test_a_limit_of_addresses_leaves_some_to_others(limit, advised):
    if advised > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2:
        pytest.skip("a machine with little memory")
    code = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))\n"
    parts = heap(before=code)
    found = [part for part in parts if "hg" in part["VmFlags"].split()]
    sizes = sum(int(part["Size"].split()[0]) for part in found)
    assert 0.9 * advised <= 1024 * sizes <= advised
