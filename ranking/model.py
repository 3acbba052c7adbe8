"""The default ranker: how likely each solution is right and each test valid, from all that was observed.

1. Behavior classes are ordered by their mean rank over five rankers (`ranking.features`), without any fitted
   weight. Within a class, what most samples do on the probes comes first, then copies.
2. A logistic model turns a class's place in that order, and what the task looks like, into p_correct.
   It sees the order only through terms that grow with it, so p_correct never contradicts the order.
3. A logistic model turns who passes a test, and how sure we are of them, into p_valid.

The two logistic models are fitted on tasks with known answers (`ranking.fitting`).

Public examples are right by definition: who fails one ranks below all who fail fewer, and is never probable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from ranking.closed_form import consensus
from ranking.features import SOLUTION_FEATURES, Evidence, evidence, most_in_class, without_probes
from ranking.matrices import NO_CALL, NO_VALUE, Bools, Floats, Matrices

TASK_FEATURES = (
    "best_share_log",
    "best_passes",
    "best_passes_log",
    "best_consensus",
    "best_class_truth",
    "best_valid_passes",
    "best_codet",
    "best_plurality",
    "best_votes_log",
    "best_voted_plurality",
    "best_other_consensus",
    "best_no_value",
    "best_agreement",
    "class_entropy",
    "classes_per_sample",
    "mean_passes",
    "mean_consensus",
    "mean_no_value",
    "samples_log",
    "tests_log",
)
CONFIDENCE_FEATURES = ("log_odds", "gap", "is_best", *TASK_FEATURES)
TEST_FEATURES = ("backing", "best_backer", "validity", "support", "expected_share", "count_log")
SHARPNESS = 7.0  # log odds of a class ahead of all against one behind all; as a conditional logit fits it
EXAMPLE_PENALTY = 30.0  # in log odds: no other evidence weighs as much
COPIES_WEIGHT = 1e-11  # class scores differ by 1e-9 or more
P_CORRECT_FAILING_EXAMPLE = 0.01  # examples are sometimes parsed or executed wrongly
P_CORRECT_NOTHING_SEEN = 0.01  # to return nothing is no agreement
P_VALID_EXAMPLE = 0.99


@dataclass(frozen=True)
class Logistic:
    """P = expit(intercept + features @ weights)."""

    intercept: float
    weights: Floats


@dataclass(frozen=True)
class Model:
    """The fitted weights.

    confidence: over CONFIDENCE_FEATURES.
    validity: over TEST_FEATURES.
    """

    confidence: Logistic
    validity: Logistic


@dataclass(frozen=True)
class Trust:
    """What the default ranker says.

    scores: (tasks, n); log odds by which solutions are ordered; padding is 0.
    p_correct: (tasks, n); calibrated; grows with scores within a task.
    p_valid: (tasks, m); calibrated.
    """

    scores: Floats
    p_correct: Floats
    p_valid: Floats


def trust(batch: Matrices, models: Sequence[Model]) -> Trust:
    """Scores and probabilities for every solution and test of the batch; one model a task."""
    found = evidence(batch)
    scores = order_scores(batch, found)
    p_correct = probabilities(
        [model.confidence for model in models], confidence_features(batch, found, scores)
    )
    p_correct = np.where(
        failed_examples(batch) > 0, np.minimum(p_correct, P_CORRECT_FAILING_EXAMPLE), p_correct
    )
    p_correct = np.where(_nothing_seen(batch), np.minimum(p_correct, P_CORRECT_NOTHING_SEEN), p_correct)
    p_correct = np.round(p_correct, 9) * batch.is_solution
    p_valid = probabilities(
        [model.validity for model in models], test_features(batch, found, scores, p_correct)
    )
    p_valid = np.where(batch.is_example, np.maximum(p_valid, P_VALID_EXAMPLE), p_valid)
    return Trust(scores + _fewer_copies(batch, found), p_correct, np.round(p_valid, 9) * batch.is_test)


def pair_confidence(p_chosen: Floats, p_rejected: Floats) -> Floats:
    """P(chosen is right and rejected is wrong), of two solutions that behave differently."""
    return np.asarray(p_chosen * (1 - p_rejected))


def probabilities(models: Sequence[Logistic], features: Floats) -> Floats:
    """(tasks, rows) in (0, 1), from features (tasks, rows, names) and one model a task."""
    intercepts = np.array([model.intercept for model in models])[:, None]
    weights = np.stack([model.weights for model in models])
    return np.asarray(expit(intercepts + (features @ weights[:, :, None])[:, :, 0]))


def order_scores(batch: Matrices, found: Evidence) -> Floats:
    """(tasks, n) log odds, 0 for the task's best; public examples outweigh all else."""
    mean_rank = found.features[:, :, SOLUTION_FEATURES.index("mean_rank")]
    by_evidence = np.round(SHARPNESS * mean_rank + found.probed_log, 9)
    raw = by_evidence - EXAMPLE_PENALTY * failed_examples(batch)
    best = np.where(batch.is_solution, raw, -np.inf).max(axis=1, keepdims=True)
    return np.where(batch.is_solution, raw - np.where(np.isfinite(best), best, 0.0), 0.0)


def _fewer_copies(batch: Matrices, found: Evidence) -> Floats:
    """(tasks, n) at most 0 and finer than any gap between scores: a class's most repeated text comes first.

    Solutions that nothing observed tells apart may differ elsewhere, and a model repeats what it is sure of.
    """
    copies = np.where(batch.is_solution, batch.solution_count, 1.0)
    most = np.where(found.grouped.alike, copies[:, None, :], 1.0).max(axis=2)
    return np.asarray(COPIES_WEIGHT * np.log(copies / most))


def failed_examples(batch: Matrices) -> Floats:
    """(tasks, n); how many public examples a solution fails."""
    failed = ~batch.passed & (batch.is_example & batch.is_test)[:, None, :]
    return np.asarray(failed.sum(axis=2) * batch.is_solution, np.float64)


def _nothing_seen(batch: Matrices) -> Bools:
    """(tasks, 1); no solution returned a value on a test's call or passed a test, or there was none to run.

    Its solutions all are of one class, which would count as a unanimous vote.
    """
    returned = (without_probes(batch).outputs != NO_VALUE).any(axis=(1, 2))
    return np.asarray(~(returned | batch.passed.any(axis=(1, 2))))[:, None]


def class_probabilities(batch: Matrices, found: Evidence, scores: Floats) -> Floats:
    """(tasks, n); the softmax of the scores; the best of each of a task's classes sum to 1."""
    likelihood = np.where(batch.is_solution, np.exp(np.maximum(scores, -60.0)), 0.0)
    of_classes = most_in_class(found.grouped, likelihood) * found.grouped.is_first
    total = of_classes.sum(axis=1, keepdims=True)
    return np.asarray(likelihood / np.where(total > 0, total, 1.0))


def confidence_features(batch: Matrices, found: Evidence, scores: Floats) -> Floats:
    """(tasks, n, len(CONFIDENCE_FEATURES)) for p_correct."""
    p_class = np.clip(class_probabilities(batch, found, scores), 1e-5, 1 - 1e-5)
    of_task = _task_features(batch, found, scores)
    own = np.stack([logit(p_class), np.maximum(scores, -8.0), (scores == 0).astype(np.float64)], axis=2)
    spread = np.broadcast_to(of_task[:, None, :], (*scores.shape, of_task.shape[1]))
    return np.concatenate([own, spread], axis=2)


def test_features(batch: Matrices, found: Evidence, scores: Floats, p_correct: Floats) -> Floats:
    """(tasks, m, len(TEST_FEATURES)) for p_valid."""
    passed = (batch.passed & batch.is_solution[:, :, None]).astype(np.float64)
    p_class = most_in_class(found.grouped, class_probabilities(batch, found, scores)) * found.grouped.is_first
    backing = np.clip((p_class[:, None, :] @ passed)[:, 0, :], 0.01, 0.99)
    n_samples = np.maximum(batch.solution_count.sum(axis=1), 1)[:, None]
    return np.stack(
        [
            logit(backing),
            logit(np.clip((passed * p_correct[:, :, None]).max(axis=1), 0.01, 0.99)),
            found.valid,
            (batch.solution_count[:, None, :] @ passed)[:, 0, :] / n_samples,
            found.expected_share,
            np.log(np.maximum(batch.test_count, 1)),
        ],
        axis=2,
    )


def _task_features(batch: Matrices, found: Evidence, scores: Floats) -> Floats:
    count = batch.solution_count
    n_samples = np.maximum(count.sum(axis=1), 1)
    best = count * most_in_class(found.grouped, (scores == 0).astype(np.float64))
    best_share = best / np.maximum(best.sum(axis=1), 1)[:, None]

    def of(name: str, weights: Floats) -> Floats:
        return np.asarray((found.features[:, :, SOLUTION_FEATURES.index(name)] * weights).sum(axis=1))

    everyone = count / n_samples[:, None]
    passes = np.exp(found.features[:, :, SOLUTION_FEATURES.index("passes_log")])
    class_share = np.where(found.grouped.is_first, found.grouped.samples / n_samples[:, None], 0.0)
    truth = np.where(
        batch.is_solution, np.exp(found.features[:, :, SOLUTION_FEATURES.index("class_truth")]), 0.0
    )
    truth /= np.maximum((truth * found.grouped.is_first).sum(axis=1), 1e-300)[:, None]
    whole_agreement = consensus(without_probes(batch)).solutions / n_samples[:, None]
    n_tests = np.where(batch.call_of_test == NO_CALL, 0.0, batch.test_count).sum(axis=1)
    columns = [
        of("share_log", best_share),
        (passes * best_share).sum(axis=1),
        of("passes_log", best_share),
        of("consensus", best_share),
        (truth * best_share).sum(axis=1),
        of("valid_passes", best_share),
        of("share_log", best_share) + of("passes_log", best_share),
        of("plurality", best_share),
        of("votes_log", best_share),
        of("voted_plurality", best_share),
        of("other_consensus", best_share),
        of("no_value", best_share),
        (whole_agreement * best_share).sum(axis=1),
        -(class_share * np.log(np.where(class_share > 0, class_share, 1.0))).sum(axis=1),
        found.grouped.is_first.sum(axis=1) / n_samples,
        (passes * everyone).sum(axis=1),
        of("consensus", everyone),
        of("no_value", everyone),
        np.log(n_samples),
        np.log(n_tests + 1),
    ]
    return np.round(np.stack(columns, axis=1), 9)


def model_from_json(stored: Mapping[str, Any]) -> Model:
    """The model `model_to_json` stored, its weights matched by feature name.

    Raises:
        KeyError: a feature of this version has no weight.
    """

    def logistic(part: Mapping[str, Any], names: tuple[str, ...]) -> Logistic:
        return Logistic(part["intercept"], np.array([part["weights"][name] for name in names]))

    return Model(
        confidence=logistic(stored["confidence"], CONFIDENCE_FEATURES),
        validity=logistic(stored["validity"], TEST_FEATURES),
    )


def model_to_json(model: Model) -> dict[str, Any]:
    """The weights by feature name, for a JSON file a person can read."""

    def weights(values: Floats, names: tuple[str, ...]) -> dict[str, float]:
        return {name: round(float(value), 6) for name, value in zip(names, values, strict=True)}

    def logistic(part: Logistic, names: tuple[str, ...]) -> dict[str, Any]:
        return {"intercept": round(part.intercept, 6), "weights": weights(part.weights, names)}

    return {
        "confidence": logistic(model.confidence, CONFIDENCE_FEATURES),
        "validity": logistic(model.validity, TEST_FEATURES),
    }
