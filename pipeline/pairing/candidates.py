"""A solution with everything that decides whether it can stand in a pair, and the pair itself."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pipeline.schemas.pairs import CORRECTNESS
from pipeline.tables import Row

PASS = "pass"


@dataclass(frozen=True)
class Candidate:
    """A solution of one task.

    p_correct: calibrated, in [0, 1]; a rewrite has its first ancestor's, whose outputs it repeats.
    behavior_id: equal for solutions that act alike on every call.
    passes_examples: passes every public example of its task (true where a task has none).
    passed: the public examples and credible tests it passes, by id.
    scaling_exponent: d log(cpu_s) / d log(size), where it was measured.
    """

    solution_id: str
    code: str
    model: str
    p_correct: float
    behavior_id: str
    trusted: bool
    passes_examples: bool
    passed: frozenset[str]
    scaling_exponent: float | None


@dataclass(frozen=True)
class Pair:
    """Chosen over rejected, with what is known about it.

    kind: correctness (chosen right, rejected wrong) or efficiency (both right, chosen cheaper: certainly
        faster, or a rewrite that is leaner and not slower).
    confidence: P(it is so), in [0, 1].
    speedup: rejected's time / chosen's time, with its 95 % interval; efficiency only.
    memory_ratio: rejected's peak / chosen's peak, where measured; a faster one may need more.
    """

    kind: str
    chosen: Candidate
    rejected: Candidate
    confidence: float
    speedup: float | None = None
    speedup_low: float | None = None
    speedup_high: float | None = None
    memory_ratio: float | None = None
    workload_id: str | None = None
    is_rewrite: bool = False

    @property
    def margin(self) -> float:
        """How clearly chosen is preferred: the gap in p_correct, or the share of time (or memory) saved."""
        if self.kind == CORRECTNESS:
            return self.chosen.p_correct - self.rejected.p_correct
        gain = self.speedup if is_faster(self.speedup_low) else self.memory_ratio
        return 1 - 1 / gain if gain else 0.0


def is_faster(speedup_low: float | None) -> bool:
    """Whether a speedup with this lower end of its 95 % interval is one; an efficiency pair may be leaner."""
    return speedup_low is not None and speedup_low > 1


def candidates(
    *,
    solutions: Iterable[Row],
    scores: Iterable[Row],
    tests: Iterable[Row],
    test_scores: Iterable[Row],
    verdicts: Iterable[Row],
    profiles: Iterable[Row],
) -> dict[str, Candidate]:
    """The task's scored solutions by their id; all arguments are one task's rows."""
    score_of = {row["solution_id"]: row for row in scores}
    exponent_of = {row["solution_id"]: row["scaling_exponent"] for row in profiles}
    examples = {row["test_id"] for row in tests if row["is_example"]}
    telling = examples | {row["test_id"] for row in test_scores if row["credible"]}
    passed: defaultdict[str, set[str]] = defaultdict(set)
    for row in verdicts:
        if row["verdict"] == PASS and row["test_id"] in telling:
            passed[row["solution_id"]].add(row["test_id"])
    return {
        row["solution_id"]: Candidate(
            solution_id=row["solution_id"],
            code=row["code"],
            model=row["model"],
            p_correct=score_of[row["solution_id"]]["p_correct"],
            behavior_id=score_of[row["solution_id"]]["behavior_id"],
            trusted=score_of[row["solution_id"]]["trusted"],
            passes_examples=examples <= passed[row["solution_id"]],
            passed=frozenset(passed[row["solution_id"]]),
            scaling_exponent=exponent_of.get(row["solution_id"]),
        )
        for row in solutions
        if row["solution_id"] in score_of
    }


def with_rewrites(
    known: Mapping[str, Candidate], rewrites: Iterable[Row], verified: Iterable[Row]
) -> dict[str, Candidate]:
    """The candidates and the task's rewrites by id.

    A rewrite has its parent's scores, for it returns what its parent does; but one that is certainly wrong
    has a p_correct of 0. (One that was refused otherwise stands in no pair.)
    """
    wrong = {row["solution_id"] for row in verified if row["certainly_wrong"]}
    everyone = dict(known)
    # A rewrite of a rewrite comes in a later round: every parent is known before its child. One that is a
    # sample's code again has that sample's scores.
    new = (row for row in rewrites if row["solution_id"] not in known)
    for row in sorted(new, key=lambda row: (row["round"], row["solution_id"])):
        inherited = replace(
            everyone[row["parent_id"]],
            solution_id=row["solution_id"],
            code=row["code"],
            model=row["model"],
            scaling_exponent=None,
        )
        everyone[row["solution_id"]] = (
            replace(
                inherited,
                p_correct=0.0,
                trusted=False,
                passes_examples=False,
                passed=frozenset(),
                behavior_id=row["solution_id"],
            )
            if row["solution_id"] in wrong
            else inherited
        )
    return everyone


def without_repeats(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs without those of two programs that an earlier pair holds, written otherwise."""
    first: dict[tuple[str, str], Pair] = {}
    for pair in pairs:
        first.setdefault((_program(pair.chosen.code), _program(pair.rejected.code)), pair)
    return list(first.values())


def _program(code: str) -> str:
    """Equal for codes that differ in layout, comments, quotes or parentheses alone."""
    try:
        return ast.dump(ast.parse(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code


def within_caps(pairs: Iterable[Pair], *, per_task: int, per_solution: int) -> Iterator[Pair]:
    """The first `per_task` pairs in which no solution stands more than `per_solution` times on one side."""
    chosen: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    taken = 0
    for pair in pairs:
        # Of wrong solutions that act alike, one teaches as much as many.
        other = pair.rejected.behavior_id if pair.kind == CORRECTNESS else pair.rejected.solution_id
        if taken == per_task:
            return
        if chosen[pair.chosen.solution_id] < per_solution and rejected[other] < per_solution:
            chosen[pair.chosen.solution_id] += 1
            rejected[other] += 1
            taken += 1
            yield pair
