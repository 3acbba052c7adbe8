"""Which child runs what next: a group of jobs as a conversation of requests and outcomes, no I/O.

`run_group` is a generator: it yields a Request, is sent the Outcome, and returns the Results. All judgement
of outcomes is here, so that it can be tested without a process.

1. All programs of the group in one shared child. It reports which need a process of their own, and which are
   the same bytecode as an earlier one.
2. A call over the limit kills the child; the next child goes on with what is missing. A program that keeps
   timing out is abandoned. A crash or lack of memory in a shared child is evidence against nobody: the
   program that was running is run alone, and that decides.
3. Where most of a job's calls timed out, the limit was too low for the job: its timeouts run again with more.
"""

import statistics
import struct
from collections.abc import Generator, Sequence

from pipeline.errors import SandboxError
from pipeline.sandbox import statuses
from pipeline.sandbox.answers import (
    STATUS_OF_KIND,
    alone_seen,
    seen_of_frame,
    split_seen,
    status_of_end,
)
from pipeline.sandbox.inside import layout, run, shared
from pipeline.sandbox.jobs import Job, Result, Seen
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.settled import Progress, result
from pipeline.sandbox.zygote import Frame, Outcome, Request

Conversation = Generator[Request, Outcome, list[Result]]

LIMIT_STEP = 8.0
CALLS_A_CHECK = 4  # a check may call several times; its CPU limit is that of so many calls


def run_group(jobs: Sequence[Job], params: SandboxParams, *, share: bool) -> Conversation:
    """Run jobs; with `share`, those programs share children that the scan lets."""
    group = [Progress.of(job, params.call_cpu_s) for job in jobs]
    if share:
        yield from _run_shared(group, params, params.call_cpu_s)
    else:
        for progress in group:
            progress.alone.update(range(len(progress.programs)))
    for progress in group:
        yield from _run_own(progress, params)
        yield from _run_alone(progress, params)
        yield from _run_again_with_more_time(progress, params)
    return [result(progress, params) for progress in group]


def _run_shared(
    group: list[Progress], params: SandboxParams, limit_s: float
) -> Generator[Request, Outcome, None]:
    first = True
    while True:
        body = [request for index, progress in enumerate(group) if (request := _ask(index, progress, first))]
        if not body:
            return
        outcome = yield _request(run.SHARED, body, params, limit_s)
        _take_frames(group, outcome.frames)
        if outcome.complete:
            return
        if not outcome.full or not outcome.frames:  # or one program's answers alone do not fit
            _blame(group, outcome, params)
        first = False


def _ask(index: int, progress: Progress, first: bool) -> shared.JobRequest | None:
    programs: list[shared.ProgramRequest] = []
    everything, wanted = list(range(len(progress.columns))), set[int]()
    for program, text in enumerate(progress.programs):
        if program in progress.alone or program in progress.own or program in progress.same_as:
            continue
        missing = everything if first else progress.missing(program)
        if missing:
            programs.append((program, text, None if len(missing) == len(everything) else missing))
            wanted.update(missing)
    if not programs:
        return None
    numbered = [(column, progress.columns[column]) for column in sorted(wanted)]
    calls = [pair for pair in numbered if pair[0] < progress.n_calls]
    return index, progress.job.entry_point, calls, numbered[len(calls) :], programs


def _request(mode: int, body: object, params: SandboxParams, limit_s: float) -> Request:
    many = mode == run.SHARED
    total_s = 3600.0 if many else 3 * limit_s + 0.1
    slack_s = layout.FLUSH_NS * 1e-9 if many else 0.0  # when the call began is known no better
    work = (mode, params.max_value_bytes, body)
    return Request(work, limit_s + slack_s, total_s, params.sleep_wall_s, shared=many)


def _take_frames(group: list[Progress], frames: Sequence[Frame]) -> None:
    """Settle what a shared child wrote. What makes no sense is left out, and then run alone."""
    for job, program, column, kind, cpu_ns, payload in frames:
        try:
            progress = group[job]
            if kind == layout.MANY:
                progress.settle_many(program, column, payload)
            elif kind in STATUS_OF_KIND:
                seen = seen_of_frame(kind, payload, progress.known)
                everyone = range(len(progress.programs))
                for one in everyone if program == layout.ANY_PROGRAM else (program,):
                    progress.settle(one, column, seen, cpu_ns)
            elif kind == layout.NEEDS_ALONE:
                progress.alone.add(program)
            elif kind == layout.NEEDS_OWN:
                progress.own.add(program)
            elif kind == layout.SAME_AS and cpu_ns < program:
                progress.same_as[program] = cpu_ns
            elif kind == layout.CALL_NEEDS_ALONE:
                progress.alone_columns.add(column)
        except (IndexError, ValueError, struct.error):
            continue


def _blame(group: list[Progress], outcome: Outcome, params: SandboxParams) -> None:
    """Settle what stopped a shared child."""
    job, program, call = outcome.mark
    if job >= len(group):
        raise SandboxError("The shared child left a mark nobody asked for", got=str(outcome.mark))
    progress = group[job]
    timed_out = outcome.ended in (layout.OVER_CPU, layout.OVER_WALL)
    if program in progress.alone and not outcome.frames:
        # Not among those that ran: the child died before any did, and so would the next one.
        raise SandboxError("The shared child ends before it begins", got=f"ended {outcome.ended}")
    if program == layout.ANY_PROGRAM:
        progress.alone_columns.add(call)
    elif not timed_out or call == layout.SEVERAL:
        progress.alone.add(program)
    else:
        _note_timeout(progress, program, call, params)


def _note_timeout(progress: Progress, program: int, call: int, params: SandboxParams) -> None:
    progress.settle(program, call, Seen(statuses.TIMEOUT))
    progress.timeouts[program] += 1
    if progress.timeouts[program] >= params.abandon_after:
        # Later calls only: earlier ones that are missing have run, and their answers were lost with the child
        # a moment before it wrote them down. Which ones is chance, and no verdict may depend on that.
        later = range(0 if call == layout.WHOLE else call + 1, len(progress.columns))
        for column in later:
            progress.settle(program, column, Seen(statuses.ABANDONED))


def _run_own(progress: Progress, params: SandboxParams) -> Generator[Request, Outcome, None]:
    """Programs in a process of their own; a process that ends early costs the call that was running."""
    for program in sorted(progress.own - progress.alone):
        while calls := [call for call in progress.missing(program) if call < progress.n_calls]:
            asked = [(call, progress.columns[call]) for call in calls]
            body: list[shared.JobRequest] = [
                (0, "", asked, [], [(program, progress.programs[program], None)])
            ]
            total_s = (len(calls) + 1) * progress.limit_s + 0.1
            outcome = yield Request(
                (run.OWN, params.max_value_bytes, body), progress.limit_s, total_s, params.sleep_wall_s
            )
            for frame in outcome.frames:
                answers = frame[2] in calls or frame[2] == layout.WHOLE
                if frame[1] == program and answers and frame[3] <= layout.TOO_LARGE:
                    seen = seen_of_frame(frame[3], frame[5], progress.known, params.max_value_bytes)
                    progress.settle(program, frame[2], seen, frame[4])
            if not outcome.complete and not outcome.full:
                _blame_own(progress, program, calls, outcome, params)
            elif progress.missing(program) == calls:
                progress.alone.add(program)  # it said that it was done, and was not
                break


def _blame_own(
    progress: Progress, program: int, calls: list[int], outcome: Outcome, params: SandboxParams
) -> None:
    missing = [call for call in calls if progress.seen[program][call] is None]
    status = status_of_end(outcome.ended) or statuses.EXIT
    settled_some = len(missing) < len(calls)
    guilty = outcome.mark[2] if outcome.mark[2] in missing else missing[0] if missing else None
    if guilty is None or (settled_some and outcome.ended == layout.EXIT_MEMORY):
        return
    if outcome.mark[2] == layout.WHOLE and not settled_some:
        guilty = layout.WHOLE
    if status == statuses.TIMEOUT:
        _note_timeout(progress, program, guilty, params)
    progress.settle(program, guilty, Seen(status))


def _run_alone(progress: Progress, params: SandboxParams) -> Generator[Request, Outcome, None]:
    for program, text in enumerate(progress.programs):
        if program in progress.same_as or all(progress.seen[program]):
            continue
        for column, column_text in enumerate(progress.columns):
            if progress.seen[program][column] is not None:
                continue
            settled, cpu_ns = column, None
            if column < progress.n_calls:
                body: list[shared.JobRequest] = [
                    (0, "", [(column, column_text)], [], [(program, text, None)])
                ]
                outcome = yield _request(run.ALONE, body, params, progress.limit_s)
                settled, seen, cpu_ns = alone_seen(
                    outcome, program, column, progress.known, params.max_value_bytes
                )
                progress.peak_bytes[program, column] = outcome.peak_bytes
            else:
                outcome = yield _split_request(
                    text, (column, progress.job.entry_point, column_text), params, progress.limit_s
                )
                seen = split_seen(outcome)
            if seen.status == statuses.TIMEOUT:
                _note_timeout(progress, program, column, params)
            progress.settle(program, settled, seen, cpu_ns)


def _split_request(
    program: str, check: tuple[int, str, str], params: SandboxParams, limit_s: float
) -> Request:
    total_s = CALLS_A_CHECK * limit_s
    return Request(check, total_s, total_s, params.sleep_wall_s, program)


def _run_again_with_more_time(progress: Progress, params: SandboxParams) -> Generator[Request, Outcome, None]:
    """Raise the limit while most of what ran timed out, or while the task's median call asks for more."""
    while progress.limit_s < params.max_call_cpu_s and (wanted_s := _wanted_limit_s(progress, params)):
        progress.limit_s = min(wanted_s, params.max_call_cpu_s)
        late = (statuses.TIMEOUT, statuses.ABANDONED)
        progress.seen = [
            tuple([None if seen is not None and seen.status in late else seen for seen in row])
            for row in progress.seen
        ]
        progress.timeouts.clear()
        yield from _run_shared([progress], params, progress.limit_s)  # asks for nothing where all are alone
        yield from _run_own(progress, params)
        yield from _run_alone(progress, params)


def _wanted_limit_s(progress: Progress, params: SandboxParams) -> float:
    """The higher limit this job needs, or 0.0 if the one it had was right."""
    if not progress.timeouts:
        return 0.0
    own = [index for index in range(len(progress.programs)) if index not in progress.same_as]
    known = [seen for index in own for seen in progress.seen[index] if seen is not None]
    late = sum(seen.status in (statuses.TIMEOUT, statuses.ABANDONED) for seen in known)
    if 2 * late > len(known):
        return progress.limit_s * LIMIT_STEP
    times_ns = [taken for index in own for taken in progress.cpu_ns[index] if taken is not None]
    median_s = statistics.median(times_ns) * 1e-9
    wanted_s = params.limit_medians * median_s
    return wanted_s if wanted_s > progress.limit_s else 0.0
