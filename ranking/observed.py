"""A task's rows of the tables solutions, tests, calls, observations and verdicts, as arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ranking.matrices import NO_CALL, NO_VALUE, Ints, TaskMatrices

Rows = Sequence[Mapping[str, Any]]

PASS = "pass"


def task_matrices(
    solutions: Rows, tests: Rows, calls: Rows, observations: Rows, verdicts: Rows
) -> TaskMatrices:
    """The task's matrices: rows and columns in the order of `solutions`, `tests` and `calls`.

    What was not observed counts as no value and no pass, never in a solution's favor. A public example that
    no sample repeated (sample_count 0) counts as one test.
    """
    row_of = {row["solution_id"]: index for index, row in enumerate(solutions)}
    column_of = {row["test_id"]: index for index, row in enumerate(tests)}
    call_of = {row["call"]: index for index, row in enumerate(calls)}
    passed = np.zeros((len(solutions), len(tests)), bool)
    for verdict in verdicts:
        passed[row_of[verdict["solution_id"]], column_of[verdict["test_id"]]] = verdict["verdict"] == PASS
    return TaskMatrices(
        passed=passed,
        outputs=_outputs(row_of, calls, observations),
        solution_count=_counts(solutions),
        test_count=_counts(tests),
        call_of_test=np.array([call_of.get(row["call"], NO_CALL) for row in tests], np.int64),
        is_example=np.array([row["is_example"] for row in tests], bool),
    )


def behavior_texts(task: TaskMatrices) -> list[str]:
    """One text a solution, equal where every output and every verdict is equal."""
    return [
        f"{','.join(map(str, outputs))}|{''.join('01'[int(passed)] for passed in verdicts)}"
        for outputs, verdicts in zip(task.outputs.tolist(), task.passed.tolist(), strict=True)
    ]


def _outputs(row_of: Mapping[str, int], calls: Rows, observations: Rows) -> Ints:
    column_of = {row["call_id"]: index for index, row in enumerate(calls)}
    outputs = np.full((len(row_of), len(calls)), NO_VALUE, np.int64)
    known: list[dict[str, int]] = [{} for _ in calls]
    for observation in observations:
        digest = observation["value_digest"]
        if digest is not None:
            column = column_of[observation["call_id"]]
            value = known[column].setdefault(digest, len(known[column]))
            outputs[row_of[observation["solution_id"]], column] = value
    return outputs


def _counts(rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([max(row["sample_count"], 1) for row in rows], np.float64)
