"""Where a solution's time and memory go, line by line: hits, share of time, growth of memory.

A trace function costs about the same at every line, whatever the line does, so that cost is measured on an
empty loop and taken off. Of five runs every line keeps its least time; the loop runs beside each of them, so
that a machine which slows down for a while slows both.
"""

import sys
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType

from profiling.inside.programs import FILENAME, Call, load

clock_ns = time.thread_time_ns
RUNS = 5
# No line takes less: where the cost of tracing drowns all lines of a program, their shares follow their hits.
LEAST_NS_A_HIT = 1.0
EMPTY_LOOP = "def empty():\n    for _ in range(100):\n        pass\n"
EMPTY_LINE = 3


@dataclass
class Line:
    """What one source line did in one run."""

    hits: int = 0
    nanoseconds: int = 0
    grown_bytes: int = 0


class _Tracer:
    """A trace function that books the time and memory between two line events on the first line.

    grown: of all lines. integral: bytes in use, times the nanoseconds they were.
    """

    def __init__(self, *, memory: bool) -> None:
        self.lines: defaultdict[int, Line] = defaultdict(Line)
        self.memory = memory
        self.line = 0
        self.start_bytes = tracemalloc.get_traced_memory()[0]
        self.bytes = self.integral = self.elapsed_ns = 0
        self.since_ns = clock_ns()

    def __call__(self, frame: FrameType, event: str, _argument: object) -> "_Tracer | None":
        now = clock_ns()
        if frame.f_code.co_filename != FILENAME:
            return None
        if self.line:
            self._book(self.lines[self.line], now - self.since_ns)
        if event == "line":
            self.lines[frame.f_lineno].hits += 1
        # Between a call's event and its first line nothing happens that a line did.
        self.line = frame.f_lineno if event != "call" else 0
        self.since_ns = clock_ns()
        return self

    def _book(self, line: Line, nanoseconds: int) -> None:
        line.nanoseconds += nanoseconds
        if self.memory:
            now = tracemalloc.get_traced_memory()[0] - self.start_bytes
            line.grown_bytes += now - self.bytes
            self.integral += max(now, self.bytes, 0) * nanoseconds
            self.elapsed_ns += nanoseconds
            self.bytes = now


@dataclass(frozen=True)
class LineProfile:
    """lines: (number, seconds, hits, bytes grown) of every line that ran.

    fill: time-average of the memory in use, as a share of its peak; null where no memory was used.
    """

    lines: tuple[tuple[int, float, int, int], ...]
    fill: float | None


def line_profile(call: Callable[[], Call]) -> LineProfile:
    """One run for memory and five for time, each of a fresh `call()`."""
    tracemalloc.start()
    try:
        with_memory = _traced(call(), memory=True)
        peak = tracemalloc.get_traced_memory()[1] - with_memory.start_bytes
    finally:
        tracemalloc.stop()
    empty = load(EMPTY_LOOP, "empty").shared
    pairs = [(_traced(call(), memory=False), _traced(empty, memory=False)) for _ in range(RUNS)]
    runs = [run for run, _ in pairs]
    event_ns = min(loop.lines[EMPTY_LINE].nanoseconds / loop.lines[EMPTY_LINE].hits for _, loop in pairs)
    found = [
        (number, _least_s(runs, number, event_ns), line.hits, line.grown_bytes)
        for number, line in sorted(with_memory.lines.items())
    ]
    if with_memory.elapsed_ns == 0 or peak <= 0:
        return LineProfile(tuple(found), None)
    return LineProfile(tuple(found), min(1.0, with_memory.integral / with_memory.elapsed_ns / peak))


def _least_s(runs: Sequence[_Tracer], number: int, event_ns: float) -> float:
    lines = [run.lines[number] for run in runs]
    least_ns = [max(LEAST_NS_A_HIT * line.hits, line.nanoseconds - event_ns * line.hits) for line in lines]
    return min(least_ns) * 1e-9


def _traced(call: Call, *, memory: bool) -> _Tracer:
    before = sys.gettrace()
    tracer = _Tracer(memory=memory)
    sys.settrace(tracer)
    try:
        call()
    finally:
        sys.settrace(before)
    return tracer
