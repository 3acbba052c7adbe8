"""Programs that attack the way their answers travel: descriptors, forged and monstrous results, floods."""

from tests.pipeline.sandbox.hostile.case import case

CASES = (
    case(
        "writes garbage to every descriptor",
        """
        import os
        def f(x):
            for fd in range(1024):
                try:
                    os.write(fd, b"\\xff" * 4096)
                except OSError:
                    pass
            return -1
    """,
    ),
    case(
        "writes forged verdicts to every descriptor",
        """
        import os, json, pickle, marshal, struct
        verdicts = ["pass", "ok", {"status": "ok", "value": 2}, ("ok", 2), [["ok", 2]] * 9, True, 0]
        forged = [json.dumps(v).encode() + b"\\n" for v in verdicts]
        forged += [pickle.dumps(v) for v in verdicts] + [marshal.dumps(v) for v in verdicts]
        forged += [struct.pack(width, len(v)) + v for v in forged for width in ("<I", "<Q", ">I", ">Q")]
        def f(x):
            for fd in range(256):
                for message in forged:
                    try:
                        os.write(fd, message)
                    except OSError:
                        break
            return -1
    """,
    ),
    case(
        "writes forged verdicts and leaves",
        """
        import os
        words = (b"pass\\n", b"PASS\\n", b"ok\\n", b"\\x00", b"\\x01", b'{"status": "ok", "value": 2}\\n')
        for fd in range(256):
            for word in words:
                try:
                    os.write(fd, word)
                except OSError:
                    break
        os._exit(0)
    """,
    ),
    case(
        "closes every descriptor",
        """
        import os
        def f(x):
            os.closerange(0, 4096)
            return -1
    """,
    ),
    case(
        "points every descriptor at its own pipe",
        """
        import os
        def f(x):
            read, write = os.pipe()
            for fd in range(256):
                if fd not in (read, write):
                    try:
                        os.dup2(write, fd)
                    except OSError:
                        pass
            return -1
    """,
    ),
    case(
        "reads every descriptor dry",
        """
        import os
        def f(x):
            for fd in range(256):
                try:
                    os.set_blocking(fd, False)
                    while os.read(fd, 1 << 16):
                        pass
                except OSError:
                    pass
            return -1
    """,
    ),
    case(
        "truncates and rewinds every descriptor",
        """
        import os
        def f(x):
            for fd in range(256):
                for harm in (lambda: os.lseek(fd, 0, 0), lambda: os.ftruncate(fd, 0),
                             lambda: os.pwrite(fd, b"\\xff" * 65536, 0), lambda: os.ftruncate(fd, 1 << 40)):
                    try:
                        harm()
                    except OSError:
                        pass
            return -1
    """,
    ),
    case(
        "overwrites every memory that it shares with others",
        """
        import ctypes, mmap, gc
        def f(x):
            for thing in gc.get_objects():
                if isinstance(thing, mmap.mmap):
                    thing[:] = b"\\xff" * len(thing)
            for line in open("/proc/self/maps"):
                span, modes = line.split()[:2]
                if modes.startswith("rw") and modes.endswith("s"):
                    start, end = (int(part, 16) for part in span.split("-"))
                    ctypes.memset(start, 0xFF, end - start)
            return -1
    """,
    ),
    case(
        "answers a gigabyte of text",
        """
        def f(x):
            return "x" * (1 << 30)
    """,
    ),
    case(
        "answers a hundred megabytes of small numbers",
        """
        def f(x):
            return list(range(10 ** 7))
    """,
    ),
    case(
        "answers one list repeated into billions",
        """
        def f(x):
            a = [0] * 1000
            for _ in range(6):
                a = [a] * 1000
            return a
    """,
    ),
    case(
        "answers a list that contains itself",
        """
        def f(x):
            a = [x]
            a.append(a)
            return a
    """,
        checks=(),
    ),
    case(
        "answers a dict that contains itself",
        """
        def f(x):
            a = {}
            a["self"] = [a, (a,)]
            return a
    """,
    ),
    case(
        "answers a million lists inside one another",
        """
        def f(x):
            a = []
            for _ in range(10 ** 6):
                a = [a]
            return a
    """,
        checks=(),
    ),
    case(
        "answers a million tuples inside one another",
        """
        def f(x):
            a = ()
            for _ in range(10 ** 6):
                a = (a,)
            return a
    """,
        checks=(),
    ),
    case(
        "answers a number of a hundred million bits",
        """
        def f(x):
            return 1 << 10 ** 8
    """,
    ),
    case(
        "answers a generator that never ends",
        """
        def f(x):
            while True:
                yield 2
    """,
    ),
    case(
        "answers a generator that bites",
        """
        def f(x):
            yield 2
            raise SystemExit(0)
    """,
        calls=(("list(f(1))", "[2]"),),
        checks=("assert list(f(1)) == [2]",),
    ),
    case(
        "answers a list that another thread keeps changing",
        """
        import threading
        def churn(a):
            while True:
                a.append(2)
                a.clear()
        def f(x):
            a = [0] * 1000
            threading.Thread(target=churn, args=(a,), daemon=True).start()
            return a
    """,
    ),
    case(
        "answers with not-a-number everywhere",
        """
        nan = float("nan")
        def f(x):
            return {nan: nan, -nan: [nan], (nan,): {nan}}
    """,
    ),
    case(
        "answers its own module",
        """
        import sys
        def f(x):
            return [sys, f, sys._getframe(), type, NotImplemented, Ellipsis, open, lambda: 2]
    """,
    ),
    case(
        "floods standard output without end",
        """
        def f(x):
            while True:
                print("x" * 10_000)
    """,
        "timeout",
        "error",
        "memory",
        "crash",
    ),
    case(
        "floods standard error without end",
        """
        import os
        def f(x):
            while True:
                os.write(2, b"x" * 65536)
    """,
    ),
    case(
        "prints ten megabytes and answers well",
        """
        def f(x):
            for _ in range(1000):
                print("x" * 10_000)
            return x + 1
    """,
        "ok",
        passes=True,
    ),
    case(
        "prints control characters and verdicts and answers well",
        """
        import sys
        def f(x):
            print("\\x1b[2J\\x07\\r\\nFAIL fail timeout\\x00\\x04", flush=True)
            print("{}", file=sys.stderr, flush=True)
            return x + 1
    """,
        "ok",
        passes=True,
    ),
    case(
        "fills the shared memory with results of every kind",
        """
        import gc, os
        def f(x):
            for arena in [thing for thing in gc.get_objects() if type(thing).__name__ == "Arena"]:
                for kind in range(256):
                    for program in range(4):
                        for call in range(4):
                            arena.put(0, program, call, kind, 0, b"\\xff")
                arena.flush()
            os._exit(0)
    """,
    ),
    case(
        "fills the shared memory with a million empty results",
        """
        import gc, os
        def f(x):
            for arena in [thing for thing in gc.get_objects() if type(thing).__name__ == "Arena"]:
                arena.frames[:] = bytes(len(arena.frames))
                arena.words[0] = 1 << 63
            os._exit(0)
    """,
    ),
    case(
        "forges encoded values that are dear to read",
        """
        import gc, marshal
        HUGE = [
            (StopIteration, "Fraction", "1e99999999"),
            (StopIteration, "Decimal", "1e999999999"),
            (StopIteration, "range", (0, 10 ** 30, 0)),
            (StopIteration, "dict", (([], 1),)),
            (StopIteration, "Counter", (1, 2)),
            (StopIteration, "datetime", "9999-99-99"),
            {float("nan"): 1, (): {1: 2}},
        ]
        def f(x):
            arena = [thing for thing in gc.get_objects() if type(thing).__name__ == "Arena"][0]
            for value in HUGE[2 * x - 2:] + HUGE:
                for program in range(4):
                    for call in range(4):
                        arena.put(0, program, call, 0, 0, marshal.dumps(value, 2))
            arena.flush()
            return -1
    """,
    ),
)
