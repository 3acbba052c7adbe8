"""The field's figures of efficiency, each from its paper's definition: plain numbers in, one number out.

Times are seconds, memory is bytes; any unit will do that both sides share.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Overhead:
    """What one solution costs, and what the one it is held against costs.

    Source: Huang et al., Effi-Code, 2024; and EffiBench, 2024, section 3.4: ET execution time in seconds, MU
    peak memory, TMU memory integrated over the execution.
    """

    et: float
    mu: float
    tmu: float


def mean_overhead(solutions: Sequence[Overhead]) -> Overhead:
    """ET, MU and TMU: arithmetic means over tasks.

    Raises:
        ValueError: there are none.
    """
    return Overhead(
        _mean([solution.et for solution in solutions]),
        _mean([solution.mu for solution in solutions]),
        _mean([solution.tmu for solution in solutions]),
    )


def normalized_overhead(solutions: Sequence[Overhead], references: Sequence[Overhead]) -> Overhead:
    """NET, NMU and NTMU: means over tasks of the solution's figure divided by the reference's.

    Raises:
        ValueError: there are none, or the two differ in number, or a reference's figure is not positive.

    Source: EffiBench, 2024, equations 2, 4 and 6.
    """
    pairs = list(zip(solutions, references, strict=True))
    return Overhead(
        _mean([_ratio(ours.et, theirs.et) for ours, theirs in pairs]),
        _mean([_ratio(ours.mu, theirs.mu) for ours, theirs in pairs]),
        _mean([_ratio(ours.tmu, theirs.tmu) for ours, theirs in pairs]),
    )


def efficiency_score(
    seconds_by_level: Sequence[Sequence[float]],
    reference_s: Sequence[float],
    limit_s: float,
    weights: Sequence[float],
) -> float:
    """A correct solution's efficiency score e, 0 or more (above 1: faster than the reference).

    A level's score is (limit - time) / (limit - reference's time), cut at 0, each with the longest time of
    the level's test cases; the levels are averaged by weight. A time at or over the limit is right-censored:
    that level scores 0, and so do all harder ones, which are not run.

    Args:
        seconds_by_level: times per test case, easy to hard; math.inf for one that was stopped.
        reference_s: the reference's longest time on each level.
        limit_s: the time limit, longer than each of these.
        weights: hardness of each level; 0 for one that counts for correctness only.

    Raises:
        ValueError: the three differ in length, a weight is negative or all are 0, or the reference does not
            keep the limit.

    Source: Qiu et al., How efficient is LLM-generated code? (ENAMEL), 2024, section 2.2.
    """
    levels = list(zip(seconds_by_level, reference_s, weights, strict=True))
    if min(weights) < 0 or not sum(weights) > 0 or not max(reference_s) < limit_s:
        raise ValueError("weights must not be negative, nor all 0, and the reference must keep the limit")
    scores: list[float] = []
    for seconds, reference, weight in levels:
        if not seconds or not all(taken < limit_s for taken in seconds):
            break
        scores.append(weight * (limit_s - max(seconds)) / (limit_s - reference))
    return math.fsum(scores) / math.fsum(weights)


def eff_at_k(scores: Sequence[float], k: int) -> float:
    """The expected best efficiency score of k samples of n: unbiased, with the least variance.

    eff@k = sum over r = k..n of C(r-1, k-1) / C(n, k) * e_(r), where e_(1) <= ... <= e_(n) are the scores,
    0 for a wrong sample. No binomial is formed: the weight of the best is k / n, and each next one follows
    from the one before, so that n = 10,000 neither overflows nor loses digits.

    Raises:
        ValueError: k is not in 1..n, or a score is negative or not a number.

    Source: Qiu et al., ENAMEL, 2024, theorem 1 and algorithm 1.
    """
    n = len(scores)
    if not 1 <= k <= n or not all(score >= 0 for score in scores):
        raise ValueError(f"k must be in 1..{n} and scores must not be negative")
    weight = k / n
    terms = []
    for rank, score in zip(range(n, k - 1, -1), sorted(scores, reverse=True), strict=False):
        terms.append(weight * score)
        # C(r-2, k-1) / C(r-1, k-1) = (r-k) / (r-1)
        weight *= (rank - k) / (rank - 1) if rank > 1 else 0.0
    return math.fsum(terms)


def differential_performance_score(cost: float, reference_costs: Sequence[float]) -> float:
    """DPS in [0, 100]: the share of reference solutions that cost at least as much as this one does.

    Args:
        cost: of a correct solution, and
        reference_costs: of the task's reference solutions, one a level of performance.

    Raises:
        ValueError: there is no reference, or a cost is not positive.

    Source: Liu et al., Evaluating language models for efficient code generation (EvalPerf), 2024, sec. 2.3.
    """
    if not reference_costs or not all(one > 0 for one in (cost, *reference_costs)):
        raise ValueError("costs must be positive, and there must be references")
    return 100 * sum(reference >= cost for reference in reference_costs) / len(reference_costs)


def percent_optimized(speedups: Sequence[float], correct: Sequence[bool], least: float = 1.1) -> float:
    """%Opt in [0, 100]: share of all programs whose rewrite is correct and at least 10 % faster.

    Raises:
        ValueError: there are none, or the two differ in number.

    Source: Shypula et al., Learning performance-improving code edits (PIE), 2023, section 3.2.
    """
    won = [right and speedup >= least for speedup, right in zip(speedups, correct, strict=True)]
    return 100 * _mean([float(one) for one in won])


def mean_speedup(speedups: Sequence[float], correct: Sequence[bool]) -> float:
    """The average of old time / new time over all programs; 1 where the rewrite is wrong or slower.

    Raises:
        ValueError: there are none, or the two differ in number.

    Source: Shypula et al., PIE, 2023, section 3.2.
    """
    counted = [max(s, 1.0) if right else 1.0 for s, right in zip(speedups, correct, strict=True)]
    return _mean(counted)


def _mean(values: Sequence[float]) -> float:
    if not values:
        raise ValueError("the mean of nothing")
    return math.fsum(values) / len(values)


def _ratio(ours: float, theirs: float) -> float:
    if not theirs > 0:
        raise ValueError("a reference's figure must be positive")
    return ours / theirs
