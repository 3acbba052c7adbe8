"""What a child does that many programs share: the inner loop of the whole machine.

Only programs that the scan lets share are run; the others are named, and the parent asks for them again. What
goes wrong in one (crash, memory) ends the child and is decided again in one of its own.
"""

import gc
import mmap
import random
import sys
import types
from itertools import repeat
from typing import Any

from pipeline.sandbox.inside import check, layout, scan, transport
from pipeline.sandbox.inside.arena import Arena, cpu_clock, elapsed_clock
from pipeline.sandbox.inside.calls import (
    Arguments,
    Column,
    Function,
    SharedCalls,
    Target,
    shared_calls,
)
from pipeline.sandbox.inside.names import identity
from pipeline.sandbox.inside.programs import (
    compiled_beside_others,
    namespace,
    raised_beside_others,
)

PROGRAMS_A_BATCH = 16
_RUN_HERE = (scan.ONCE, scan.FRESH)

Wanted = list[int] | None
ProgramRequest = tuple[int, str, Wanted]
# job, entry point, calls, checks, programs; calls and checks share one numbering of columns.
JobRequest = tuple[int, str, list[Column], list[Column], list[ProgramRequest]]
CheckCode = tuple[int, types.CodeType, set[str], bool]
Answer = tuple[int, bytes]  # kind of frame, its data


def run_shared(jobs: list[JobRequest], arena: Arena, scanner: scan.Scan, max_bytes: int) -> None:
    """Run every program that may share; report the others."""
    gc.disable()  # a neighbour's finalizers must not run, or be paid for, in somebody else's call
    # What a program leaves behind is never collected, and the next one may catch the MemoryError.
    room_bytes, looked_ns = _most_of_memory(), elapsed_clock()
    for job, entry_point, calls, checks, programs in jobs:
        mine = shared_calls(job, calls, arena, scanner)
        shared_checks = _shared_checks(job, entry_point, checks, arena, scanner)
        seen: dict[object, int] = {}
        # Compiling one program after the other keeps the processor's caches warm; one that never ends costs
        # the others of its batch their code.
        for at in range(0, len(programs), PROGRAMS_A_BATCH):
            ready = _ready(job, programs[at : at + PROGRAMS_A_BATCH], seen, arena, scanner)
            for program, code, wanted, once, resets in ready:
                if once:
                    _run_once(job, program, code, mine, wanted, arena, max_bytes)
                else:
                    _run_fresh(job, program, code, mine, wanted, arena, max_bytes, resets)
                for check_code in shared_checks:
                    if wanted is None or check_code[0] in wanted:
                        _run_check(job, program, code, check_code, arena, resets)
                # To look costs as much as a short program, and it takes time to fill memory.
                if elapsed_clock() - looked_ns >= layout.FLUSH_NS:
                    if not _is_there(room_bytes):
                        arena.end_full()
                    looked_ns = elapsed_clock()
    arena.flush()


def _most_of_memory() -> int:
    """Bytes that can be allocated now, and more than half of all."""
    room_bytes = 1 << 40
    while not _is_there(room_bytes):
        room_bytes = room_bytes * 3 // 4
    return room_bytes * 3 // 4


def _is_there(room_bytes: int) -> bool:
    """Whether so much memory could still be allocated."""
    try:
        mmap.mmap(-1, room_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 0).close()
    except OSError:
        return False
    return True


def _ready(
    job: int, programs: list[ProgramRequest], seen: dict[object, int], arena: Arena, scanner: scan.Scan
) -> list[tuple[int, types.CodeType, Wanted, bool, bool]]:
    """(program, code, columns, whether to load it once, whether it resets) of those to run here.

    seen: programs of the job that are to meet all columns, by what makes them the same.
    """
    compiled = []
    for program, text, wanted in programs:
        arena.begin(job, program, layout.WHOLE)
        code = compiled_beside_others(text, "exec")
        if code is None:
            arena.put(job, program, layout.WHOLE, layout.NOT_COMPILED)
        else:
            compiled.append((program, code, wanted))
    ready = []
    for program, code, wanted in compiled:
        arena.begin(job, program, layout.WHOLE)
        tier, resets = scanner.program(code)
        alike = tier in _RUN_HERE and wanted is None
        first = seen.setdefault(identity(code), program) if alike else program
        if tier == scan.LOST:
            arena.put(job, program, layout.WHOLE, layout.RAISED, 0, b"ModuleNotFoundError")
        elif tier not in _RUN_HERE:
            needs = layout.NEEDS_ALONE if tier == scan.ALONE else layout.NEEDS_OWN
            arena.put(job, program, layout.WHOLE, needs)
        elif first != program:
            arena.put(job, program, layout.WHOLE, layout.SAME_AS, first)
        else:
            ready.append((program, code, wanted, tier == scan.ONCE, resets))
    return ready


def _shared_checks(
    job: int, entry_point: str, checks: list[Column], arena: Arena, scanner: scan.Scan
) -> list[CheckCode]:
    shared = []
    for column, text in checks:
        arena.begin(job, layout.ANY_PROGRAM, column)
        code = compiled_beside_others(text, "exec")
        if code is None:
            arena.put(job, layout.ANY_PROGRAM, column, layout.NOT_COMPILED)
            continue
        tier, resets = scanner.program(code, is_check=True)
        if tier in _RUN_HERE:
            shared.append((column, code, check.wanted_names(code, entry_point), resets))
        else:
            arena.put(job, layout.ANY_PROGRAM, column, layout.CALL_NEEDS_ALONE)
    return shared


def _run_check(
    job: int, program: int, code: types.CodeType, column: CheckCode, arena: Arena, program_resets: bool
) -> None:
    """One check about a freshly loaded program; both passed the scan."""
    index, check_code, names, check_resets = column
    now = arena.begin(job, program, index)
    limit = sys.getrecursionlimit()
    if program_resets or check_resets:
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
    if elapsed_clock() - arena.flushed_ns >= layout.FLUSH_NS:
        arena.flush()


def _run_once(
    job: int,
    program: int,
    code: types.CodeType,
    calls: SharedCalls,
    wanted: Wanted,
    arena: Arena,
    max_bytes: int,
) -> None:
    """Load once, run all calls: the inner loop of the whole machine.

    Answers are encoded and written down after as many calls as take FLUSH_NS.
    """
    space = namespace()
    now = arena.begin(job, program, layout.WHOLE)
    try:
        exec(code, space)
    except BaseException as error:
        kind, data = raised_beside_others(error, arena)
        arena.put(job, program, layout.WHOLE, kind, cpu_clock() - now, data)
        return
    columns, functions, arguments = calls.ready(space, wanted)
    while columns:
        times_ns, values, failed = _called(job, program, columns, functions, arguments, arena)
        arena.words[layout.MARK] = job << 40 | program << 20 | layout.SEVERAL
        done = columns[: len(values)]
        kinds, answers = _encoded(job, program, done, values, arena, max_bytes)
        for index, (kind, data) in failed.items():
            kinds[index], answers[index] = kind, data
        arena.put_many(job, program, times_ns, done, kinds, answers)
        if elapsed_clock() - arena.flushed_ns >= layout.FLUSH_NS:
            arena.flush()
        n = len(done)
        columns, functions, arguments = columns[n:], functions[n:], arguments[n:]
    space.clear()


def _called(
    job: int,
    program: int,
    columns: list[int],
    functions: list[Function],
    arguments: list[Arguments],
    arena: Arena,
) -> tuple[list[int], list[Any], dict[int, Answer]]:
    """(CPU nanoseconds, values, failures by position) of calls that took FLUSH_NS together, or of all."""
    words, clock, place = arena.words, elapsed_clock, layout.CALL
    times_ns: list[int] = []
    values: list[Any] = []
    failed: dict[int, Answer] = {}
    took, returned = times_ns.append, values.append
    words[place] = columns[0]
    words[layout.MARK] = job << 40 | program << 20 | layout.IN_CALLS
    started_ns = arena.start_clock()
    before = clock()
    end = before + layout.FLUSH_NS
    for words[place], function, given in zip(columns, functions, arguments, strict=True):
        try:
            returned(function(*given))
        except BaseException as error:
            failed[len(values)] = raised_beside_others(error, arena)
            returned(None)
        after = clock()
        took(after - before)
        if after > end:
            break
        before = after
    # Another process may have had the core while a long call ran; it took no more CPU than all together.
    times_ns[-1] = min(times_ns[-1], cpu_clock() - started_ns, 0xFFFFFFFF)
    return times_ns, values, failed


def _encoded(
    job: int, program: int, calls: list[int], values: list[Any], arena: Arena, max_bytes: int
) -> tuple[bytearray, list[bytes]]:
    """(kinds, answers) of the values of calls."""
    try:
        answers = list(map(transport.dumps, values, repeat(2)))
        if max(map(len, answers)) <= max_bytes and transport.MARKED not in b"".join(answers):
            return bytearray(len(values)), answers
    except (ValueError, MemoryError):
        pass
    kinds, answers = bytearray(), []
    for index, call in enumerate(calls):
        # What ends with a value, such as a generator, runs on its call's account.
        arena.words[layout.MARK] = job << 40 | program << 20 | call
        try:
            kind, data = transport.plain(values[index], max_bytes)
            values[index] = None
        except BaseException as error:
            kind, data = raised_beside_others(error, arena)
        kinds.append(kind)
        answers.append(data)
    return kinds, answers


def _run_fresh(
    job: int,
    program: int,
    code: types.CodeType,
    calls: SharedCalls,
    wanted: Wanted,
    arena: Arena,
    max_bytes: int,
    resets: bool,
) -> None:
    """Load anew for every call."""
    limit = sys.getrecursionlimit()
    times_ns: list[int] = []
    done: list[int] = []
    kinds = bytearray()
    answers: list[bytes] = []
    started_ns, now = arena.start_clock(), elapsed_clock()
    end = now + layout.FLUSH_NS
    for call, target, given in zip(calls.columns, calls.targets, calls.arguments(), strict=True):
        if wanted is not None and call not in wanted:
            continue
        arena.words[layout.MARK] = job << 40 | program << 20 | call
        if resets:
            random.seed(0)
        kind, data = _fresh_answer(code, target, given, arena, max_bytes)
        if resets:
            sys.setrecursionlimit(limit)
        after = elapsed_clock()
        times_ns.append(after - now)
        done.append(call)
        kinds.append(kind)
        answers.append(data)
        now = after
        if after > end:
            times_ns[-1] = min(times_ns[-1], cpu_clock() - started_ns, 0xFFFFFFFF)
            arena.put_many(job, program, times_ns, done, kinds, answers)
            arena.flush()
            times_ns, done, kinds, answers = [], [], bytearray(), []
            started_ns, now = arena.start_clock(), elapsed_clock()
            end = now + layout.FLUSH_NS
    arena.put_many(job, program, times_ns, done, kinds, answers)


def _fresh_answer(
    code: types.CodeType, target: Target, given: Arguments, arena: Arena, max_bytes: int
) -> Answer:
    space = namespace()
    try:
        exec(code, space)
        bind, call_code = target
        answer = transport.plain(bind(call_code, space)(*given), max_bytes)
    except BaseException as error:
        answer = raised_beside_others(error, arena)
    space.clear()
    return answer


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
