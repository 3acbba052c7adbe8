"""Fits the default ranker's probabilities on tasks with known answers; never on what it is judged by.

Draws of one task are not independent: every task weighs the same whatever its number of cases.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from ranking.calibration import Calibration, Fold
from ranking.features import Evidence, evidence
from ranking.matrices import Bools, Floats, Ints, Matrices, TaskMatrices, stack
from ranking.model import (
    Logistic,
    Model,
    confidence_features,
    order_scores,
    probabilities,
    test_features,
)

CONFIDENCE_PENALTY = 0.003  # per squared weight of standardized features, against a mean loss of about 1
VALIDITY_PENALTY = 0.003
FOLDS = 10
CASES_PER_BATCH = 64


@dataclass(frozen=True)
class Case:
    """A task's matrices, or a draw from them, with the answers.

    correct: (n,); which solutions are right.
    valid: (m,); which tests are valid; None where no right solution is known to tell.
    """

    task_id: str
    matrices: TaskMatrices
    correct: Bools
    valid: Bools | None


@dataclass(frozen=True)
class Prepared:
    """Cases of about one size, padded, with their evidence: made once, used by every fit."""

    task_ids: tuple[str, ...]
    batch: Matrices
    found: Evidence
    correct: Bools
    valid: Bools
    valid_known: Bools


def prepared(cases: Sequence[Case]) -> list[Prepared]:
    """The cases in batches of like size."""
    ordered = sorted(cases, key=lambda case: case.matrices.outputs.size + case.matrices.passed.size)
    return [
        _prepare(ordered[start : start + CASES_PER_BATCH])
        for start in range(0, len(ordered), CASES_PER_BATCH)
    ]


def cross_fitted(cases: Sequence[Case], n_folds: int = FOLDS) -> Calibration:
    """The calibration fitted on the cases, and on all but each fold of their tasks."""
    parts = prepared(cases)
    tasks = sorted({case.task_id for case in cases})
    held_out = [frozenset(tasks[fold::n_folds]) for fold in range(n_folds)]
    return Calibration(fit(parts), tuple(Fold(fold, fit(parts, left_out=fold)) for fold in held_out if fold))


def fit(parts: Sequence[Prepared], left_out: frozenset[str] = frozenset()) -> Model:
    """The model fitted on every case whose task is not left out."""
    confidence = _fit_logistic(parts, left_out, _confidence_rows, CONFIDENCE_PENALTY)

    def validity_rows(part: Prepared, scores: Floats) -> Rows:
        return _validity_rows(part, scores, confidence)

    return Model(confidence, _fit_logistic(parts, left_out, validity_rows, VALIDITY_PENALTY))


Rows = tuple[Floats, Bools, Floats, Ints]  # features, outcome, weight, case


def _prepare(cases: Sequence[Case]) -> Prepared:
    batch = stack([case.matrices for case in cases])
    correct = np.zeros(batch.solution_count.shape, bool)
    valid = np.zeros(batch.test_count.shape, bool)
    known = np.zeros(batch.test_count.shape, bool)
    for index, case in enumerate(cases):
        correct[index, : len(case.correct)] = case.correct
        if case.valid is not None:
            valid[index, : len(case.valid)] = case.valid
            known[index, : len(case.valid)] = True
    return Prepared(
        tuple(case.task_id for case in cases), batch, evidence(batch), correct, valid, known & batch.is_test
    )


def _confidence_rows(part: Prepared, scores: Floats) -> Rows:
    features = confidence_features(part.batch, part.found, scores)
    real = part.batch.is_solution
    share = part.batch.solution_count / np.maximum(part.batch.solution_count.sum(axis=1), 1)[:, None]
    case = np.broadcast_to(np.arange(len(part.task_ids))[:, None], real.shape)
    return features[real], part.correct[real], share[real], case[real]


def _validity_rows(part: Prepared, scores: Floats, confidence: Logistic) -> Rows:
    p_correct = probabilities(
        [confidence] * len(part.task_ids), confidence_features(part.batch, part.found, scores)
    )
    features = test_features(part.batch, part.found, scores, p_correct * part.batch.is_solution)
    known = part.valid_known
    share = part.batch.test_count / np.maximum(part.batch.test_count.sum(axis=1), 1)[:, None]
    case = np.broadcast_to(np.arange(len(part.task_ids))[:, None], known.shape)
    return features[known], part.valid[known], share[known], case[known]


def _fit_logistic(
    parts: Sequence[Prepared],
    left_out: frozenset[str],
    rows_of: Callable[[Prepared, Floats], Rows],
    penalty: float,
) -> Logistic:
    found: list[tuple[Floats, Bools, Floats]] = []
    names: list[str] = []
    for part in parts:
        seen = [index for index, task in enumerate(part.task_ids) if task not in left_out]
        features, outcome, share, case = rows_of(part, order_scores(part.batch, part.found))
        kept = np.isin(case, seen)
        found.append((features[kept], outcome[kept], share[kept]))
        names += [part.task_ids[index] for index in case[kept]]
    features, outcome, share = (np.concatenate(column) for column in zip(*found, strict=True))
    return _logistic(features, outcome.astype(np.float64), share * _one_a_task(names, share), penalty)


def _logistic(features: Floats, outcome: Floats, weight: Floats, penalty: float) -> Logistic:
    center = np.average(features, axis=0, weights=weight)
    scale = np.sqrt(np.average((features - center) ** 2, axis=0, weights=weight)) + 1e-6
    rows = np.column_stack([np.ones(len(features)), (features - center) / scale])
    penalties = np.array([0.0] + [penalty] * features.shape[1])

    def loss(beta: Floats) -> tuple[float, Floats]:
        score = rows @ beta
        probability = 1 / (1 + np.exp(-np.clip(score, -500, 500)))
        value = weight @ (np.logaddexp(0, score) - outcome * score) + penalties @ beta**2
        return float(value), (weight * (probability - outcome)) @ rows + 2 * penalties * beta

    beta = minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B").x
    weights = beta[1:] / scale
    return Logistic(float(beta[0] - weights @ center), weights)


def _one_a_task(names: Sequence[str], share: Floats) -> Floats:
    """Weights that make every task's rows weigh the same together, and all rows 1."""
    _, task = np.unique(names, return_inverse=True)
    total = np.bincount(task, weights=share)
    return np.asarray(1.0 / total[task] / len(total))
