"""A measurement from its first process to its last: grow, time, and go on only while it could matter.

Process 0 grows the inputs and times all programs on them; process 1 times them again and looks at memory and
lines. Further processes take only those programs that stand in a pair about which nothing is decided yet, and
something can be.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from itertools import combinations
from typing import TypeVar

from profiling.answers import Answer, LineCost, Workload, parsed_answer
from profiling.claims import Claim, time_claim
from profiling.inside.growth import AS_WRITTEN, GROWN
from profiling.inside.timing import QUICK_S
from profiling.inside.values import digest

T = TypeVar("T")

# A worker's answer to a request; None where it was killed or said nothing.
Ask = Callable[[bytes], bytes | None]

NO_ANSWER = "no_answer"  # the worker was killed, or its answer was no answer
GIVEN = "given"  # the workload was not grown here
NOTHING = digest(None)  # the value of a function that returns nothing
SMALL_S = 5e-5  # the line profile runs on the largest rung on which no program takes longer


@dataclass(frozen=True)
class Plan:
    """How much to measure.

    rounds: in a process, of one sample a program. sample_s: least CPU seconds of a sample.
    first_processes, max_processes: always, and for near-ties at most.
    min_speedup: ratios above this are to be certified.
    target_s, call_s, total_s, growth_s: of profiling.inside.growth.Limits.
    """

    rounds: int
    sample_s: float
    first_processes: int
    max_processes: int
    min_speedup: float
    target_s: float
    call_s: float
    total_s: float
    growth_s: float


@dataclass(frozen=True)
class Base:
    """A plain call to grow from: its size as written, the shapes it can grow in, and how far."""

    call: str
    shapes: tuple[str, ...]
    natural: int
    largest: int


@dataclass(frozen=True)
class Measured:
    """What was measured of some programs of one task.

    workload: None if there was no input on which the programs could be measured; `ended` says why.
    times: per program, process -> seconds of one call, round by round; empty for a dropped program.
    loops, peaks, lines, fills, effects: per program, as in Answer; loops as of the last process.
    dropped: program -> reason.
    """

    workload: Workload | None
    small: Workload | None
    ended: str
    digest: str = ""
    ladder: tuple[tuple[int, tuple[float, ...]], ...] = ()
    checks: tuple[Workload, ...] = ()
    times: tuple[dict[int, tuple[float | None, ...]], ...] = ()
    loops: tuple[int | None, ...] = ()
    peaks: tuple[int | None, ...] = ()
    lines: tuple[tuple[LineCost, ...] | None, ...] = ()
    fills: tuple[float | None, ...] = ()
    effects: tuple[str | None, ...] = ()
    dropped: dict[int, str] = field(default_factory=dict)

    @property
    def live(self) -> tuple[int, ...]:
        """The programs that have times."""
        return tuple(index for index, times in enumerate(self.times) if times and index not in self.dropped)

    def grew(self, program: int) -> bool:
        """Whether the program took longer on the largest input than on the one that was written.

        Of two that did not, either may be the faster on another input: what is measured on one says nothing.
        """
        if not self.ladder:
            return False
        (_, first), (_, last) = self.ladder[0], self.ladder[-1]
        return last[program] > max(QUICK_S, GROWN * first[program])

    def comparable(self, one: int, other: int) -> bool:
        """Whether what is certain of two programs counts: one of them grew, or nothing is known of growth."""
        return not self.ladder or self.grew(one) or self.grew(other)

    def replaces(self, slower: int, faster: int) -> bool:
        """Whether a caller may be given `faster` for `slower`, by what they do to their arguments.

        Sorting a list in place is faster than sorting a copy, and another function. `faster` does to its
        arguments what `slower` does; or it leaves them alone, unless that is all that is asked of it.
        """
        effect = self.effects[faster]
        return effect == self.effects[slower] or (effect == "" and self.digest != NOTHING)

    def claim(self, slower: int, faster: int) -> Claim | None:
        """What the times say about two programs; None where they say nothing."""
        if {slower, faster} <= set(self.live):
            return time_claim(self.times[slower], self.times[faster])
        return None


@dataclass(frozen=True)
class Campaign:
    """Programs of one task, and how they are measured.

    codes: in the order of every per-program figure; the first one's values are what the others must match.
    seed: makes grown inputs and the order of rounds.
    """

    codes: tuple[str, ...]
    entry_point: str
    seed: int
    plan: Plan
    ask: Ask

    def growing(self, bases: Sequence[Base]) -> Measured:
        """Grow a workload from `bases` on which all programs agree, and measure them on it."""
        everyone = range(len(self.codes))
        answer = self._answer(everyone, 0, {"calls": [astuple(base) for base in bases]})
        if answer is None or not _grown_calls(answer) <= {base.call for base in bases}:
            return Measured(None, None, NO_ANSWER)
        if answer.workload is None:
            return Measured(None, None, answer.ended, dropped=answer.dropped)
        start = Measured(
            answer.workload,
            _small(answer),
            answer.ended,
            answer.digest,
            answer.ladder,
            answer.checks,
            times=({},) * len(self.codes),
        )
        return self._continued(_with(start, answer, everyone, 0), 1)

    def on(
        self,
        workload: Workload,
        small: Workload,
        checks: tuple[Workload, ...],
        written: Workload | None = None,
    ) -> Measured:
        """Measure the programs on a given workload, those that agree with the first on it and on `checks`.

        written: what `workload` was grown from, to see which programs grew; None where that is not asked.
        """
        start = Measured(workload, small, GIVEN, checks=checks, times=({},) * len(self.codes))
        return self._continued(start, 0, written)

    def _continued(self, so_far: Measured, first: int, written: Workload | None = None) -> Measured:
        chosen = list(range(len(self.codes)))
        for process in range(first, self.plan.max_processes):
            chosen = [index for index in chosen if index not in so_far.dropped]
            if process >= self.plan.first_processes:
                chosen = _undecided(so_far, chosen, self.plan.min_speedup)
            if not chosen or so_far.workload is None or so_far.small is None:
                break
            request = {
                "workload": astuple(so_far.workload),
                "small": astuple(so_far.small),
                "details": process == 1,
                "checks": [astuple(check) for check in so_far.checks] if process == 0 else [],
                "written": astuple(written) if written is not None and process == 0 else None,
            }
            answer = self._answer(chosen, process, request)
            if answer is None:
                everyone = dict.fromkeys(range(len(self.codes)), NO_ANSWER)
                return replace(so_far, ended=NO_ANSWER, dropped=everyone)
            so_far = _with(so_far, answer, chosen, process)
        return so_far

    def _answer(self, chosen: Sequence[int], process: int, what: Mapping[str, object]) -> Answer | None:
        plan = self.plan
        request = {
            "entry_point": self.entry_point,
            "programs": [self.codes[index] for index in chosen],
            "seed": self.seed,
            "order_seed": self.seed + process,
            "sample_s": plan.sample_s,
            "rounds": plan.rounds,
            "limits": {
                "target_s": plan.target_s,
                "call_s": plan.call_s,
                "total_s": plan.total_s,
                "growth_s": plan.growth_s,
            },
            **what,
        }
        output = self.ask(json.dumps(request).encode())
        return None if output is None else parsed_answer(output, len(chosen))


def _grown_calls(answer: Answer) -> set[str]:
    return {grown.call for grown in (answer.workload, *answer.checks) if grown is not None}


def _undecided(so_far: Measured, among: Sequence[int], min_speedup: float) -> list[int]:
    # Nothing is new about pairs with a program that the last process left out.
    chosen: set[int] = set()
    for a, b in combinations([index for index in so_far.live if index in among], 2):
        claim = so_far.claim(a, b)
        if claim is not None and claim.undecided(min_speedup) and so_far.comparable(a, b):
            chosen |= {a, b}
    return sorted(chosen)


def _with(so_far: Measured, answer: Answer, chosen: Sequence[int], process: int) -> Measured:
    """`so_far` and one more process, which ran the programs `chosen`."""
    n_programs = len(so_far.times)

    def spread(values: Sequence[T | None], before: Sequence[T | None]) -> tuple[T | None, ...]:
        found = dict(zip(chosen, values, strict=True))
        kept = before or (None,) * n_programs
        return tuple(old if (new := found.get(i)) is None else new for i, old in enumerate(kept))

    times = [dict(found) for found in so_far.times]
    for index, taken in zip(chosen, answer.seconds, strict=True):
        if taken is not None:
            times[index][process] = taken
    return replace(
        so_far,
        times=tuple(times),
        dropped=so_far.dropped | {chosen[place]: reason for place, reason in answer.dropped.items()},
        digest=so_far.digest or answer.digest,
        ladder=so_far.ladder or answer.ladder,
        loops=spread(answer.loops, so_far.loops),
        peaks=spread(answer.peaks, so_far.peaks),
        lines=spread(answer.lines, so_far.lines),
        fills=spread(answer.fills, so_far.fills),
        effects=spread(answer.effects, so_far.effects),
    )


def _small(answer: Answer) -> Workload | None:
    """The largest rung on which the slowest program is quick, else the first."""
    if answer.workload is None or not answer.ladder:
        return None
    first = answer.ladder[0][0]
    size = max((size for size, taken in answer.ladder if max(taken) <= SMALL_S), default=first)
    shape = AS_WRITTEN if size == first else answer.workload.shape
    return Workload(answer.workload.call, shape, size)
