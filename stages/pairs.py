"""pairs: preference pairs of both kinds, and the datasets that trainers load."""

from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from pipeline.counts import write_counts
from pipeline.identity import content_id
from pipeline.pairing.candidates import Pair, candidates, with_rewrites
from pipeline.pairing.card import dataset_card
from pipeline.pairing.correctness import correctness_pairs
from pipeline.pairing.efficiency import efficiency_pairs
from pipeline.pairing.export import write_datasets
from pipeline.pairing.split import held_out
from pipeline.pairing.wording import answer, question
from pipeline.params import Section, load
from pipeline.schemas.comparisons import COMPARISONS
from pipeline.schemas.pairs import CORRECTNESS, EFFICIENCY, PAIRS, TRAIN, VALIDATION
from pipeline.schemas.profiles import PROFILES
from pipeline.schemas.rewrites import REWRITES
from pipeline.schemas.solution_scores import SOLUTION_SCORES
from pipeline.schemas.solutions import SOLUTIONS
from pipeline.schemas.tasks import TASKS
from pipeline.schemas.test_scores import TEST_SCORES
from pipeline.schemas.tests import TESTS
from pipeline.schemas.verdicts import VERDICTS
from pipeline.schemas.verified import VERIFIED
from pipeline.schemas.workloads import MAIN, WORKLOADS
from pipeline.stage import run
from pipeline.tables import Row, by_task, write
from pipeline.tasks import Task


class PairsParams(Section):
    """Which pairs to keep.

    min_confidence: the least P(the pair is right), in [0, 1].
    correctness_per_task: at most so many correctness pairs a task.
    efficiency_per_task: at most so many efficiency pairs a task.
    per_solution: no solution is chosen, and none is rejected, more often than this within its task and kind.
    validation_share: share of the tasks with pairs that is held out, in [0, 1); see `pairing.split`.
    """

    min_confidence: float = Field(ge=0, le=1)
    correctness_per_task: int = Field(ge=0)
    efficiency_per_task: int = Field(ge=0)
    per_solution: int = Field(ge=1)
    validation_share: float = Field(ge=0, lt=1)


def main() -> None:
    """Write the pairs table and outputs/datasets."""
    params = load("pairs", PairsParams)
    counts: Counter[str] = Counter()
    rows: list[Row] = []
    measured_on: dict[str, Row] = {}
    for _, (tasks, workloads, *found) in by_task(
        TASKS,
        WORKLOADS,
        SOLUTIONS,
        SOLUTION_SCORES,
        TESTS,
        TEST_SCORES,
        VERDICTS,
        PROFILES,
        COMPARISONS,
        REWRITES,
        VERIFIED,
    ):
        measured_on |= {row["workload_id"]: row for row in workloads if row["role"] == MAIN}
        for task in tasks:
            pairs, dropped = _pairs_of_task(params, found)
            counts.update(dropped)
            rows += _rows(Task.from_row(task), pairs)
    kept = _distinct(rows)
    _split(kept, params.validation_share)
    counts["dropped_same_texts"] = len(rows) - len(kept)
    for kind in (CORRECTNESS, EFFICIENCY):
        counts[f"kept_{kind}"] = sum(row["kind"] == kind for row in kept)
    write(PAIRS, kept)
    write_datasets(
        sorted(kept, key=lambda row: (row["task_id"], row["pair_id"])),
        measured_on,
        dataset_card(kept, params.model_dump()),
    )
    write_counts("pairs", counts)


def _pairs_of_task(params: PairsParams, found: list[list[Row]]) -> tuple[list[Pair], Counter[str]]:
    solutions, scores, tests, test_scores, verdicts, profiles, comparisons, rewrites, verified = found
    known = candidates(
        solutions=solutions,
        scores=scores,
        tests=tests,
        test_scores=test_scores,
        verdicts=verdicts,
        profiles=profiles,
    )
    everyone = with_rewrites(known, rewrites, verified)
    correct, dropped = correctness_pairs(
        known.values(),
        [
            (everyone[row["parent_id"]], everyone[row["solution_id"]])
            for row in verified
            if row["certainly_wrong"]
        ],
        min_confidence=params.min_confidence,
        per_task=params.correctness_per_task,
        per_solution=params.per_solution,
    )
    efficient, dropped_too = efficiency_pairs(
        everyone,
        comparisons,
        verified,
        min_confidence=params.min_confidence,
        per_task=params.efficiency_per_task,
        per_solution=params.per_solution,
    )
    dropped.update(dropped_too)
    return correct + efficient, dropped


def _rows(task: Task, pairs: Sequence[Pair]) -> list[Row]:
    prompt = question(task)
    # A text that stands in several pairs is in memory once.
    answers = {one.solution_id: answer(one.code) for pair in pairs for one in (pair.chosen, pair.rejected)}
    return [
        {
            "pair_id": content_id("pair", pair.kind, pair.chosen.solution_id, pair.rejected.solution_id),
            "task_id": task.task_id,
            "kind": pair.kind,
            "prompt": prompt,
            "chosen": answers[pair.chosen.solution_id],
            "rejected": answers[pair.rejected.solution_id],
            "chosen_id": pair.chosen.solution_id,
            "rejected_id": pair.rejected.solution_id,
            "chosen_score": pair.chosen.p_correct,
            "rejected_score": pair.rejected.p_correct,
            "margin": pair.margin,
            "confidence": pair.confidence,
            "speedup": pair.speedup,
            "speedup_low": pair.speedup_low,
            "speedup_high": pair.speedup_high,
            "memory_ratio": pair.memory_ratio,
            "workload_id": pair.workload_id,
            "chosen_scaling_exponent": pair.chosen.scaling_exponent,
            "rejected_scaling_exponent": pair.rejected.scaling_exponent,
            "is_rewrite": pair.is_rewrite,
            "model": pair.chosen.model,
        }
        for pair in pairs
    ]


def _distinct(rows: list[Row]) -> list[Row]:
    """The rows without those whose three texts an earlier row has already."""
    return list({(row["prompt"], row["chosen"], row["rejected"]): row for row in reversed(rows)}.values())[
        ::-1
    ]


def _split(rows: list[Row], validation_share: float) -> None:
    """Give every row its split, in place: there may be a million."""
    validation = held_out((row["task_id"] for row in rows), validation_share)
    for row in rows:
        row["split"] = VALIDATION if row["task_id"] in validation else TRAIN


if __name__ == "__main__":
    run(main)
