"""What is settled about one job so far, whoever found it out, and the Result it comes to."""

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

from pipeline.errors import SandboxError
from pipeline.sandbox import statuses
from pipeline.sandbox.answers import Known, read_many
from pipeline.sandbox.inside import layout
from pipeline.sandbox.jobs import Job, Result, Seen
from pipeline.sandbox.params import SandboxParams

T = TypeVar("T")
SeenRow = tuple[Seen | None, ...]


@dataclass
class Progress:
    """What is known about one job so far; distinct texts only, by number.

    columns: the calls, then the checks; n_calls says where the checks begin.
    alone: programs that need a process for every column; alone_columns: likewise.
    own: programs that need a process of their own.
    seen, cpu_ns: [program][column]; peak_bytes: where a call had a process to itself.
    nothing: a row of which nothing is known.
    known: what answers were read as before; rows: what many answers of one program were read as, so that
        programs that answer the same have one row.
    """

    job: Job
    programs: list[str]
    columns: list[str]
    n_calls: int
    limit_s: float
    seen: list[SeenRow]
    cpu_ns: list[tuple[int | None, ...]]
    nothing: tuple[None, ...]
    peak_bytes: dict[tuple[int, int], int] = field(default_factory=dict)
    alone: set[int] = field(default_factory=set)
    own: set[int] = field(default_factory=set)
    alone_columns: set[int] = field(default_factory=set)
    same_as: dict[int, int] = field(default_factory=dict)
    timeouts: Counter[int] = field(default_factory=Counter)
    known: Known = field(default_factory=dict)
    rows: dict[bytes, tuple[tuple[int, ...], SeenRow]] = field(default_factory=dict)

    @classmethod
    def of(cls, job: Job, limit_s: float) -> "Progress":
        """Nothing known yet."""
        programs = list(dict.fromkeys(program.code for program in job.programs))
        calls = list(dict.fromkeys(call.code for call in job.calls))
        columns = calls + list(dict.fromkeys(check.code for check in job.checks))
        nothing = (None,) * len(columns)
        rows = len(programs)
        return cls(job, programs, columns, len(calls), limit_s, [nothing] * rows, [nothing] * rows, nothing)

    def missing(self, program: int) -> list[int]:
        """Columns this program has not met, of those that may run in a shared child."""
        row, alone = self.seen[program], self.alone_columns
        return (
            []
            if all(row)
            else [column for column, seen in enumerate(row) if seen is None and column not in alone]
        )

    def settle(self, program: int, call: int, seen: Seen, cpu_ns: int | None = None) -> None:
        """Take what was seen, unless something was seen before; `call` may be WHOLE.

        Of a program as a whole no value is said: it would be a check's verdict.
        """
        if call == layout.WHOLE and seen.status not in statuses.VERDICTS:
            seen = Seen(statuses.ERROR)
        calls = range(len(self.columns)) if call == layout.WHOLE else (call,)
        self._settle(program, calls, [seen] * len(calls), [cpu_ns] * len(calls))

    def settle_many(self, program: int, count: int, data: bytes) -> None:
        """Take the answers in a frame of the kind MANY (see `layout`); what makes no sense is left out."""
        times_ns, answers = struct.unpack_from(f"<{count}I", data), data[4 * count :]
        if answers not in self.rows:
            self.rows[answers] = read_many(count, answers, self.known)
        calls, seen = self.rows[answers]
        if len(calls) != count:
            return
        rest = self.nothing[len(calls) :]
        if self.seen[program] is self.nothing and calls == tuple(range(self.n_calls)):
            self.seen[program], self.cpu_ns[program] = (seen + rest if rest else seen), times_ns + rest
        else:
            self._settle(program, calls, seen, times_ns)

    def _settle(
        self, program: int, calls: Sequence[int], seen: Sequence[Seen | None], times_ns: Sequence[int | None]
    ) -> None:
        row, times = list(self.seen[program]), list(self.cpu_ns[program])
        for call, found, cpu_ns in zip(calls, seen, times_ns, strict=True):
            if row[call] is None:
                row[call], times[call] = found, cpu_ns
        self.seen[program], self.cpu_ns[program] = tuple(row), tuple(times)


def result(progress: Progress, params: SandboxParams) -> Result:
    """Everything about the job, once all is known.

    Raises:
        SandboxError: something is not.
    """
    job, n_calls = progress.job, progress.n_calls
    number_of = {code: index for index, code in enumerate(progress.programs)}
    column_of = {code: index for index, code in enumerate(progress.columns[:n_calls])}
    check_of = {code: index for index, code in enumerate(progress.columns) if index >= n_calls}
    columns = [column_of[call.code] for call in job.calls]
    checks = [check_of[check.code] for check in job.checks]
    numbers = [number_of[program.code] for program in job.programs]
    numbers = [progress.same_as.get(number, number) for number in numbers]
    known = {number: _known(progress, number) for number in set(numbers)}
    in_order = columns == list(range(n_calls))

    def picked(row: tuple[T, ...]) -> tuple[T, ...]:
        return row[:n_calls] if in_order else tuple([row[column] for column in columns])

    seen_of = {id(row): picked(row) for row in known.values()}  # equal rows stay one object
    return Result(
        job,
        seen=tuple(seen_of[id(known[number])] for number in numbers),
        verdicts=tuple(tuple([known[number][column].status for column in checks]) for number in numbers),
        cpu_ns=tuple(picked(progress.cpu_ns[number]) for number in numbers),
        peak_bytes=tuple(picked(row) for row in _peaks(progress, numbers)),
        reasons=_reasons(progress, params),
    )


def _peaks(progress: Progress, programs: list[int]) -> Iterator[tuple[int | None, ...]]:
    peaks, columns = progress.peak_bytes, range(len(progress.columns))
    for program in programs:
        yield tuple([peaks.get((program, column)) for column in columns]) if peaks else progress.nothing


def _known(progress: Progress, program: int) -> tuple[Seen, ...]:
    row = progress.seen[program]
    if not all(row):
        raise SandboxError("The sandbox left a program without an answer", where=progress.job.job_id)
    return cast("tuple[Seen, ...]", row)


def _reasons(progress: Progress, params: SandboxParams) -> Counter[str]:
    counts = {
        "programs_abandoned": sum(count >= params.abandon_after for count in progress.timeouts.values()),
        "programs_same_code": len(progress.job.programs) - len(progress.programs),
        "programs_same_bytecode": len(progress.same_as),
        "programs_run_alone": len(progress.alone),
        "programs_run_in_own_process": len(progress.own - progress.alone),
        "calls_repeated": len(progress.job.calls) - progress.n_calls,
        "jobs_with_raised_limit": int(progress.limit_s > params.call_cpu_s),
    }
    return Counter({name: count for name, count in counts.items() if count})
