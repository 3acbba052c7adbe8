"""The field's efficiency figures of a run, from what was measured on each task's main workload.

The papers hold solutions against a reference that somebody wrote. The line measures none, for references are
for evaluation only, so the reference here is the fastest trusted solution of the task: figures normalized by
it compare the model with its own best, and are comparable between runs on the same tasks and machine only.
A solution that reference tests find wrong is no reference and has no cost, as in the papers: one that returns
at once would outweigh all other tasks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pipeline.reporting.figures import Figures
from pipeline.tables import Row
from profiling.metrics import (
    Overhead,
    differential_performance_score,
    eff_at_k,
    efficiency_score,
    mean_overhead,
    mean_speedup,
    normalized_overhead,
    percent_optimized,
)

MEGABYTE = 1e6
# ENAMEL's alpha: whoever takes twice the reference's time scores 0.
LIMIT_REFERENCES = 2.0


@dataclass(frozen=True)
class MeasuredTask:
    """One task's solutions.

    profiles: its rows of the table profiles; at least one.
    sample_counts: solution_id -> samples, of all its solutions.
    scores: solution_id -> score, of all its solutions.
    """

    profiles: Sequence[Row]
    sample_counts: Mapping[str, int]
    scores: Mapping[str, float]

    def best_scored(self) -> Row:
        """The measured solution that a user of the scores would take."""
        return max(self.profiles, key=lambda row: (self.scores[row["solution_id"]], row["solution_id"]))

    def not_wrong(self, correct: Mapping[str, bool]) -> list[Row]:
        """The profiles of solutions not known to be wrong; the first, which is fastest, is the reference."""
        rows = [row for row in self.profiles if correct.get(row["solution_id"], True)]
        return sorted(rows, key=lambda row: (row["cpu_s"], row["solution_id"]))


def measured_tasks(
    profiles: Iterable[Row], solutions: Iterable[Row], scores: Iterable[Row]
) -> list[MeasuredTask]:
    """The tasks with profiles, from rows that are sorted by task."""
    counts = _by_task(solutions, "sample_count")
    score_of = _by_task(scores, "score")
    return [
        MeasuredTask(list(rows), counts[task_id], score_of[task_id])
        for task_id, rows in groupby(profiles, key=lambda row: str(row["task_id"]))
    ]


def overhead_figures(tasks: Sequence[MeasuredTask], correct: Mapping[str, bool]) -> Figures:
    """ET, MU, TMU and their normalized kin, eff@1 and DPS; None where nothing was measured.

    Args:
        tasks: the measured ones.
        correct: solution_id -> whether it is right by reference tests, where there are any.
    """
    both = [_against_reference(task, correct) for task in tasks]
    whole = [(ours, theirs) for ours, theirs in both if ours and theirs]
    judged = [task for task in tasks if task.sample_counts.keys() <= correct.keys()]
    return {
        "tasks_measured": len(tasks),
        **_means(whole),
        "eff_at_1": _mean([eff_at_k(_efficiencies(task, correct), 1) for task in judged]),
        "dps": _mean([_dps(task, rows) for task in tasks if (rows := task.not_wrong(correct))]),
    }


def rewrite_figures(verified: Sequence[Row]) -> Figures:
    """%Opt and the mean speedup of the rewrites; one that was not accepted counts as no speedup."""
    speedups = [row["speedup"] or 1.0 for row in verified]
    accepted = [row["accepted"] for row in verified]
    return {
        "percent_optimized": percent_optimized(speedups, accepted) if verified else None,
        "rewrite_speedup_mean": mean_speedup(speedups, accepted) if verified else None,
    }


def _by_task(rows: Iterable[Row], column: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(row["task_id"], {})[row["solution_id"]] = row[column]
    return found


def _against_reference(
    task: MeasuredTask, correct: Mapping[str, bool]
) -> tuple[Overhead | None, Overhead | None]:
    """What the best-scored solution and the reference cost; None where unknown, or the former is wrong."""
    ours, sound = task.best_scored(), task.not_wrong(correct)
    return (_overhead(ours), _overhead(sound[0])) if ours in sound else (None, None)


def _overhead(row: Row) -> Overhead | None:
    costs = (row["cpu_s"], row["peak_bytes"], row["memory_integral_bytes_s"])
    return Overhead(*map(float, costs)) if all(cost is not None and cost > 0 for cost in costs) else None


def _means(whole: Sequence[tuple[Overhead, Overhead]]) -> Figures:
    if not whole:
        return dict.fromkeys(("et_s", "mu_mb", "tmu_mb_s", "net", "nmu", "ntmu"))
    ours, theirs = zip(*whole, strict=True)
    mean, normalized = mean_overhead(ours), normalized_overhead(ours, theirs)
    return {
        "et_s": mean.et,
        "mu_mb": mean.mu / MEGABYTE,
        "tmu_mb_s": mean.tmu / MEGABYTE,
        "net": normalized.et,
        "nmu": normalized.mu,
        "ntmu": normalized.tmu,
    }


def _efficiencies(task: MeasuredTask, correct: Mapping[str, bool]) -> list[float]:
    """The efficiency score of every sample: 0 for one that is wrong, or right but never measured."""
    seconds = {row["solution_id"]: row["cpu_s"] for row in task.not_wrong(correct)}
    scores: list[float] = []
    for solution_id, count in task.sample_counts.items():
        score = 0.0
        if solution_id in seconds:
            reference_s = min(seconds.values())
            limit_s = LIMIT_REFERENCES * reference_s
            score = efficiency_score([[seconds[solution_id]]], [reference_s], limit_s, [1.0])
        scores += [score] * count
    return scores


def _dps(task: MeasuredTask, profiles: Sequence[Row]) -> float:
    """The mean over the samples of these profiles, each held against all of them."""
    seconds = [row["cpu_s"] for row in profiles]
    weights = [task.sample_counts[row["solution_id"]] for row in profiles]
    scores = [differential_performance_score(own, seconds) for own in seconds]
    return sum(score * weight for score, weight in zip(scores, weights, strict=True)) / sum(weights)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
