"""The child's end of the shared memory: what runs now, and the answers so far.

Answers are gathered and written down together, a system call and a copy for many.
"""

import os
import struct
import time

from pipeline.sandbox.inside import layout

# Taken before any program runs: a patched `time` module is not heard. Reading a thread's CPU clock is a
# system call, and costs as much as a short call of a solution: calls in a shared child are timed by the other
# clock, which is never behind it, and the CPU clock is read once a flush.
cpu_clock = time.thread_time_ns
elapsed_clock = time.perf_counter_ns
_pack = layout.FRAME.pack


class Arena:
    """Frames on their way to the parent, and the words that the zygote watches."""

    def __init__(self, memory: memoryview) -> None:
        self.words = memory[: layout.HEADER_BYTES].cast("Q")
        self.frames = memory[layout.HEADER_BYTES :]
        self.pending: list[bytes] = []
        self.calls: list[int] = []
        self.times_ns: list[int] = []
        self.answers: list[bytes] = []
        self.flushed_ns = 0  # on `elapsed_clock`
        self.flushed_cpu_ns = 0

    def begin(self, job: int, program: int, call: int) -> int:
        """Mark what runs now; its CPU time starts here."""
        now = cpu_clock()
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
        """Write everything down after a call that was long, or many short ones; the time on `elapsed_clock`.

        The last call took no more CPU than the process did since it was last looked at.
        """
        cpu_ns = cpu_clock()
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
        self.flushed_ns, self.flushed_cpu_ns = elapsed_clock(), cpu_clock()
