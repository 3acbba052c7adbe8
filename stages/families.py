"""A parent and its rewrites, put through the same execution and measurement: who agrees, who is cheaper.

optimize needs this to choose the next round's parent, verify to say what is accepted. Both ask here, and a
family that one of them has judged comes from the journal for the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from pydantic import Field, TypeAdapter

from pipeline.execution import GivenTest, Trial, judged
from pipeline.identity import content_id
from pipeline.inputs import enlarge
from pipeline.journal import Journal
from pipeline.outcomes import Judged
from pipeline.params import Section
from pipeline.sandbox.jobs import Program
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
from pipeline.sandbox.statuses import ABANDONED, OK, TIMEOUT
from pipeline.schemas.workloads import CHECK, MAIN, SMALL
from pipeline.tables import Row
from profiling.answers import Workload
from profiling.campaign import Campaign, Measured
from profiling.claims import Claim
from profiling.hotlines import hot_lines
from stages.instrument import Instrument, ProfileParams, instrument, workload_id

JOURNAL = Path(".cache/journal/verify")
PARENT = 0


class VerifyParams(Section):
    """What makes a rewrite certainly wrong.

    min_p_sure: failing a public example, or a test of at least this p_valid, that its parent passes.
    """

    min_p_sure: float = Field(ge=0, le=1)


# Reasons. The first two are those of accepted rewrites; profiling.inside.worker has further ones.
FASTER = "faster"
LEANER = "leaner"
FAILS_TESTS = "fails_tests"
OTHER_VALUE = (
    "other_value"  # than its parent's, on a call of a credible test that the parent answered in time
)
PARENT_NOT_MEASURED = "parent_not_measured"
OTHER_EFFECT = "other_effect"  # it changes an argument that its parent leaves alone, or in another way
NOT_CHEAPER = "not_cheaper"

# Less is not worth a pair, and a ratio of a few bytes says nothing.
MIN_MEMORY_RATIO = 1.1
MIN_SAVED_BYTES = 10_000


@dataclass(frozen=True)
class Family:
    """A parent and rewrites of it.

    members: (solution_id, code); the parent first.
    tests: the public examples and credible tests. sure: ids of those whose failure is certainly an error.
    main, small, checks: workloads of the task.
    """

    task_id: str
    entry_point: str
    members: tuple[tuple[str, str], ...]
    tests: tuple[GivenTest, ...]
    sure: frozenset[str]
    main: Workload
    small: Workload
    checks: tuple[Workload, ...]


@dataclass(frozen=True)
class Verdict:
    """What came of one rewrite; the figures compare its parent with it and are None without measurement.

    reason: FASTER or LEANER if accepted, else why not.
    certainly_wrong: it fails what is surely right and its parent passes.
    hot_lines: its own line profile, for a further round.
    """

    solution_id: str
    accepted: bool
    reason: str
    certainly_wrong: bool
    speedup: float | None = None
    speedup_low: float | None = None
    speedup_high: float | None = None
    memory_ratio: float | None = None
    hot_lines: str = ""


VERDICTS = TypeAdapter(list[Verdict])


def believed_tests(
    tests: Sequence[Row], test_scores: Sequence[Row], min_p_sure: float
) -> tuple[tuple[GivenTest, ...], frozenset[str]]:
    """The public examples and credible tests, and the ids of the surest of them."""
    scores = {row["test_id"]: row for row in test_scores}
    chosen = [row for row in tests if row["is_example"] or scores[row["test_id"]]["credible"]]
    sure = {
        row["test_id"]
        for row in chosen
        if row["is_example"] or scores[row["test_id"]]["p_valid"] >= min_p_sure
    }
    return tuple(GivenTest.from_row(row) for row in chosen), frozenset(sure)


def workloads_of(rows: Sequence[Row]) -> tuple[Workload, Workload, tuple[Workload, ...]] | None:
    """(main, small, checks) of a task's rows of the table workloads; None without a main one."""
    by_role: dict[str, list[Workload]] = {MAIN: [], SMALL: [], CHECK: []}
    for row in rows:
        by_role[row["role"]].append(Workload(row["call"], row["shape"], row["size"]))
    if not by_role[MAIN]:
        return None
    main = by_role[MAIN][0]
    # The two are one row where nothing grew.
    return main, (by_role[SMALL] or [main])[0], tuple(by_role[CHECK])


@dataclass(frozen=True)
class Court:
    """Judges families, each of so many threads one at a time; what it decided stays in the journal."""

    instrument: Instrument
    min_speedup: float
    at_a_time: int
    _idle: "SimpleQueue[Sandbox]"

    @classmethod
    @contextmanager
    def opened(cls, seed: int, profiling: ProfileParams, limits: SandboxParams) -> Iterator["Court"]:
        """A court that judges as many families at a time as are to be measured at a time."""
        with Sandbox.open(limits.model_copy(update={"workers": profiling.at_a_time})) as sandbox:
            idle: SimpleQueue[Sandbox] = SimpleQueue()
            for part in sandbox.parted():
                idle.put(part)
            measuring = instrument(seed, profiling, sandbox, limits)
            yield cls(measuring, profiling.min_speedup, profiling.at_a_time, idle)

    def key(self, family: Family) -> str:
        """The journal's name for the verdicts on a family."""
        by = self.instrument
        setting = (by.code, repr(by.plan), by.isolation, by.limits)
        members = repr((family.task_id, family.members, family.tests, sorted(family.sure)))
        inputs = repr((family.main, family.small, family.checks, self.instrument.seed))
        return content_id("family", *setting, self.instrument.machine, members, inputs)

    def verdicts(self, family: Family) -> list[Verdict]:
        """One verdict a rewrite, in the order of the members: first by tests, then by measurement."""
        refused = refusals(family, self._tried(family))
        kept = [i for i in range(len(family.members)) if i not in refused]
        found = {
            index: Verdict(family.members[index][0], False, reason, wrong)
            for index, (reason, wrong) in refused.items()
        }
        if len(kept) > 1:
            measured = self._measured(family, kept)
            for place, index in enumerate(kept[1:], start=1):
                solution_id, code = family.members[index]
                found[index] = measured_verdict(solution_id, code, measured, place, self.min_speedup)
        return [found[index] for index in range(1, len(family.members))]

    def _tried(self, family: Family) -> Judged:
        programs = tuple(Program(solution_id, code) for solution_id, code in family.members)
        trial = Trial(family.task_id, family.entry_point, programs, family.tests)
        sandbox = self._idle.get()
        try:
            return next(judged([trial], sandbox))
        finally:
            self._idle.put(sandbox)

    def _measured(self, family: Family, kept: Sequence[int]) -> Measured:
        codes = tuple(family.members[index][1] for index in kept)
        seed = self.instrument.task_seed(family.task_id)
        campaign = Campaign(codes, family.entry_point, seed, self.instrument.plan, self.instrument.ask)
        call = family.main.call
        written = Workload(call, enlarge.AS_WRITTEN, enlarge.natural_size(call))
        return campaign.on(family.main, family.small, family.checks, written)


def refusals(family: Family, tried: Judged) -> dict[int, tuple[str, bool]]:
    """Member -> (reason, certainly wrong), for every rewrite that does not do what its parent does."""
    parent_id = family.members[PARENT][0]
    passed = dict(zip(tried.solution_ids, tried.passed, strict=True))
    test_ids = np.array(tried.test_ids)
    # A parent that was too slow to answer says nothing about what a faster rewrite should.
    unanswered = {TIMEOUT, ABANDONED}
    parent_answers = {c: value for c, value in _values(tried, parent_id).items() if value not in unanswered}
    found: dict[int, tuple[str, bool]] = {}
    for index, (solution_id, _) in enumerate(family.members[1:], start=1):
        failed = set(test_ids[passed[parent_id] & ~passed[solution_id]].tolist())
        if failed:
            found[index] = FAILS_TESTS, bool(failed & family.sure)
        elif not parent_answers.items() <= _values(tried, solution_id).items():
            found[index] = OTHER_VALUE, False
    return found


def _values(tried: Judged, solution_id: str) -> dict[str, str | None]:
    return {
        call_id: seen.digest if seen.status == OK else seen.status
        for call_id, seen in tried.answers(solution_id).items()
    }


def measured_verdict(
    solution_id: str, code: str, measured: Measured, index: int, min_speedup: float
) -> Verdict:
    """The verdict on a rewrite that passes the tests; `index` is its place beside the parent at 0."""
    if index in measured.dropped:
        return Verdict(solution_id, False, measured.dropped[index], False)
    claim = measured.claim(PARENT, index)
    if claim is None:
        return Verdict(solution_id, False, PARENT_NOT_MEASURED, False)
    if not measured.replaces(PARENT, index):
        return Verdict(solution_id, False, OTHER_EFFECT, False)
    memory = _memory(measured, index)
    comparable = measured.comparable(PARENT, index)
    is_faster = comparable and claim.certified(min_speedup)
    reason = FASTER if is_faster else _leaner_or_not(claim, memory, min_speedup)
    return Verdict(
        solution_id,
        accepted=reason in (FASTER, LEANER),
        reason=reason,
        certainly_wrong=False,
        speedup=claim.ratio if comparable else None,
        speedup_low=claim.low if comparable else None,
        speedup_high=claim.high if comparable else None,
        memory_ratio=memory[0] / memory[1] if memory else None,
        hot_lines=hot_lines(code, measured.lines[index] or ()),
    )


def _memory(measured: Measured, index: int) -> tuple[int, int] | None:
    parent, rewrite = measured.peaks[PARENT], measured.peaks[index]
    return (parent, rewrite) if parent and rewrite else None


def _leaner_or_not(claim: Claim, memory: tuple[int, int] | None, min_speedup: float) -> str:
    if memory is not None:
        # Peaks are exact; what is traded for them must not be time.
        parent, rewrite = memory
        saves = parent - rewrite >= MIN_SAVED_BYTES and parent >= MIN_MEMORY_RATIO * rewrite
        if saves and claim.low >= 1 / min_speedup:
            return LEANER
    return NOT_CHEAPER


def journaled_verdicts(court: Court, family: Family, journal: Journal) -> list[Verdict] | None:
    """What was decided earlier, or None."""
    kept = journal.get(court.key(family))
    return None if kept is None else VERDICTS.validate_json(kept)


def keep(court: Court, family: Family, verdicts: list[Verdict], journal: Journal) -> None:
    """Keep what was decided."""
    journal.put(court.key(family), VERDICTS.dump_json(verdicts))


def verified_row(task_id: str, parent_id: str, number: int, main_id: str, verdict: Verdict) -> Row:
    """A row of the table verified."""
    is_measured = verdict.speedup is not None or verdict.memory_ratio is not None
    measured: Mapping[str, object] = {
        "workload_id": main_id if is_measured else None,
        "speedup": verdict.speedup,
        "speedup_low": verdict.speedup_low,
        "speedup_high": verdict.speedup_high,
        "memory_ratio": verdict.memory_ratio,
    }
    return {
        "solution_id": verdict.solution_id,
        "task_id": task_id,
        "parent_id": parent_id,
        "round": number,
        "accepted": verdict.accepted,
        "reason": verdict.reason,
        "certainly_wrong": verdict.certainly_wrong,
        **measured,
    }


def main_workload_id(instrument: Instrument, family: Family) -> str:
    """The id under which the family's main workload stands in the table workloads."""
    return workload_id(family.task_id, family.main, instrument.task_seed(family.task_id))
