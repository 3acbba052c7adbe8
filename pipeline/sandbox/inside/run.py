"""What a child does with a request: compile, decide who may share, run every call, write frames.

Runs after the fork, in the process that will hold the untrusted programs; nothing here is secret and no other
process relies on it being whole. A shared child runs only programs the scan lets share; whatever goes wrong
in one (crash, memory) is decided again by the parent in a child of its own.
"""

import builtins
import errno
import gc
import marshal
import os
import random
import signal
import struct
import sys
import time
import traceback
import types
from typing import Any

from pipeline.sandbox.inside import check, layout, scan, transport

ANY_PROGRAM = 0xFFFF
SHARED, ALONE, EXPRESSIONS, WORKER, OWN = range(5)

Wanted = list[int] | None
ProgramRequest = tuple[int, str, Wanted]
Column = tuple[int, str]
# job, entry point, calls, checks, programs; calls and checks share one numbering of columns.
JobRequest = tuple[int, str, list[Column], list[Column], list[ProgramRequest]]
CallCode = tuple[int, types.CodeType]
CheckCode = tuple[int, types.CodeType, set[str]]

_clock = time.thread_time_ns
# Reading a thread's CPU clock is a system call, and costs as much as a short call of a solution. Calls in a
# shared child are timed by this one instead, which is never behind it; the CPU clock is read once a flush.
_elapsed = time.perf_counter_ns
_pack = layout.FRAME.pack
_PREFIX = [bytes((kind,)) for kind in range(layout.TOO_LARGE + 1)]
_type_name = type.__dict__["__name__"].__get__


class Arena:
    """The child's end of the shared memory."""

    def __init__(self, memory: memoryview) -> None:
        self.words = memory[: layout.HEADER_BYTES].cast("Q")
        self.frames = memory[layout.HEADER_BYTES :]
        self.pending: list[bytes] = []
        self.calls: list[int] = []
        self.times_ns: list[int] = []
        self.answers: list[bytes] = []
        self.flushed_ns = 0  # on `_elapsed`
        self.flushed_cpu_ns = 0

    def begin(self, job: int, program: int, call: int) -> int:
        """Mark what runs now; its CPU time starts here."""
        now = _clock()
        self.words[layout.MARK] = job << 40 | program << 20 | call
        self.words[layout.SINCE] = now
        return now

    def put(self, job: int, program: int, call: int, kind: int, cpu_ns: int = 0, data: bytes = b"") -> None:
        """Add a frame; it is written at the next flush."""
        self.pending.append(_pack(job, program, call, kind, min(cpu_ns, 0xFFFFFFFF), len(data)))
        self.pending.append(data)

    def put_many(self, job: int, program: int) -> None:
        """Add a frame for the calls of one program that stand in `calls`, `times_ns` and `answers`."""
        calls, answers = self.calls, self.answers
        if calls:
            head = struct.pack(f"<{3 * len(calls)}I", *calls, *self.times_ns, *map(len, answers))
            self.put(job, program, len(calls), layout.MANY, 0, b"".join([head, *answers]))
            calls.clear()
            self.times_ns.clear()
            answers.clear()

    def flush_between_calls(self, job: int, program: int) -> int:
        """Write everything down after a call that was long, or many short ones; the time on `_elapsed`.

        The last call took no more CPU than the process did since it was last looked at.
        """
        cpu_ns = _clock()
        self.times_ns[-1] = min(self.times_ns[-1], cpu_ns - self.flushed_cpu_ns, 0xFFFFFFFF)
        self.put_many(job, program)
        self.flush()
        self.words[layout.SINCE] = self.flushed_cpu_ns
        return self.flushed_ns

    def flush(self) -> None:
        """Write what is pending; a full arena ends the child, and the parent asks again."""
        data = b"".join(self.pending)
        used = self.words[layout.USED]
        if used + len(data) > len(self.frames):
            self.words[layout.STATE] = layout.FULL
            os._exit(0)
        self.frames[used : used + len(data)] = data
        self.words[layout.USED] = used + len(data)
        self.pending.clear()
        self.flushed_ns, self.flushed_cpu_ns = _elapsed(), _clock()


def namespace() -> dict[str, Any]:
    """A fresh module namespace."""
    return {"__builtins__": builtins, "__name__": "solution"}


def raised(error: BaseException) -> tuple[int, bytes]:
    """(kind of frame, the exception's type name)."""
    kind = type(error)
    if issubclass(kind, SystemExit):
        return layout.EXITED, b""
    if issubclass(kind, MemoryError):
        return layout.OUT_OF_MEMORY, b""
    if kind is PermissionError or (kind is OSError and error.errno == errno.EROFS):  # type: ignore[attr-defined]
        return layout.REFUSED, b""
    return layout.RAISED, _type_name(kind)[:100].encode("utf-8", "replace")


def raised_beside_others(error: BaseException, arena: Arena) -> tuple[int, bytes]:
    """As `raised`, but a lack of memory ends the child: it may be what somebody else left behind.

    The parent then runs the program that was running in a child of its own, and the others in a fresh one.
    """
    kind, data = raised(error)
    if kind == layout.OUT_OF_MEMORY:
        arena.flush()
        os._exit(layout.EXIT_MEMORY)
    return kind, data


def compiled_beside_others(text: str, mode: str) -> types.CodeType | None:
    """The code object, or None where the text does not compile; a lack of memory is an exception."""
    try:
        return compile(text, "<solution>", mode, 0, True, 0)
    except (SyntaxError, ValueError, OverflowError, RecursionError):
        return None


def compiled(text: str, mode: str) -> types.CodeType | None:
    """The code object, or None where the text does not compile, be it for its depth (a MemoryError)."""
    try:
        return compiled_beside_others(text, mode)
    except MemoryError:
        return None


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
    arena.put(job, program, index, kind, _clock() - now, data)
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
    clock, plain, prefix, flush_ns = _elapsed, transport.plain, _PREFIX, layout.FLUSH_NS
    base = job << 40 | program << 20
    now = arena.begin(job, program, layout.WHOLE)
    try:
        exec(code, space)
    except BaseException as error:
        kind, data = raised_beside_others(error, arena)
        arena.put(job, program, layout.WHOLE, kind, _clock() - now, data)
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
    now = _elapsed()
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
        after = _elapsed()
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


def run_own(job: JobRequest, arena: Arena, max_bytes: int) -> None:
    """Run one program on calls, loaded anew for each; the process is its own."""
    index, _, calls, _, [(program, text, _)] = job
    gc.enable()
    arena.begin(index, program, layout.WHOLE)
    code = compiled(text, "exec")
    codes = [(call, compiled(call_text, "eval")) for call, call_text in calls]
    limit, clock, seed = sys.getrecursionlimit(), _clock, random.seed
    environment = dict(os.environ)
    for call, call_code in codes:
        now = arena.begin(index, program, call)
        if code is None or call_code is None:
            arena.put(index, program, call, layout.NOT_COMPILED)
            continue
        seed(0)
        space = namespace()
        column = layout.WHOLE if call == codes[0][0] else call  # a fresh process that cannot load never can
        try:
            exec(code, space)
            column = call
            kind, data = transport.careful(eval(call_code, space), max_bytes)
        except BaseException as error:
            kind, data = raised(error)
        if column == layout.WHOLE:
            arena.put(index, program, column, kind, clock() - now, data)
            break
        sys.setrecursionlimit(limit)
        os.environ.clear()
        os.environ.update(environment)
        space.clear()
        arena.put(index, program, call, kind, clock() - now, data)
        arena.flush()
        if kind == layout.OUT_OF_MEMORY:
            os._exit(layout.EXIT_MEMORY)  # the next call gets all the memory again
    arena.flush()


def run_alone(job: JobRequest, arena: Arena, max_bytes: int) -> None:
    """Run one program on one call; the process is theirs."""
    index, _, [(call, call_text)], _, [(program, text, _)] = job
    gc.enable()
    random.seed(0)
    arena.begin(index, program, layout.WHOLE)
    code, call_code = compiled(text, "exec"), compiled(call_text, "eval")
    encode, put, flush, clock = transport.careful, arena.put, arena.flush, _clock
    if code is None or call_code is None:
        put(index, program, call, layout.NOT_COMPILED)
        flush()
        return
    space = namespace()
    now, column = clock(), layout.WHOLE
    try:
        exec(code, space)
        now, column = arena.begin(index, program, call), call
        kind, data = encode(eval(call_code, space), max_bytes)
    except BaseException as error:
        kind, data = raised(error)
    put(index, program, column, kind, clock() - now, data)
    flush()


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
        arena.put(0, 0, index, kind, _clock() - now, data)
        if _elapsed() - arena.flushed_ns > layout.FLUSH_NS:
            arena.flush()
    arena.flush()


def serve_split_program(text: str, read_end: int, write_end: int) -> None:
    """Load a program and answer the check in the other process."""
    gc.enable()
    random.seed(0)
    space = namespace()
    code = compiled(text, "exec")
    if code is None:
        return  # the check's process finds out for itself
    try:
        holder = _loaded(code, space)
        check.serve_program(holder, read_end, write_end)
    except MemoryError:
        os._exit(layout.EXIT_MEMORY)
    except check.HungUp:
        signal.pause()  # to be killed: ending now would look as if the program had ended by itself


def _loaded(code: types.CodeType, space: dict[str, Any]) -> check.Holder:
    try:
        exec(code, space)
    except (SystemExit, MemoryError):
        raise
    except BaseException as error:
        return check.Unloadable(error)
    return check.Holder(space)


def serve_split_check(request: bytes, read_end: int, write_end: int, arena: Arena) -> None:
    """Run a check about the program in the other process."""
    (size,) = layout.SPLIT.unpack_from(request)
    text = request[layout.SPLIT.size : layout.SPLIT.size + size].decode("utf-8", "surrogatepass")
    column, entry_point, check_text = marshal.loads(request[layout.SPLIT.size + size :])
    now = arena.begin(0, 0, column)
    code = compiled(check_text, "exec")
    kind, data = layout.NOT_COMPILED, b""
    if code is not None and compiled(text, "exec") is not None:
        try:
            ask = check.over_pipes(read_end, write_end)
            kind, data = check.verdict(code, check.wanted_names(code, entry_point), ask)
        except check.HungUp:
            os._exit(layout.EXIT_HUNG_UP)
        except BaseException as error:
            kind, data = raised(error)
    arena.put(0, 0, column, kind, _clock() - now, data)
    arena.flush()
    arena.words[layout.STATE] = layout.DONE


def run_worker(source: str, payload: bytes, arena: Arena) -> None:
    """Run a harness of ours: a module with `main(payload) -> bytes`."""
    gc.enable()
    sys.setrecursionlimit(1000)
    now = arena.begin(0, 0, 0)
    space: dict[str, Any] = {"__builtins__": builtins, "__name__": "worker"}
    try:
        exec(compile(source, "<worker>", "exec", 0, True), space)
        kind, data = layout.PLAIN, bytes(space["main"](payload))
    except MemoryError:
        kind, data = layout.OUT_OF_MEMORY, b""
    except SystemExit:
        kind, data = layout.EXITED, b""
    except BaseException:
        kind, data = layout.RAISED, traceback.format_exc().encode("utf-8", "replace")
    arena.put(0, 0, 0, kind, _clock() - now, data)
    arena.flush()


def serve(request: bytes, arena: Arena, scanner: scan.Scan) -> None:
    """Do what the request asks."""
    mode, max_bytes, body = marshal.loads(request)
    if mode == SHARED:
        run_shared(body, arena, scanner, max_bytes)
    elif mode == ALONE:
        run_alone(body[0], arena, max_bytes)
    elif mode == OWN:
        run_own(body[0], arena, max_bytes)
    elif mode == WORKER:
        source, payload = body
        run_worker(source, payload, arena)
    else:
        run_expressions(body, arena, scanner, max_bytes)
    arena.words[layout.STATE] = layout.DONE
