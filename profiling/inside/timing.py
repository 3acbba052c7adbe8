"""CPU seconds of calls: interleaved, in random order, garbage collection off, many short samples.

Neighbors on a shared machine change a processor's speed within milliseconds. Short samples (a tenth of a
millisecond) of all programs in turn see the same speed, and the median of many paired ratios hardly moves
when a burst hits some of them: on a loaded 2-core machine 80 rounds of .1 ms miss a true ratio by .5 %,
8 rounds of 1 ms by 2.5 %, at equal cost.
"""

import gc
import random
import signal
import statistics
import sys
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, pairwise
from types import FrameType

from profiling.inside.programs import Arguments, Call, Program, Value, calls
from profiling.inside.values import agree

# Taken once, before any solution runs: a patched `time` module is not heard.
clock_ns = time.thread_time_ns


def _clock_cost_ns() -> int:
    """What two readings of the clock, one right after the other, lie apart."""
    readings = [clock_ns() for _ in range(200)]
    return min(later - earlier for earlier, later in pairwise(readings))


# As much as the shortest calls take.
CLOCK_COST_NS = _clock_cost_ns()
MAX_LOOPS = 100
QUICK_S, QUICK_LOOPS = 1e-5, 32
# A program that takes so many times as long as the fastest takes part in every fourth round.
SLOW = 8.0
SLOW_STRIDE = 4


class OutOfTime(BaseException):
    """A call used more CPU than it was given."""


@dataclass(frozen=True)
class Entry:
    """A program ready to be timed on one workload.

    loops: calls in one sample.
    stride: it takes part in every so-manieth round only.
    """

    program: Program
    lazy: bool
    loops: int
    stride: int


@contextmanager
def cpu_alarm(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block once it has used `seconds` of CPU; loops inside C run on."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise OutOfTime

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)


@contextmanager
def without_collections() -> Iterator[None]:
    """No garbage collection in the block, and what is alive at its start is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def one_call(call: Call) -> tuple[float, Value]:
    """(CPU seconds, returned value) of one call."""
    start = clock_ns()
    value = call()
    return max(clock_ns() - start - CLOCK_COST_NS, 1) * 1e-9, value


def sample(batch: Sequence[Call]) -> float:
    """CPU seconds of running every call of the batch once, results thrown away."""
    start = clock_ns()
    for call in batch:
        call()
    return max(clock_ns() - start - CLOCK_COST_NS, 1) * 1e-9


def least_s(stream: Iterator[Call]) -> float:
    """CPU seconds of the quickest of three calls; of one in a batch where the clock costs more than it."""
    taken = min(one_call(next(stream))[0] for _ in range(3))
    return taken if taken > QUICK_S else sample(list(islice(stream, QUICK_LOOPS))) / QUICK_LOOPS


def loops_for(seconds: Sequence[float], sample_s: float) -> list[int]:
    """How many calls make a sample of at least `sample_s`, per program, from the seconds of a call of each.

    Equally many for all but the far slower ones: a sample's own cost is shared by its calls, and where one of
    two equal programs had fewer of them, it was certified as the slower (by 3 to 16 % on calls of .1 us).
    """
    ours = [taken if taken > SLOW * min(seconds) else min(seconds) for taken in seconds]
    return [max(1, min(MAX_LOOPS, -int(-sample_s // max(taken, 1e-8)))) for taken in ours]


def strides(seconds: Sequence[float]) -> list[int]:
    """How often programs take part in rounds: far slower ones are told apart by a few, and cost the most."""
    return [SLOW_STRIDE if taken > SLOW * min(seconds) else 1 for taken in seconds]


def timed_rounds(
    entries: Sequence[Entry], arguments: Arguments, rounds: int, order: random.Random
) -> list[list[float | None] | None]:
    """CPU seconds a call, [entry][round]; every round takes its entries once, in a new random order.

    What a sample of nothing takes, in the same rounds, is taken off.

    None for a round that an entry's stride leaves out, and for an entry of which a call raised.
    """
    streams = [calls(entry.program, arguments, lazy=entry.lazy) for entry in entries]
    idle, idle_s = len(entries), []
    sample_s: list[list[float | None]] = [[None] * rounds for _ in entries]
    failed: set[int] = set()
    with without_collections():
        for number in range(rounds):
            taking_part = [index for index, entry in enumerate(entries) if number % entry.stride == 0]
            for index in order.sample([*taking_part, idle], len(taking_part) + 1):
                # Odd bits of memory between samples move the copies: their place must not be a constant.
                padding = [bytearray(order.randrange(16, 4096)) for _ in range(4)]
                if index == idle:
                    idle_s.append(sample([_nothing]))
                elif index not in failed:
                    batch = list(islice(streams[index], entries[index].loops))
                    try:
                        sample_s[index][number] = sample(batch)
                    except BaseException:  # a solution may raise anything, and now and then only
                        failed.add(index)
                    del batch
                del padding
            gc.collect()
    # A sample starts with cold caches, whatever is in it: half a microsecond and more, which brings every
    # ratio nearer to 1, by a hundredth where one sample takes a tenth of a millisecond and one twice that.
    cold_s = statistics.median(idle_s)
    return [
        None
        if index in failed
        else [None if taken is None else max(taken - cold_s, 1e-9) / entry.loops for taken in found]
        for index, (entry, found) in enumerate(zip(entries, sample_s, strict=True))
    ]


def _nothing() -> None:
    pass


def peak_bytes(stream: Iterator[Call]) -> int:
    """Bytes of Python memory that the next call needs beyond its arguments, at its worst moment; exact."""
    call = next(stream)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        call()
        return max(0, tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()


def still_agrees(entry: Entry, arguments: Arguments, expected: Value) -> bool:
    """Whether one more fresh call returns `expected`; a result that depends on time or chance does not."""
    try:
        return agree(next(calls(entry.program, arguments, lazy=entry.lazy))(), expected)
    except BaseException:  # whatever a solution raises here, it is not the expected value
        return False


def quiet_streams() -> None:
    """Let solutions print into nothing, so that no output is mistaken for the answer."""
    sys.stdout = sys.stderr = _Nothing()


class _Nothing:
    encoding = "utf-8"

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass
