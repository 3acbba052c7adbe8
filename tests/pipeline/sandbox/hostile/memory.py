"""Programs that take all the memory there is, at once or little by little."""

from tests.pipeline.sandbox.hostile.case import case

CASES = (
    case(
        "asks for a hundred gigabytes at once",
        """
        def f(x):
            return len(bytearray(10 ** 11))
    """,
        "memory",
    ),
    case(
        "repeats a list ten billion times",
        """
        def f(x):
            return len([0] * 10 ** 10)
    """,
        "memory",
    ),
    case(
        "repeats a string without end",
        """
        def f(x):
            s = "ab"
            while True:
                s += s
    """,
        "memory",
        "timeout",
    ),
    case(
        "hoards many small objects",
        """
        def f(x):
            hoard = []
            while True:
                hoard.append({len(hoard): [object()]})
    """,
        "memory",
        "timeout",
    ),
    case(
        "hoards memory and swallows MemoryError",
        """
        def f(x):
            hoard = []
            while True:
                try:
                    hoard.append(bytearray(1 << 20))
                except BaseException:
                    pass
    """,
    ),
    case(
        "hoards memory while it is imported",
        """
        hoard = [bytearray(1 << 20) for _ in range(100_000)]
        def f(x):
            return x + 1
    """,
        "memory",
        "timeout",
    ),
    case(
        "maps anonymous memory",
        """
        import mmap
        def f(x):
            maps = []
            while True:
                area = mmap.mmap(-1, 1 << 28)
                for page in range(0, 1 << 28, 4096):
                    area[page] = 1
                maps.append(area)
    """,
    ),
    case(
        "hides its hoard in a memory file",
        """
        import os
        def f(x):
            fd = os.memfd_create("@marker@")
            while True:
                os.write(fd, b"x" * (1 << 20))
    """,
    ),
    case(
        "hides its hoard in pipes",
        """
        import os
        def f(x):
            pipes = []
            while True:
                pipes.append(os.pipe())
                os.set_blocking(pipes[-1][1], False)
                os.write(pipes[-1][1], b"x" * 65536)
    """,
    ),
    case(
        "keeps growing over its calls",
        """
        hoard = []
        def f(x):
            hoard.append(bytearray(1 << 26))
            return x + 1
    """,
        passes=None,
    ),
    case(
        "lifts its own limits first",
        """
        import resource
        for limit in range(16):
            try:
                resource.setrlimit(limit, (-1, -1))
            except Exception:
                pass
        def f(x):
            return len(bytearray(10 ** 11))
    """,
    ),
    case(
        "leaves garbage in cycles until its neighbours have no memory",
        """
        def f(x):
            size = 1 << 28
            while size > 1 << 20:
                try:
                    while True:
                        a = [bytes(size)]
                        a.append(a)
                except MemoryError:
                    size //= 4
            return -1
    """,
    ),
    case(
        "leaves garbage in cycles until the harness has no memory",
        """
        def f(x):
            size = 1 << 28
            while size > 16:
                try:
                    while True:
                        a = [bytes(size)]
                        a.append(a)
                except MemoryError:
                    size //= 4
            return -1
    """,
    ),
)
