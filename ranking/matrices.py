"""What ranking looks at: who passed which test, and who returned what on which call, for many tasks at once.

Tasks of different sizes are padded to one shape. Padding is told by a count of zero (solutions, tests) or by
`call_used` being False, and never moves a score: every ranker gives a task the same scores alone and padded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NO_VALUE = -1  # in `outputs`: the solution raised, timed out or was stopped
NO_CALL = -1  # in `call_of_test`: the test is code, not `call == expected`


@dataclass(frozen=True)
class TaskMatrices:
    """One task's observations as arrays.

    passed: (n, m); solution i passed test j.
    outputs: (n, k); on one call, equal ids are equal values; NO_VALUE where there was none.
    solution_count, test_count: (n,), (m,) positive; how many samples each distinct row stands for.
    call_of_test: (m,); the column of `outputs` a test looks at, or NO_CALL.
    is_example: (m,); the task's public examples, which are right by definition.
    """

    passed: Bools
    outputs: Ints
    solution_count: Floats
    test_count: Floats
    call_of_test: Ints
    is_example: Bools


@dataclass(frozen=True)
class Matrices:
    """`TaskMatrices` of many tasks, padded along a new first axis; `call_used` is (tasks, k)."""

    passed: Bools
    outputs: Ints
    solution_count: Floats
    test_count: Floats
    call_of_test: Ints
    is_example: Bools
    call_used: Bools

    @property
    def is_solution(self) -> Bools:
        """(tasks, n); False where padded."""
        return self.solution_count > 0

    @property
    def is_test(self) -> Bools:
        """(tasks, m); False where padded."""
        return self.test_count > 0


def stack(tasks: Sequence[TaskMatrices]) -> Matrices:
    """The tasks padded to the largest of them; at least one solution, test and call wide."""
    n = max([1, *(len(task.solution_count) for task in tasks)])
    m = max([1, *(len(task.test_count) for task in tasks)])
    k = max([1, *(task.outputs.shape[1] for task in tasks)])
    size = len(tasks)
    batch = Matrices(
        passed=np.zeros((size, n, m), bool),
        outputs=np.full((size, n, k), NO_VALUE, np.int64),
        solution_count=np.zeros((size, n)),
        test_count=np.zeros((size, m)),
        call_of_test=np.full((size, m), NO_CALL, np.int64),
        is_example=np.zeros((size, m), bool),
        call_used=np.zeros((size, k), bool),
    )
    for row, task in enumerate(tasks):
        own_n, own_m, own_k = *task.passed.shape, task.outputs.shape[1]
        batch.passed[row, :own_n, :own_m] = task.passed
        batch.outputs[row, :own_n, :own_k] = task.outputs
        batch.solution_count[row, :own_n] = task.solution_count
        batch.test_count[row, :own_m] = task.test_count
        batch.call_of_test[row, :own_m] = task.call_of_test
        batch.is_example[row, :own_m] = task.is_example
        batch.call_used[row, :own_k] = True
    return batch
