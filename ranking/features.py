"""What the default ranker looks at: evidence for each solution, the same within a behavior.

`discriminating` comes first: tests that every solution passes, and calls on which all agree, say nothing
about which solution is right and must not move any order. Calls that no test looks at (probes) tell apart
what the tests' own calls do not, and weigh in nothing else.
"""

from dataclasses import dataclass, replace

import numpy as np

from ranking.agreement import same_behavior
from ranking.class_truth import Classes, class_truth, classes
from ranking.closed_form import b4, codet, consensus
from ranking.matrices import NO_VALUE, Bools, Floats, Matrices
from ranking.validity import validity
from ranking.votes import class_votes, expected_votes, sample_votes, test_votes

SOLUTION_FEATURES = (
    "mean_rank",
    "share_log",
    "passes_log",
    "class_truth",
    "valid_passes",
    "consensus",
    "plurality",
    "voted_plurality",
    "votes_log",
    "no_value",
    "other_consensus",
)
TIE = 1e-9  # sums of weights in another order differ by less


@dataclass(frozen=True)
class Evidence:
    """Per solution and per test, from the discriminating part of a batch.

    features: (tasks, n, len(SOLUTION_FEATURES)); the same within a class of `grouped`.
    probed_log: (tasks, n) at most 0; log of the samples that also do the same on the probes, against the most
        in the class.
    valid: (tasks, m); the two-sided model's P(test is valid), 0 for tests that all solutions pass.
    expected_share: (tasks, m); of the tests on the same call, how many expect the same value, in [0, 1].
    grouped: the classes that are alike on the tests and on the tests' calls.
    """

    features: Floats
    probed_log: Floats
    valid: Floats
    expected_share: Floats
    grouped: Classes


def discriminating(batch: Matrices) -> Matrices:
    """The batch without tests that all solutions pass and without calls on which all solutions agree."""
    real = batch.is_solution
    passed_by_all = (batch.passed | ~real[:, :, None]).all(axis=1)
    first = batch.outputs[:, :1, :]
    agreed_by_all = ((batch.outputs == first) | ~real[:, :, None]).all(axis=1)
    return replace(
        _with_calls(batch, batch.call_used & ~agreed_by_all),
        test_count=np.where(passed_by_all, 0.0, batch.test_count),
    )


def without_probes(batch: Matrices) -> Matrices:
    """The batch with only those calls that a test looks at; with all of them where no test looks at any."""
    is_tested = (
        (batch.call_of_test[:, :, None] == np.arange(batch.outputs.shape[2])) & batch.is_test[:, :, None]
    ).any(axis=1)
    return _with_calls(batch, batch.call_used & (is_tested | ~is_tested.any(axis=1, keepdims=True)))


def evidence(whole: Matrices) -> Evidence:
    """The features of every solution; rounding noise removed, so that a class has one value."""
    batch = without_probes(discriminating(whole))
    grouped = classes(batch)
    valid = validity(batch, grouped)
    found = _pass_features(batch, grouped, valid) | _vote_features(batch, grouped)
    found["mean_rank"] = _mean_rank(batch, grouped, found["valid_passes"])
    features = np.stack([found[name] for name in SOLUTION_FEATURES], axis=2)
    return Evidence(
        np.round(features, 10) * batch.is_solution[:, :, None],
        _probed_log(whole, grouped),
        valid,
        _expected_share(whole),
        grouped,
    )


def most_in_class(grouped: Classes, values: Floats) -> Floats:
    """(tasks, n); the largest of the values, none below 0, among the solutions of a solution's class."""
    return np.asarray(np.where(grouped.alike, values[:, None, :], 0.0).max(axis=2))


def _with_calls(batch: Matrices, call_used: Bools) -> Matrices:
    return replace(
        batch, outputs=np.where(call_used[:, None, :], batch.outputs, NO_VALUE), call_used=call_used
    )


def _probed_log(whole: Matrices, grouped: Classes) -> Floats:
    alike = same_behavior(whole).astype(np.float64)
    samples = _weighted(alike, whole.solution_count)
    most = most_in_class(grouped, samples)
    return np.asarray(np.log(np.where(whole.is_solution, samples / np.maximum(most, 1e-300), 1.0)))


def _pass_features(batch: Matrices, grouped: Classes, valid: Floats) -> dict[str, Floats]:
    n_samples, n_tests = _at_least_one(batch.solution_count), _at_least_one(batch.test_count)
    passed = (batch.passed & batch.is_test[:, None, :]).astype(np.float64)
    passes = _weighted(passed, batch.test_count)
    weight = batch.test_count * valid
    backing = np.maximum(weight.sum(axis=1), 1e-6)[:, None]
    return {
        "share_log": np.log(np.maximum(grouped.samples, 1) / n_samples),
        "passes_log": np.log((passes + 0.5) / (n_tests + 1)),
        "class_truth": np.maximum(_below_best(class_truth(batch).solutions, batch.is_solution), -20),
        "valid_passes": _weighted(passed, weight) / backing,
    }


def _vote_features(batch: Matrices, grouped: Classes) -> dict[str, Floats]:
    n_calls = np.maximum(batch.call_used.sum(axis=1), 1)[:, None]

    def mean(of_call: Floats | Bools) -> Floats:
        return np.asarray(np.where(batch.call_used[:, None, :], of_call, 0.0).sum(axis=2) / n_calls)

    samples = sample_votes(batch)
    by_test, on_call = test_votes(batch)
    together = (3 * samples + by_test) / (3 + on_call[:, None, :])
    n_classes = np.maximum(grouped.is_first.sum(axis=1), 1)[:, None]
    return {
        "consensus": consensus(batch).solutions / _at_least_one(batch.solution_count),
        "plurality": mean(_is_most(samples)),
        "voted_plurality": mean(_is_most(together)),
        "votes_log": mean(np.log(together + 0.03)),
        "no_value": mean(batch.outputs == NO_VALUE),
        "other_consensus": mean(class_votes(batch, grouped)) / n_classes,
    }


def _mean_rank(batch: Matrices, grouped: Classes, valid_passes: Floats) -> Floats:
    """The share of classes a solution outranks, on average over rankers that err in different ways.

    A ranker's scale says little across tasks, its order does: what they all rank high is right more often.
    Classes count once, not by their samples: two of the five follow the samples already.
    """
    orders = [ranker(batch).solutions for ranker in (codet, b4, class_truth, consensus)] + [valid_passes]
    outranked = np.zeros(batch.solution_count.shape)
    for scores in (np.round(order, 8) for order in orders):
        ahead = scores[:, :, None] - scores[:, None, :]
        outranked += _weighted((ahead > 0) + 0.5 * (ahead == 0), grouped.is_first.astype(np.float64))
    return np.asarray(outranked / len(orders) / np.maximum(grouped.is_first.sum(axis=1), 1)[:, None])


def _expected_share(batch: Matrices) -> Floats:
    # Leaves the test's own vote out; a test alone on its call gets 0.3, one that nobody passes 0.
    agreeing, on_call = expected_votes(batch)
    share = (agreeing - 1 + 0.3) / np.maximum(on_call, 1)
    return np.where((batch.passed & batch.is_solution[:, :, None]).any(axis=1), share, 0.0)


def _weighted(passed: Floats, weights: Floats) -> Floats:
    return np.asarray((passed @ weights[:, :, None])[:, :, 0])


def _at_least_one(counts: Floats) -> Floats:
    return np.asarray(np.maximum(counts.sum(axis=1), 1)[:, None])


def _below_best(scores: Floats, real: Bools) -> Floats:
    best = np.where(real, scores, -np.inf).max(axis=1, keepdims=True)
    return np.where(real, scores - np.where(np.isfinite(best), best, 0.0), 0.0)


def _is_most(votes: Floats) -> Bools:
    return np.asarray((votes >= votes.max(axis=1, keepdims=True) - TIE) & (votes > 0))
