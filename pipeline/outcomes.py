"""What a trial came to: grids in memory, bytes for a journal. `pipeline.outcome_rows` makes rows of them.

A run has millions of (solution, test) pairs: nothing is made one by one for each of them.
"""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.sandbox.statuses import PASS, VERDICTS

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Places = NDArray[np.int32]

PASSED = VERDICTS.index(PASS)


class Outcome(NamedTuple):
    """What came of a solution on a call; digest: of its value, shown: that value or the exception's type.

    All as in `pipeline.sandbox.jobs.Seen`.
    """

    status: str
    digest: str | None
    shown: str | None


class CalledFrom(NamedTuple):
    """A call, and where it came from (`pipeline.execution.TEST` or `PROBE`)."""

    call: str
    origin: str


@dataclass(frozen=True, eq=False)
class Judged:
    """What a trial came to, as grids: a row a solution, a column a call or a test, all ids ascending.

    calls: call_id -> the call.
    outcomes: the different ones; outcome_of: (n, k) places in them.
    cpu_s, peak_bytes: (n, k), as in `pipeline.sandbox.jobs.Observation`; NaN where it has None.
    verdict_of: (n, m) places in `pipeline.sandbox.statuses.VERDICTS`.
    reasons: how often what happened that a report should tell.
    """

    task_id: str
    solution_ids: tuple[str, ...]
    calls: dict[str, CalledFrom]
    test_ids: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    outcome_of: Places
    cpu_s: Floats
    peak_bytes: Floats
    verdict_of: Places
    reasons: Counter[str]

    @property
    def passed(self) -> Bools:
        """(n, m); solution i passes test j."""
        return np.asarray(self.verdict_of == PASSED)

    def answers(self, solution_id: str) -> dict[str, Outcome]:
        """call_id -> what the solution did on it."""
        row = self.outcome_of[self.solution_ids.index(solution_id)]
        return {call_id: self.outcomes[place] for call_id, place in zip(self.calls, row, strict=True)}

    def encoded(self) -> bytes:
        """A line of JSON, then the grids' bytes."""
        told = {
            "task_id": self.task_id,
            "solution_ids": self.solution_ids,
            "calls": self.calls,
            "test_ids": self.test_ids,
            "outcomes": self.outcomes,
            "reasons": self.reasons,
        }
        grids = (self.outcome_of, self.cpu_s, self.peak_bytes, self.verdict_of)
        return b"".join([json.dumps(told).encode(), b"\n", *(grid.tobytes() for grid in grids)])

    @classmethod
    def decoded(cls, value: bytes) -> "Judged":
        """What `encoded` wrote."""
        line, _, cells = value.partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        n, k, m = len(told["solution_ids"]), len(told["calls"]), len(told["test_ids"])
        kinds = [(np.int32, k), (np.float64, k), (np.float64, k), (np.int32, m)]
        grids: list[NDArray[Any]] = []
        at = 0
        for kind, width in kinds:
            grids.append(np.frombuffer(cells, kind, n * width, at).reshape(n, width))
            at += grids[-1].nbytes
        outcome_of, cpu_s, peak_bytes, verdict_of = grids
        return cls(
            told["task_id"],
            tuple(told["solution_ids"]),
            {call_id: CalledFrom(*made) for call_id, made in told["calls"].items()},
            tuple(told["test_ids"]),
            tuple(Outcome(*outcome) for outcome in told["outcomes"]),
            outcome_of,
            cpu_s,
            peak_bytes,
            verdict_of,
            Counter(told["reasons"]),
        )
