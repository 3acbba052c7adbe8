"""Fitting recovers what made the data, and no task is judged by what it taught."""

import numpy as np
import pytest

from ranking.calibration import calibration_from_json, calibration_to_json
from ranking.fitting import Case, cross_fitted
from ranking.matrices import TaskMatrices, stack
from ranking.model import trust


def made_up_case(rng, name):
    """Half the solutions are right; three tests of four are valid; the wrong ones err in their own ways."""
    n, m = 12, 8
    right = rng.random(n) < rng.uniform(0.2, 0.8)
    right[:2] = True, False
    outputs = np.where(right[:, None], 0, rng.integers(0, 4, size=(n, m)))
    valid = rng.random(m) < 0.75
    expected = np.where(valid, 0, rng.integers(1, 4, size=m))
    matrices = TaskMatrices(
        outputs == expected,
        outputs.astype(np.int64),
        np.ones(n),
        np.ones(m),
        np.arange(m),
        np.zeros(m, bool),
    )
    return Case(name, matrices, right, valid)


@pytest.fixture(scope="module")
def cases():
    rng = np.random.default_rng(7)
    return [made_up_case(rng, f"task{number:03d}") for number in range(120)]


@pytest.fixture(scope="module")
def fitted(cases):
    return cross_fitted(cases[:80], n_folds=4)


def test_right_solutions_and_valid_tests_of_unseen_tasks_get_high_probabilities(cases, fitted):
    unseen = cases[80:]
    found = trust(stack([case.matrices for case in unseen]), [fitted.model] * len(unseen))
    correct, valid = np.stack([case.correct for case in unseen]), np.stack([case.valid for case in unseen])
    assert found.p_correct[correct].mean() > 0.9
    assert found.p_correct[~correct].mean() < 0.1
    assert found.p_valid[valid].mean() > 0.9
    assert found.p_valid[~valid].mean() < 0.2
    best = found.scores.argmax(axis=1)
    assert correct[np.arange(len(unseen)), best].mean() > 0.95


def test_a_task_is_judged_by_a_fold_that_did_not_see_it(cases, fitted):
    folds = [fold.tasks for fold in fitted.folds]
    assert frozenset().union(*folds) == {case.task_id for case in cases[:80]}
    assert sum(map(len, folds)) == 80
    for case in cases[:80]:
        assert fitted.model_for(case.task_id) is not fitted.model
    assert fitted.model_for(cases[100].task_id) is fitted.model


def test_a_fold_forgets_its_tasks_answers(cases):
    def first_fold(some_cases):
        calibration = cross_fitted(some_cases, n_folds=4)
        return calibration.model_for(cases[0].task_id)

    lied_to = [
        Case(cases[0].task_id, cases[0].matrices, ~cases[0].correct, ~cases[0].valid),
        *cases[1:40],
    ]
    honest, fooled = first_fold(cases[:40]), first_fold(lied_to)
    np.testing.assert_array_equal(honest.validity.weights, fooled.validity.weights)
    np.testing.assert_array_equal(honest.confidence.weights, fooled.confidence.weights)


def test_the_stored_calibration_reads_back(fitted):
    again = calibration_from_json(calibration_to_json(fitted))
    np.testing.assert_allclose(again.model.validity.weights, fitted.model.validity.weights, atol=1e-6)
    np.testing.assert_allclose(again.model.confidence.weights, fitted.model.confidence.weights, atol=1e-6)
    assert [fold.tasks for fold in again.folds] == [fold.tasks for fold in fitted.folds]
