"""verify: every rewrite through the same execution and measurement as its parent: accepted, or why not.

What optimize has judged on the way comes from the journal; the rest is judged here. A rewrite is accepted
only if it passes every believed test that its parent passes, returns the same on all calls that the parent
answered in time and on enlarged inputs, and is certainly faster (or leaner, and not slower). Faster counts
where parent or rewrite takes longer on larger inputs: of two that do not, either may be faster on another.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from pipeline.counts import write_counts
from pipeline.journal import Journal
from pipeline.parallel import in_threads
from pipeline.params import Base, load
from pipeline.progress import meter
from pipeline.sandbox.params import SandboxParams
from pipeline.schemas.rewrites import REWRITES
from pipeline.schemas.solutions import SOLUTIONS
from pipeline.schemas.tasks import TASKS
from pipeline.schemas.test_scores import TEST_SCORES
from pipeline.schemas.tests import TESTS
from pipeline.schemas.verified import VERIFIED
from pipeline.schemas.workloads import WORKLOADS
from pipeline.stage import run
from pipeline.tables import Row, by_task, write
from stages import families
from stages.families import (
    Court,
    Family,
    Verdict,
    VerifyParams,
    believed_tests,
    journaled_verdicts,
    keep,
    main_workload_id,
    verified_row,
    workloads_of,
)
from stages.instrument import ProfileParams


def families_of(found: Sequence[list[Row]], min_p_sure: float) -> Iterator[Family]:
    """One family a parent that was rewritten, from a task's rows."""
    tasks, solutions, tests, test_scores, workload_rows, rewrites = found
    workloads = workloads_of(workload_rows)
    if not rewrites or workloads is None:
        return
    believed, sure = believed_tests(tests, test_scores, min_p_sure)
    code = {row["solution_id"]: row["code"] for row in [*rewrites, *solutions]}
    rewrites.sort(key=lambda row: (row["parent_id"], row["solution_id"]))
    for parent_id, children in groupby(rewrites, key=lambda row: str(row["parent_id"])):
        ids = (parent_id, *(row["solution_id"] for row in children))
        members = tuple((solution_id, code[solution_id]) for solution_id in ids)
        yield Family(tasks[0]["task_id"], tasks[0]["entry_point"], members, believed, sure, *workloads)


@dataclass(frozen=True)
class Case:
    """A family, the round of each rewrite, and what was decided about it earlier."""

    family: Family
    round_of: Mapping[str, int]
    decided: list[Verdict] | None


def cases(court: Court, journal: Journal, min_p_sure: float) -> Iterator[Case]:
    """Every family of every task, in order."""
    for _, found in by_task(TASKS, SOLUTIONS, TESTS, TEST_SCORES, WORKLOADS, REWRITES):
        round_of = {row["solution_id"]: row["round"] for row in found[-1]}
        for family in families_of(found, min_p_sure):
            yield Case(family, round_of, journaled_verdicts(court, family, journal))


def main() -> None:
    """Judge what is not judged, and write every verdict."""
    base, params = load("base", Base), load("verify", VerifyParams)
    sandbox_params, profile_params = load("sandbox", SandboxParams), load("profile", ProfileParams)
    counts: Counter[str] = Counter()
    rows: list[Row] = []
    with (
        Journal.open(families.JOURNAL) as journal,
        Court.opened(base.seed, profile_params, sandbox_params) as court,
        meter("verify", "parents") as gauge,
    ):

        def verdicts(case: Case) -> list[Verdict]:
            return court.verdicts(case.family) if case.decided is None else case.decided

        found = in_threads(verdicts, cases(court, journal, params.min_p_sure), court.at_a_time)
        for case, decided in found:
            gauge.advance(reused=case.decided is not None)
            if case.decided is None:
                keep(court, case.family, decided, journal)
            rows += rows_of(case, decided, main_workload_id(court.instrument, case.family))
            for verdict in decided:
                kind = "accepted" if verdict.accepted else "rejected"
                counts.update(("rewrites", f"{kind}_{verdict.reason}"))
    write(VERIFIED, rows)
    write_counts("verify", counts)


def rows_of(case: Case, decided: Sequence[Verdict], workload: str) -> Iterator[Row]:
    """A row of the table verified for each rewrite."""
    parent_id = case.family.members[families.PARENT][0]
    for verdict in decided:
        number = case.round_of[verdict.solution_id]
        yield verified_row(case.family.task_id, parent_id, number, workload, verdict)


if __name__ == "__main__":
    run(main)
