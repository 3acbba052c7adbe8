"""What a child does that many programs share.

Only programs that the scan lets share are run; the others are named, and the parent asks for them again. What
goes wrong in one (crash, memory) ends the child and is decided again in one of its own.
"""

import gc
import mmap
import random
import sys
import types
from collections.abc import Set

from pipeline.sandbox.inside import check, layout, scan, transport
from pipeline.sandbox.inside.answering import Loadable, run_fresh, run_once
from pipeline.sandbox.inside.arena import Arena, cpu_clock, elapsed_clock
from pipeline.sandbox.inside.calls import Column, shared_calls
from pipeline.sandbox.inside.holder import Holder
from pipeline.sandbox.inside.names import identity
from pipeline.sandbox.inside.programs import (
    compiled_beside_others,
    namespace,
    raised_beside_others,
)
from pipeline.sandbox.inside.uncached import forbid_ways_to_strings
from pipeline.sandbox.inside.watch import Guard, Watch

PROGRAMS_A_BATCH = 16
# Between a check and its program here, so that the program has the recursion depth that it has alone.
FRAMES_OF_A_CHECK = 6
_RUN_HERE = (scan.ONCE, scan.FIXED, scan.FRESH)

Wanted = list[int] | None
ProgramRequest = tuple[int, str, Wanted]
# job, entry point, calls, checks, programs; calls and checks share one numbering of columns.
JobRequest = tuple[int, str, list[Column], list[Column], list[ProgramRequest]]
CheckCode = tuple[int, types.CodeType, set[str], scan.Scanned]


def run_shared(jobs: list[JobRequest], arena: Arena, scanner: scan.Scan, max_bytes: int) -> None:
    """Run every program that may share; report the others."""
    forbid_ways_to_strings()
    gc.disable()  # a neighbour's finalizers must not run, or be paid for, in somebody else's call
    # What a program leaves behind is never collected, and the next one may catch the MemoryError.
    room_bytes, looked_ns = _most_of_memory(), elapsed_clock()
    for job, entry_point, calls, checks, programs in jobs:
        mine = shared_calls(job, calls, arena, scanner)
        shared_checks = _shared_checks(job, entry_point, checks, arena, scanner)
        near = scanner.caches(mine.codes, set().union(*[names for _, _, names, _ in shared_checks]))
        checks_make_types = any(scanned.makes_types for *_, scanned in shared_checks)
        seen: dict[object, int] = {}
        # Compiling one program after the other keeps the processor's caches warm; one that never ends costs
        # the others of its batch their code.
        for at in range(0, len(programs), PROGRAMS_A_BATCH):
            ready = _ready(job, programs[at : at + PROGRAMS_A_BATCH], near, seen, arena, scanner)
            for one, scanned in ready:
                make_types = scanned.makes_types or checks_make_types
                n_subclasses = scanner.watch.n_subclasses() if make_types else 0
                guard = Guard(job, one.program, scanned.assigned, scanner.watch, arena)
                fresh = scanned.tier == scan.FRESH
                fixed = scanned.tier == scan.ONCE and not scanned.makes_types
                # Not in a function of their own: a program here has the recursion depth that a script has.
                if fresh or not run_once(one, mine, arena, max_bytes, guard, fixed=fixed):
                    run_fresh(one, mine, arena, max_bytes, guard, resets=scanned.resets)
                for check_code in shared_checks:
                    if one.wanted is None or check_code[0] in one.wanted:
                        _run_check(one, scanned, check_code, arena, scanner.watch)
                        if check_code[3].makes_types and scanner.watch.n_subclasses() > n_subclasses:
                            arena.end_full()
                # To look costs as much as a short program, and it takes time to fill memory; but a list takes
                # as much as the `__len__` of a type of the program's own says.
                if make_types or elapsed_clock() - looked_ns >= layout.FLUSH_NS:
                    if not _is_there(room_bytes):
                        arena.end_full()
                    looked_ns = elapsed_clock()
                if make_types and scanner.watch.n_subclasses() > n_subclasses:
                    arena.end_full()
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
    job: int,
    programs: list[ProgramRequest],
    near: Set[str],
    seen: dict[object, int],
    arena: Arena,
    scanner: scan.Scan,
) -> list[tuple[Loadable, scan.Scanned]]:
    """Those to run here, and what the scan says of them.

    near: see `scan.Scan.program`.
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
        scanned = scanner.program(code, near=near)
        tier = scanned.tier
        alike = tier in _RUN_HERE and wanted is None
        first = seen.setdefault(identity(code), program) if alike else program
        if tier == scan.LOST:
            arena.put(job, program, layout.WHOLE, layout.RAISED, 0, scanned.lost_by.encode())
        elif tier not in _RUN_HERE:
            needs = layout.NEEDS_ALONE if tier == scan.ALONE else layout.NEEDS_OWN
            arena.put(job, program, layout.WHOLE, needs)
        elif first != program:
            arena.put(job, program, layout.WHOLE, layout.SAME_AS, first)
        else:
            ready.append((Loadable(job, program, code, wanted, scanned.makes_types), scanned))
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
        scanned = scanner.program(code, is_check=True)
        if scanned.tier in _RUN_HERE:
            shared.append((column, code, check.wanted_names(code, entry_point), scanned))
        else:
            arena.put(job, layout.ANY_PROGRAM, column, layout.CALL_NEEDS_ALONE)
    return shared


def _run_check(
    one: Loadable, program_scanned: scan.Scanned, column: CheckCode, arena: Arena, watch: Watch
) -> None:
    """One check about a freshly loaded program; both passed the scan."""
    job, program, code, *_ = one
    index, check_code, names, scanned = column
    guard = Guard(job, program, scanned.assigned | program_scanned.assigned, watch, arena, check=index)
    now = arena.begin(job, program, index)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + FRAMES_OF_A_CHECK)
    if program_scanned.resets or scanned.resets:
        random.seed(0)
    space = namespace()
    try:
        exec(code, space)
        kind, data = check.verdict(check_code, names, check.direct(Holder(space)))
    except BaseException as error:
        kind, data = raised_beside_others(error, arena)
    sys.setrecursionlimit(limit)
    space.clear()
    guard.after_call()
    guard.before_answers_count()
    arena.put(job, program, index, kind, cpu_clock() - now, data)
    if elapsed_clock() - arena.flushed_ns >= layout.FLUSH_NS:
        arena.flush()


def run_expressions(texts: list[str], arena: Arena, scanner: scan.Scan, max_bytes: int) -> None:
    """Evaluate expressions that need no program, each in an empty namespace."""
    forbid_ways_to_strings()
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
