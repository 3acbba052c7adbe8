"""Fits the default ranker's weights on tasks with known answers; never on what it is judged by.

Draws of one task are not independent: every task weighs the same whatever its number of cases, and what the
second and third model learn from are scores by an order that did not see the case's task (inner folds).
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

ORDER_PENALTY = 0.01  # per squared weight of standardized features, against a mean loss per task of about 1
CONFIDENCE_PENALTY = 0.003
VALIDITY_PENALTY = 0.003
FOLDS = 10
INNER_FOLDS = 5
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
    tasks = sorted({task for part in parts for task in part.task_ids} - left_out)
    order = _fit_order(parts, frozenset(tasks))
    unseen_orders: dict[str, Floats] = {}
    for fold in range(INNER_FOLDS):
        held_out = frozenset(tasks[fold::INNER_FOLDS])
        unseen_orders |= dict.fromkeys(held_out, _fit_order(parts, frozenset(tasks) - held_out))
    confidence = _fit_logistic(parts, unseen_orders, _confidence_rows, CONFIDENCE_PENALTY)

    def validity_rows(part: Prepared, scores: Floats) -> Rows:
        return _validity_rows(part, scores, confidence)

    return Model(order, confidence, _fit_logistic(parts, unseen_orders, validity_rows, VALIDITY_PENALTY))


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


def _fit_order(parts: Sequence[Prepared], tasks: frozenset[str]) -> Floats:
    """Conditional logit: probability on the right classes, in cases that have right and wrong ones."""
    features, right, groups, weights = _order_rows(parts, tasks)
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    mean = np.add.reduceat(features, starts) / np.diff(starts, append=len(groups))[:, None]
    centered = features - mean[groups]
    scale = np.sqrt((centered**2).mean(axis=0)) + 1e-9
    rows = centered / scale

    def loss(beta: Floats) -> tuple[float, Floats]:
        scores = rows @ beta
        likelihood = np.exp(scores - np.maximum.reduceat(scores, starts)[groups])
        total = np.add.reduceat(likelihood, starts)
        on_right = np.maximum(np.add.reduceat(likelihood * right, starts), 1e-300)
        pull = likelihood / total[groups] - likelihood * right / on_right[groups]
        gradient = (pull * weights[groups]) @ rows + 2 * ORDER_PENALTY * beta
        return float(weights @ np.log(total / on_right) + ORDER_PENALTY * beta @ beta), gradient

    found = minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B")
    return np.asarray(found.x / scale)


def _order_rows(parts: Sequence[Prepared], tasks: frozenset[str]) -> tuple[Floats, Floats, Ints, Floats]:
    """Of each class: features, how much of it is right, its case; and each case's weight."""
    features, right, lengths, names = [], [], [], []
    for part in parts:
        grouped, count = part.found.grouped, part.batch.solution_count
        right_samples = ((count * part.correct)[:, None, :] * grouped.alike).sum(axis=2)
        right_share = right_samples / np.maximum(grouped.samples, 1)
        for index, task in enumerate(part.task_ids):
            is_first = grouped.is_first[index]
            share = right_share[index][is_first]
            if task in tasks and share.any() and not (share == 1).all():
                features.append(part.found.features[index][is_first])
                right.append(share)
                lengths.append(len(share))
                names.append(task)
    groups = np.repeat(np.arange(len(lengths)), lengths)
    return np.concatenate(features), np.concatenate(right), groups, _one_a_task(names)


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
    orders: dict[str, Floats],
    rows_of: Callable[[Prepared, Floats], Rows],
    penalty: float,
) -> Logistic:
    found: list[tuple[Floats, Bools, Floats]] = []
    names: list[str] = []
    for part in parts:
        seen = [index for index, task in enumerate(part.task_ids) if task in orders]
        weights = np.stack(
            [orders.get(task, np.zeros(part.found.features.shape[2])) for task in part.task_ids]
        )
        features, outcome, share, case = rows_of(part, order_scores(part.batch, part.found, weights))
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


def _one_a_task(names: Sequence[str], share: Floats | None = None) -> Floats:
    """Weights that make every task's rows weigh the same together, and all rows 1."""
    _, task, count = np.unique(names, return_inverse=True, return_counts=True)
    total = count if share is None else np.bincount(task, weights=share)
    return np.asarray(1.0 / total[task] / len(count))
