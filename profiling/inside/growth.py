"""Inputs that are large enough to tell solutions apart, and no larger: a ladder of sizes, climbed together.

All calls and shapes climb in step while they are cheap; then the first on which no program leaves early takes
the next steps. A rung counts only if every program returns the same value on it. Climbing ends when the
fastest program takes long enough, or one is about to take too long, or they disagree.

Where no program takes longer on larger inputs, what is measured on one input says nothing about another: of
two ways to tell a leap year, each is the faster in some years. Then there is no workload.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from profiling.inside.programs import Arguments, Program, Value, calls, is_lazy
from profiling.inside.timing import QUICK_S, OutOfTime, clock_ns, cpu_alarm, least_s, one_call, strides
from profiling.inside.values import agree

# Why climbing ended.
ENOUGH = "enough"  # the fastest program takes as long as wanted
COSTLY = "costly"  # the next rung would cost more than allowed
DISAGREE = "disagree"  # two programs returned different values on the next rung
ERROR = "error"  # a program raised on the next rung
LARGEST = "largest"  # inputs grow no further
FLAT = "flat"  # nothing takes longer on larger inputs
AS_WRITTEN = "as_written"  # the shape of a call that did not grow
STEPS_TOGETHER = 24
LEAST_FACTOR = 1.1
# Times of a program at the same size that differ by less say nothing about the call and the shape: a busy
# machine must not choose between them.
ALIKE = 2.5
# Time on the largest input over time as written. More digits alone make arithmetic on integers cost triple.
GROWN = 4.0


@dataclass(frozen=True)
class Limits:
    """What growth may cost.

    target_s: CPU seconds a call that the fastest program should reach.
    call_s: CPU seconds a call that no program may pass.
    total_s: CPU seconds that a round of all programs may take.
    growth_s: CPU seconds for the whole climb.
    """

    target_s: float
    call_s: float
    total_s: float
    growth_s: float


@dataclass(frozen=True)
class Rung:
    """One size of one shape on which all programs agreed.

    seconds: of one call, per program, the lesser of two.
    expected: what they returned.
    """

    shape: str
    size: int
    seconds: tuple[float, ...]
    expected: Value
    lazy: tuple[bool, ...]

    def load(self, limits: Limits) -> float:
        """Cost in units of what is allowed; above 1 is too much."""
        round_s = sum(
            taken / stride for taken, stride in zip(self.seconds, strides(self.seconds), strict=True)
        )
        return max(max(self.seconds) / limits.call_s, round_s / limits.total_s)


@dataclass(frozen=True)
class Ground:
    """What is grown, and for whom.

    call: a plain call of the entry point; natural: its size as written; shapes: in which it can grow.
    largest: the size it can grow to.
    enlarge: (shape, size) -> arguments.
    deadline_ns: on `clock_ns`; later no rung is tried.
    """

    programs: Sequence[Program]
    call: str
    natural: int
    shapes: Sequence[str]
    largest: int
    enlarge: Callable[[str, int], Arguments]
    limits: Limits
    deadline_ns: int


@dataclass(frozen=True)
class Ladder:
    """The rungs of one call and shape, small to large, and why there are no more (empty while it climbs).

    place: among all ladders, before any has been climbed.
    """

    place: int
    ground: Ground
    shape: str
    rungs: tuple[Rung, ...]
    ended: str

    def at(self, size: float) -> tuple[float, ...]:
        """Seconds of each program at `size`, on a straight line of logarithms between two rungs."""
        reached = (place for place, rung in enumerate(self.rungs) if rung.size >= size)
        above = next(reached, len(self.rungs) - 1)
        lower, upper = self.rungs[max(above - 1, 0)], self.rungs[above]
        if upper.size == lower.size:
            return upper.seconds
        share = min(1.0, math.log(size / lower.size) / math.log(upper.size / lower.size))
        return tuple(a ** (1 - share) * b**share for a, b in zip(lower.seconds, upper.seconds, strict=True))


def climb(grounds: Sequence[Ground]) -> list[Ladder] | str:
    """The ladders of all calls and shapes, the one to measure on first; or why there is none.

    The first rung of every ladder is the call as the test wrote it. Calls on which the programs do not even
    agree so are left out.
    """
    ladders: list[Ladder] = []
    refused = FLAT
    for ground in grounds:
        first = _rung(ground, AS_WRITTEN, ground.natural, ground.enlarge(AS_WRITTEN, ground.natural))
        if isinstance(first, str):
            refused = f"{AS_WRITTEN}_{first}"
        else:
            start = len(ladders)
            ladders += [
                Ladder(start + i, ground, shape, (first,), "") for i, shape in enumerate(ground.shapes)
            ]
    climbed = _climbed(ladders)
    # Where luck is all there is, better that than nothing.
    ladders = [*map(_without_luck, climbed)]
    chosen = next((ladder for ladder in (*ladders, *climbed) if _grows(ladder)), None)
    if chosen is None:
        return FLAT if ladders else refused
    return [chosen, *(ladder for ladder in ladders if ladder.place != chosen.place)]


def _climbed(ladders: list[Ladder]) -> list[Ladder]:
    """At their tops, the best to measure on first."""
    if not ladders:
        return []
    for _ in range(STEPS_TOGETHER):
        ladders = [_stepped(ladder) for ladder in ladders]
        if all(ladder.ended for ladder in ladders) or _ripe(ladders):
            break
    # Which one is best is asked at every step: one disturbed measurement must not decide it.
    while (ladders := _best_first(ladders))[0].ended not in (ENOUGH, COSTLY):
        climbing = next((place for place, ladder in enumerate(ladders) if not ladder.ended), None)
        if climbing is None:
            break
        ladders[climbing] = _stepped(ladders[climbing])
    return ladders


def _best_first(ladders: Sequence[Ladder]) -> list[Ladder]:
    """Sorted by cost at the same size, but first of all the earliest on which no program gets away with less.

    At their tops they cannot be compared: where a slow program leaves early, the others climb far higher. The
    same size is the largest that all reached but those that came to nothing.
    """
    tops = [_cost(ladder.rungs[-1].seconds) for ladder in ladders]
    size = min(
        ladder.rungs[-1].size for ladder, top in zip(ladders, tops, strict=True) if top >= max(tops) / 10
    )
    seconds = {ladder.place: ladder.at(size) for ladder in ladders}
    longest = [max(taken) for taken in zip(*seconds.values(), strict=True)]

    def rank(ladder: Ladder) -> tuple[bool, float]:
        taken = seconds[ladder.place]
        if all(ALIKE * own >= most for own, most in zip(taken, longest, strict=True)):
            return False, ladder.place
        return True, -_cost(taken)

    return sorted(ladders, key=rank)


def _without_luck(ladder: Ladder) -> Ladder:
    """Cut above the largest rung on which no program got away with much less than on a smaller one.

    Each rung has elements of its own: on one of them a slow program may happen upon what it looks for.
    """
    longest = [0.0] * len(ladder.ground.programs)
    kept = 1
    for number, rung in enumerate(ladder.rungs, start=1):
        longest = [max(most, taken) for most, taken in zip(longest, rung.seconds, strict=True)]
        if all(
            ALIKE * taken >= most or most < QUICK_S for taken, most in zip(rung.seconds, longest, strict=True)
        ):
            kept = number
    return replace(ladder, rungs=ladder.rungs[:kept])


def _cost(seconds: Sequence[float]) -> float:
    """Seconds: between the middle program's and the mean ones; all means are geometric.

    The middle: one that is slow at everything must not choose the shape alone. The mean: one that leaves
    early where all others work must be noticed.
    """
    logs = sorted(math.log(max(taken, 1e-9)) for taken in seconds)
    return math.exp((logs[len(logs) // 2] + sum(logs) / len(logs)) / 2)


def _grows(ladder: Ladder) -> bool:
    """Whether some program takes longer at the top than at the bottom."""
    ground, first, top = ladder.ground, ladder.rungs[0], ladder.rungs[-1]
    if top is first:
        return False
    if any(
        after > max(QUICK_S, GROWN * before) for before, after in zip(first.seconds, top.seconds, strict=True)
    ):
        return True
    before, after = (ground.enlarge(rung.shape, rung.size) for rung in (first, top))
    return any(
        _surely_least_s(program, after, lazy) > GROWN * _surely_least_s(program, before, lazy)
        for program, lazy in zip(ground.programs, top.lazy, strict=True)
    )


def _surely_least_s(program: Program, arguments: Arguments, lazy: bool) -> float:
    return min(least_s(calls(program, arguments, lazy=lazy)) for _ in range(5))


def _ripe(ladders: Sequence[Ladder]) -> bool:
    return any(
        min(ladder.rungs[-1].seconds) > ladder.ground.limits.target_s / 4
        or ladder.rungs[-1].load(ladder.ground.limits) > 1 / 8
        for ladder in ladders
    )


def _stepped(ladder: Ladder) -> Ladder:
    ground = ladder.ground
    if ladder.ended:
        return ladder
    top = ladder.rungs[-1]
    factor = _next_factor(ladder, ground.limits)
    if min(top.seconds) >= ground.limits.target_s:
        return replace(ladder, ended=ENOUGH)
    if factor < LEAST_FACTOR or clock_ns() > ground.deadline_ns:
        return replace(ladder, ended=COSTLY)
    size = max(top.size + 1, int(top.size * factor))
    if size > ground.largest:
        return replace(ladder, ended=LARGEST)
    rung = _rung(ground, ladder.shape, size, ground.enlarge(ladder.shape, size))
    if isinstance(rung, str):
        return replace(ladder, ended=rung)
    too_much = rung.load(ground.limits) > 1
    return replace(ladder, ended=COSTLY) if too_much else replace(ladder, rungs=(*ladder.rungs, rung))


def _next_factor(ladder: Ladder, limits: Limits) -> float:
    """How much larger the next input may be: at most double, and much less where cost explodes with size."""
    top = ladder.rungs[-1]
    if len(ladder.rungs) == 1:
        return 1.5
    below = ladder.rungs[-2]
    steps = math.log(top.size / below.size)
    exponent = max(0.0, math.log(top.load(limits) / below.load(limits)) / steps)
    # Twice the last exponent: where cost is exponential in size, the exponent itself grows with size.
    allowed = float((1 / top.load(limits)) ** (1 / (2 * exponent + 0.5)))
    flat = exponent < 0.3 and top.size > 64
    return min(allowed, 4.0 if flat else 2.0)


def _rung(ground: Ground, shape: str, size: int, arguments: Arguments) -> Rung | str:
    """The rung, or why there is none."""
    programs, limits = ground.programs, ground.limits
    seconds, lazy = [], []
    expected: Value = None
    for index, program in enumerate(programs):
        try:
            with cpu_alarm(3 * limits.call_s):
                taken, value, is_iterator = _least_s(program, arguments, limits)
        except OutOfTime:
            return COSTLY
        except BaseException:  # a solution may raise anything; on this input there is nothing to measure
            return ERROR
        if index == 0:
            expected = value
        if not agree(value, expected):
            return DISAGREE
        seconds.append(taken)
        lazy.append(is_iterator)
    return Rung(shape, size, tuple(seconds), expected, tuple(lazy))


def _least_s(program: Program, arguments: Arguments, limits: Limits) -> tuple[float, Value, bool]:
    """(CPU seconds of a call; its value; whether that was lazy).

    The lesser of two: a machine's burst in a single one would end a ladder, or put it before the others.
    """
    taken, value = one_call(next(calls(program, arguments, lazy=False)))
    lazy = is_lazy(value)
    if lazy:
        taken, value = one_call(next(calls(program, arguments, lazy=True)))
    if taken < limits.call_s:
        taken = min(taken, one_call(next(calls(program, arguments, lazy=lazy)))[0])
    return taken, value, lazy
