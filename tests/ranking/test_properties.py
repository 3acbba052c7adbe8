"""What every ranker owes its users, whatever its formula."""

from dataclasses import replace

import numpy as np
import pytest

from ranking.matrices import NO_CALL, TaskMatrices, stack
from ranking.model import trust
from tests.ranking.conftest import CALIBRATION, EVERY_RANKER, random_task

RANKERS = EVERY_RANKER


def scores_of(name, task):
    found = RANKERS[name](stack([task]))
    n, m = task.passed.shape
    return found.solutions[0, :n], found.tests[0, :m]


def reordered(task, rows, columns, calls):
    where = np.argsort(calls)
    return TaskMatrices(
        task.passed[np.ix_(rows, columns)],
        task.outputs[np.ix_(rows, calls)],
        task.solution_count[rows],
        task.test_count[columns],
        np.where(task.call_of_test[columns] >= 0, where[task.call_of_test[columns]], -1),
        task.is_example[columns],
    )


def constant_task(n, m, verdict):
    return TaskMatrices(
        np.full((n, m), verdict),
        np.zeros((n, 1), np.int64),
        np.ones(n),
        np.ones(m),
        np.zeros(m, np.int64),
        np.zeros(m, bool),
    )


@pytest.mark.parametrize("name", sorted(RANKERS))
def test_relabelling_solutions_tests_and_calls_permutes_the_scores(name, rng, tasks):
    for task in tasks[:20]:
        rows, columns = rng.permutation(task.passed.shape[0]), rng.permutation(task.passed.shape[1])
        calls = rng.permutation(task.outputs.shape[1])
        before, tests_before = scores_of(name, task)
        after, tests_after = scores_of(name, reordered(task, rows, columns, calls))
        np.testing.assert_allclose(after, before[rows], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(tests_after, tests_before[columns], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted(RANKERS))
def test_renaming_the_values_changes_nothing(name, tasks):
    for task in tasks[:20]:
        renamed = replace(task, outputs=np.where(task.outputs >= 0, 7 - task.outputs, task.outputs))
        np.testing.assert_array_equal(scores_of(name, renamed)[0], scores_of(name, task)[0])


@pytest.mark.parametrize("name", sorted(RANKERS))
def test_duplicate_solutions_tie_exactly(name, rng):
    for _ in range(20):
        task = random_task(rng, n=6)
        twin = replace(
            task,
            passed=np.vstack([task.passed, task.passed[2]]),
            outputs=np.vstack([task.outputs, task.outputs[2]]),
            solution_count=np.append(task.solution_count, task.solution_count[2]),
        )
        scores, _ = scores_of(name, twin)
        assert scores[2] == scores[6]


@pytest.mark.parametrize("name", sorted(RANKERS))
@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 3), (3, 0), (1, 1), (1, 4), (4, 1), (4, 4)])
@pytest.mark.parametrize("verdict", [True, False])
def test_tasks_that_tell_nothing_apart_have_finite_tied_scores(name, n, m, verdict):
    solutions, tests = scores_of(name, constant_task(n, m, verdict))
    assert np.isfinite(solutions).all()
    assert np.isfinite(tests).all()
    assert len(set(solutions.tolist())) <= 1
    assert len(set(tests.tolist())) <= 1


def trust_of(task):
    found = trust(stack([task]), [CALIBRATION.model])
    n, m = task.passed.shape
    return found.scores[0, :n], found.p_correct[0, :n], found.p_valid[0, :m]


def with_test(task, column, call):
    return replace(
        task,
        passed=np.column_stack([task.passed, column]),
        test_count=np.append(task.test_count, 1.0),
        call_of_test=np.append(task.call_of_test, call),
        is_example=np.append(task.is_example, False),
    )


def test_a_test_that_everything_passes_changes_no_order_of_the_default_ranker(tasks):
    for task in tasks[:20]:
        everyone = np.ones(len(task.solution_count), bool)
        as_code = with_test(task, everyone, NO_CALL)
        as_value = with_test(
            replace(task, outputs=np.column_stack([task.outputs, np.zeros(len(everyone), np.int64)])),
            everyone,
            task.outputs.shape[1],
        )
        before = trust_of(task)[0]
        np.testing.assert_array_equal(trust_of(as_code)[0], before)
        np.testing.assert_array_equal(trust_of(as_value)[0], before)


def test_a_degenerate_test_gives_no_trust(tasks):
    for task in tasks[:20]:
        degenerate = with_test(task, np.ones(len(task.solution_count), bool), NO_CALL)
        np.testing.assert_array_equal(trust_of(degenerate)[1], trust_of(task)[1])


def test_p_correct_never_contradicts_the_order(tasks):
    for task in tasks[:20]:
        scores, p_correct, _ = trust_of(task)
        assert (np.diff(p_correct[np.argsort(scores, kind="stable")]) >= 0).all()


def test_of_solutions_that_nothing_tells_apart_the_most_repeated_text_comes_first(rng):
    for _ in range(20):
        task = random_task(rng, n=6)
        twice = replace(
            task,
            passed=np.vstack([task.passed, task.passed[2]]),
            outputs=np.vstack([task.outputs, task.outputs[2]]),
            solution_count=np.append(task.solution_count, task.solution_count[2] + 3),
        )
        scores, p_correct, _ = trust_of(twice)
        assert scores[6] > scores[2]
        assert p_correct[6] == p_correct[2]
        others = [scores[i] for i in range(6) if p_correct[i] != p_correct[2]]
        assert not any(scores[2] <= other <= scores[6] for other in others)


def without_untested_calls(task):
    tested = np.unique(task.call_of_test[task.call_of_test >= 0])
    return replace(
        task,
        outputs=task.outputs[:, tested],
        call_of_test=np.where(
            task.call_of_test >= 0, np.searchsorted(tested, task.call_of_test), task.call_of_test
        ),
    )


def test_probes_tell_apart_what_the_tests_tie_and_move_nothing_else(tasks):
    split = 0
    for probed in tasks:
        task = without_untested_calls(probed)
        if not (task.call_of_test[~task.passed.all(axis=0)] >= 0).any():
            continue  # the tests tell nothing apart: what all calls say is the only evidence
        seen = np.hstack([task.passed, task.outputs])
        _, of_class = np.unique(seen, axis=0, return_inverse=True)
        _, of_behavior = np.unique(np.hstack([seen, probed.outputs]), axis=0, return_inverse=True)
        (before, p_before, _), (after, p_after, _) = trust_of(task), trust_of(probed)
        samples = np.bincount(of_behavior.ravel(), weights=task.solution_count)[of_behavior.ravel()]
        for name in range(of_class.max() + 1):
            members = of_class.ravel() == name
            np.testing.assert_allclose(after[members].max(), before[members].max(), atol=1e-9)
            assert p_after[members].max() == p_before[members].max()
            most = samples[members] == samples[members].max()
            split += not most.all()
            assert (p_after[members][most] == p_after[members].max()).all()
            assert (p_after[members][~most] < p_after[members].max()).all()
    assert split > 0


def test_probabilities_are_probabilities(tasks):
    for task in tasks[:20]:
        _, p_correct, p_valid = trust_of(task)
        assert ((p_correct >= 0) & (p_correct <= 1)).all()
        assert ((p_valid >= 0) & (p_valid <= 1)).all()


def test_who_fails_a_public_example_ranks_below_who_passes_it_and_is_not_trusted(rng):
    for _ in range(20):
        task = replace(random_task(rng, n=6, m=5), is_example=np.array([True, False, False, False, False]))
        scores, p_correct, p_valid = trust_of(task)
        passes = task.passed[:, 0]
        if passes.any() and not passes.all():
            assert scores[passes].min() > scores[~passes].max()
        assert (p_correct[~passes] <= 0.01).all()
        assert p_valid[0] >= 0.99


def test_solutions_that_agree_with_most_and_pass_most_are_trusted_most():
    outputs = np.array([[0, 0, 0, 0]] * 6 + [[1, 0, 2, 0], [3, 4, 0, -1]])
    passed = np.array([[True, True, True, True, False]] * 6 + [[False, True, False, True, True], [False] * 5])
    task = TaskMatrices(
        passed,
        outputs,
        np.ones(8),
        np.ones(5),
        np.array([0, 1, 2, 3, 0]),
        np.zeros(5, bool),
    )
    scores, p_correct, p_valid = trust_of(task)
    assert scores[0] > scores[6] > scores[7]
    assert p_correct[0] > 0.6
    assert p_correct[7] < 0.1
    assert p_valid[:4].min() > p_valid[4]
