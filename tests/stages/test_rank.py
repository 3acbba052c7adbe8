"""rank: what its two tables say of one task, from rows as execute writes them."""

from pathlib import Path

import pytest

from pipeline.errors import ParamsError
from pipeline.schemas.solution_scores import RANKERS
from ranking.observed import task_matrices
from stages.rank import ObservedTask, RankParams, read_calibration, score_tasks

CALIBRATION = Path("ranking/calibration.json")
PARAMS = RankParams(ranker="codet", min_p_correct=0.5, min_p_valid=0.5, calibration=CALIBRATION)
VALUES = {"good": "abcd", "same": "abcd", "third": "abcd", "off": "abxd", "broken": "    "}


def observed_task() -> ObservedTask:
    """Five solutions; a test for each of four calls, one of them wrong, and one that everything passes."""
    solutions = [{"solution_id": name, "sample_count": 2} for name in VALUES]
    calls = [{"call_id": f"c{place}", "call": f"f({place})"} for place in range(4)]
    expected = {"t0": "a", "t1": "b", "t2": "c", "t3": "z"}
    tests = [
        {"test_id": f"t{place}", "call": f"f({place})", "sample_count": 1, "is_example": False}
        for place in range(4)
    ]
    tests.append({"test_id": "always", "call": None, "sample_count": 9, "is_example": False})
    observations = [
        {"solution_id": name, "call_id": f"c{place}", "value_digest": None if value == " " else value}
        for name, values in VALUES.items()
        for place, value in enumerate(values)
    ]
    verdicts = [
        {
            "solution_id": name,
            "test_id": test_id,
            "verdict": "pass" if values[int(test_id[1:])] == value else "fail",
        }
        for name, values in VALUES.items()
        for test_id, value in expected.items()
    ]
    verdicts += [{"solution_id": name, "test_id": "always", "verdict": "pass"} for name in VALUES]
    matrices = task_matrices(solutions, tests, calls, observations, verdicts)
    return ObservedTask("task", list(VALUES), [row["test_id"] for row in tests], matrices)


@pytest.fixture(scope="module")
def tables():
    solutions, tests = next(iter(score_tasks([observed_task()], PARAMS, read_calibration(CALIBRATION))))
    return (
        {row["solution_id"]: row for row in solutions},
        {row["test_id"]: row for row in tests},
    )


def test_every_ranker_has_its_column_and_score_is_the_chosen_one(tables):
    for row in tables[0].values():
        assert set(RANKERS) <= set(row)
        assert row["score"] == row["codet"]


def test_the_majority_that_passes_most_tests_is_trusted_and_the_broken_one_is_not(tables):
    solutions, _ = tables
    assert solutions["good"]["trusted"]
    assert not solutions["broken"]["trusted"]
    assert solutions["good"]["pairsmith"] > solutions["off"]["pairsmith"] > solutions["broken"]["pairsmith"]


def test_solutions_that_act_alike_share_a_behavior(tables):
    solutions, _ = tables
    assert len({solutions[name]["behavior_id"] for name in ("good", "same", "third")}) == 1
    assert len({row["behavior_id"] for row in solutions.values()}) == 3


def test_a_test_that_everything_passes_is_never_credible(tables):
    _, tests = tables
    assert not tests["always"]["credible"]
    assert tests["t2"]["credible"]


def test_a_test_that_nothing_passes_is_not_credible(tables):
    assert not tables[1]["t3"]["credible"]
    assert tables[1]["t3"]["p_valid"] < tables[1]["t0"]["p_valid"]


@pytest.mark.parametrize("n_tests", [0, 5])
def test_solutions_are_not_trusted_where_none_returned_anything_or_passed_a_test(n_tests):
    solutions = [{"solution_id": f"s{place}", "sample_count": 1} for place in range(15)]
    tests = [
        {"test_id": f"t{place}", "call": f"f({place})", "sample_count": 1, "is_example": False}
        for place in range(n_tests)
    ]
    calls = [{"call_id": f"c{place}", "call": f"f({place})"} for place in range(n_tests)]
    ids = [row["solution_id"] for row in solutions]
    task = ObservedTask(
        "task", ids, [row["test_id"] for row in tests], task_matrices(solutions, tests, calls, [], [])
    )
    rows, _ = next(iter(score_tasks([task], PARAMS, read_calibration(CALIBRATION))))
    assert not any(row["trusted"] for row in rows)


def test_a_calibration_of_another_version_is_refused_with_the_way_out(tmp_path):
    path = tmp_path / "calibration.json"
    path.write_text('{"model": {"order": {}}, "folds": []}')
    with pytest.raises(ParamsError, match=r"benchmarks\.calibrate"):
        read_calibration(path)


@pytest.mark.parametrize("name", ["min_p_correct", "min_p_valid"])
@pytest.mark.parametrize("value", [-0.1, 50, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        RankParams(**PARAMS.model_dump() | {name: value})
