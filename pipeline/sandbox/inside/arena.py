"""The child's end of the shared memory: what runs now, and the answers so far.

Answers are gathered and written down together, a system call and a copy for many.
"""

import os
import struct
import time

from pipeline.sandbox.inside import layout

# Taken before any program runs: a patched `time` module is not heard. Reading a thread's CPU clock is a
# system call, and costs as much as a short call of a solution: calls in a shared child are timed by the other
# clock, which is never behind it, and the CPU clock is read once in FLUSH_NS.
cpu_clock = time.thread_time_ns
elapsed_clock = time.perf_counter_ns
_pack = layout.FRAME.pack


class Arena:
    """Frames on their way to the parent, and the words that the zygote watches."""

    def __init__(self, memory: memoryview, seal: int) -> None:
        self._seal = seal
        self.words = memory[: layout.HEADER_BYTES].cast("Q")
        self.frames = memory[layout.HEADER_BYTES :]
        self.pending: list[bytes] = []
        self.flushed_ns = 0  # on `elapsed_clock`

    def begin(self, job: int, program: int, call: int) -> int:
        """Mark what runs now; its CPU time starts here."""
        self.words[layout.MARK] = job << 40 | program << 20 | call
        return self.start_clock()

    def put(self, job: int, program: int, call: int, kind: int, cpu_ns: int = 0, data: bytes = b"") -> None:
        """Add a frame; it is written at the next flush."""
        self.pending.append(_pack(job, program, call, kind, min(cpu_ns, 0xFFFFFFFF), len(data), self._seal))
        self.pending.append(data)

    def put_many(
        self,
        job: int,
        program: int,
        times_ns: list[int],
        calls: list[int],
        kinds: bytes | bytearray,
        answers: list[bytes],
    ) -> None:
        """Add a frame for several calls of one program; all lists are in their order."""
        sizes = map(len, answers)
        numbers = struct.pack(f"<{3 * len(calls)}I", *times_ns, *calls, *sizes)
        self.put(job, program, len(calls), layout.MANY, 0, b"".join([numbers, kinds, *answers]))

    def start_clock(self) -> int:
        """The CPU time of what runs next starts here."""
        now = self.words[layout.SINCE] = cpu_clock()
        return now

    def flush(self) -> None:
        """Write what is pending; a full arena ends the child, and the parent asks again."""
        data = b"".join(self.pending)
        used = self.words[layout.USED]
        if used + len(data) > len(self.frames):
            self._exit_full()
        self.frames[used : used + len(data)] = data
        self.words[layout.USED] = used + len(data)
        self.pending.clear()
        self.flushed_ns = elapsed_clock()

    def end_full(self) -> None:
        """Write what is pending and end the child: the parent asks a fresh one for the rest."""
        self.flush()
        self._exit_full()

    def _exit_full(self) -> None:
        self.words[layout.STATE] = layout.FULL
        os._exit(0)
