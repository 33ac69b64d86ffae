"""The command line of the comparison with PyTorch's sample inputs."""

from __future__ import annotations

import argparse
import difflib
import os
import warnings

from . import pool

PROCESSES = 2


def selected(wanted: list[str]) -> list[str]:
    """The entries that lucid offers, of these names (all variants) where some are given."""
    from .table import entries, is_offered

    chosen = [n for n in entries() if not wanted or n in wanted or n.split(":")[0] in wanted]
    unknown = [w for w in wanted if not any(w in (n, n.split(":")[0]) for n in chosen)]
    if unknown:
        raise SystemExit(f"torch's tables have no entry {', '.join(unknown)}")
    missing = [n for n in chosen if not is_offered(n)]
    if wanted and missing:
        print("not offered by lucid:", ", ".join(missing))
    return [n for n in chosen if n not in missing]


def show(name: str, results: list | None, problem: str | None, failures: int) -> None:
    """Counts per dtype and the first failures."""
    if results is None:
        print(f"{name}: FAILS {problem}")
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
    from .table import entries, is_offered

    offered = [n for n in entries() if is_offered(n)]
    missing = [n for n in entries() if n not in offered]
    print(f"{len(offered)} of {len(entries())} entries offered, {len(missing)} not")
    print("offered:", " ".join(offered))
    print("not offered:", " ".join(missing))


def whole(failures: int, check: bool) -> int:
    """Walk all that is offered; write RESULTS.md, or compare it with what it would be."""
    from . import report
    from .table import entries, walk_entry

    tasks = selected([])
    walked, problems = {}, {}
    for name, results, problem in pool.run(walk_entry, tasks, PROCESSES):
        walked[name] = results
        if results is None:
            problems[name] = problem
        if results is None or any(r.failures for r in results):
            show(name, [r for r in results or [] if r.failures] or None, problem, failures)
    text = report.text(walked, problems, [n for n in entries() if n not in walked])
    failed = sum(r is None or any(x.failures for x in r) for r in walked.values())
    print(f"{failed} of {len(walked)} entries have failures")
    if not check:
        report.PATH.write_text(text)
        print(f"wrote {report.PATH}")
        return int(failed > 0)
    recorded = report.PATH.read_text() if report.PATH.exists() else ""
    old, new = report.comparable(recorded), report.comparable(text)
    if old != new:
        print("RESULTS.md is out of date; run `python -m tests.parity` and commit it:")
        print("\n".join(list(difflib.unified_diff(old, new, lineterm="", n=0))[:60]))
    return int(failed > 0 or old != new)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.parity")
    parser.add_argument("names", nargs="*", help="entries; default: all that lucid offers")
    parser.add_argument("--list", action="store_true", help="which entries lucid offers")
    parser.add_argument("--check", action="store_true", help="fail where RESULTS.md is not so")
    parser.add_argument("--failures", type=int, default=5, help="how many to print per dtype")
    arguments = parser.parse_args()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    warnings.simplefilter("ignore")
    if arguments.list:
        listing()
        return 0
    if not arguments.names:
        return whole(arguments.failures, arguments.check)
    from .table import walk_entry

    failed = False
    for name, results, problem in pool.run(walk_entry, selected(arguments.names), 1):
        show(name, results, problem, arguments.failures)
        failed = failed or results is None or any(r.failures for r in results)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
