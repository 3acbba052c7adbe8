"""Trials: what is called, what is compared, and how a verdict comes about."""

from collections import Counter

import pytest

from pipeline import execution
from pipeline.errors import TableError
from pipeline.execution import PROBE, TEST, GivenTest, Trial, judged, verdict
from pipeline.params import load
from pipeline.sandbox import sandbox as sandbox_module
from pipeline.sandbox.jobs import Program, Seen
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
from pipeline.sandbox.statuses import STATUSES, VERDICTS

PLUS_ONE = Program("s", "def f(x):\n    return x + 1")


def value_test(test_id, call, expected):
    return GivenTest(test_id, f"assert {call} == {expected}", call, expected)


def code_test(test_id, code):
    return GivenTest(test_id, code, None, None)


def trial(*tests, probes=()):
    return Trial("t", "f", (Program("s", "def f(x):\n    return x"),), tests, probes)


def test_tests_that_share_a_call_share_its_run():
    shared = trial(value_test("a", "f(1)", "1"), value_test("b", "f(1)", "2"), value_test("c", "f(2)", "2"))
    assert shared.calls == {"f(1)": TEST, "f(2)": TEST}


def test_the_input_of_any_test_is_called_by_itself_too():
    given = trial(
        value_test("a", "bool(f('x'))", "True"),
        value_test("b", "f(f(1))", "1"),
        code_test("c", "assert abs(f(0.5) - 0.5) < 1e-6"),
        code_test("d", "for i in range(3):\n    assert f(i) == i"),
    )
    assert set(given.calls) == {"bool(f('x'))", "f('x')", "f(f(1))", "f(1)", "f(0.5)"}


def test_probes_are_new_inputs_and_the_same_ones_every_time():
    given = trial(value_test("a", "f([1, 2, 3])", "[]"), value_test("b", "bool(f([5]))", "True"))
    probed = given.with_probes(5, seed=7)
    origins = Counter(probed.calls.values())
    assert origins[PROBE] == 5
    assert probed == given.with_probes(5, seed=7)
    assert probed.probes != given.with_probes(5, seed=8).probes
    assert given.with_probes(0, seed=7) == given


def test_a_probe_that_a_test_calls_anyway_counts_as_the_tests():
    assert trial(value_test("a", "f(1)", "1"), probes=("f(1)",)).calls == {"f(1)": TEST}


def verdict_on(status, value, expected):
    return verdict(Seen(status, value), expected, lambda actual, wanted: actual == wanted)


def test_only_a_value_that_equals_the_expected_one_passes():
    assert verdict_on("ok", b"1", b"1") == "pass"
    assert verdict_on("ok", b"1", b"2") == "fail"
    assert verdict_on("ok", b"1", None) == "fail"


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "ok"])
def test_a_call_without_a_value_never_passes_and_its_verdict_is_in_the_vocabulary(status):
    found = verdict_on(status, None, b"1")
    assert found in VERDICTS
    assert found == (status if status in VERDICTS else "fail")


def test_a_row_that_cannot_be_run_is_refused_with_its_id():
    row = {"test_id": "abc", "kind": "value", "code": "assert f(1) == 1", "call": None, "expected": "1"}
    with pytest.raises(TableError, match="abc"):
        GivenTest.from_row(row)
    with pytest.raises(TableError, match="kind 'other'"):
        GivenTest.from_row(row | {"kind": "other"})


def test_every_trial_is_judged_once_and_a_slow_one_holds_back_no_later_batch(monkeypatch):
    monkeypatch.setattr(execution, "TRIALS_PER_BATCH", 2)
    monkeypatch.setattr(sandbox_module, "PROGRAMS_A_GROUP", 1)
    endless = Program("s", "def f(x):\n    while True:\n        pass")
    trials = [
        Trial(f"t{n}", "f", (endless if n == 0 else PLUS_ONE,), (value_test("v", f"f({n})", f"{n} + 1"),))
        for n in range(9)
    ]
    limits = {"workers": 2, "call_cpu_s": 1.0, "max_call_cpu_s": 1.0}
    with Sandbox.open(load("sandbox", SandboxParams).model_copy(update=limits)) as sandbox:
        done = list(judged(trials, sandbox))
    assert sorted(one.task_id for one in done) == [f"t{n}" for n in range(9)]
    assert done[-1].task_id == "t0"
    assert all(one.passed.all() == (one.task_id != "t0") for one in done)
