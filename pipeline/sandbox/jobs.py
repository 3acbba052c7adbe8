"""What goes into the sandbox and what comes out: frozen, plain data."""

from collections import Counter
from dataclasses import dataclass, field
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


class Observation(NamedTuple):
    """What one program did on one call (a tuple, because there are millions of them).

    status: of `pipeline.sandbox.statuses.STATUSES`.
    value: status ok: the canonical encoding (`pipeline.sandbox.values`), else None.
    digest: status ok: 20 hex digits, equal if and only if the values and all types in them are equal.
    repr: status ok: readable, at most 200 characters; status error: the exception's type; else None.
    cpu_s: CPU seconds of the call alone (None where it was not run or died with its process).
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
    """Everything about one job: one observation a (program, call), one result a (program, check).

    Both in the job's order: programs outside, calls or checks inside.
    reasons: how often what happened that a report should tell: programs abandoned, duplicates run once, …
    """

    job_id: str
    observations: tuple[Observation, ...]
    check_results: tuple[CheckResult, ...]
    reasons: Counter[str] = field(default_factory=Counter)


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
