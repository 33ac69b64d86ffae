"""The parity harness reports what is wrong: it is given wrong operations on purpose."""

import math
import os
import re
import time
import warnings

import pytest

import lucid

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch's own tests, without hypothesis
    from parity import compare, exceptions, modules, names, pool, report, table, walk

pytestmark = pytest.mark.parity


def walked(monkeypatch, entry, ours, dtype=torch.float32):
    """The result of walking one entry of torch's with `ours` in the place of lucid's."""
    monkeypatch.setattr(names, "resolve", lambda op: ours)
    return walk.walk(table.entries()[entry], dtype)


def failed(result, case):
    return [reason for c, _, reason in result.failures if c == case]


def test_a_right_operation_passes(monkeypatch):
    result = walked(monkeypatch, "exp", lucid.exp)
    assert result.passed["forward"] == result.total["forward"] == 3
    assert result.passed["gradients"] == result.total["gradients"] == 3
    assert not failed(result, "forward") + failed(result, "gradients")


@pytest.mark.parametrize(
    ("ours", "reason"),
    [
        (lambda x: lucid.exp(x) * (1 + 1e-4), "value: .* not close"),
        (lambda x: lucid.exp(x).to(lucid.float16), "dtype: expected float32, got float16"),
        (lambda x: lucid.exp(x)[None], "shape: expected"),
        (lambda x: lucid.exp(x).tolist(), "type: expected a Tensor"),
        (lambda x: (lucid.exp(x), x), "type: expected a Tensor"),
        (lambda x: lucid.exp(x).nothing, "AttributeError"),
    ],
)
def test_a_wrong_result_is_reported(monkeypatch, ours, reason):
    result = walked(monkeypatch, "exp", ours)
    assert result.passed["forward"] < result.total["forward"] == 3
    assert re.search(reason, failed(result, "forward")[0])


@pytest.mark.parametrize(
    "ours",
    [
        lambda x: lucid.exp(x).detach() + 0 * x,  # a gradient of 0
        lambda x: lucid.exp(x).detach(),  # none
        lambda x: lucid.exp(x) + 1e-3 * (x - x.detach()),  # a little off
    ],
)
def test_a_wrong_gradient_is_reported(monkeypatch, ours):
    result = walked(monkeypatch, "exp", ours)
    assert result.passed["forward"] == 3
    assert result.total["gradients"] == 3
    assert failed(result, "gradients")


def test_an_error_that_is_swallowed_is_reported(monkeypatch):
    right = walked(monkeypatch, "cat", lucid.cat)
    wrong = walked(monkeypatch, "cat", lambda *a, **k: lucid.zeros(1))
    assert right.total["errors"] == wrong.total["errors"] > 0
    assert len(failed(right, "errors")) < wrong.total["errors"]
    assert wrong.passed["errors"] == 0
    assert failed(wrong, "errors")[0].startswith("no error: torch raises")


def test_methods_and_in_place_variants_are_compared(monkeypatch):
    monkeypatch.setattr(lucid.Tensor, "exp", lambda x: x)
    monkeypatch.setattr(lucid.Tensor, "exp_", lambda x: lucid.exp(x), raising=False)  # x unchanged
    reasons = failed(walked(monkeypatch, "exp", lucid.exp), "methods")
    assert any(r.startswith("value") for r in reasons)
    assert any("changed" in r for r in reasons)
    monkeypatch.setattr(names, "variant", lambda name, theirs: theirs and theirs.__name__)
    reasons = failed(walked(monkeypatch, "exp", lucid.exp), "methods")
    assert "missing: Tensor.exp_" in reasons


def test_calls_by_keyword_are_compared(monkeypatch):
    def other_name(x):
        return lucid.exp(x)

    right, wrong = (walked(monkeypatch, "exp", f) for f in (lucid.exp, other_name))
    assert not [r for r in failed(right, "methods") if "keyword" in r]
    assert any("unexpected keyword argument 'input'" in r for r in failed(wrong, "methods"))


def test_random_results_are_compared_in_shape_and_dtype(monkeypatch):
    ours = lucid.nn.functional.dropout
    entry = "nn.functional.dropout"
    assert not failed(walked(monkeypatch, entry, ours), "forward")
    assert failed(walked(monkeypatch, entry, lambda *a, **k: ours(*a, **k)[None]), "forward")


def test_indices_may_differ_among_equal_elements_only(monkeypatch):
    def last_first(x, dim=-1, descending=False, stable=False):
        """Sorts equal elements the other way round than torch does."""
        back = lucid.flip(x, dim) if x.ndim else x
        values, indices = lucid.sort(back, dim, descending)
        return torch.return_types.sort((values, x.shape[dim] - 1 - indices if x.ndim else indices))

    def wrong(x, dim=-1, descending=False, stable=False):
        values, indices = lucid.sort(x, dim, descending)
        return torch.return_types.sort((values, indices * 0))

    samples = [s.kwargs for s in table.entries()["sort"].sample_inputs("cpu", torch.bool)]
    stable = sum(bool(k.get("stable")) for k in samples)
    assert len(failed(walked(monkeypatch, "sort", last_first, torch.bool), "forward")) <= stable
    assert len(failed(walked(monkeypatch, "sort", wrong, torch.bool), "forward")) > stable


def test_room_for_rounding_comes_from_roundings_only():
    wide = torch.tensor([1.0, -2.0, 4.0], dtype=torch.float64)
    rounded = (wide * (1 + 1e-6)).float()
    assert compare.slacks([rounded], [wide])[0] == pytest.approx(3 * 4e-6, rel=0.1)
    assert compare.slacks([-rounded], [wide]) == [0.0]  # another sign is no rounding
    assert compare.slacks([-rounded, rounded], [wide, wide])[0] < 1e-4
    assert compare.slacks([torch.tensor([1e-9])], [torch.zeros(1, dtype=torch.float64)])[0] < 1e-8


def test_a_wrong_module_is_reported(monkeypatch):
    class Linear(lucid.nn.Linear):
        def forward(self, input):
            return super().forward(input) * 1.01

    monkeypatch.setattr(modules, "resolve", lambda info: Linear)
    result = modules.walk(table.entries()["nn.Linear"], torch.float32)
    assert result.passed["forward"] == 0
    assert failed(result, "forward")


def test_a_crash_and_a_hang_are_failures_of_their_entry(monkeypatch):
    assert list(pool.run(math.sqrt, [4.0], 1)) == [(4.0, 2.0, None)]
    [(_, result, problem)] = pool.run(os._exit, [3], 1)
    assert result is None
    assert problem == "crash: the process ended with 3"
    monkeypatch.setattr(pool, "SECONDS", 2)
    [(_, result, problem)] = pool.run(time.sleep, [60], 1)
    assert result is None
    assert problem.startswith("hang")


def test_results_differ_where_a_count_differs(monkeypatch):
    def lines(ours):
        result = walked(monkeypatch, "exp", ours)
        return report.comparable(report.text({"exp": [result]}, {}, ["log"]))

    assert lines(lucid.exp) == lines(lucid.exp)
    assert lines(lucid.exp) != lines(lambda x: lucid.exp(x) + 1)


def test_every_exception_has_a_reason():
    assert all(len(rule.reason) > 20 for rule in exceptions.RULES)
