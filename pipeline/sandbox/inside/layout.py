"""The two shared memory regions between the parent and a zygote, byte for byte.

request: what to run, written by the parent, `marshal` (the parent is trusted; the way back is not).
arena:   HEADER_WORDS machine words, then frames. The child writes, the parent reads after the child is dead.

A frame is FRAME followed by `length` bytes. The arena is bounded, survives the child being killed in the
middle of a call, and costs no system call a result.
"""

import struct

REQUEST_BYTES = 64 << 20
ARENA_BYTES = 16 << 20

# Words of the arena's header.
USED = 0  # bytes of frames written so far
MARK = 1  # what is running now: job << 40 | program << 20 | call
SINCE = 2  # CPU nanoseconds of the child when that began, or up to FLUSH_NS earlier; also tells progress
STATE = 3  # RUNNING, DONE or FULL
CALL = 4  # the call that is running, where the mark says IN_CALLS
HEADER_WORDS = 8
HEADER = struct.Struct(f"={HEADER_WORDS}Q")
HEADER_BYTES = HEADER.size

RUNNING, DONE, FULL = 0, 1, 2

FLUSH_NS = 1_000_000  # a shared child writes down what it knows this often

# `call` of a mark or a frame that speaks about the program as a whole (compiling, loading).
WHOLE = 0xFFFFF
# `call` of a mark: the word CALL says which; or the answers to several calls are being encoded.
IN_CALLS, SEVERAL = 0xFFFFD, 0xFFFFE
# `program` of a mark or a frame that speaks about a call, whatever program meets it.
ANY_PROGRAM = 0xFFFF

# job, program, call, kind, cpu_ns, length, seal: a number that the parent drew for this child. No program
# that shares the child knows it, so bytes that one smuggles among the answers are no frames.
FRAME = struct.Struct("<HHIBIIQ")
# Kinds of frames.
PLAIN, RAISED, NOT_COMPILED, EXITED, OUT_OF_MEMORY, REFUSED, NOT_PLAIN, TOO_LARGE = range(8)
# The NEEDS and SAME_AS speak about scheduling; SAME_AS carries the other program in `cpu_ns`.
NEEDS_ALONE, SAME_AS, CALL_NEEDS_ALONE, PASSED, FAILED, NEEDS_OWN, MANY = range(100, 107)

# A frame of the kind MANY holds the answers to several calls of one program; its `call` is their number n.
# Its data: n times in CPU nanoseconds; then, so that equal answers are equal bytes, n calls and n lengths;
# all these as "<I"; n kinds, each a byte; n answers.

# The parent starts a child with GO and gets ENDED back, over a pipe that no child holds.
# limit_ns of one call, total CPU ns, wall ns asleep, bytes of request, 1 for a split check,
# 1 for programs that share the child, seal
GO = struct.Struct("<QQQQQQQ")
# A split request: the length of the program's text, the text, and the check's part, which no program may see.
SPLIT = struct.Struct("<Q")
# how it ended, CPU ns, peak bytes, how the check's program ended, CPU ns of the zygote itself so far
ENDED = struct.Struct("<iQQiQ")
READY = b"ready\n"

# How it ended: an exit code (>= 0), minus a signal, or one of these.
OVER_CPU, OVER_WALL = -1001, -1002
EXIT_MEMORY = 71  # the exit code of a split check's program for want of memory
EXIT_ABUSED = 73  # the exit code of a shared child whose program turns strings into access by the library
EXIT_HUNG_UP = 72  # the exit code of a check whose program went away
HUNG_UP = 1000  # the program of a split check ended itself with exit code 0
