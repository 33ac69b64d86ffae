"""The benchmark's harness: what it measures, compares, counts and writes. No times are judged."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lucid  # noqa: F401  before mlx: it loads the BLAS

# isort: split
from bench import goals, layers, ops, overhead, profile, report, results, scaling, steps
from bench.case import Case, difference, digest, draw
from bench.models import TINY
from bench.results import Row, Time
from bench.run import run
from bench.worker import measure

CONV = ops.convolution(layers.layer("small", "dw_conv", 4, 4, 3, 1, 1, 1, 4, 0, 2, 50))
ADD = next(case for case in overhead.cases() if case.name == "add")


def measured(*cases, peers=()):
    return list(run(cases, peers, rounds=2, seconds=0.001))


def row(suite="ops", group="dense", name="a", variant="forward", size=None, facts=None, **times):
    """A row of seconds by peer."""
    found = {peer.replace("_", "-"): Time(t, t) for peer, t in times.items()}
    return Row(suite, group, name, variant, found, {}, facts or {}, None, size)


@pytest.fixture(scope="module")
def rows():
    """A convolution and an operation, with plain MLX and with a peer that does not exist."""
    return measured(CONV, ADD, peers=("mlx", "nobody"))


def test_every_pass_of_a_case_is_a_row_with_times_of_peers_that_compute_the_same(rows):
    expected = [(CONV.name, name) for name in CONV.passes] + [(ADD.name, n) for n in ADD.passes]
    assert [(row.name, row.variant) for row in rows] == expected
    for row in rows:
        assert row.times.keys() == {"lucid", "mlx"}
        assert all(0 < time.best <= time.median for time in row.times.values())
        assert row.ratio("mlx") > 0


def test_a_peer_that_dies_is_a_gap_with_its_reason(rows):
    assert all(row.gaps == {"nobody": "the process ended with 1"} for row in rows)


def test_a_peer_that_is_not_installed_is_a_gap_that_says_so(tmp_path, monkeypatch):
    (tmp_path / "jax.py").write_text("raise ModuleNotFoundError(\"No module named 'jax'\")")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    assert {row.gaps["jax"] for row in measured(ADD, peers=("jax",))} == {"No module named 'jax'"}


def test_the_share_of_the_limit_is_there_where_the_work_is_known(rows):
    assert [row.share is not None and row.share > 0 for row in rows] == [True] * 2 + [False] * 4


def test_what_a_peer_cannot_build_is_a_gap():
    failing = Case("ops", "group", "name", "step", {"network": "no such"}, ("eager",))
    unknown = Case("ops", "group", "name", "nothing", {}, ("eager",))
    gaps = [row.gaps["lucid"] for row in measured(failing, unknown)]
    assert gaps == ["KeyError: 'no such'", "no nothing"]


def test_a_peer_that_takes_too_long_is_ended_and_takes_at_least_so_long():
    spec = CONV.spec | {"shapes": {"x": (8, 512, 9000), "w": (512, 512, 9), "y": (8, 512, 8994)}}
    case = Case(
        "ops", "dense", "slow", "conv", spec | {"groups": 1}, ("forward", "both"), limit=0.3
    )
    for row in measured(case, peers=("mlx",)):
        assert row.times["mlx"] == Time(0.3, 0.3, at_least=True)


def test_memory_and_other_answers_come_from_fresh_processes():
    spec = {"network": TINY}
    asked = {"memory": ("lucid",), "memory_calls": (1, 2), "questions": ("primitives",)}
    facts = measured(Case("s", "g", "n", "step", spec, ("eager",), **asked))[0].facts["lucid"]
    assert len(facts["memory"]) == 2
    assert facts["primitives"]["primitives"] > facts["primitives"]["computing"] > 40


@pytest.mark.parametrize(
    ("peer", "network"),
    [("lucid", "U-Net"), pytest.param("mlx", "Conv-TasNet", marks=pytest.mark.slow)],
)
def test_a_gpu_launches_less_than_the_graph_of_a_cpu_holds(peer, network):
    questions = ("primitives", "launches")
    case = Case("s", "g", "n", "step", {"network": network}, ("eager",), questions=questions)
    facts = measured(case, peers=(peer,))[0].facts[peer]
    assert 100 < facts["launches"]["computing"] < 0.95 * facts["primitives"]["computing"]


def test_a_peer_that_computes_something_else_is_told_apart():
    ours = digest([draw(0, 3, 100)])
    assert difference(ours, digest([draw(0, 3, 100) + 1e-5]), 1e-3) == ""
    assert difference(ours, digest([draw(1, 3, 100)]), 1e-3).startswith("result 0 differs by")
    assert "shape [100, 3]" in difference(ours, digest([draw(0, 3, 100).T]), 1e-3)
    assert difference(ours, [], 1e-3) == "0 results instead of 1"
    assert difference(ours, digest([np.full((3, 100), np.nan)]), 1e-3)


def test_a_call_is_measured_once_at_least():
    calls = []
    best, mean = measure(lambda: calls.append(0), seconds=0)
    assert len(calls) == 1
    assert best == mean


def test_means_are_geometric_and_goals_compare_them_with_what_they_ask():
    rows = [
        row(name="a", lucid=1, torch=4),
        row(name="b", lucid=2, torch=2),
        row(name="c", lucid=1),
    ]
    assert results.mean(rows, "torch") == pytest.approx(2)
    assert [(g.found, g.met) for g in goals.goals("ops", rows)] == [("2.00", True)]
    assert [(g.found, g.met) for g in goals.goals("ops", rows[1:2])] == [("1.00", True)]
    slow = row(group="depthwise", lucid=2, torch=1)
    assert [(g.found, g.met) for g in goals.goals("ops", [slow])] == [("0.50", False)] * 2


def test_a_goal_over_plain_mlx_has_to_hold_with_openblas_too():
    transposed = row(group="transposed", lucid=1, mlx=50, mlx_openblas=10)
    assert [(g.found, g.met) for g in goals.goals("ops", [transposed])] == [("50.00, 10.00", False)]


def test_slopes_are_of_the_upper_half():
    sizes = [2.0**power for power in range(8)]
    points = [(size, max(size, 20.0)) for size in sizes]
    assert goals.slope([(size, 3 * size**2) for size in sizes]) == pytest.approx(2)
    assert 0.5 < goals.slope(points) < 1
    assert goals.slope(points[:1]) is None


def test_leaks_and_peaks_are_goals_of_training_steps():
    memory = {"lucid": {"memory": [10.0, 20.0]}, "torch": {"memory": [30.0, 30.0]}}
    found = goals.goals("steps", [row(suite="steps", variant="eager", facts=memory)])
    assert [(g.found, g.met) for g in found] == [("1.50", True), ("0.50", False)]


def test_results_are_kept_by_row_and_written_with_their_machine(rows, tmp_path):
    path = tmp_path / "results.json"
    run = {"machine": {"CPU": "fast"}, "command": "python", "date": "today"}
    results.save({row.suite: run for row in rows}, rows, path)
    newer = row(suite="ops", group=CONV.group, name=CONV.name, lucid=1.0, torch=2.0)
    results.save({"ops": run | {"date": "tomorrow"}}, [newer], path)
    runs, kept = results.load(path)
    assert runs["ops"]["date"] == "tomorrow"
    assert [row.key for row in kept] == [row.key for row in rows]
    assert kept[0] == newer
    assert kept[1:] == rows[1:]
    text = report.document(runs, kept)
    assert text.count("- CPU: fast") == 1
    assert "## ops\n\n`python`, tomorrow" in text
    assert f"| depthwise: {CONV.name} | forward | 1 s (1 s) | 2.00 (2.00) |" in text
    assert "nobody: the process ended with 1" in text


def test_rows_fit():
    for case in ops.cases():
        if case.kind == "conv":
            arrays = case.spec["shapes"]
            assert 4 * sum(np.prod(arrays[name]) for name in "xy") <= ops.BYTES
            assert case.work["forward"][1] <= ops.PRODUCTS


def test_names_of_rows_are_unique():
    for suite in (ops, steps, overhead, scaling):
        keys = [(case.group, case.name) for case in suite.cases()]
        assert len(keys) == len(set(keys))


def test_a_profile_names_what_a_step_does():
    times = profile.ours(TINY)
    assert {"affine", "affine backward 1", "relu", "relu backward 0", "rest"} <= {*times}
    assert all(times.values())


def test_plain_mlx_runs_without_lucid():
    """Its worker must not have imported what changes the BLAS and the allocator."""
    program = "import sys; from tests.bench.worker import Session as S; S('mlx')"
    program += "; print('lucid' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
