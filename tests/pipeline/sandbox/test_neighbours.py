"""Nothing that a program does reaches another: whoever shares its process, it answers as if alone."""

from textwrap import dedent

import pytest

from pipeline.sandbox.sandbox import Sandbox
from tests.pipeline.sandbox.neighbours import met

SHARED_BY_TYPING = """
    from typing import List, Tuple
    KINDS = (int, str, float, bool, bytes, complex, list, dict, set, tuple, object, frozenset)
    armed = []
    class Liar:
        def __call__(self):
            pass
        def __hash__(self):
            return hash(int)
        def __eq__(self, other, armed=armed):
            if armed:
                {bite}
            return False
    def f(x):
        for one in KINDS:
            for other in KINDS:
                List[Tuple[one, other]]
        List[Liar()]
        armed.append(armed)
        return x
"""
LISTS = "from typing import List\ndef f(x: List[int]):\n    return str(List[int])\n"
TREES = "from typing import List, Optional\ndef f(x: Optional[List['Tree']]):\n    return str(List['Tree'])\n"
SUSPENDED = """
    def g():
        try:
            yield
        finally:
            while True:
                pass
"""
SIZED = (
    "from collections.abc import Sized\ndef f(x):\n    return isinstance(1.5, Sized), isinstance(x, Sized)\n"
)
SAMPLES = "import random\ndef f(x):\n    return len(random.sample({0: 5, 1: 6}, 2))\n"
FRACTIONS = "from fractions import Fraction\ndef f(x):\n    return Fraction(x, 3).numerator\n"
OPTIONAL = "from typing import Optional\ndef f(x: Optional[int]):\n    return str(Optional[int])\n"
# hostile program, its neighbour
REACHES = {
    "a property of a class of the library": (
        """
        from fractions import Fraction
        def f(x):
            Fraction.numerator.__init__(lambda self: 777)
            return x
    """,
        FRACTIONS,
    ),
    "a special form of typing": (
        """
        from typing import Optional
        def f(x):
            Optional.__init__(lambda self, kinds: 777)
            return x
    """,
        OPTIONAL,
    ),
    "typing's cache, to leave": (SHARED_BY_TYPING.format(bite="raise SystemExit"), LISTS),
    "typing's cache, to lie": (SHARED_BY_TYPING.format(bite="return True"), LISTS),
    "typing's cache, by an object of a class without a class statement": (
        """
        from typing import List, Tuple
        armed = []
        def equals(self, other, armed=armed):
            if armed:
                raise SystemExit
            return False
        Liar = type("Liar", (), {"__hash__": lambda self: hash(int), "__eq__": equals})
        def f(x):
            List[Liar()]
            armed.append(armed)
            return x
    """,
        LISTS,
    ),
    "typing's cache, by a str that is shown otherwise": (
        """
        from typing import List
        class S(str):
            def __repr__(self):
                return "patched"
        def f(x):
            List[S("Tree")]
            return x
    """,
        TREES,
    ),
    "typing's cache, by a str that hashes otherwise later": (
        """
        from typing import List
        armed = []
        class S(str):
            def __hash__(self):
                if armed:
                    raise SystemExit
                return hash(str(self))
        def f(x):
            List[S("Tree")]
            armed.append(1)
            return x
    """,
        TREES,
    ),
    "whoever fills typing's cache up": (
        SUSPENDED
        + """
    from typing import List
    def f(x):
        kept = g()
        next(kept)
        List[kept]
        for number in range(127):
            List[number + 0.5]
        return x
    """,
        "from typing import List\ndef f(x: List[bytes]):\n    return x\n",
    ),
    "whoever seeds random": (
        SUSPENDED
        + """
    import random
    def f(x):
        kept = g()
        next(kept)
        version, state, _ = random.getstate()
        random.setstate((version, state, kept))
        return x
    """,
        "import random\ndef f(x):\n    return random.randint(1, 100)\n",
    ),
    "a module, by the way copy puts an object together": (
        """
        import copy, math
        how = lambda self, n: (lambda: math, (), (None, {"sqrt": lambda x: "patched"}))
        copy.copy(type("H", (), {"__reduce_ex__": how})())
        def f(x):
            return x
    """,
        "import math\ndef f(x):\n    return math.sqrt(x)\n",
    ),
    "a MemoryError that is not his": (
        """
        def f(x):
            kept = []
            kept.append(kept)
            for size in (1 << 24, 1 << 20):
                try:
                    while True:
                        kept.append(bytes(size))
                except MemoryError:
                    pass
            del kept[-4:]
            return x
    """,
        """
        def f(x):
            try:
                return len(bytes(1 << 25))
            except:
                return "nothing"
    """,
    ),
    "an abstract class, by the `type` that typing hands out": (
        """
        from typing import Type, get_origin
        from collections.abc import Sized
        get_origin(Type[int])("H", (Sized,), {"__subclasshook__": classmethod(lambda c, other: True)})
        def f(x):
            return x
    """,
        SIZED,
    ),
    "an abstract class, by a class of classes": (
        """
        from typing import Type
        from collections.abc import Sized
        class Lying(Type):
            def __hash__(self):
                return hash(float)
            def __eq__(self, other):
                return True
        def f(x):
            class E(metaclass=Lying):
                def __len__(self):
                    return 1
            return isinstance(E(), Sized)
    """,
        SIZED,
    ),
    "a module that an attribute is assigned to": (
        "import math\ndef f(x):\n    math.pi = 3\n    return x\n",
        "import math\ndef f(x):\n    return math.pi\n",
    ),
    "a module that gets one more attribute": (
        "import math\ndef put(at):\n    at.n = 1\nput(math)\ndef f(x):\n    return x\n",
        "import math\ndef f(x):\n    return math.n\n",
    ),
    "a class whose method is another's": (
        """
        from collections import Counter
        def other(self):
            return [777]
        def f(x):
            Counter.most_common = other
            return x
    """,
        "from collections import Counter\ndef f(x):\n    return Counter([x]).most_common()\n",
    ),
    "a function that gets an attribute": (
        "from collections import namedtuple as n\ndef f(x):\n    n.kept = x\n    return x\n",
        "from collections import namedtuple as n\ndef f(x):\n    return n.kept\n",
    ),
    "the class of a special form": (
        "import typing\ndef f(x):\n    type(typing.List).kept = x\n    return x\n",
        "import typing\ndef f(x):\n    return typing.List.kept\n",
    ),
    "the class of what stands for a name that an annotation does not find": (
        """
        from typing import TypedDict
        D = TypedDict("D", {})
        def annotate(format):
            if format != 2:
                raise NotImplementedError
            type(missing).kept = 1
            return {}
        def f(x):
            type(D)("E", (D,), {"__annotate__": annotate})
            return x
    """,
        """
        from typing import TypedDict
        D = TypedDict("D", {})
        found = []
        def annotate(format):
            if format != 2:
                raise NotImplementedError
            found.append(hasattr(type(missing), "kept"))
            return {}
        def f(x):
            type(D)("E", (D,), {"__annotate__": annotate})
            return found
    """,
    ),
    "the format that annotations are called with": (
        """
        from typing import NamedTuple
        def f(x):
            class A(NamedTuple):
                def __annotate__(format):
                    format.kept = 1
                    return {}
            return x
    """,
        """
        from typing import NamedTuple
        def f(x):
            found = []
            class A(NamedTuple):
                def __annotate__(format):
                    found.append(hasattr(format, "kept"))
                    return {}
            return found
    """,
    ),
    "a type variable of the library": (
        "import typing\nT = typing.T\ndef f(x):\n    T.kept = x\n    return x\n",
        "import typing\ndef f(x):\n    return hasattr(typing.T, 'kept')\n",
    ),
    "the same by an import": (
        "from typing import T\ndef f(x):\n    T.kept = x\n    return x\n",
        "from typing import T\ndef f(x):\n    return hasattr(T, 'kept')\n",
    ),
    "a class of typing, by what a type variable unpacks to without an import": (
        "def g[*Ts]():\n    return [*Ts][0]\ndef f(x):\n    type(g()).kept = x\n    return x\n",
        "def g[*Ts]():\n    return [*Ts][0]\ndef f(x):\n    return hasattr(g(), 'kept')\n",
    ),
    "a class of typing, by what an alias unpacks to": (
        "type A = tuple[int]\ndef f(x):\n    type([*A][0]).kept = x\n    return x\n",
        "type A = tuple[int]\ndef f(x):\n    return hasattr([*A][0], 'kept')\n",
    ),
    "a class of typing, by a generic class": (
        "class A[T]:\n    pass\ndef f(x):\n    type(A[int]).kept = x\n    return x\n",
        "class A[T]:\n    pass\ndef f(x):\n    return hasattr(type(A[int]), 'kept')\n",
    ),
    "what an attribute was before a call that never ends": (
        "import math\ndef f(x):\n    math.pi = 3\n    while x > 1:\n        pass\n    return x\n",
        "import math\ndef f(x):\n    return math.pi\n",
    ),
    "a property, by a method of a subclass that is called with that class": (
        """
        from fractions import Fraction
        class A(property):
            def set_up(self, *given):
                super().__init__(*given)
        A.set_up(A, Fraction.numerator, lambda self: 777)
        def f(x):
            return x
    """,
        FRACTIONS,
    ),
    "a property, by an __init__ that puts something else for self": (
        """
        from fractions import Fraction
        class A(property):
            def __init__(self, at, *given):
                self = at
                super().__init__(*given)
        A(A, Fraction.numerator, lambda self: 777)
        def f(x):
            return x
    """,
        FRACTIONS,
    ),
    "the name of a class, by what sets up new types of typing": (
        """
        from collections import Counter
        from typing import NewType
        class A(NewType):
            def set_up(self, *given):
                super().__init__(*given)
        A.set_up(A, Counter, "patched", int)
        def f(x):
            return x
    """,
        "from collections import Counter\ndef f(x):\n    return str(Counter([x]))\n",
    ),
    "a module, by a jump into the middle of super().__init__": (
        f"""
        import math
        class A:
            def g(self, x):
                if x:
                    {"; ".join(f"self.n{number}" for number in range(300))}
                return (math or super()).__init__("math", "patched")
        A().g(0)
        def f(x):
            return x
    """,
        "import math\ndef f(x):\n    return math.__doc__\n",
    ),
    "a flag of re, which is made once": (
        "import re\ndef f(x):\n    (re.A | re.M).kept = x\n    return x\n",
        "import re\ndef f(x):\n    return (re.A | re.M).kept\n",
    ),
    "the slots of a class, which are a dict": (
        """
        from statistics import NormalDist
        def f(x):
            NormalDist.__slots__[x] = 1
            return x
    """,
        "from statistics import NormalDist\ndef f(x):\n    return len(NormalDist.__slots__)\n",
    ),
    "what deepcopy hands to the get of a memo": (
        """
        import copy
        class Memo:
            def get(self, key, default):
                default.append(1)
                return 1
        def f(x):
            return copy.deepcopy(x, Memo())
    """,
        """
        import copy
        class Memo:
            def get(self, key, default):
                return default == [1] or default == [1, 1]
        def f(x):
            return copy.deepcopy(x, Memo())
    """,
    ),
    "a function, as an abstract method": (
        """
        from heapq import merge
        from typing import abstractmethod
        def f(x):
            abstractmethod(merge)
            return x
    """,
        """
        from collections.abc import Sized
        from heapq import merge
        class A(Sized):
            own = merge
            def __len__(self):
                return 1
        def f(x):
            return len(A())
    """,
    ),
    "the module of a builtin function": (
        "def f(x):\n    len.__module__ = 'patched'\n    return x\n",
        "def f(x):\n    return len.__module__\n",
    ),
    "an abstract class, by way of random": (
        """
        import random
        M = type("M", (type,), {"__hash__": lambda s: hash(dict), "__eq__": lambda s, o: True})
        E = M("E", (list,), {})
        def f(x):
            return random.sample(E([1, 2]), 1)
    """,
        SAMPLES,
    ),
}


@pytest.mark.parametrize(("code", "neighbour"), REACHES.values(), ids=REACHES)
def test_a_neighbour_answers_as_if_it_were_alone(code: str, neighbour: str, sandbox: Sandbox):
    for calls in (("f(1)",), ("f(1)", "f(2)")):
        _, beside = met(sandbox, [dedent(code), neighbour], calls)
        assert beside == met(sandbox, ["# alone\n" + dedent(neighbour)], calls)[0]


def test_what_a_module_makes_for_whoever_asks_first_is_not_for_the_next_to_change(sandbox: Sandbox):
    made = "from typing import ContextManager\ndef f(x):\n    {}\n    return x\n"
    asks, changes = made.format("ContextManager"), made.format("ContextManager.kept = x")
    honest = made.format("x = hasattr(ContextManager, 'kept')")
    assert met(sandbox, [asks, changes, honest], ("f(1)",)) == [["1"], ["1"], ["False"]]


def test_what_a_module_imports_for_whoever_needs_it_first_is_there_for_all(sandbox: Sandbox):
    needs = "from collections import Counter\ndef f(x):\n    return Counter([x]).most_common(1)\n"
    asks = "import collections\ndef f(x):\n    return str(collections.heapq)\n"
    assert met(sandbox, [needs, asks], ("f(1)",))[1] == met(sandbox, [asks], ("f(1)",))[0]


def test_no_neighbour_waits_for_the_thousands_of_classes_made_from_an_abstract_one(sandbox: Sandbox):
    makes = """
        from collections.abc import Mapping
        def f(x):
            for _ in range(400):
                class Kind(Mapping):
                    pass
            return x
    """
    asks = "from collections import Counter\ndef f(x):\n    return [*map(Counter, ('a', {x}, (x,)))][1][x]\n"
    _, answers = met(sandbox, [makes, asks], tuple(f"f({number})" for number in range(100)))
    assert set(answers) == {"1"}


def test_memory_that_a_list_was_promised_in_no_time_is_not_missing_next_door(sandbox: Sandbox):
    leaves_full = """
        class Long:
            def __init__(self, length):
                self.length = length
            def __len__(self):
                return self.length
            def __iter__(self):
                return self
            def __next__(self):
                raise ValueError
        def f(x):
            kept = []
            kept.append(kept)
            for length in (1 << 23, 1 << 21, 1 << 18):
                try:
                    while True:
                        kept.append([])
                        try:
                            kept[-1].extend(Long(length))
                        except ValueError:
                            pass
                except MemoryError:
                    pass
            return x
    """
    needs_some = """
        def f(x):
            try:
                return len(" " * (1 << 22))
            except MemoryError:
                return "nothing"
    """
    answers = met(sandbox, ["def f(x):\n    return x\n", leaves_full, needs_some], ("f(1)",))
    assert answers == [["1"], ["1"], [str(1 << 22)]]


@pytest.mark.parametrize(
    ("lies", "call", "neighbour"),
    [
        (
            """
            import datetime
            class Says(str):
                def __hash__(self):
                    return hash("%Y %m")
                def __eq__(self, other):
                    raise SystemExit
            def f(x):
                return x
        """,
            "datetime.datetime.strptime('2020 01', Says('%Y %m'))",
            """
            import datetime
            def f(x):
                return datetime.datetime.strptime("2020 01", "%Y %m").month
        """,
        ),
        (
            """
            import typing
            M = type("M", (type,), {"__hash__": lambda self: hash(float), "__eq__": lambda *_: True})
            Says = M("Says", (list,), {})
            def f(x):
                return x
        """,
            "isinstance(Says(), typing.Sized)",
            "from collections.abc import Sized\ndef f(x):\n    return x + isinstance(1.5, Sized)\n",
        ),
    ],
    ids=["by value", "by class"],
)
def test_no_call_fills_a_cache_with_what_its_program_made(
    lies: str, call: str, neighbour: str, sandbox: Sandbox
):
    assert met(sandbox, [lies, neighbour], ("f(1)", call, "f(1 + 0)"))[1][::2] == ["1", "1"]
