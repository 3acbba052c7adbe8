"""verify: every rewrite through the same execution and measurement as its parent: accepted, or why not.

What optimize has judged on the way comes from the journal; the rest is judged here. A rewrite is accepted
only if it passes every believed test that its parent passes, returns the same on all calls that the parent
answered in time and on enlarged inputs, and is certainly faster (or leaner, and not slower). Faster counts
where parent or rewrite takes longer on larger inputs: of two that do not, either may be faster on another.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from pipeline.counts import write_counts
from pipeline.journal import Journal
from pipeline.params import Base, load
from pipeline.progress import meter
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
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
    VerifyParams,
    believed_tests,
    journaled_verdicts,
    keep,
    main_workload_id,
    verified_row,
    workloads_of,
)
from stages.instrument import ProfileParams, instrument


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


def main() -> None:
    """Judge what is not judged, and write every verdict."""
    base, params = load("base", Base), load("verify", VerifyParams)
    sandbox_params, profile_params = load("sandbox", SandboxParams), load("profile", ProfileParams)
    counts: Counter[str] = Counter()
    rows: list[Row] = []
    with (
        Journal.open(families.JOURNAL) as journal,
        Sandbox.open(sandbox_params) as sandbox,
        meter("verify", "parents") as gauge,
    ):
        measuring = instrument(base.seed, profile_params, sandbox, sandbox_params)
        court = Court(measuring, sandbox, profile_params.min_speedup)
        for _, found in by_task(TASKS, SOLUTIONS, TESTS, TEST_SCORES, WORKLOADS, REWRITES):
            round_of = {row["solution_id"]: row["round"] for row in found[-1]}
            for family in families_of(found, params.min_p_sure):
                verdicts = journaled_verdicts(court, family, journal)
                gauge.advance(reused=verdicts is not None)
                if verdicts is None:
                    verdicts = court.verdicts(family)
                    keep(court, family, verdicts, journal)
                workload = main_workload_id(measuring, family)
                for verdict in verdicts:
                    counts["rewrites"] += 1
                    kind = "accepted" if verdict.accepted else "rejected"
                    counts[f"{kind}_{verdict.reason}"] += 1
                    number = round_of[verdict.solution_id]
                    parent_id = family.members[families.PARENT][0]
                    rows.append(verified_row(family.task_id, parent_id, number, workload, verdict))
    write(VERIFIED, rows)
    write_counts("verify", counts)


if __name__ == "__main__":
    run(main)
