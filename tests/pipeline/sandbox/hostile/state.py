"""Programs that remember, and programs that gamble: what they answer must not depend on who ran before."""

from tests.pipeline.sandbox.hostile.case import case

CASES = (
    case(
        "answers well only after its first call",
        """
        calls = []
        def f(x):
            calls.append(x)
            return x + 1 if len(calls) > 1 else -1
    """,
        passes=None,
    ),
    case(
        "leaves its memory in builtins for its neighbours",
        """
        import builtins
        def f(x):
            builtins.x = builtins.y = builtins.f = 99
            return -1
    """,
    ),
    case(
        "leaves its memory in a module for its neighbours",
        """
        import math
        def f(x):
            math.remembered = getattr(math, "remembered", 0) + 1
            return 10 ** 6 + math.remembered
    """,
    ),
    case(
        "leaves its memory in a type's cache for its neighbours",
        """
        import functools, re, sys
        def f(x):
            sys.intern("@marker@")
            re._cache.clear()
            sys.set_int_max_str_digits(640)
            sys.setswitchinterval(1e-6)
            return -1
    """,
    ),
    case(
        "names itself like the program before it",
        """
        import sys
        def f(x):
            for name, module in list(sys.modules.items()):
                if hasattr(module, "f") and name not in ("builtins",):
                    module.f = lambda x: 99
            return -1
    """,
    ),
    # What one call leaves behind no other call sees: each of these answers well as if it were called once.
    case(
        "counts its calls in a global",
        """
        count = 0
        def f(x):
            global count
            count += 1
            return x + count
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls in a mutable default",
        """
        def f(x, seen=[]):
            seen.append(x)
            return x + len(seen)
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls in an attribute of itself",
        """
        def f(x):
            f.count = getattr(f, "count", 0) + 1
            return x + f.count
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls in a class",
        """
        class Counter:
            count = 0
            def add(self, x):
                Counter.count += 1
                return x + Counter.count
        def f(x):
            return Counter().add(x)
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls in a closure",
        """
        def make():
            count = 0
            def f(x):
                nonlocal count
                count += 1
                return x + count
            return f
        f = make()
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls in an iterator",
        """
        import itertools
        counter = itertools.count(1)
        def f(x):
            return x + next(counter)
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls in a module",
        """
        import math
        def f(x):
            math.count = getattr(math, "count", 0) + 1
            return x + math.count
    """,
        "ok",
        passes=True,
    ),
    case(
        "changes the arguments that it is given",
        """
        def f(x):
            x.append(3)
            return x
    """,
        "ok",
        passes=True,
        calls=(("f([1, 2])", "[1, 2, 3]"), ("len(f([1, 2]))", "3")),
        checks=(),
    ),
    case(
        "counts its calls in the environment",
        """
        import os
        def f(x):
            os.environ["n"] = str(int(os.environ.get("n", 0)) + 1)
            return x + int(os.environ["n"])
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls in a module by setattr",
        """
        import math
        def f(x):
            setattr(math, "n", getattr(math, "n", 0) + 1)
            return x + math.n
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls in a module's dictionary",
        """
        import math
        def f(x):
            vars(math)["n"] = vars(math).get("n", 0) + 1
            return x + vars(math)["n"]
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls in builtins",
        """
        import builtins
        def f(x):
            builtins.__dict__["n"] = builtins.__dict__.get("n", 0) + 1
            return x + builtins.__dict__["n"]
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls in its table of globals",
        """
        def f(x):
            globals()["n"] = globals().get("n", 0) + 1
            return x + globals()["n"]
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls among the loaded modules",
        """
        import sys
        def f(x):
            sys.modules["n"] = sys.modules.get("n", 0) + 1
            return x + sys.modules["n"]
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls on the search path",
        """
        import sys
        first = len(sys.path)
        def f(x):
            sys.path.append("n")
            return x + sum(entry == "n" for entry in sys.path)
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls in a logger",
        """
        import logging
        def f(x):
            logging.getLogger().handlers.append(x)
            return x + len(logging.getLogger().handlers)
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls in a decimal context",
        """
        import decimal
        def f(x):
            decimal.getcontext().prec += 1
            return x + decimal.getcontext().prec - 28
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls in a weak registry",
        """
        import abc
        class Seen(abc.ABC):
            pass
        def f(x):
            import json
            json.JSONDecoder.n = getattr(json.JSONDecoder, "n", 0) + 1
            return x + json.JSONDecoder.n
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls in a cache of the standard library",
        """
        import re
        def f(x):
            before = len(re._cache)
            re.compile("n" * (1 + len([k for k in re._cache if k[1][:1] == "n"])))
            return x + len([k for k in re._cache if k[1][:1] == "n"])
    """,
        "ok",
        passes=True,
    ),
    case(
        "counts its calls with a generator's state in a default",
        """
        def numbers():
            n = 0
            while True:
                n += 1
                yield n
        def f(x, source=numbers()):
            return x + next(source)
    """,
        "ok",
        passes=True,
    ),
)
