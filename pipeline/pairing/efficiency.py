"""Fast over slow, both right: pairs from certified comparisons and from verified rewrites."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from statistics import NormalDist

from pipeline.pairing.candidates import Candidate, Pair, is_faster, within_caps, without_repeats
from pipeline.schemas.pairs import EFFICIENCY
from pipeline.tables import Row

Z_95 = NormalDist().inv_cdf(0.975)


def efficiency_pairs(
    candidates: Mapping[str, Candidate],
    comparisons: Iterable[Row],
    verified: Iterable[Row],
    *,
    min_confidence: float,
    per_task: int,
    per_solution: int,
) -> tuple[list[Pair], Counter[str]]:
    """The task's efficiency pairs, the largest certain speedup first, and what was dropped for which reason.

    Args:
        candidates: the task's solutions and rewrites by id.
        comparisons: the task's rows.
        verified: the task's rows.
        min_confidence: the least P(the pair is right).
        per_task: at most so many pairs.
        per_solution: no solution stands on one side more often.

    Both sides are trusted and pass every public example. Confidence is P(both right and chosen cheaper):
    both sides repeat each other's outputs, so that they are right or wrong together.
    """
    counts: Counter[str] = Counter(
        dict.fromkeys(
            (
                "dropped_efficiency_not_certified",
                "dropped_efficiency_rewrite_not_accepted",
                "dropped_efficiency_side_not_trusted",
                "dropped_efficiency_side_fails_example",
                "dropped_efficiency_low_confidence",
            ),
            0,
        )
    )
    possible = _natural(candidates, comparisons, counts) + _rewritten(candidates, verified, counts)
    sure = [pair for pair in possible if _can_stand(pair, min_confidence, counts)]
    sure.sort(
        key=lambda pair: (-(pair.speedup_low or 0.0), pair.chosen.solution_id, pair.rejected.solution_id)
    )
    distinct = without_repeats(sure)
    counts["dropped_efficiency_same_programs"] = len(sure) - len(distinct)
    taken = list(within_caps(distinct, per_task=per_task, per_solution=per_solution))
    counts["dropped_efficiency_over_cap"] = len(distinct) - len(taken)
    return taken, counts


def _natural(
    candidates: Mapping[str, Candidate], comparisons: Iterable[Row], counts: Counter[str]
) -> list[Pair]:
    pairs = []
    for row in comparisons:
        if not row["certified"]:
            counts["dropped_efficiency_not_certified"] += 1
            continue
        chosen, rejected = candidates[row["faster_id"]], candidates[row["slower_id"]]
        pairs.append(_pair(chosen, rejected, row, p_cheaper=row["p_faster"], is_rewrite=False))
    return pairs


def _rewritten(
    candidates: Mapping[str, Candidate], verified: Iterable[Row], counts: Counter[str]
) -> list[Pair]:
    pairs = []
    for row in verified:
        if not row["accepted"]:
            counts["dropped_efficiency_rewrite_not_accepted"] += 1
            continue
        chosen, rejected = candidates[row["solution_id"]], candidates[row["parent_id"]]
        pairs.append(_pair(chosen, rejected, row, p_cheaper=_p_cheaper(row), is_rewrite=True))
    return pairs


def _pair(chosen: Candidate, rejected: Candidate, row: Row, *, p_cheaper: float, is_rewrite: bool) -> Pair:
    return Pair(
        EFFICIENCY,
        chosen,
        rejected,
        confidence=min(chosen.p_correct, rejected.p_correct) * p_cheaper,
        speedup=row["speedup"],
        speedup_low=row["speedup_low"],
        speedup_high=row["speedup_high"],
        memory_ratio=row["memory_ratio"],
        workload_id=row["workload_id"],
        is_rewrite=is_rewrite,
    )


def _p_cheaper(row: Row) -> float:
    """P(the rewrite is cheaper): from its speedup's 95 % interval, normal in the logarithm.

    One that was accepted for its memory is certainly leaner: peaks are exact.
    """
    if not is_faster(row["speedup_low"]):
        return 1.0
    low, high = math.log(row["speedup_low"]), math.log(row["speedup_high"])
    deviation = max((high - low) / (2 * Z_95), 1e-9)
    return 1 - NormalDist(math.log(row["speedup"]), deviation).cdf(0.0)


def _can_stand(pair: Pair, min_confidence: float, counts: Counter[str]) -> bool:
    sides = (pair.chosen, pair.rejected)
    if not all(side.trusted for side in sides):
        counts["dropped_efficiency_side_not_trusted"] += 1
    elif not all(side.passes_examples for side in sides):
        counts["dropped_efficiency_side_fails_example"] += 1
    elif pair.confidence < min_confidence:
        counts["dropped_efficiency_low_confidence"] += 1
    else:
        return True
    return False
