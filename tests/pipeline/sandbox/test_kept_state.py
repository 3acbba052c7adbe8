"""Nothing that a program does reaches a later call of its own."""

import pytest

from pipeline.sandbox.sandbox import Sandbox
from tests.pipeline.sandbox.neighbours import met

KEEPS = {
    "in its own annotations": """
        def f():
            f.__annotations__[len(f.__annotations__)] = 1
            return len(f.__annotations__)
    """,
    "in another module's annotations": """
        import statistics
        def f():
            kept = statistics.mean.__annotations__
            kept[len(kept)] = 1
            return len(kept)
    """,
    "in the generator that statistics draws from": """
        from statistics import NormalDist
        def f():
            return NormalDist().samples(1)
    """,
    "in a defaultdict that a format string reaches": """
        import typing
        def f():
            shown = "{0.__globals__[_overload_registry]}".format(typing.cast)
            "{0.__globals__[_overload_registry][kept]}".format(typing.cast)
            return shown
    """,
    "in a module that another imports when it is first needed": """
        import collections
        def f():
            was = str(collections.heapq)
            collections.Counter("a").most_common(1)
            return was
    """,
    "in a pattern that is compiled when it is first needed": """
        import string
        def f():
            was = str(string.Template.flags)
            string.Template("").substitute()
            return was
    """,
    "in the attribute in which a module notes that it warned": """
        import random
        def f():
            was = hasattr(random, "__warningregistry__")
            random.randint(1.0, 2)
            return was
    """,
    "in its working directory": """
        import os
        def f():
            was = os.getcwd()
            os.chdir("/usr")
            return was
    """,
    "in its file mode mask": "import os\ndef f():\n    return os.umask(0o77)\n",
    "in its descriptors": "import os\ndef f():\n    return os.dup(0)\n",
    "in a set of os": """
        import os
        def f():
            was = 1 in os.supports_fd
            os.supports_fd.add(1)
            return was
    """,
    "in copy's table": """
        import copy
        def f():
            copy.dispatch_table[len(copy.dispatch_table)] = 1
            return len(copy.dispatch_table)
    """,
    "in a list that copy hands to a memo of its own": """
        import copy
        class Memo(dict):
            def get(self, key, default=None):
                if default is None or default is ...:
                    return 0
                default.append(1)
                return len(default)
        def f():
            return copy.deepcopy([], Memo())
    """,
    "in an object whose dictionary copy leaves in a memo": """
        from __future__ import division
        import copy
        def f():
            memo = {}
            copy.deepcopy(division, memo)
            for kept in memo.get(id(memo), []):
                if isinstance(kept, dict):
                    kept["n"] = kept.get("n", 0) + 1
                    return kept["n"]
    """,
    "in a module, by a copy of a factory that says it is a function": """
        import copy
        import math
        from typing import DefaultDict
        asked = []
        def hashed(kind):
            asked.append(kind)
            return hash(type(hashed)) if len(asked) == 1 else 1
        M = type("M", (type,), {"__hash__": hashed, "__eq__": lambda *_: True})
        reduce = lambda self, protocol: (lambda: math, (), {"tau": 666})
        E = M("E", (), {"__call__": lambda self: 1, "__reduce_ex__": reduce})
        def f():
            was = math.tau < 7
            try:
                copy.deepcopy(DefaultDict(E()))
            except TypeError:
                return was
    """,
    "in what a generic class of builtin kind tells its result": """
        import math
        from functools import GenericAlias
        def f():
            was = hasattr(math, "__orig_class__")
            GenericAlias(lambda: math, int)()
            return was
    """,
    "in what a call of a generic class without a name tells its result": """
        import math
        def f():
            was = hasattr(math, "__orig_class__")
            type(list[int])(lambda: math, int)()
            return was
    """,
    "in what a generic class tells a function of its own": """
        def f():
            was = hasattr(f, "__orig_class__")
            type(list[int])(lambda: f, int)()
            return was
    """,
    "in what a generic class tells a function that nothing but a default holds": """
        def f(g=lambda: 1):
            was = hasattr(g, "__orig_class__")
            type(list[int])(lambda: g, int)()
            return was
    """,
    "in the flags of a decimal context": """
        import decimal
        def f():
            was = decimal.ExtendedContext.flags[decimal.Inexact]
            decimal.ExtendedContext.divide(1, 3)
            return was
    """,
    "in a local decimal context that never ends": """
        import decimal
        def f():
            was = str(decimal.Decimal(1) / 3)
            decimal.localcontext(decimal.Context(5)).__enter__()
            return was
    """,
    "in a module's dictionary that a pattern reaches": """
        import math
        def f():
            match math:
                case object(__dict__=names):
                    names["n"] = names.get("n", 0) + 1
                    return names["n"]
    """,
    "on the search path that a loader reaches": """
        def f():
            path = __loader__.load_module("sys").path
            path.append("n")
            return path.count("n")
    """,
    "in what a generic class tells its result": """
        import math
        from typing import Annotated
        def f():
            was = len(dir(math))
            Annotated[lambda: math, 1]()
            return was
    """,
    "in the one builtin class that can be changed": """
        def f():
            was = len(dir(ExceptionGroup))
            ExceptionGroup.kept = 1
            return was
    """,
    "in the same class by way of except*": """
        def f():
            try:
                raise ValueError
            except* ValueError as error:
                kind = type(error)
            was = len(dir(kind))
            kind.kept = 1
            return was
    """,
    "in the module that its function says it is of": """
        __name__ = []
        def f():
            f.__module__.append(1)
            return len(f.__module__)
        __name__ = "solution"
    """,
    "in the text of a module that it makes": """
        import math
        made = type(math)("made", "")
        def f():
            made.__init__("made", made.__doc__ + "x")
            return made.__doc__
    """,
    "in the text of a module": """
        import math
        def f():
            math.__init__("math", math.__doc__ + "x")
            return math.__doc__[-9:]
    """,
    "in a module, by a method that is called with it": """
        import math
        class A:
            def add(self):
                try:
                    self.n += 1
                except AttributeError:
                    self.n = 1
                return self.n
        def f():
            return A.add(math)
    """,
    "in an attribute that the next call puts right": """
        import fractions, statistics
        def f():
            was = fractions.Fraction is None
            fractions.Fraction = statistics.Fraction if was else None
            return was
    """,
    "in an attribute that the next call deletes": """
        import math
        def f():
            try:
                del math.n
                return 1
            except AttributeError:
                math.n = 1
                return 0
    """,
    "in a class of a module, by another name": """
        import json
        encoder = json.JSONEncoder
        def f():
            try:
                encoder.n += 1
            except AttributeError:
                encoder.n = 1
            return encoder.n
    """,
    "in a class that was imported with all others": """
        from json import *
        def f():
            try:
                JSONEncoder.n += 1
            except AttributeError:
                JSONEncoder.n = 1
            return JSONEncoder.n
    """,
    "in the list of keywords": """
        import keyword
        def f():
            keyword.kwlist.append("kept")
            return len(keyword.kwlist)
    """,
    "in a flag of re": """
        import re
        def f():
            flag = re.A | re.M
            try:
                flag.n += 1
            except AttributeError:
                flag.n = 1
            return flag.n
    """,
    "in the text of a module, by a method of its class": """
        import math
        class A(type(math)):
            def set_up(self, *given):
                super().__init__(*given)
        def f():
            A.set_up(A, math, "math", math.__doc__ + "x")
            return math.__doc__[-9:]
    """,
    "in the module of a builtin function": """
        def f():
            len.__module__ += "x"
            return len.__module__
    """,
    "in the list that deepcopy hands to the get of a memo": """
        import copy
        class Memo:
            def get(self, key, default):
                try:
                    default.append(1)
                except AttributeError:
                    return 0
                return len(default)
        def f():
            return copy.deepcopy(1, Memo())
    """,
    "in the MemoryError that is left when all that Python keeps ready are in use": """
        def f():
            kept = []
            for _ in range(17):
                try:
                    [0] * (1 << 62)
                except MemoryError as error:
                    kept.append(error)
            was = kept[-1].args
            kept[-1].with_traceback(None).args = (1,)
            return was
    """,
    "in the memory that answers come back in": """
        import gc
        def f():
            [arena] = [thing for thing in gc.get_objects() if type(thing).__name__ == "Arena"]
            arena.frames[-1] += 1
            return arena.frames[-1]
    """,
    "in the memory that requests come in": """
        import mmap
        def f():
            for descriptor in range(3, 64):
                try:
                    memory = mmap.mmap(descriptor, 0)
                except OSError:
                    continue
                memory[-1] += 1
                return memory[-1]
    """,
}
CALLS = ("f()", "f(*())", "f(**{})")


@pytest.mark.parametrize("code", KEEPS.values(), ids=KEEPS)
def test_a_program_cannot_keep_anything(code: str, sandbox: Sandbox):
    [row] = met(sandbox, [code], CALLS)
    assert len(set(row)) == 1, row


def test_a_call_that_draws_at_random_draws_what_it_draws_alone(sandbox: Sandbox):
    draws = ("statistics.NormalDist().samples(1)", "[statistics.random.gauss(0, 1)]")
    program = "import statistics\ndef f(x):\n    return x\n"
    [together] = met(sandbox, [program], draws)
    assert together == [met(sandbox, [program], (call,))[0][0] for call in draws]


def test_a_call_that_lowers_the_recursion_limit_lowers_it_for_itself(sandbox: Sandbox):
    deep = "import sys\ndef f(x):\n    return f(x - 1) if x else 0\n"
    assert met(sandbox, [deep], ("f(500)", "sys.setrecursionlimit(100)", "f(501)")) == [["0", "None", "0"]]
