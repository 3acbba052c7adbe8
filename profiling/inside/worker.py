"""The sandbox's side of a measurement: a JSON request in, a JSON answer out.

Request: entry_point, programs (codes), seed, sample_s, rounds, limits (of `growth.Limits`), and either
    calls: [[plain call, shapes, its size, largest size], ...]   climb to a workload, then time on it; or
    workload: [call, shape, size], small: the same      time on it; `details`: memory and lines too, these on
                                                        the small one
    checks: [workload, ...]; programs must return there what the first one returns
    written: what the workload was grown from, or null; the same holds there, and the ladder is of these two
Answer: dropped {program index: reason}; the lists below have a null for a dropped program.
    workload: [call, shape, size] or null, ended: why growth stopped (of `growth`), digest: of the value
    ladder: [[size, [s, ...]], ...], with 0 s for a dropped program
    checks: other workloads on which all programs agreed
    seconds: [[CPU s a call or null where left out, ...rounds], ...], loops: [...]
    peaks: [bytes, ...], lines: [[[number, s, hits, bytes grown], ...], ...], fills: [share of the peak, ...]
    effects: ["" where a call leaves its arguments as they were, else a digest of what it leaves, ...]
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from profiling.inside.growth import Ground, Ladder, Limits, climb
from profiling.inside.lines import line_profile
from profiling.inside.programs import (
    Arguments,
    Program,
    Value,
    arguments_after,
    calls,
    consumed,
    is_lazy,
    load,
    reaches_outside,
)
from profiling.inside.timing import (
    Entry,
    clock_ns,
    cpu_alarm,
    least_s,
    loops_for,
    peak_bytes,
    quiet_streams,
    still_agrees,
    strides,
    timed_rounds,
)
from profiling.inside.values import agree, digest

Enlarge = Callable[[str, str, int, int], Arguments]

# Why a program was dropped.
NOT_LOADED = "not_loaded"  # it does not compile, or raises when loaded
OUTSIDE = "reaches_outside"  # it could change what its neighbors run on
FAILS = "fails"  # it raises, or takes too long, on the workload
DIFFERS = "differs"  # it does not return what the first program returns
UNSTABLE = "unstable"  # a later call returned something else: time, chance, or memory of earlier calls

Request = dict[str, Any]
Answer = dict[str, Any]


def main(payload: bytes, enlarge: Enlarge) -> bytes:
    """Answer one request; the first program must not fall out, or there is nothing to compare with."""
    request: Request = json.loads(payload)
    quiet_streams()
    programs, dropped = _loaded(request)
    answer: Answer = {"dropped": dropped, "workload": None, "ended": "", "checks": [], "ladder": []}
    limits = Limits(**request["limits"])
    if programs and "calls" in request:
        _grow(request, answer, programs, enlarge, limits)
    elif programs:
        answer["workload"] = request["workload"]
    if answer["workload"] is not None:
        call, shape, size = answer["workload"]
        arguments = enlarge(call, shape, size, request["seed"])
        written = request.get("written")
        for call, shape, size in (*request.get("checks", ()), *([written] if written else ())):
            _compare(answer, programs, enlarge(call, shape, size, request["seed"]), limits)
        _measure(request, answer, programs, arguments, limits)
        if written:
            _two_rungs(request, answer, programs, enlarge, limits)
        if request.get("details"):
            call, shape, size = request["small"]
            small = enlarge(call, shape, size, request["seed"])
            _detail(answer, programs, arguments, small, limits)
    return json.dumps(answer).encode()


def _loaded(request: Request) -> tuple[dict[int, Program], dict[int, str]]:
    programs, dropped = {}, {}
    for index, code in enumerate(request["programs"]):
        try:
            if reaches_outside(code):
                dropped[index] = OUTSIDE
                continue
            with cpu_alarm(1.0):
                programs[index] = load(code, request["entry_point"])
        except BaseException:  # a solution's module may raise anything
            dropped[index] = NOT_LOADED
    # A fresh module takes time to load and has cold caches: one for all, or for none.
    fresh = any(program.keeps_state for program in programs.values())
    return {index: replace(program, keeps_state=fresh) for index, program in programs.items()}, dropped


def _grow(
    request: Request, answer: Answer, programs: dict[int, Program], enlarge: Enlarge, limits: Limits
) -> None:
    """Set workload, ladder, checks and why growth ended, from the call and shape that cost most."""
    deadline_ns = clock_ns() + int(limits.growth_s * 1e9)
    grounds = []
    for call, shapes, natural, largest in request["calls"]:

        def grown(shape: str, size: int, call: str = call) -> Arguments:
            return enlarge(call, shape, size, request["seed"])

        grounds.append(
            Ground(list(programs.values()), call, natural, shapes, largest, grown, limits, deadline_ns)
        )
    ladders = climb(grounds)
    if isinstance(ladders, str):
        answer["ended"] = ladders
        return
    chosen = ladders[0]
    answer["ended"] = chosen.ended
    n_programs = len(request["programs"])
    for rung in chosen.rungs:
        answer["ladder"].append(_rung(rung.size, dict(zip(programs, rung.seconds, strict=True)), n_programs))
    answer["workload"] = _named(chosen)
    answer["checks"] = [_named(other) for other in ladders[1:] if len(other.rungs) > 1]


def _rung(size: int, seconds: dict[int, float], n_programs: int) -> list[Any]:
    return [size, [seconds.get(index, 0.0) for index in range(n_programs)]]


def _named(ladder: Ladder) -> list[Any]:
    return [ladder.ground.call, ladder.rungs[-1].shape, ladder.rungs[-1].size]


def _compare(answer: Answer, programs: dict[int, Program], arguments: Arguments, limits: Limits) -> None:
    """Take out the programs that do not return what the first one returns, or take far longer."""
    found: list[Value] = []
    for index, program in list(programs.items()):
        try:
            with cpu_alarm(10 * limits.call_s):
                value = consumed(next(calls(program, arguments, lazy=False))())
        except BaseException:  # a solution may raise anything
            answer["dropped"][index] = FAILS
            del programs[index]
            continue
        found = found or [value]
        if not agree(value, found[0]):
            answer["dropped"][index] = DIFFERS
            del programs[index]


def _two_rungs(
    request: Request, answer: Answer, programs: dict[int, Program], enlarge: Enlarge, limits: Limits
) -> None:
    """Set a ladder of the call as written and the workload, for programs that did not climb it."""
    for call, shape, size in (request["written"], request["workload"]):
        arguments = enlarge(call, shape, size, request["seed"])
        seconds = {}
        for index, program in programs.items():
            if index in answer["dropped"]:
                continue
            try:
                with cpu_alarm(10 * limits.call_s):
                    lazy = is_lazy(next(calls(program, arguments, lazy=False))())
                    seconds[index] = least_s(calls(program, arguments, lazy=lazy))
            except BaseException:  # a solution may raise anything
                answer["dropped"][index] = FAILS
        answer["ladder"].append(_rung(size, seconds, len(request["programs"])))


@dataclass(frozen=True)
class _Ready:
    """The entries that came through the warm-up, and what they returned."""

    entries: dict[int, Entry]
    expected: Value


def _measure(
    request: Request, answer: Answer, programs: dict[int, Program], arguments: Arguments, limits: Limits
) -> None:
    """Warm up, time, and look again whether the values are still the same."""
    ready = _warmed_up(request, answer, programs, arguments, limits)
    entries, n_programs = ready.entries, len(request["programs"])
    order = random.Random(request["order_seed"])
    seconds = timed_rounds(list(entries.values()), arguments, request["rounds"], order)
    answer["digest"] = digest(ready.expected)
    answer["seconds"] = [None] * n_programs
    answer["loops"] = [None] * n_programs
    for (index, entry), taken in zip(list(entries.items()), seconds, strict=True):
        if taken is None:
            answer["dropped"][index] = FAILS
            continue
        if not still_agrees(entry, arguments, ready.expected):
            answer["dropped"][index] = UNSTABLE
            continue
        answer["seconds"][index] = taken
        answer["loops"][index] = entry.loops


def _warmed_up(
    request: Request, answer: Answer, programs: dict[int, Program], arguments: Arguments, limits: Limits
) -> _Ready:
    found: dict[int, tuple[Program, bool, float]] = {}
    expected: Value = None
    for index, program in programs.items():
        try:
            with cpu_alarm(10 * limits.call_s):
                value = next(calls(program, arguments, lazy=False))()
                lazy = is_lazy(value)
                value = consumed(value) if lazy else value
                taken = least_s(calls(program, arguments, lazy=lazy))
        except BaseException:  # a solution may raise anything
            answer["dropped"][index] = FAILS
            continue
        if not found:
            expected = value
        if agree(value, expected):
            found[index] = program, lazy, taken
        else:
            answer["dropped"][index] = DIFFERS
    seconds = [taken for _, _, taken in found.values()]
    plans = zip(loops_for(seconds, request["sample_s"]), strides(seconds), strict=True)
    entries = {
        index: Entry(program, lazy, loops, stride)
        for (index, (program, lazy, _)), (loops, stride) in zip(found.items(), plans, strict=True)
    }
    return _Ready(entries, expected)


def _detail(
    answer: Answer, programs: dict[int, Program], arguments: Arguments, small: Arguments, limits: Limits
) -> None:
    """Set peaks, lines, fills, effects of what has seconds; a program that fails on `small` is dropped."""
    details: dict[str, list[Any]] = {
        name: [None] * len(answer["seconds"]) for name in ("peaks", "lines", "fills", "effects")
    }
    answer |= details
    for index, program in programs.items():
        if answer["seconds"][index] is None:
            continue
        try:
            with cpu_alarm(10 * limits.call_s):
                value = next(calls(program, small, lazy=False))()
                lazy = is_lazy(value)
                consumed(value)
            peak = peak_bytes(calls(program, arguments, lazy=lazy))
            profile = line_profile(calls(program, small, lazy=lazy).__next__)
            effect = _effect(program, arguments)
        except BaseException:  # a solution may raise anything
            answer["dropped"][index] = FAILS
            continue
        for name, found in zip(details, (peak, profile.lines, profile.fill, effect), strict=True):
            details[name][index] = found


def _effect(program: Program, arguments: Arguments) -> str:
    after = arguments_after(program, arguments)
    return "" if agree(after, arguments) else digest(after)
