"""Which tests are valid and which classes are right, inferred from each other.

Every behavior class is right or wrong, every test valid or not; each of the four combinations has its own
rate of passes, under a Beta prior. Mean-field variational Bayes alternates between the sides.

Source: the model is Dawid & Skene's (1979) with latent classes on both sides.
"""

import numpy as np
from scipy.special import digamma, expit

from ranking.class_truth import Classes
from ranking.matrices import Floats, Matrices

STEPS = 30
# Beta priors of passing, by (class is right, test is valid), then of being right and of being valid.
PASS_RATES = {(1, 1): (20.0, 0.5), (1, 0): (1.0, 8.0), (0, 1): (1.0, 2.0), (0, 0): (1.0, 15.0)}
RIGHT_CLASSES = (1.0, 2.0)
VALID_TESTS = (1.0, 2.0)


def validity(batch: Matrices, grouped: Classes) -> Floats:
    """(tasks, m); P(test is valid), uncalibrated.

    A fixed number of steps, which settles all but the undecidable.
    """
    weight = grouped.is_first * np.sqrt(np.maximum(grouped.samples, 1))
    passed = (batch.passed & batch.is_test[:, None, :]).astype(np.float64)
    n_tests = np.maximum(batch.test_count.sum(axis=1), 1)[:, None]
    right = 0.5 * np.clip((passed @ batch.test_count[:, :, None])[:, :, 0] / n_tests, 0.05, 0.95)
    backing = np.maximum((weight * right).sum(axis=1), 1e-9)[:, None]
    valid = np.clip(((weight * right)[:, None, :] @ passed)[:, 0, :] / backing, 0.05, 0.95)
    for _ in range(STEPS):
        rates = _expected_log_rates(passed, weight * right, weight * (1 - right), batch.test_count, valid)
        log_odds = _log_odds(
            passed, batch.test_count * valid, batch.test_count * (1 - valid), rates, side="solutions"
        ) + _prior_log_odds(RIGHT_CLASSES, weight * right, weight * (1 - right))
        right = expit(log_odds)
        valid = expit(
            _log_odds(passed, weight * right, weight * (1 - right), rates, side="tests")
            + _prior_log_odds(VALID_TESTS, batch.test_count * valid, batch.test_count * (1 - valid))
        )
    return np.asarray(valid * batch.is_test)


Rates = dict[tuple[int, int], tuple[Floats, Floats]]


def _expected_log_rates(
    passed: Floats, right: Floats, wrong: Floats, count: Floats, p_valid: Floats
) -> Rates:
    rates = {}
    for (is_right, is_valid), (alpha, beta) in PASS_RATES.items():
        solutions = right if is_right else wrong
        tests = count * (p_valid if is_valid else 1 - p_valid)
        passes = (solutions * (passed @ tests[:, :, None])[:, :, 0]).sum(axis=1)
        chances = solutions.sum(axis=1) * tests.sum(axis=1)
        after_alpha, after_beta = alpha + passes, beta + np.maximum(chances - passes, 0)
        both = digamma(after_alpha + after_beta)
        rates[is_right, is_valid] = (digamma(after_alpha) - both, digamma(after_beta) - both)
    return rates


def _log_odds(passed: Floats, positive: Floats, negative: Floats, rates: Rates, *, side: str) -> Floats:
    # What each row (solution) or column (test) says, summed over the other side's two states.
    found = np.zeros(0)
    for state, weights in ((1, positive), (0, negative)):
        yes_key, no_key = ((1, state), (0, state)) if side == "solutions" else ((state, 1), (state, 0))
        if side == "solutions":
            passes = (passed @ weights[:, :, None])[:, :, 0]
        else:
            passes = (weights[:, None, :] @ passed)[:, 0, :]
        fails = weights.sum(axis=1)[:, None] - passes
        on_pass = (rates[yes_key][0] - rates[no_key][0])[:, None]
        on_fail = (rates[yes_key][1] - rates[no_key][1])[:, None]
        term = passes * on_pass + fails * on_fail
        found = term if found.size == 0 else found + term
    return found


def _prior_log_odds(prior: tuple[float, float], positive: Floats, negative: Floats) -> Floats:
    return np.asarray(
        (digamma(prior[0] + positive.sum(axis=1)) - digamma(prior[1] + negative.sum(axis=1)))[:, None]
    )
