"""The command line of the comparison with PyTorch's sample inputs."""

from __future__ import annotations

import argparse
import os
import warnings

from . import pool

PROCESSES = 2


def selected(wanted: list[str]) -> list[str]:
    """The entries that lucid offers, of these names (all variants) where some are given."""
    from .names import resolve
    from .table import entries

    table = entries()
    unknown = [w for w in wanted if not any(w in (n, op.name) for n, op in table.items())]
    if unknown:
        raise SystemExit(f"torch's table has no entry {', '.join(unknown)}")
    chosen = {n: op for n, op in table.items() if not wanted or n in wanted or op.name in wanted}
    missing = [n for n, op in chosen.items() if resolve(op) is None]
    if wanted and missing:
        print("not offered by lucid:", ", ".join(missing))
    return [n for n in chosen if n not in missing]


def show(name: str, results: list | None, problem: str | None, failures: int) -> None:
    """Counts per dtype and the first failures."""
    if results is None:
        print(f"{name}: {problem}")
        return
    for r in results:
        counts = [f"{c} {r.passed[c]}/{r.total[c]}" for c in r.total if r.total[c]]
        print(f"{name} {r.dtype}: {', '.join(counts) or 'nothing to compare'}")
        for reason, count in r.excluded.items():
            print(f"    left out {count}: {reason}")
        for case, sample, reason in r.failures[:failures]:
            print(f"    FAILS {case} {sample}: {reason}")
        if len(r.failures) > failures:
            print(f"    ... and {len(r.failures) - failures} more")


def listing() -> None:
    """Which entries lucid offers."""
    from .names import resolve
    from .table import entries

    table = entries()
    offered = [n for n, op in table.items() if resolve(op) is not None]
    print(f"{len(offered)} of {len(table)} entries offered, {len(table) - len(offered)} not")
    print("offered:", " ".join(offered))
    print("not offered:", " ".join(n for n in table if n not in offered))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.parity")
    parser.add_argument("names", nargs="*", help="entries; default: all that lucid offers")
    parser.add_argument("--list", action="store_true", help="which entries lucid offers")
    parser.add_argument("--failures", type=int, default=5, help="how many to print per dtype")
    arguments = parser.parse_args()
    from .table import walk_entry

    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    warnings.simplefilter("ignore")
    if arguments.list:
        listing()
        return 0
    failed = False
    tasks = selected(arguments.names)
    for name, results, problem in pool.run(walk_entry, tasks, PROCESSES if len(tasks) > 4 else 1):
        show(name, results, problem, arguments.failures)
        failed = failed or results is None or any(r.failures for r in results)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
