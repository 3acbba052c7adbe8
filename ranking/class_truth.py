"""Which class of like-behaving solutions is the right one: enumerate them, and weigh each by Bayes' rule.

Suppose class g is right. Then its share of the samples, the number of tests it passes (a test is valid if and
only if g passes it), and how often the other classes pass g's valid and invalid tests all have a likelihood;
Beta priors on the rates integrate out in closed form. Unlike B4 it tells classes apart by what they return.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln

from ranking.agreement import class_of, same_behavior
from ranking.closed_form import Scores, rounded, with_best_passing
from ranking.matrices import Bools, Floats, Matrices

# Beta priors: the share of valid tests, how often a wrong class passes a valid and an invalid test.
VALID_TESTS = (2.0, 3.0)
WRONG_PASSES_VALID = (1.0, 2.0)
WRONG_PASSES_INVALID = (1.0, 20.0)
# A class of c samples weighs c ** 0.5: like errors are neither one error nor c independent ones.
CLASS_WEIGHT_EXPONENT = 0.5


@dataclass(frozen=True)
class Classes:
    """The solutions of each task grouped by behavior.

    alike: (tasks, n, n); same behavior.
    is_first: (tasks, n); the one solution that stands for its class.
    samples: (tasks, n); how many samples the solution's class has.
    """

    alike: Bools
    is_first: Bools
    samples: Floats


def classes(batch: Matrices) -> Classes:
    """The behavior classes of each task."""
    alike = same_behavior(batch)
    is_first = (class_of(alike) == np.arange(alike.shape[1])) & batch.is_solution
    return Classes(alike, is_first, (alike * batch.solution_count[:, None, :]).sum(axis=2))


def class_truth(batch: Matrices) -> Scores:
    """The log posterior, up to a constant a task, that a solution's class is right."""
    return with_best_passing(batch, rounded(_log_posterior(batch, classes(batch))) * batch.is_solution)


def posterior(batch: Matrices) -> tuple[Floats, Floats]:
    """(tasks, n) that a solution is right and (tasks, m) that a test is valid, if any class is right."""
    grouped = classes(batch)
    log_posterior = np.where(batch.is_solution, rounded(_log_posterior(batch, grouped)), -np.inf)
    largest = log_posterior.max(axis=1, keepdims=True)
    likelihood = np.exp(log_posterior - np.where(np.isfinite(largest), largest, 0.0))
    total = (likelihood * grouped.is_first).sum(axis=1, keepdims=True)
    p_right = likelihood / np.where(total > 0, total, 1.0)
    p_valid = ((p_right * grouped.is_first)[:, None, :] @ batch.passed)[:, 0, :]
    return p_right, np.minimum(p_valid, 1.0) * batch.is_test


def _log_posterior(batch: Matrices, grouped: Classes) -> Floats:
    passed = (batch.passed & batch.is_test[:, None, :]).astype(np.float64)
    shared = (passed * batch.test_count[:, None, :]) @ passed.transpose(0, 2, 1)
    passes = np.diagonal(shared, axis1=1, axis2=2)
    n_tests = batch.test_count.sum(axis=1)[:, None]
    other = grouped.is_first[:, None, :] & ~grouped.alike
    weight = other * (grouped.samples**CLASS_WEIGHT_EXPONENT)[:, None, :]
    on_valid = _log_beta_binomial(shared, passes[:, :, None], *WRONG_PASSES_VALID)
    on_invalid = _log_beta_binomial(
        passes[:, None, :] - shared, (n_tests - passes)[:, :, None], *WRONG_PASSES_INVALID
    )
    share = np.maximum(grouped.samples, 1) / np.maximum(batch.solution_count.sum(axis=1), 1)[:, None]
    own = np.log(share) + _log_beta_binomial(passes, n_tests, *VALID_TESTS)
    return np.asarray(own + (weight * (on_valid + on_invalid)).sum(axis=2))


def _log_beta_binomial(successes: Floats, trials: Floats, alpha: float, beta: float) -> Floats:
    return np.asarray(betaln(successes + alpha, trials - successes + beta) - betaln(alpha, beta))
