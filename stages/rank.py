"""rank: how far each solution and each test can be trusted, by every ranker, from what was observed.

Reads solutions, tests, calls, observations, verdicts; writes solution_scores, test_scores. Tasks are ranked
in batches, so that a hundred thousand of them take minutes and little memory.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from pydantic import Field

from pipeline.counts import write_counts
from pipeline.errors import ParamsError
from pipeline.identity import content_id
from pipeline.params import Section, load
from pipeline.progress import meter
from pipeline.schemas.calls import CALLS
from pipeline.schemas.observations import OBSERVATIONS
from pipeline.schemas.solution_scores import SOLUTION_SCORES, Ranker
from pipeline.schemas.solutions import SOLUTIONS
from pipeline.schemas.test_scores import TEST_SCORES
from pipeline.schemas.tests import TESTS
from pipeline.schemas.verdicts import VERDICTS
from pipeline.stage import run
from pipeline.tables import Row, by_task, writer
from ranking.calibration import Calibration, calibration_from_json
from ranking.closed_form import Scores
from ranking.matrices import Bools, Floats, TaskMatrices, stack
from ranking.model import trust
from ranking.observed import behavior_texts, task_matrices
from ranking.rankers import CLOSED_FORM, DEFAULT

TASKS_PER_BATCH = 64


class RankParams(Section):
    """The section `rank` of params.yaml.

    ranker: the column of solution_scores that becomes `score`.
    min_p_correct: a solution is trusted from this calibrated probability on.
    min_p_valid: a test that tells solutions apart is credible from this probability on.
    calibration: the default ranker's weights; `python -m benchmarks.calibrate outputs` refits them on a run.
    """

    ranker: Ranker
    min_p_correct: float = Field(ge=0, le=1)
    min_p_valid: float = Field(ge=0, le=1)
    calibration: Path


@dataclass(frozen=True)
class ObservedTask:
    """One task's ids and matrices, rows in table order."""

    task_id: str
    solution_ids: list[str]
    test_ids: list[str]
    matrices: TaskMatrices


def main() -> None:
    """Write solution_scores and test_scores."""
    params = load("rank", RankParams)
    calibration = read_calibration(params.calibration)
    counts: Counter[str] = Counter()
    with writer(SOLUTION_SCORES) as solutions, writer(TEST_SCORES) as tests, meter("rank", "tasks") as gauge:
        for batch in _batches(_observed_tasks()):
            for solution_rows, test_rows in score_tasks(batch, params, calibration):
                solutions.append(solution_rows)
                tests.append(test_rows)
                counts.update(_count(solution_rows, test_rows))
            gauge.advance(len(batch))
    write_counts("rank", counts)


def read_calibration(path: Path) -> Calibration:
    """The stored calibration.

    Raises:
        ParamsError: there is none, or it is of another version.
    """
    try:
        return calibration_from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ParamsError(
            "The ranker's calibration cannot be used",
            where=str(path),
            got=repr(error),
            wanted="a file that this version's benchmarks.calibrate wrote",
            next_step=f"git checkout {path}   (or: python -m benchmarks.calibrate FILE --out {path})",
        ) from None


def score_tasks(
    tasks: list[ObservedTask], params: RankParams, calibration: Calibration
) -> Iterator[tuple[list[Row], list[Row]]]:
    """Rows of solution_scores and test_scores for each of the tasks, in their order."""
    batch = stack([task.matrices for task in tasks])
    scores = {name: ranker(batch) for name, ranker in CLOSED_FORM.items()}
    found = trust(batch, [calibration.model_for(task.task_id) for task in tasks])
    scores[DEFAULT] = Scores(found.scores, found.p_valid)
    for index, task in enumerate(tasks):
        n, m = task.matrices.passed.shape
        own = {name: Scores(one.solutions[index, :n], one.tests[index, :m]) for name, one in scores.items()}
        yield (
            _solution_rows(task, own, found.p_correct[index], params),
            _test_rows(task, own[params.ranker].tests, found.p_valid[index], params),
        )


def _observed_tasks() -> Iterator[ObservedTask]:
    for task_id, found in by_task(SOLUTIONS, TESTS, CALLS, OBSERVATIONS, VERDICTS):
        solutions, tests, calls, observations, verdicts = found
        yield ObservedTask(
            task_id,
            [row["solution_id"] for row in solutions],
            [row["test_id"] for row in tests],
            task_matrices(solutions, tests, calls, observations, verdicts),
        )


def _batches(tasks: Iterable[ObservedTask]) -> Iterator[list[ObservedTask]]:
    waiting = iter(tasks)
    while batch := list(islice(waiting, TASKS_PER_BATCH)):
        yield batch


def _solution_rows(
    task: ObservedTask, scores: dict[str, Scores], p_correct: Floats, params: RankParams
) -> list[Row]:
    texts = behavior_texts(task.matrices)
    return [
        {
            "solution_id": solution_id,
            "task_id": task.task_id,
            **{name: float(found.solutions[index]) for name, found in scores.items()},
            "score": float(scores[params.ranker].solutions[index]),
            "p_correct": float(p_correct[index]),
            "behavior_id": content_id("behavior", task.task_id, texts[index]),
            "trusted": bool(p_correct[index] >= params.min_p_correct),
        }
        for index, solution_id in enumerate(task.solution_ids)
    ]


def _test_rows(task: ObservedTask, scores: Floats, p_valid: Floats, params: RankParams) -> list[Row]:
    separating = _separating(task.matrices.passed)
    return [
        {
            "test_id": test_id,
            "task_id": task.task_id,
            "score": float(scores[index]),
            "p_valid": float(p_valid[index]),
            "credible": bool(p_valid[index] >= params.min_p_valid and separating[index]),
        }
        for index, test_id in enumerate(task.test_ids)
    ]


def _separating(passed: Bools) -> Bools:
    return np.asarray(passed.any(axis=0) & ~passed.all(axis=0))


def _count(solution_rows: list[Row], test_rows: list[Row]) -> Counter[str]:
    return Counter(
        {
            "solutions": len(solution_rows),
            "solutions_trusted": sum(row["trusted"] for row in solution_rows),
            "tests": len(test_rows),
            "tests_credible": sum(row["credible"] for row in test_rows),
        }
    )


if __name__ == "__main__":
    run(main)
