"""What goes into the sandbox and what comes out: frozen, plain data."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple


@dataclass(frozen=True)
class Program:
    """An untrusted module.

    code: a whole module, normally one that defines the job's entry point.
    """

    program_id: str
    code: str


@dataclass(frozen=True)
class Call:
    """An expression whose value is wanted, evaluated in a program's namespace, e.g. `add(1, 2)`.

    Every program meets every call with fresh arguments and with the state it has right after loading: what
    one call changes, no other call sees.
    """

    call_id: str
    code: str


@dataclass(frozen=True)
class Check:
    """A test that runs as code: statements that use the entry point and pass when they raise nothing.

    It runs in a process that never holds the program; `entry_point(...)` in it is a remote call whose
    arguments and results cross as plain data. An AssertionError of the check itself is a fail.
    """

    check_id: str
    code: str


@dataclass(frozen=True)
class Job:
    """All programs of one task, to meet all its calls and checks.

    Ids are unique within their kind. Equal code and equal calls may repeat: each runs once.
    """

    job_id: str
    entry_point: str
    programs: tuple[Program, ...]
    calls: tuple[Call, ...] = ()
    checks: tuple[Check, ...] = ()


class Seen(NamedTuple):
    """What came of a program on a call, without how long it took: equal answers of a job are one object.

    status: of `pipeline.sandbox.statuses.STATUSES`.
    value: status ok: the canonical encoding (`pipeline.sandbox.values`), else None.
    digest: status ok: 20 hex digits, equal if and only if the values and all types in them are equal.
    repr: status ok: readable, at most 200 characters; status error: the exception's type; else None.
    """

    status: str
    value: bytes | None = None
    digest: str | None = None
    repr: str | None = None


class Observation(NamedTuple):
    """What one program did on one call: as `Seen`, and what it took.

    cpu_s: CPU seconds of the call alone (None where it was not run or died with its process); for a call of
        less than a millisecond that shared its process, the time that passed.
    peak_bytes: peak resident memory of its process, where the call had a process to itself.
    """

    program_id: str
    call_id: str
    status: str
    value: bytes | None = None
    digest: str | None = None
    repr: str | None = None
    cpu_s: float | None = None
    peak_bytes: int | None = None


@dataclass(frozen=True)
class CheckResult:
    """What one check says about one program; verdict: of `pipeline.sandbox.statuses.VERDICTS`."""

    program_id: str
    check_id: str
    verdict: str


@dataclass(frozen=True)
class Result:
    """Everything about one job, as grids in the job's order: a row a program, a column a call (or check).

    seen: [program][call]; verdicts: [program][check].
    cpu_ns, peak_bytes: [program][call], as in `Observation`.
    reasons: how often what happened that a report should tell: programs abandoned, duplicates run once, …
    """

    job: Job
    seen: tuple[tuple[Seen, ...], ...]
    verdicts: tuple[tuple[str, ...], ...]
    cpu_ns: tuple[tuple[int | None, ...], ...]
    peak_bytes: tuple[tuple[int | None, ...], ...]
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def job_id(self) -> str:
        """Of the job."""
        return self.job.job_id

    @cached_property
    def observations(self) -> tuple[Observation, ...]:
        """The grids as one observation a (program, call): programs outside, calls inside."""
        rows = zip(self.job.programs, self.seen, self.cpu_ns, self.peak_bytes, strict=True)
        return tuple(
            Observation(
                program.program_id,
                call.call_id,
                *seen,
                cpu_s=None if ns is None else ns * 1e-9,
                peak_bytes=peak,
            )
            for program, answers, times_ns, peaks in rows
            for call, seen, ns, peak in zip(self.job.calls, answers, times_ns, peaks, strict=True)
        )

    @cached_property
    def check_results(self) -> tuple[CheckResult, ...]:
        """The grid of verdicts as one result a (program, check): programs outside, checks inside."""
        return tuple(
            CheckResult(program.program_id, check.check_id, verdict)
            for program, row in zip(self.job.programs, self.verdicts, strict=True)
            for check, verdict in zip(self.job.checks, row, strict=True)
        )


@dataclass(frozen=True)
class WorkerResult:
    """What a run of our own harness in a fresh isolated process gave.

    status: ok | error | exit | timeout | memory | crash.
    output: the bytes the harness wrote; whoever ran beside it may have forged them: parse with care.
    cpu_s, peak_bytes: of the whole process.
    """

    status: str
    output: bytes
    cpu_s: float
    peak_bytes: int
