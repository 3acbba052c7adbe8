"""What one program answers to many calls, next to its neighbours: the inner loop of the whole machine."""

import random
import sys
import types
from collections.abc import Callable
from itertools import repeat
from typing import Any, NamedTuple

from pipeline.sandbox.inside import layout, transport
from pipeline.sandbox.inside.arena import Arena, cpu_clock, elapsed_clock
from pipeline.sandbox.inside.calls import Arguments, Function, SharedCalls, Target
from pipeline.sandbox.inside.programs import is_fixed, namespace, raised_beside_others
from pipeline.sandbox.inside.watch import Guard

Answer = tuple[int, bytes]  # kind of frame, its data
Encode = Callable[[object, int], Answer]


class Loadable(NamedTuple):
    """A program that may share.

    wanted: the columns it has not met, or None for all.
    makes_types: see `scan.Scanned`.
    """

    job: int
    program: int
    code: types.CodeType
    wanted: list[int] | None
    makes_types: bool


def run_once(
    one: Loadable, calls: SharedCalls, arena: Arena, max_bytes: int, guard: Guard, *, fixed: bool
) -> bool:
    """Load once, run all calls; False, with nothing run, if a call could change what loading leaves.

    guard: of what all share; fixed: it is known that no call can.
    Answers are encoded and written down after as many calls as take FLUSH_NS.
    """
    job, program, code, wanted, _ = one
    space = namespace()
    now = arena.begin(job, program, layout.WHOLE)
    failure: Answer | None = None
    try:
        exec(code, space)
    except BaseException as error:
        failure = raised_beside_others(error, arena)
    guard.before_answers_count()  # there may be no call after which to look
    if failure is not None:
        kind, data = failure
        arena.put(job, program, layout.WHOLE, kind, cpu_clock() - now, data)
        return True
    if not (fixed or is_fixed(space)):
        space.clear()
        return False
    if one.makes_types:
        guard.look_after(space)  # a generic class gives one to what it is handed
    columns, functions, arguments = calls.ready(space, wanted)
    arguments.reverse()
    while columns:
        times_ns, values, failed = _called(job, program, columns, functions, arguments, arena)
        arena.words[layout.MARK] = job << 40 | program << 20 | layout.SEVERAL
        done = columns[: len(values)]
        kinds, answers = _encoded(one, done, values, arena, max_bytes)
        for index, (kind, data) in failed.items():
            kinds[index], answers[index] = kind, data
        guard.before_answers_count()
        arena.put_many(job, program, times_ns, done, kinds, answers)
        if elapsed_clock() - arena.flushed_ns >= layout.FLUSH_NS:
            arena.flush()
        n = len(done)
        columns, functions = columns[n:], functions[n:]
    space.clear()
    return True


def _called(
    job: int,
    program: int,
    columns: list[int],
    functions: list[Function],
    arguments: list[Arguments],
    arena: Arena,
) -> tuple[list[int], list[Any], dict[int, Answer]]:
    """(CPU nanoseconds, values, failures by position) of calls that took FLUSH_NS together, or of all.

    arguments: the first call's last; each is let go after its call, so that what ends with it ends there.
    """
    words, clock, place = arena.words, elapsed_clock, layout.CALL
    times_ns: list[int] = []
    values: list[Any] = []
    failed: dict[int, Answer] = {}
    took, returned, given = times_ns.append, values.append, arguments.pop
    words[place] = columns[0]
    words[layout.MARK] = job << 40 | program << 20 | layout.IN_CALLS
    started_ns = arena.start_clock()
    before = clock()
    end = before + layout.FLUSH_NS
    for words[place], function in zip(columns, functions, strict=True):
        try:
            returned(function(*given()))
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
    one: Loadable, calls: list[int], values: list[Any], arena: Arena, max_bytes: int
) -> tuple[bytearray, list[bytes]]:
    """(kinds, answers) of the values of calls."""
    try:
        answers = [] if one.makes_types else list(map(transport.dumps, values, repeat(2)))
        if answers and max(map(len, answers)) <= max_bytes and transport.MARKED not in b"".join(answers):
            return bytearray(len(values)), answers
    except (ValueError, MemoryError):
        pass
    encode = _encoder(one)
    kinds, answers = bytearray(), []
    for index, call in enumerate(calls):
        # What ends with a value, such as a generator, runs on its call's account.
        arena.words[layout.MARK] = one.job << 40 | one.program << 20 | call
        try:
            kind, data = encode(values[index], max_bytes)
            values[index] = None
        except BaseException as error:
            kind, data = raised_beside_others(error, arena)
        kinds.append(kind)
        answers.append(data)
    return kinds, answers


def _encoder(one: Loadable) -> Encode:
    # `marshal` takes an instance of a class made from bytes for bytes.
    return transport.careful if one.makes_types else transport.plain


def run_fresh(
    one: Loadable,
    calls: SharedCalls,
    arena: Arena,
    max_bytes: int,
    guard: Guard,
    *,
    resets: bool,
) -> None:
    """Load anew for every call.

    guard: of what the program could change.
    resets: each is to meet `random` and the recursion limit as they are in a fresh process.
    """
    job, program, code, wanted, _ = one
    encode = _encoder(one)
    limit = sys.getrecursionlimit()
    times_ns: list[int] = []
    done: list[int] = []
    kinds = bytearray()
    answers: list[bytes] = []
    started_ns, now = arena.begin(job, program, layout.WHOLE), elapsed_clock()
    end = now + layout.FLUSH_NS
    arguments = calls.arguments()[::-1]  # each is let go after its call
    for call, target in zip(calls.columns, calls.targets, strict=True):
        if wanted is not None and call not in wanted:
            arguments.pop()
            continue
        arena.words[layout.MARK] = job << 40 | program << 20 | call
        if resets:
            random.seed(0)
        kind, data = _fresh_answer(code, target, arguments.pop(), arena, encode, max_bytes)
        guard.after_call()
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
            guard.before_answers_count()
            arena.put_many(job, program, times_ns, done, kinds, answers)
            arena.flush()
            times_ns, done, kinds, answers = [], [], bytearray(), []
            started_ns, now = arena.start_clock(), elapsed_clock()
            end = now + layout.FLUSH_NS
    guard.before_answers_count()
    arena.put_many(job, program, times_ns, done, kinds, answers)


def _fresh_answer(
    code: types.CodeType, target: Target, given: Arguments, arena: Arena, encode: Encode, max_bytes: int
) -> Answer:
    space = namespace()
    try:
        exec(code, space)
        bind, call_code = target
        answer = encode(bind(call_code, space)(*given), max_bytes)
    except BaseException as error:
        answer = raised_beside_others(error, arena)
    space.clear()
    return answer
