"""Grids of outcomes: the rows they stand for, and what a journal keeps of them."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from pipeline.outcome_rows import call_table, observation_table, verdict_table
from pipeline.outcomes import CalledFrom, Judged, Outcome
from pipeline.sandbox.statuses import VERDICTS
from pipeline.schemas.observations import OBSERVATIONS

NAN = np.nan
TWO, RAISED, LATE = (
    Outcome("ok", "d2", "2"),
    Outcome("error", None, "ValueError"),
    Outcome("timeout", None, None),
)


@pytest.fixture
def done() -> Judged:
    return Judged(
        task_id="é",
        solution_ids=("s1", "s2"),
        calls={"c1": CalledFrom("f(1)", "test"), "c2": CalledFrom("f('\\ud800')", "probe")},
        test_ids=("t1",),
        outcomes=(LATE, TWO, RAISED),
        outcome_of=np.array([[1, 1], [2, 0]], np.int32),
        cpu_s=np.array([[1e-5, 2e-5], [3e-5, NAN]]),
        peak_bytes=np.array([[NAN, NAN], [NAN, 5e6]]),
        verdict_of=np.array([[VERDICTS.index("pass")], [VERDICTS.index("error")]], np.int32),
        reasons=Counter(programs_abandoned=1),
    )


def test_the_rows_say_what_each_solution_did_on_each_call(done: Judged):
    rows = observation_table([done]).to_pylist()
    assert [tuple(row[name] for name in OBSERVATIONS.schema.names) for row in rows] == [
        ("s1", "c1", "é", "ok", "d2", "2", 1e-5, None),
        ("s1", "c2", "é", "ok", "d2", "2", 2e-5, None),
        ("s2", "c1", "é", "error", None, None, 3e-5, None),
        ("s2", "c2", "é", "timeout", None, None, None, 5_000_000),
    ]
    assert verdict_table([done]).to_pylist() == [
        {"solution_id": "s1", "test_id": "t1", "task_id": "é", "verdict": "pass"},
        {"solution_id": "s2", "test_id": "t1", "task_id": "é", "verdict": "error"},
    ]
    assert call_table([done]).to_pylist() == [
        {"call_id": "c1", "task_id": "é", "call": "f(1)", "origin": "test"},
        {"call_id": "c2", "task_id": "é", "call": "f('\\ud800')", "origin": "probe"},
    ]
    assert done.answers("s2") == {"c1": RAISED, "c2": LATE}
    assert done.passed.tolist() == [[True], [False]]


@pytest.mark.parametrize("table_of", [call_table, observation_table, verdict_table])
def test_rows_of_several_tasks_are_those_of_each_in_turn(done: Judged, table_of):
    other = replace(done, task_id="f", solution_ids=("s3", "s4"), outcomes=(TWO, RAISED, LATE))
    assert table_of([done, other]).to_pylist() == table_of([done]).to_pylist() + table_of([other]).to_pylist()
    assert len(table_of([])) == 0


def test_what_a_journal_keeps_comes_back_as_it_was(done: Judged):
    kept = Judged.decoded(done.encoded())
    for name, value in vars(done).items():
        np.testing.assert_equal(getattr(kept, name), value)
    for table_of in (call_table, observation_table, verdict_table):
        assert table_of([kept]) == table_of([done])


def test_a_task_without_calls_or_tests_has_no_rows():
    nothing = np.zeros((1, 0))
    none = nothing.astype(np.int32)
    done = Judged.decoded(Judged("t", ("s",), {}, (), (), none, nothing, nothing, none, Counter()).encoded())
    assert [len(table_of([done])) for table_of in (call_table, observation_table, verdict_table)] == [0, 0, 0]
