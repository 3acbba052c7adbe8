"""Tasks with known answers, from one Parquet file or from the tables of a run; and draws of them.

FILE is a Parquet file with one row a task: task_id, solution_count (n), test_count (m), passed (n x m, flat),
correct (n), input_of_test (m; -1 where a test has no input of its own), outputs (n x k ids, flat; -1 for no
value). Texts (prompt, solutions, tests, inputs) may be empty. Or FILE is the outputs/ folder of a run whose
report stage found reference tests.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipeline.errors import TableError
from pipeline.tables import Row
from ranking.fitting import Case
from ranking.matrices import NO_CALL, Bools, Ints, TaskMatrices
from ranking.observed import task_matrices

FILE_COLUMNS = ("task_id", "solution_count", "test_count", "passed", "correct", "input_of_test", "outputs")
Counted = tuple[Ints, Ints]  # places, and how often each was drawn
RUN_TABLES = ("solutions", "tests", "calls", "observations", "verdicts", "truths")


@dataclass(frozen=True)
class KnownTask:
    """A task whose right solutions are known.

    correct: (n,).
    row: what the file says of it, texts included; empty for a run.
    parent_of_probe: for the last columns of outputs, the column each was mutated from; a draw has those
        probes whose parents it has. A run does not tell: its probes belong to every draw.
    """

    task_id: str
    matrices: TaskMatrices
    correct: Bools
    row: dict[str, Any]
    parent_of_probe: Ints | None = None

    @property
    def is_mixed(self) -> bool:
        """It has right and wrong solutions."""
        return bool(self.correct.any() and not self.correct.all())

    def case(self) -> Case:
        """The whole pool as a case to fit on."""
        return Case(self.task_id, self.matrices, self.correct, self._valid())

    def _valid(self) -> Bools | None:
        # A test is valid if every right solution passes it; without one, nobody can tell.
        return np.asarray(self.matrices.passed[self.correct].all(axis=0)) if self.correct.any() else None


def known_tasks(path: Path) -> list[KnownTask]:
    """The tasks of a Parquet file, or of a run's folder of tables.

    Raises:
        TableError: a column or table is missing.
    """
    return _from_run(path) if path.is_dir() else _from_file(path)


def draws(task: KnownTask, n: int, m: int, count: int, seed: Sequence[int]) -> Iterator[Case]:
    """`count` times n solution samples and m test samples, or as many as there are, without replacement.

    Samples of the same text become one row or column with a count, as on the line.
    """
    random = np.random.default_rng(seed)
    whole = task.matrices
    solutions = np.repeat(np.arange(len(whole.solution_count)), whole.solution_count.astype(int))
    tests = np.repeat(np.arange(len(whole.test_count)), whole.test_count.astype(int))
    known = task.case()
    for _ in range(count):
        rows = np.unique(random.choice(solutions, min(n, len(solutions)), replace=False), return_counts=True)
        columns = np.unique(random.choice(tests, min(m, len(tests)), replace=False), return_counts=True)
        yield Case(
            task.task_id,
            _part(task, rows, columns),
            known.correct[rows[0]],
            None if known.valid is None else known.valid[columns[0]],
        )


def _part(task: KnownTask, drawn_rows: Counted, drawn_columns: Counted) -> TaskMatrices:
    """The drawn rows and columns; of the calls, those of the drawn tests and their probes."""
    whole = task.matrices
    (rows, row_count), (columns, column_count) = drawn_rows, drawn_columns
    n_calls = whole.outputs.shape[1]
    drawn = np.setdiff1d(whole.call_of_test[columns], [NO_CALL])
    if task.parent_of_probe is None:
        probes = np.setdiff1d(np.arange(n_calls), whole.call_of_test)
    else:
        first_probe = n_calls - len(task.parent_of_probe)
        probes = first_probe + np.flatnonzero(np.isin(task.parent_of_probe, drawn))
    calls = np.concatenate([drawn, probes])
    new_place = np.full(n_calls + 1, -1, np.int64)
    new_place[calls] = np.arange(len(calls))
    return TaskMatrices(
        passed=whole.passed[np.ix_(rows, columns)],
        outputs=whole.outputs[np.ix_(rows, calls)],
        solution_count=row_count.astype(np.float64),
        test_count=column_count.astype(np.float64),
        call_of_test=new_place[whole.call_of_test[columns]],
        is_example=whole.is_example[columns],
    )


def _from_file(path: Path) -> list[KnownTask]:
    try:
        frame = pd.read_parquet(path)
    except FileNotFoundError:
        raise TableError("There is no such file", where=str(path), wanted="a Parquet file") from None
    missing = [column for column in FILE_COLUMNS if column not in frame]
    if missing:
        raise TableError(
            "The file lacks columns", where=str(path), got=", ".join(frame.columns), wanted=", ".join(missing)
        )
    return [_known(dict(row)) for _, row in frame.iterrows()]


def _known(row: dict[str, Any]) -> KnownTask:
    n, m = len(row["solution_count"]), len(row["test_count"])
    outputs = np.array(row["outputs"], np.int64)
    matrices = TaskMatrices(
        passed=np.array(row["passed"], bool).reshape(n, m),
        outputs=outputs.reshape(n, len(outputs) // n if n else 0),
        solution_count=np.array(row["solution_count"], np.float64),
        test_count=np.array(row["test_count"], np.float64),
        call_of_test=np.array(row["input_of_test"], np.int64),
        is_example=np.zeros(m, bool),
    )
    return KnownTask(str(row["task_id"]), matrices, np.array(row["correct"], bool), row)


def _from_run(folder: Path) -> list[KnownTask]:
    tables: dict[str, dict[str, list[Row]]] = {}
    for name in RUN_TABLES:
        if not (folder / name).is_dir():
            raise TableError(
                f"The run has no table {name!r}", where=str(folder / name), next_step="dvc repro report"
            )
        tables[name] = _rows_by_task(folder / name)
    return [
        _known_from_run(task_id, {name: table.get(task_id, []) for name, table in tables.items()})
        for task_id in tables["truths"]
    ]


def _rows_by_task(folder: Path) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in pq.read_table(folder).to_pylist():
        found.setdefault(row["task_id"], []).append(row)
    return found


def _known_from_run(task_id: str, rows: dict[str, list[Row]]) -> KnownTask:
    correct = {row["solution_id"]: row["correct"] for row in rows["truths"]}
    matrices = task_matrices(
        rows["solutions"], rows["tests"], rows["calls"], rows["observations"], rows["verdicts"]
    )
    return KnownTask(
        task_id, matrices, np.array([correct[row["solution_id"]] for row in rows["solutions"]], bool), {}
    )
