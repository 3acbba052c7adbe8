"""The published rankers that are one formula: exact, and vectorized over tasks.

Each takes `Matrices` and gives `Scores`. A count of c is the same as c equal rows; solutions alike in what
the ranker looks at tie exactly; a task without solutions or tests has scores of zero or the formula's limit.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln

from ranking.agreement import agreeing_calls, same_outputs, same_passes
from ranking.matrices import Bools, Floats, Matrices

CODEDPO_DAMPING = 0.85
CODEDPO_STEPS = 10
B4_BETA_0 = 1e5
B4_ALPHA_XY = 1e3


@dataclass(frozen=True)
class Scores:
    """solutions: (tasks, n); tests: (tasks, m). Higher is better; comparable within a task; padding is 0."""

    solutions: Floats
    tests: Floats


def tests_passed(batch: Matrices) -> Scores:
    """How many test samples a solution passes; a test scores as many solution samples as pass it."""
    passed = batch.passed.astype(np.float64)
    return Scores(
        solutions=_per_solution(passed, batch.test_count) * batch.is_solution,
        tests=_per_test(passed, batch.solution_count) * batch.is_test,
    )


def codedpo(batch: Matrices, damping: float = CODEDPO_DAMPING, steps: int = CODEDPO_STEPS) -> Scores:
    """CodeDPO's mutual update after a fixed number of steps; starts at 1, a pass is a link, no normalization.

    s_c <- (1-d) s_c + d Σ_t s_t E[c,t], then s_t <- (1-d) s_t + d Σ_c s_c E[c,t] with the s_c of the step
    before. Scores grow with the steps and the size of the task.

    Source: Zhang et al., "CodeDPO: Aligning Code Models with Self Generated and Verified Source Code", 2024.
    """
    passed = batch.passed.astype(np.float64)
    of_solution, of_test = batch.is_solution.astype(np.float64), batch.is_test.astype(np.float64)
    for _ in range(steps):
        of_solution, of_test = (
            (1 - damping) * of_solution + damping * _per_solution(passed, batch.test_count * of_test),
            (1 - damping) * of_test + damping * _per_test(passed, batch.solution_count * of_solution),
        )
    return Scores(rounded(of_solution) * batch.is_solution, rounded(of_test) * batch.is_test)


def codet(batch: Matrices) -> Scores:
    """The size of a solution's consensus set: solutions that pass the same tests × tests they pass.

    Source: Chen et al., "CodeT: Code Generation with Generated Tests", 2022, section 2.
    """
    passes = _per_solution(batch.passed.astype(np.float64), batch.test_count)
    return with_best_passing(batch, passes * _alike_samples(same_passes(batch), batch))


def b4(batch: Matrices, beta_0: float = B4_BETA_0, alpha_xy: float = B4_ALPHA_XY) -> Scores:
    """The log posterior that a solution's consensus set is the right one, under B4's Beta priors.

    θx, θy (share of right solutions, tests) ~ Beta(alpha_xy, 1); a wrong solution passes a right test with
    θ1 ~ Beta(1, 1) and a wrong test with θ0 ~ Beta(1, beta_0).

    Source: Chen et al., "B4: Towards Optimal Assessment of Plausible Code Solutions with Plausible Tests",
    ASE 2024; equal to its authors' `strategy.B4`.
    """
    passed = batch.passed & batch.is_test[:, None, :]
    weighted = passed * batch.test_count[:, None, :]
    shared = weighted @ passed.astype(np.float64).transpose(0, 2, 1)
    alike = same_passes(batch)
    others = batch.solution_count[:, None, :] * ~alike
    passes = weighted.sum(axis=2)
    n_alike, n_others = _alike_samples(alike, batch), others.sum(axis=2)
    n_tests = batch.test_count.sum(axis=1)[:, None]
    on_right = (others * shared).sum(axis=2)
    on_wrong = (others * (passes[:, None, :] - shared)).sum(axis=2)
    log_posterior = (
        betaln(n_alike + alpha_xy, n_others + 1)
        + betaln(passes + alpha_xy, n_tests - passes + 1)
        + betaln(on_right + 1, n_others * passes - on_right + 1)
        + betaln(on_wrong + 1, n_others * (n_tests - passes) - on_wrong + beta_0)
    )
    return with_best_passing(batch, rounded(log_posterior) * batch.is_solution)


def mbr_exec(batch: Matrices) -> Scores:
    """How many samples return the same on every call: minus the expected 0/1 loss, hard version.

    Source: Shi et al., "Natural Language to Code Translation with Execution", 2022.
    """
    return with_best_passing(batch, _alike_samples(same_outputs(batch), batch))


def consensus(batch: Matrices) -> Scores:
    """FunCoder's functional consensus: the share of calls a solution agrees on, summed over all samples.

    A call on which a solution returns nothing agrees with nothing.

    Source: Chen et al., "Divide-and-Conquer Meets Consensus: Unleashing the Power of Functions in Code
    Generation", 2024, section 2.2.
    """
    n_calls = np.maximum(batch.call_used.sum(axis=1), 1)[:, None]
    agreeing = (agreeing_calls(batch) * batch.solution_count[:, None, :]).sum(axis=2)
    return with_best_passing(batch, agreeing / n_calls)


def _per_solution(passed: Floats, of_test: Floats) -> Floats:
    return np.asarray((passed @ of_test[:, :, None])[:, :, 0])


def _per_test(passed: Floats, of_solution: Floats) -> Floats:
    return np.asarray((of_solution[:, None, :] @ passed)[:, 0, :])


def _alike_samples(alike: Bools, batch: Matrices) -> Floats:
    return _per_solution(alike.astype(np.float64), batch.solution_count)


def with_best_passing(batch: Matrices, of_solution: Floats) -> Scores:
    """Scores for a method that has none for tests: each is worth the best solution that passes it.

    A test nothing passes is worth the worst solution.
    """
    counted = np.where(batch.is_solution, of_solution, np.inf)
    worst = np.where(batch.is_solution.any(axis=1), counted.min(axis=1), 0.0)[:, None]
    candidates = np.where(batch.passed & batch.is_solution[:, :, None], of_solution[:, :, None], -np.inf)
    return Scores(of_solution, np.maximum(candidates.max(axis=1), worst) * batch.is_test)


def rounded(scores: Floats) -> Floats:
    """The scores to 12 digits: a matrix product may sum equal rows in another order, and those must tie."""
    size = np.abs(scores)
    digits = np.where(size > 0, np.ceil(np.log10(np.where(size > 0, size, 1.0))), 0.0)
    unit = 10.0 ** (11 - digits)
    return np.round(scores * unit) / unit
