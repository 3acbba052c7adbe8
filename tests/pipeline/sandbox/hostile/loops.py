"""Programs that never end: in Python, in C, at import, behind every except."""

from tests.pipeline.sandbox.hostile.case import case

CASES = (
    case(
        "loops forever",
        """
        def f(x):
            while True:
                pass
    """,
        "timeout",
    ),
    case(
        "loops forever and swallows BaseException",
        """
        def f(x):
            while True:
                try:
                    while True:
                        pass
                except BaseException:
                    pass
    """,
        "timeout",
    ),
    case(
        "loops forever in a finally block",
        """
        def f(x):
            try:
                return x + 1
            finally:
                while True:
                    try:
                        while True:
                            pass
                    except BaseException:
                        continue
    """,
        "timeout",
    ),
    case(
        "loops forever while it is imported",
        """
        while True:
            pass
        def f(x):
            return x + 1
    """,
        "timeout",
    ),
    case(
        "loops forever on its second call only",
        """
        def f(x):
            while x == 2:
                pass
            return x + 1
    """,
        passes=None,
    ),
    case(
        "loops forever with every signal blocked",
        """
        import signal
        def f(x):
            try:
                signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
            except Exception:
                pass
            while True:
                pass
    """,
    ),
    case(
        "loops forever and ignores the CPU limit's signal",
        """
        import signal
        for number in range(1, 32):
            try:
                signal.signal(number, signal.SIG_IGN)
            except Exception:
                pass
        def f(x):
            while True:
                pass
    """,
    ),
    case(
        "loops forever as a generator that a wrapper consumes",
        """
        def f(x):
            while True:
                yield x
    """,
        calls=(("set(f(1))", "{2}"),),
        checks=("assert set(f(1)) == {2}",),
    ),
    case(
        "multiplies numbers without end in C",
        """
        def f(x):
            return pow(7, 10 ** 9)
    """,
    ),
    case(
        "computes a tower of powers in C",
        """
        def f(x):
            return 10 ** 10 ** 8
    """,
    ),
    case(
        "prints a number of a million digits in C",
        """
        import sys
        def f(x):
            try:
                sys.set_int_max_str_digits(0)
            except Exception:
                pass
            return len(str(1 << 40_000_000))
    """,
    ),
    case(
        "backtracks without end in a regular expression",
        """
        import re
        def f(x):
            return re.match("(a+)+$", "a" * 60 + "b")
    """,
        "timeout",
    ),
    case(
        "drains an endless iterator in C",
        """
        import collections, itertools
        def f(x):
            collections.deque(itertools.count(), maxlen=0)
    """,
        "timeout",
    ),
    case(
        "sums a trillion numbers in C",
        """
        def f(x):
            return sum(range(10 ** 12))
    """,
        "timeout",
    ),
    case(
        "searches an endless iterator in C",
        """
        import itertools
        def f(x):
            return -1 in itertools.count()
    """,
        "timeout",
    ),
    case(
        "sorts by a key that never returns",
        """
        def f(x):
            return sorted([3, 2, 1], key=lambda y: sum(range(10 ** 12)))
    """,
        "timeout",
    ),
    case(
        "fills a dict with colliding keys",
        """
        class Key:
            def __hash__(self):
                return 1
        def f(x):
            return len({Key(): None for _ in range(10 ** 6)})
    """,
    ),
    case(
        "compiles deeper and deeper source",
        """
        def f(x):
            while True:
                try:
                    compile("(" * 150 + ")" * 150, "x", "eval")
                    exec("y = " + "+".join(["1"] * 5000))
                except BaseException:
                    pass
    """,
    ),
)
