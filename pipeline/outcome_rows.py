"""What trials came to, as rows of the tables calls, observations and verdicts: many tasks at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.outcomes import Floats, Judged
from pipeline.sandbox.statuses import OK, VERDICTS
from pipeline.schemas.calls import CALLS
from pipeline.schemas.observations import OBSERVATIONS
from pipeline.schemas.verdicts import VERDICTS as VERDICT_TABLE


@dataclass
class _Texts:
    """A column of texts most of which repeat: the different ones, and which stands where."""

    texts: list[str | None] = field(default_factory=list)
    places: list[NDArray[np.integer]] = field(default_factory=list)

    def add(self, texts: Iterable[str | None], places: NDArray[np.integer]) -> None:
        self.places.append(places + len(self.texts))
        self.texts.extend(texts)

    def column(self) -> pa.Array:
        places = np.concatenate(self.places) if self.places else np.zeros(0, np.int64)
        return pa.array(self.texts, pa.string()).take(pa.array(places))


def call_table(batch: Sequence[Judged]) -> pa.Table:
    """Rows of the table calls, in its order if the tasks are in theirs."""
    made = [(call_id, done.task_id, *call) for done in batch for call_id, call in done.calls.items()]
    columns = list(zip(*made, strict=True)) or [()] * len(CALLS.schema)
    return pa.table(list(map(list, columns)), schema=CALLS.schema)


def observation_table(batch: Sequence[Judged]) -> pa.Table:
    """Rows of the table observations, as `call_table`."""
    status, digest, shown = _Texts(), _Texts(), _Texts()
    for done in batch:
        place = done.outcome_of.ravel()
        status.add((outcome.status for outcome in done.outcomes), place)
        digest.add((outcome.digest for outcome in done.outcomes), place)
        shown.add((outcome.shown if outcome.status == OK else None for outcome in done.outcomes), place)
    columns = {
        **_ids(batch, "call_id", [tuple(done.calls) for done in batch]),
        "status": status.column(),
        "value_digest": digest.column(),
        "value_repr": shown.column(),
        "cpu_s": _numbers([done.cpu_s for done in batch]),
        "peak_bytes": _numbers([done.peak_bytes for done in batch]).cast(pa.int64()),
    }
    return pa.table(columns, OBSERVATIONS.schema)


def verdict_table(batch: Sequence[Judged]) -> pa.Table:
    """Rows of the table verdicts, as `call_table`."""
    verdict = _Texts()
    for done in batch:
        verdict.add(VERDICTS, done.verdict_of.ravel())
    ids = _ids(batch, "test_id", [done.test_ids for done in batch])
    return pa.table({**ids, "verdict": verdict.column()}, VERDICT_TABLE.schema)


def _ids(batch: Sequence[Judged], name: str, columns: Sequence[tuple[str, ...]]) -> dict[str, pa.Array]:
    """solution_id, `name` and task_id of grids of so many columns."""
    task, solution, column = _Texts(), _Texts(), _Texts()
    for done, ids in zip(batch, columns, strict=True):
        n, width = len(done.solution_ids), len(ids)
        task.add([done.task_id], np.zeros(n * width, np.int64))
        solution.add(done.solution_ids, np.repeat(np.arange(n), width))
        column.add(ids, np.tile(np.arange(width), n))
    return {"solution_id": solution.column(), name: column.column(), "task_id": task.column()}


def _numbers(grids: Sequence[Floats]) -> pa.Array:
    """The grids' cells; NaN is null."""
    cells = np.concatenate([grid.ravel() for grid in grids]) if grids else np.zeros(0)
    return pa.array(cells, pa.float64(), from_pandas=True)
