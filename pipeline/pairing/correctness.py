"""Right over wrong: pairs whose chosen side is trusted and whose rejected side very probably fails."""

from collections import Counter
from collections.abc import Iterable

from pipeline.pairing.candidates import Candidate, Pair, within_caps, without_repeats
from pipeline.schemas.pairs import CORRECTNESS


def correctness_pairs(
    candidates: Iterable[Candidate],
    wrong_rewrites: Iterable[tuple[Candidate, Candidate]],
    *,
    min_confidence: float,
    per_task: int,
    per_solution: int,
) -> tuple[list[Pair], Counter[str]]:
    """The task's correctness pairs, the surest first, and how much was dropped for which reason.

    Chosen: trusted, and passes every public example. Rejected: not trusted, and fails a public example or
    credible test that chosen passes; to act otherwise on some other input is no fault, for a task may not say
    what is to become of it. Of two solutions that act differently at most one is right, but rankers may give
    both a high probability, so confidence multiplies P(chosen right) by P(rejected wrong).

    Args:
        candidates: the task's solutions.
        wrong_rewrites: (parent, rewrite) where the rewrite fails what is surely right and its parent passes:
            a near miss, which teaches more than a far one.
        min_confidence: the least P(the pair is right).
        per_task: at most so many pairs.
        per_solution: no solution is chosen, and no behavior rejected, more often.
    """
    pool = sorted(candidates, key=lambda one: one.solution_id)
    right = [one for one in pool if one.trusted and one.passes_examples]
    wrong = [one for one in pool if not one.trusted]
    counts = Counter(
        {
            "dropped_correctness_trusted_but_fails_example": sum(
                one.trusted and not one.passes_examples for one in pool
            ),
            "dropped_correctness_task_without_right_side": int(not right),
            "dropped_correctness_task_without_wrong_side": int(bool(right) and not wrong),
        }
    )
    different = [
        Pair(CORRECTNESS, chosen, rejected, chosen.p_correct * (1 - rejected.p_correct))
        for chosen in right
        for rejected in wrong
        if chosen.behavior_id != rejected.behavior_id
    ]
    possible = [pair for pair in different if pair.chosen.passed - pair.rejected.passed]
    counts["dropped_correctness_no_test_tells_apart"] = len(different) - len(possible)
    possible += [
        Pair(CORRECTNESS, parent, rewrite, parent.p_correct * (1 - rewrite.p_correct))
        for parent, rewrite in wrong_rewrites
        if parent.trusted and parent.passes_examples
    ]
    sure = [pair for pair in possible if pair.confidence >= min_confidence]
    counts["dropped_correctness_low_confidence"] = len(possible) - len(sure)
    # A rejected side that fails the public example is wrong by the task's own word.
    sure.sort(key=lambda pair: (pair.rejected.passes_examples, -pair.confidence))
    distinct = without_repeats(sure)
    counts["dropped_correctness_same_programs"] = len(sure) - len(distinct)
    taken = list(within_caps(distinct, per_task=per_task, per_solution=per_solution))
    counts["dropped_correctness_over_cap"] = len(distinct) - len(taken)
    return taken, counts
