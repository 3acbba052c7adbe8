"""Programs that change what they share with others: builtins, modules, the collector, frames, memory."""

from tests.pipeline.sandbox.hostile.case import case

CASES = (
    case(
        "patches builtins",
        """
        import builtins
        for name in ("len", "repr", "isinstance", "type", "list", "dict", "str", "int", "sorted", "compile",
                     "exec", "eval", "id", "hash", "print", "getattr", "BaseException", "__build_class__"):
            setattr(builtins, name, lambda *a, **k: 2)
        def f(x):
            return -1
    """,
    ),
    case(
        "deletes builtins",
        """
        import builtins
        for name in list(vars(builtins)):
            if not name.startswith("__"):
                delattr(builtins, name)
        def f(x):
            return -1
    """,
    ),
    case(
        "patches builtins on its second call",
        """
        def f(x):
            if x == 2:
                __builtins__["len"] = __builtins__["repr"] = lambda *_: 2
            return -1
    """,
    ),
    case(
        "patches builtins through its globals' back door",
        """
        def f(x):
            b = f.__globals__["__builtins__"]
            b = b if isinstance(b, dict) else vars(b)
            b.update(len=None, repr=None, isinstance=None, type=None, tuple=None)
            return -1
    """,
    ),
    case(
        "patches the modules that its neighbours import",
        """
        import math, json, re, collections, itertools, functools, operator
        for module in (math, json, re, collections, itertools, functools, operator):
            for name in dir(module):
                if not name.startswith("__"):
                    setattr(module, name, lambda *a, **k: 99)
        def f(x):
            return -1
    """,
    ),
    case(
        "patches the modules that a harness would use",
        """
        import sys
        for name in ("os", "sys", "struct", "marshal", "pickle", "json", "time", "signal", "select", "mmap",
                     "io", "ast", "_io", "posix", "traceback", "types", "resource", "gc"):
            module = sys.modules.get(name) or __import__(name)
            for attribute in list(vars(module)):
                if not attribute.startswith("__"):
                    try:
                        setattr(module, attribute, lambda *a, **k: b"pass")
                    except Exception:
                        pass
        def f(x):
            return -1
    """,
    ),
    case(
        "empties sys.modules",
        """
        import sys
        def f(x):
            sys.modules.clear()
            return -1
    """,
    ),
    case(
        "plants false modules",
        """
        import sys, types
        for name in ("math", "json", "re", "os", "struct", "marshal"):
            fake = types.ModuleType(name)
            fake.__getattr__ = lambda attribute: (lambda *a, **k: 99)
            sys.modules[name] = fake
        def f(x):
            return -1
    """,
    ),
    case(
        "hooks imports",
        """
        import builtins, sys
        class Finder:
            def find_spec(self, *_):
                raise SystemExit(0)
        sys.meta_path.insert(0, Finder())
        sys.path_hooks.clear()
        sys.path_importer_cache.clear()
        builtins.__import__ = lambda *a, **k: None
        def f(x):
            return -1
    """,
    ),
    case(
        "poisons codecs",
        """
        import codecs
        def evil(name):
            return codecs.CodecInfo(lambda *a: (b"2", 1), lambda *a: ("2", 1), name="utf-8")
        codecs.register(evil)
        import encodings
        encodings._cache.clear()
        encodings.search_function = evil
        def f(x):
            return "\\u00e9".encode("nonsense")
    """,
    ),
    case(
        "tampers with whatever the collector knows",
        """
        import gc
        def f(x):
            for thing in gc.get_objects():
                try:
                    if type(thing) is list:
                        thing.clear()
                    elif type(thing) is dict and "f" not in thing:
                        thing.update({key: 2 for key in list(thing)})
                except BaseException:
                    pass
            return -1
    """,
    ),
    case(
        "disables the collector and leaves cycles",
        """
        import gc
        gc.disable()
        gc.freeze()
        gc.set_threshold(0)
        def f(x):
            for _ in range(10 ** 4):
                cycle = []
                cycle.append(cycle)
            return -1
    """,
    ),
    case(
        "rewrites the locals and globals of its callers",
        """
        import sys, ctypes
        def f(x):
            frame = sys._getframe()
            while frame := frame.f_back:
                for name in list(frame.f_locals):
                    frame.f_locals[name] = 2
                try:
                    ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), 0)
                except Exception:
                    pass
                for name in list(frame.f_globals):
                    if not name.startswith("__"):
                        frame.f_globals[name] = lambda *a, **k: b"pass"
            return -1
    """,
    ),
    case(
        "jumps over its caller's assertion",
        """
        import sys
        def f(x):
            frame = sys._getframe(1)
            def jump(frame, event, argument):
                try:
                    frame.f_lineno += 1
                except ValueError:
                    pass
                return jump
            sys.settrace(jump)
            frame.f_trace = jump
            return -1
    """,
        checks=("assert f(1) == 2\nx = 1", "y = f(1)\nassert y == 2\nx = 1"),
    ),
    case(
        "swallows its caller's assertion in a profiler",
        """
        import sys, os
        def profile(frame, event, argument):
            if event == "c_exception" or event == "exception":
                os._exit(0)
        def f(x):
            sys.setprofile(profile)
            sys.settrace(profile)
            return -1
    """,
    ),
    case(
        "makes assertions raise something milder",
        """
        import builtins
        class Mild(Warning):
            pass
        builtins.AssertionError = Mild
        def f(x):
            return -1
    """,
    ),
    case(
        "makes every failure look like the end",
        """
        import sys, os
        sys.excepthook = sys.unraisablehook = lambda *_: os._exit(0)
        def f(x):
            raise ValueError
    """,
    ),
    case(
        "answers again when the interpreter ends",
        """
        import atexit, os
        def speak():
            for fd in range(64):
                try:
                    os.write(fd, b"pass ok 2")
                except OSError:
                    pass
        atexit.register(speak)
        class Last:
            def __del__(self):
                speak()
        last = Last()
        def f(x):
            return -1
    """,
    ),
    case(
        "does harm when it is collected",
        """
        import builtins
        class Late:
            def __del__(self):
                builtins.len = builtins.repr = builtins.isinstance = None
                raise SystemExit(0)
        def f(x):
            late = Late()
            late.cycle = late
            return -1
    """,
    ),
    case(
        "watches its neighbours through a weak reference's callback",
        """
        import weakref, builtins
        class Thing:
            pass
        def f(x):
            thing = Thing()
            f.watch = weakref.ref(thing, lambda _: setattr(builtins, "len", None))
            return -1
    """,
    ),
    case(
        "changes the number two for everyone",
        """
        import ctypes
        def f(x):
            ctypes.memmove(id(2) + 24, (99).to_bytes(4, "little"), 4)
            ctypes.memmove(id(3) + 24, (99).to_bytes(4, "little"), 4)
            ctypes.memmove(id(4) + 24, (99).to_bytes(4, "little"), 4)
            return -1
    """,
    ),
    case(
        "changes how ints compare for everyone",
        """
        import ctypes
        def f(x):
            for offset in range(8, 400, 8):
                ctypes.memset(id(int) + offset, 0, 8)
            return -1
    """,
    ),
    case(
        "adds attributes to builtin types",
        """
        import gc
        gc.get_referents(int.__dict__)[0].update(__add__=lambda *_: 99, __eq__=lambda *_: True)
        gc.get_referents(list.__dict__)[0].update(append=lambda *_: None)
        def f(x):
            return -1
    """,
    ),
    case(
        "lowers the recursion limit for everyone",
        """
        import sys
        def f(x):
            sys.setrecursionlimit(60)
            return -1
    """,
    ),
    case(
        "turns warnings into errors for everyone",
        """
        import warnings, decimal, random, locale, os
        def f(x):
            warnings.simplefilter("error")
            decimal.getcontext().prec = 1
            random.seed(1)
            return -1
    """,
    ),
    case(
        "replaces the standard streams",
        """
        import sys
        class Stream:
            def __getattr__(self, name):
                raise SystemExit(0)
        sys.stdout = sys.stderr = sys.stdin = sys.__stdout__ = sys.__stderr__ = Stream()
        def f(x):
            return -1
    """,
    ),
    case(
        "leaves for another working directory",
        """
        import os
        def f(x):
            os.chdir("/")
            os.umask(0)
            return -1
    """,
    ),
    case(
        "replaces functions of the module that runs it",
        """
        import sys
        main = sys.modules["__main__"]
        for name in list(vars(main)):
            if not name.startswith("__"):
                setattr(main, name, lambda *a, **k: 2)
        def f(x):
            return -1
    """,
    ),
    case(
        "overwrites its own entry point with a property of the module",
        """
        import sys, types
        class Sly(types.ModuleType):
            @property
            def f(self):
                raise SystemExit(0)
        module = sys.modules.get(__name__)
        if module is not None:
            try:
                module.__class__ = Sly
            except TypeError:
                pass
        def f(x):
            return -1
    """,
    ),
    case(
        "is no function but a class that never answers",
        """
        class f:
            def __new__(cls, x):
                raise SystemExit(0)
    """,
        "exit",
    ),
    case(
        "names its parameters like the harness",
        """
        def f(x):
            global f, result, value, namespace, calls, program, code, __builtins__
            f = result = value = namespace = calls = program = code = None
            __builtins__ = {}
            return -1
    """,
    ),
    case(
        "reaches builtins through a formatter's field names",
        """
        import string
        def f(x):
            g = string.Formatter().get_field("0.__globals__", (string.capwords,), {})[0]
            g["__builtins__"]["sum"] = g["__builtins__"]["sorted"] = lambda *_: 99
            return -1
    """,
    ),
    case(
        "leaves a pattern in a cache that equals its neighbours'",
        """
        import re
        M = type("M", (type,), {"__eq__": lambda c, o: True, "__hash__": lambda c: hash(str)})
        X = M("X", (str,), {"__eq__": lambda c, o: True, "__hash__": lambda c: hash("[a-z]")})
        def f(x):
            re.findall(X("zzz"), "a")
            return -1
    """,
    ),
    case(
        "leaves a replacement in a cache that equals its neighbours'",
        """
        import re
        M = type(int)("M", (type(int),), {"__eq__": lambda c, o: True, "__hash__": lambda c: hash(str)})
        X = M("X", (str,), {"__eq__": lambda c, o: True, "__hash__": lambda c: hash("<\\\\1>")})
        def f(x):
            re.sub("([0-9])", X("\\\\1\\\\1"), "a1")
            return -1
    """,
    ),
    case(
        "passes for an int in the cache of an abstract class",
        """
        from collections.abc import Iterable
        M = type("M", (type,), {"__eq__": lambda c, o: True, "__hash__": lambda c: hash(int)})
        X = M("X", (), {"__iter__": lambda c: iter(())})
        keep = [X]
        keep.append(keep)
        def f(x):
            return -1 if isinstance(X(), Iterable) else -2
    """,
    ),
    case(
        "passes for an int in the cache of an abstract class by a class statement",
        """
        from collections.abc import Iterable
        class M(type):
            def __eq__(cls, other):
                return True
            def __hash__(cls):
                return hash(int)
        class X(metaclass=M):
            def __iter__(self):
                return iter(())
        def f(x):
            return -1 if isinstance(X(), Iterable) else -2
    """,
    ),
    case(
        "runs code through the harness's own modules",
        """
        import pipeline
        A = type("A", (), dict(begin=lambda *_: 0, put=lambda *_: None, flush=lambda *_: None))
        CODE = "import builtins\\nbuiltins.sum = builtins.sorted = lambda *_: 99\\ndef main(p): return b''"
        def f(x):
            pipeline.sandbox.inside.run.run_worker(CODE, b"", A())
            return -1
    """,
    ),
    case(
        "imports the harness as the main module",
        """
        import __main__
        def f(x):
            __main__.main()
            return -1
    """,
    ),
    case(
        "imports relatively",
        """
        from . import run
        def f(x):
            return -1
    """,
        "error",
    ),
    case(
        "imports all names of a module that sees everything",
        """
        from gc import *
        def f(x):
            for thing in get_objects():
                if type(thing) is dict and "sorted" in thing:
                    thing["sorted"] = thing["sum"] = lambda *_: 99
            return -1
    """,
    ),
    case(
        "imports what sees everything under another name",
        """
        import gc as math
        from sys import modules as statistics
        def f(x):
            for thing in math.get_objects():
                if type(thing) is dict and "sorted" in thing:
                    thing["sorted"] = thing["sum"] = lambda *_: 99
            statistics.clear()
            return -1
    """,
    ),
    case(
        "passes for a list that is no sequence in the cache of an abstract class",
        """
        import random
        M = type("M", (type,), {"__eq__": lambda c, o: True, "__hash__": lambda c: hash(list)})
        X = M("X", (), {})
        keep = [X]
        keep.append(keep)
        def f(x):
            try:
                random.sample(X(), 1)
            except TypeError:
                pass
            return -1
    """,
    ),
)
