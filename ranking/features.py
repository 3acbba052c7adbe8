"""What the default ranker looks at: evidence for each solution, the same within a behavior class.

`discriminating` comes first: tests that every solution passes, and calls on which all agree, say nothing
about which solution is right and must not move any order.
"""

from dataclasses import dataclass, replace

import numpy as np

from ranking.class_truth import Classes, class_truth, classes
from ranking.closed_form import b4, codet, consensus
from ranking.matrices import NO_VALUE, Bools, Floats, Matrices
from ranking.validity import validity
from ranking.votes import class_votes, expected_votes, sample_votes, test_votes

SOLUTION_FEATURES = (
    "mean_rank",
    "share_log",
    "passes_log",
    "codet_log",
    "class_truth",
    "validity_log_odds",
    "valid_passes",
    "consensus",
    "consensus_log",
    "plurality",
    "voted_plurality",
    "votes_log",
    "no_value",
    "other_consensus",
    "other_plurality",
    "other_consensus_sqrt",
    "other_plurality_sqrt",
    "duel_passes",
    "duel_votes",
    "duel_test_votes",
    "duel_confirmed",
    "expected_passes",
    "repeated_passes",
    "contested_passes",
    "passes_sqrt",
    "passes_gap",
)


RANKED_FEATURES = ("codet_log", "class_truth", "consensus", "valid_passes")  # and B4's posterior
TIE = 1e-9  # sums of weights in another order differ by less


@dataclass(frozen=True)
class Evidence:
    """Per solution and per test, from the discriminating part of a batch.

    features: (tasks, n, len(SOLUTION_FEATURES)).
    valid: (tasks, m); the two-sided model's P(test is valid), 0 for tests that all solutions pass.
    expected_share: (tasks, m); of the tests on the same call, how many expect the same value, in [0, 1].
    grouped: the behavior classes.
    """

    features: Floats
    valid: Floats
    expected_share: Floats
    grouped: Classes


def discriminating(batch: Matrices) -> Matrices:
    """The batch without tests that all solutions pass and without calls on which all solutions agree."""
    real = batch.is_solution
    passed_by_all = (batch.passed | ~real[:, :, None]).all(axis=1)
    first = batch.outputs[:, :1, :]
    agreed_by_all = ((batch.outputs == first) | ~real[:, :, None]).all(axis=1)
    call_used = batch.call_used & ~agreed_by_all
    return replace(
        batch,
        test_count=np.where(passed_by_all, 0.0, batch.test_count),
        outputs=np.where(call_used[:, None, :], batch.outputs, NO_VALUE),
        call_used=call_used,
    )


def evidence(whole: Matrices) -> Evidence:
    """The features of every solution; rounding noise removed, so that a class has one value."""
    batch = discriminating(whole)
    grouped = classes(batch)
    log_odds, valid = validity(batch, grouped)
    found = _pass_features(batch, grouped, log_odds, valid) | _vote_features(batch, grouped)
    found |= _duels(batch, grouped, found)
    found |= _expectation_features(batch)
    found["mean_rank"] = _mean_rank(batch, found)
    features = np.stack([found[name] for name in SOLUTION_FEATURES], axis=2)
    return Evidence(
        np.round(features, 10) * batch.is_solution[:, :, None], valid, _expected_share(whole), grouped
    )


def _pass_features(batch: Matrices, grouped: Classes, log_odds: Floats, valid: Floats) -> dict[str, Floats]:
    n_samples, n_tests = _at_least_one(batch.solution_count), _at_least_one(batch.test_count)
    passed = (batch.passed & batch.is_test[:, None, :]).astype(np.float64)
    passes = _weighted(passed, batch.test_count)
    weight = batch.test_count * valid
    backing = np.maximum(weight.sum(axis=1), 1e-6)[:, None]
    return {
        "share_log": np.log(np.maximum(grouped.samples, 1) / n_samples),
        "passes_log": np.log((passes + 0.5) / (n_tests + 1)),
        "codet_log": _below_best(np.log(codet(batch).solutions + 0.3), batch.is_solution),
        "class_truth": np.maximum(_below_best(class_truth(batch).solutions, batch.is_solution), -20),
        "validity_log_odds": log_odds,
        "valid_passes": _weighted(passed, weight) / backing,
    }


def _vote_features(batch: Matrices, grouped: Classes) -> dict[str, Floats]:
    n_calls = np.maximum(batch.call_used.sum(axis=1), 1)[:, None]

    def mean(of_call: Floats | Bools) -> Floats:
        return np.asarray(np.where(batch.call_used[:, None, :], of_call, 0.0).sum(axis=2) / n_calls)

    samples = sample_votes(batch)
    by_test, on_call = test_votes(batch)
    together = (3 * samples + by_test) / (3 + on_call[:, None, :])
    agreeing = consensus(batch).solutions / _at_least_one(batch.solution_count)
    found = {
        "consensus": agreeing,
        "consensus_log": _below_best(np.log(agreeing + 0.02), batch.is_solution),
        "plurality": mean(_is_most(samples)),
        "voted_plurality": mean(_is_most(together)),
        "votes_log": mean(np.log(together + 0.03)),
        "no_value": mean(batch.outputs == NO_VALUE),
    }
    for suffix, exponent in (("", 0.0), ("_sqrt", 0.5)):
        others = class_votes(batch, grouped, exponent)
        own = (np.maximum(grouped.samples, 1) ** exponent)[:, :, None] * (batch.outputs != NO_VALUE)
        all_classes = (grouped.is_first * np.maximum(grouped.samples, 1) ** exponent).sum(axis=1)
        most_by_others = others >= (others + own).max(axis=1, keepdims=True) - own - TIE
        found[f"other_consensus{suffix}"] = mean(others) / np.maximum(all_classes, 1)[:, None]
        found[f"other_plurality{suffix}"] = mean(most_by_others & (others > 0))
    return found


def _mean_rank(batch: Matrices, found: dict[str, Floats]) -> Floats:
    """The share of samples a solution outranks, on average over rankers that err in different ways.

    A ranker's scale says little across tasks, its order does: what they all rank high is right more often.
    """
    orders = [b4(batch).solutions, *(found[name] for name in RANKED_FEATURES)]
    outranked = np.zeros(batch.solution_count.shape)
    for scores in (np.round(order, 8) for order in orders):
        ahead = scores[:, :, None] - scores[:, None, :]
        outranked += _weighted((ahead > 0) + 0.5 * (ahead == 0), batch.solution_count)
    return np.asarray(outranked / len(orders) / _at_least_one(batch.solution_count))


def _expectation_features(batch: Matrices) -> dict[str, Floats]:
    """Passed tests, by how far the other tests of their calls expect the same."""
    passed = (batch.passed & batch.is_test[:, None, :]).astype(np.float64)
    n_tests = _at_least_one(batch.test_count)
    agreeing, on_call = expected_votes(batch)
    passes = _weighted(passed, batch.test_count)
    most = np.where(batch.is_solution, passes, 0.0).max(axis=1, keepdims=True)
    return {
        "expected_passes": _weighted(passed, _expected_share(batch) * batch.test_count) / n_tests,
        "repeated_passes": _weighted(passed, (agreeing > 1) * batch.test_count) / n_tests,
        "contested_passes": _weighted(passed, ((agreeing <= 1) & (on_call > 1)) * batch.test_count) / n_tests,
        "passes_sqrt": np.sqrt(passes) - np.sqrt(most),
        "passes_gap": (passes - most) / np.sqrt(most + 1),
    }


def _expected_share(batch: Matrices) -> Floats:
    # Leaves the test's own vote out; a test alone on its call gets 0.3, one that nobody passes 0.
    agreeing, on_call = expected_votes(batch)
    share = (agreeing - 1 + 0.3) / np.maximum(on_call, 1)
    return np.where((batch.passed & batch.is_solution[:, :, None]).any(axis=1), share, 0.0)


def _weighted(passed: Floats, weights: Floats) -> Floats:
    return np.asarray((passed @ weights[:, :, None])[:, :, 0])


def _duels(batch: Matrices, grouped: Classes, found: dict[str, Floats]) -> dict[str, Floats]:
    """Each solution against its strongest rivals, on the tests and calls where they differ."""
    passed = (batch.passed & batch.is_test[:, None, :]).astype(np.float64)
    shared = (passed * batch.test_count[:, None, :]) @ passed.transpose(0, 2, 1)
    only_mine = np.diagonal(shared, axis1=1, axis2=2)[:, :, None] - shared
    all_classes = np.maximum((grouped.is_first * np.sqrt(grouped.samples)).sum(axis=1), 1)
    others = class_votes(batch, grouped, 0.5) / all_classes[:, None, None]
    by_test, _ = test_votes(batch)
    votes, voted, confirmed = (np.zeros_like(shared) for _ in range(3))
    for call in range(batch.outputs.shape[2]):
        value = batch.outputs[:, :, call]
        differ = (value[:, :, None] != value[:, None, :]) & batch.call_used[:, call, None, None]
        votes += differ * others[:, :, call, None]
        voted += differ * np.sqrt(by_test)[:, :, call, None]
        confirmed += differ * (by_test > 0)[:, :, call, None]
    rival = np.where(grouped.is_first, np.exp(0.3 * found["class_truth"] + 0.5 * found["codet_log"]), 0.0)
    rival = rival / np.maximum(rival.sum(axis=1, keepdims=True), 1e-300)

    def against_rivals(support: Floats, pseudocount: float) -> Floats:
        edge = np.log(support + pseudocount) - np.log(support.transpose(0, 2, 1) + pseudocount)
        return np.asarray((np.where(grouped.alike, 0.0, edge) @ rival[:, :, None])[:, :, 0])

    return {
        "duel_passes": against_rivals(only_mine, 1.0),
        "duel_votes": against_rivals(votes, 0.3),
        "duel_test_votes": against_rivals(voted, 1.0),
        "duel_confirmed": against_rivals(confirmed, 1.0),
    }


def _at_least_one(counts: Floats) -> Floats:
    return np.asarray(np.maximum(counts.sum(axis=1), 1)[:, None])


def _below_best(scores: Floats, real: Bools) -> Floats:
    best = np.where(real, scores, -np.inf).max(axis=1, keepdims=True)
    return np.where(real, scores - np.where(np.isfinite(best), best, 0.0), 0.0)


def _is_most(votes: Floats) -> Bools:
    return np.asarray((votes >= votes.max(axis=1, keepdims=True) - TIE) & (votes > 0))
