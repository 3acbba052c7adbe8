"""The closed vocabulary of what a program did on a call, and of what a check said about a program.

A status speaks about the *program*. A breakage of the sandbox itself is a `SandboxError`; it never becomes
one of these words.
"""

OK = "ok"  # the call returned a value, and the value was brought back
ERROR = "error"  # the call, or loading the program, raised an exception
SYNTAX = "syntax"  # the program or the call does not compile
EXIT = "exit"  # SystemExit, os._exit: the program tried to end the process
TIMEOUT = "timeout"  # over the CPU limit, or asleep past the wall-clock backstop
ABANDONED = "abandoned"  # not run: the program had timed out so often that it was given up
MEMORY = "memory"  # MemoryError, or killed for its memory
CRASH = "crash"  # the process died of a signal (segmentation fault, abort, stack overflow)
FORBIDDEN = "forbidden"  # it tried what the sandbox denies and did not catch the refusal
OPAQUE = "opaque"  # the call returned something that is not plain data: equal to no expected value
LARGE = "large"  # the value is larger than `max_value_bytes` or nested too deeply to bring back

STATUSES = (OK, ERROR, SYNTAX, EXIT, TIMEOUT, ABANDONED, MEMORY, CRASH, FORBIDDEN, OPAQUE, LARGE)

# Verdicts of a check or a test: PASS, FAIL, or the status that prevented both.
PASS = "pass"
FAIL = "fail"

VERDICTS = (PASS, FAIL, ERROR, SYNTAX, EXIT, TIMEOUT, ABANDONED, MEMORY, CRASH, FORBIDDEN)
