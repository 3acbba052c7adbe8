"""What a child does that many programs share: the inner loop of the whole machine.

Only programs that the scan lets share are run; the others are named, and the parent asks for them again. What
goes wrong in one (crash, memory) ends the child and is decided again in one of its own.
"""

import gc
import random
import sys
import types

from pipeline.sandbox.inside import check, layout, scan, transport
from pipeline.sandbox.inside.arena import Arena, cpu_clock, elapsed_clock
from pipeline.sandbox.inside.programs import (
    compiled_beside_others,
    namespace,
    raised,
    raised_beside_others,
)

ANY_PROGRAM = 0xFFFF

Wanted = list[int] | None
ProgramRequest = tuple[int, str, Wanted]
Column = tuple[int, str]
# job, entry point, calls, checks, programs; calls and checks share one numbering of columns.
JobRequest = tuple[int, str, list[Column], list[Column], list[ProgramRequest]]
CallCode = tuple[int, types.CodeType]
CheckCode = tuple[int, types.CodeType, set[str]]

_PREFIX = [bytes((kind,)) for kind in range(layout.TOO_LARGE + 1)]


def run_shared(jobs: list[JobRequest], arena: Arena, scanner: scan.Scan, max_bytes: int) -> None:
    """Run every program that may share; report the others."""
    gc.disable()  # a neighbour's finalizers must not run, or be paid for, in somebody else's call
    for job, entry_point, calls, checks, programs in jobs:
        shared_calls = _shared_calls(job, calls, arena, scanner)
        shared_checks = _shared_checks(job, entry_point, checks, arena, scanner)
        seen: dict[object, int] = {}
        for program, text, wanted in programs:
            arena.begin(job, program, layout.WHOLE)
            code = compiled_beside_others(text, "exec")
            if code is None:
                arena.put(job, program, layout.WHOLE, layout.NOT_COMPILED)
                continue
            tier, resets = scanner.program(code)
            if tier == scan.LOST:
                arena.put(job, program, layout.WHOLE, layout.RAISED, 0, b"ModuleNotFoundError")
                continue
            if tier == scan.ALONE:
                arena.put(job, program, layout.WHOLE, layout.NEEDS_ALONE)
                continue
            if tier == scan.OWN:
                arena.put(job, program, layout.WHOLE, layout.NEEDS_OWN)
                continue
            if wanted is None:
                first = seen.setdefault(scan.identity(code), program)
                if first != program:
                    arena.put(job, program, layout.WHOLE, layout.SAME_AS, first)
                    continue
            mine = shared_calls if wanted is None else [pair for pair in shared_calls if pair[0] in wanted]
            if tier == scan.ONCE:
                _run_once(job, program, code, mine, arena, max_bytes)
            else:
                _run_fresh(job, program, code, mine, arena, max_bytes, resets)
            for column, check_code, names in shared_checks:
                if wanted is None or column in wanted:
                    _run_check(job, program, code, (column, check_code, names), arena)
    arena.flush()


def _shared_calls(job: int, calls: list[Column], arena: Arena, scanner: scan.Scan) -> list[CallCode]:
    shared = []
    for call, text in calls:
        arena.begin(job, ANY_PROGRAM, call)
        code = compiled_beside_others(text, "eval")
        if code is None:
            arena.put(job, ANY_PROGRAM, call, layout.NOT_COMPILED)
        elif scanner.call(code):
            shared.append((call, code))
        else:
            arena.put(job, ANY_PROGRAM, call, layout.CALL_NEEDS_ALONE)
    return shared


def _shared_checks(
    job: int, entry_point: str, checks: list[Column], arena: Arena, scanner: scan.Scan
) -> list[CheckCode]:
    shared = []
    for column, text in checks:
        arena.begin(job, ANY_PROGRAM, column)
        code = compiled_beside_others(text, "exec")
        if code is None:
            arena.put(job, ANY_PROGRAM, column, layout.NOT_COMPILED)
        elif scanner.program(code)[0] in (scan.ONCE, scan.FRESH):
            shared.append((column, code, check.wanted_names(code, entry_point)))
        else:
            arena.put(job, ANY_PROGRAM, column, layout.CALL_NEEDS_ALONE)
    return shared


def _run_check(job: int, program: int, code: types.CodeType, column: CheckCode, arena: Arena) -> None:
    """One check about a freshly loaded program; both passed the scan."""
    index, check_code, names = column
    now = arena.begin(job, program, index)
    limit = sys.getrecursionlimit()
    random.seed(0)
    space = namespace()
    try:
        exec(code, space)
        kind, data = check.verdict(check_code, names, check.direct(check.Holder(space)))
    except BaseException as error:
        kind, data = raised_beside_others(error, arena)
    sys.setrecursionlimit(limit)
    space.clear()
    arena.put(job, program, index, kind, cpu_clock() - now, data)
    arena.flush()


def _run_once(
    job: int,
    program: int,
    code: types.CodeType,
    calls: list[CallCode],
    arena: Arena,
    max_bytes: int,
) -> None:
    """Load once, run all calls: the inner loop of the whole machine, hence few function calls."""
    space = namespace()
    words, columns, times_ns, answers = arena.words, arena.calls, arena.times_ns, arena.answers
    clock, plain, prefix, flush_ns = elapsed_clock, transport.plain, _PREFIX, layout.FLUSH_NS
    base = job << 40 | program << 20
    now = arena.begin(job, program, layout.WHOLE)
    try:
        exec(code, space)
    except BaseException as error:
        kind, data = raised_beside_others(error, arena)
        arena.put(job, program, layout.WHOLE, kind, cpu_clock() - now, data)
        return
    now = clock()
    for call, call_code in calls:
        words[1] = base | call
        try:
            kind, data = plain(eval(call_code, space), max_bytes)
        except BaseException as error:
            kind, data = _failure(job, program, error, arena)
        after = clock()
        columns.append(call)
        times_ns.append(after - now)
        answers.append(prefix[kind] + data)
        now = after if after - arena.flushed_ns < flush_ns else arena.flush_between_calls(job, program)
    arena.put_many(job, program)
    space.clear()


def _run_fresh(
    job: int,
    program: int,
    code: types.CodeType,
    calls: list[CallCode],
    arena: Arena,
    max_bytes: int,
    resets: bool,
) -> None:
    """Load anew for every call."""
    limit = sys.getrecursionlimit()
    now = elapsed_clock()
    for call, call_code in calls:
        arena.words[layout.MARK] = job << 40 | program << 20 | call
        if resets:
            random.seed(0)
        space = namespace()
        try:
            exec(code, space)
            kind, data = transport.plain(eval(call_code, space), max_bytes)
        except BaseException as error:
            kind, data = _failure(job, program, error, arena)
        if resets:
            sys.setrecursionlimit(limit)
        space.clear()
        after = elapsed_clock()
        arena.calls.append(call)
        arena.times_ns.append(after - now)
        arena.answers.append(_PREFIX[kind] + data)
        late = after - arena.flushed_ns >= layout.FLUSH_NS
        now = arena.flush_between_calls(job, program) if late else after
    arena.put_many(job, program)


def _failure(job: int, program: int, error: BaseException, arena: Arena) -> tuple[int, bytes]:
    """As `raised_beside_others`, for one of many calls."""
    kind, data = raised(error)
    if kind == layout.OUT_OF_MEMORY:
        arena.put_many(job, program)
    return raised_beside_others(error, arena) if kind == layout.OUT_OF_MEMORY else (kind, data)


def run_expressions(texts: list[str], arena: Arena, scanner: scan.Scan, max_bytes: int) -> None:
    """Evaluate expressions that need no program, each in an empty namespace."""
    gc.disable()
    for index, text in enumerate(texts):
        now = arena.begin(0, 0, index)
        code = compiled_beside_others(text, "eval")
        if code is None:
            arena.put(0, 0, index, layout.NOT_COMPILED)
            continue
        if not scanner.call(code):
            arena.put(0, 0, index, layout.CALL_NEEDS_ALONE)
            continue
        try:
            kind, data = transport.plain(eval(code, namespace()), max_bytes)
        except BaseException as error:
            kind, data = raised_beside_others(error, arena)
        arena.put(0, 0, index, kind, cpu_clock() - now, data)
        if elapsed_clock() - arena.flushed_ns > layout.FLUSH_NS:
            arena.flush()
    arena.flush()
