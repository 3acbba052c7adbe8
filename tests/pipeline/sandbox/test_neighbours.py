"""Nothing that a program does reaches another: whoever shares its process, it answers as if alone."""

from collections import OrderedDict
from textwrap import dedent

import pytest

from pipeline.sandbox.jobs import Call, Job, Program
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


def test_a_program_that_says_it_is_in_a_package_of_ours_imports_nothing_from_it(sandbox: Sandbox):
    runs_a_text = """
        __name__ = "pipeline.sandbox.inside.mine"
        from .calls import Part
        from .programs import compiled_beside_others
        def f(x):
            code = compiled_beside_others("[__import__('os').getpid()]", "eval")
            return Part([0], None, code).functions({})
    """
    assert met(sandbox, [runs_a_text], ("f(1)",)) == [["error"]]
    named = "__name__ = 'pipeline.sandbox.inside.mine'\nfrom .arena import cpu_clock\n"
    assert met(sandbox, ["def f(x):\n    return x\n"], (), (named,)) == [["error"]]


def test_the_name_of_an_exception_forges_no_answers(sandbox: Sandbox):
    forges = """
        def frame(program, column, kind, answer):
            fields = ((0, 2), (program, 2), (column, 4), (kind, 1), (0, 4), (len(answer), 4))
            return b"".join([number.to_bytes(size, "little") for number, size in fields]) + answer
        class Forged(type(b"")):
            def __len__(self):
                return 0
        class Encodes:
            def encode(self, *_):
                return Forged(frame(0, 1, 103, b"") + frame(1, 0, 0, b"i" + (666).to_bytes(4, "little")))
        class Name(str):
            def __getitem__(self, key):
                return Encodes()
        class E(Exception):
            pass
        E.__name__ = Name("E")
        raise E
    """
    honest = "def f(x):\n    return x + 1\n"
    answers = met(sandbox, [forges, honest], ("f(1)",), ("assert f(1) == 2\n",))
    assert answers == [["error", "error"], ["2", "pass"]]


def test_a_class_that_a_check_hands_over_reaches_no_neighbour(sandbox: Sandbox):
    takes = """
        from fractions import Fraction
        def f(x):
            class A(x):
                def set_up(self, *given):
                    super().__init__(*given)
            A.set_up(A, Fraction.numerator, lambda self: 777)
    """
    _, [verdict, _] = met(sandbox, [takes, FRACTIONS], (), ("assert f(5) == 5\n", "f(property)\n"))
    assert verdict == "pass"


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


def test_a_program_cannot_read_the_tests_through_a_format_string(sandbox: Sandbox):
    reads = """
        def f(x):
            try:
                1 / 0
            except Exception as error:
                for depth in range(1, 12):
                    text = "{0.__traceback__.tb_frame" + ".f_back" * depth + ".f_locals[jobs]}"
                    try:
                        return text.format(error)
                    except Exception:
                        pass
    """
    [[answer, verdict]] = met(sandbox, [reads], ("f(2)",), ("assert f(2) == 777\n",))
    assert "777" not in str(answer)
    assert verdict != "pass"


def test_instances_of_builtin_types_subclasses_are_opaque_whoever_shares_the_process(sandbox: Sandbox):
    bytes_of_its_own = "class B(bytes):\n    pass\ndef f(x):\n    return B(b'x')\n"
    marked = "def f(x):\n    return StopIteration, 'Decimal', '1'\n"
    false_tuple = "class L:\n    __class__ = tuple\n    __eq__ = tuple.__eq__\ndef f(x):\n    return L()\n"
    assert met(sandbox, [bytes_of_its_own, marked, false_tuple], ("f(1)",)) == 3 * [["opaque"]]


def test_a_program_has_the_text_errors_and_values_that_it_has_alone(sandbox: Sandbox):
    untold = "def f(x):\n    return __doc__\n"
    lies = """M = type("M", (type,), {"__hash__": lambda self: hash(ValueError), "__eq__": lambda *_: True})
class E(Exception, metaclass=M):
    pass
def f(x):
    raise E
"""
    made_from_bytes = "class B(type(b'')):\n    pass\ndef f(x):\n    return [B(b'x')]\n"
    programs = tuple(Program(code, code) for code in (untold, lies, made_from_bytes))
    job = Job("job", "f", programs, (Call("call", "f(1)"),))
    [beside], [alone] = (list(sandbox.execute([job], share=share)) for share in (True, False))
    assert beside.seen == alone.seen


def test_dicts_come_back_as_deep_and_in_the_order_that_they_are(sandbox: Sandbox):
    deep = "def f(x):\n    d = {}\n    for _ in range(80):\n        d = {1: d}\n    return d\n"
    own = "import os\nos.getcwd()\n" + deep
    moved = """
        from collections import OrderedDict
        def f(x):
            d = OrderedDict(a=1, b=2)
            d.move_to_end("a")
            return d
    """
    [one], [other], [last] = met(sandbox, [deep, own, moved], ("f(1)",))
    assert one == other != "large"
    assert last == repr(OrderedDict(b=2, a=1))


PUTS = """
def put(at, name, value):
    reduce = lambda self, protocol: (lambda: at, (), (None, {name: value}))
    copy.copy(made("E", (), {"__reduce_ex__": reduce})())
def f(x):
    put(math, "floor", lambda x: 777)
"""
HANDS_OUT_TYPE = {
    "a copy of a counter": "from collections import Counter\nmade = Counter.copy(int)\n",
    "a copy of a counter of typing": "from typing import Counter\nmade = Counter.copy(int)\n",
    "a copy of a chain": """
from collections import ChainMap
class Name:
    def copy(self):
        return int
class Chain:
    maps = [Name()]
made = ChainMap.copy(Chain)
""",
    "a child of a chain": """
from collections import ChainMap
class Chain:
    maps = ()
made = ChainMap.new_child(Chain, int)
""",
    "the parents of a chain": """
from collections import ChainMap
class Chain:
    maps = [1, int]
made = ChainMap.parents.fget(Chain)
""",
    "a mean of classes": """
from collections.abc import Sized
from statistics import mean
class Ratio:
    def __radd__(self, other):
        return self
    def is_finite(self):
        return False
    def __truediv__(self, n):
        return Sized
class A:
    @classmethod
    def as_integer_ratio(cls):
        return Ratio(), None
made = mean([A])
""",
}


@pytest.mark.parametrize("way", HANDS_OUT_TYPE)
def test_no_program_sets_attributes_by_a_type_that_the_library_hands_out(way: str, sandbox: Sandbox):
    changes = "import copy\nimport math\n" + HANDS_OUT_TYPE[way] + PUTS
    honest = "import math\ndef f(x):\n    return math.floor(x)\n"
    assert met(sandbox, [changes, honest], ("f(1)",)) == [["None"], ["1"]]


CHANGES_WHAT_ALL_SHARE = {
    "by an attribute of what stands before copy.deepcopy": (
        "import copy\ndef f(x):\n    copy.deepcopy.kept = x\n",
        "import copy\ndef f(x):\n    return hasattr(copy.deepcopy, 'kept')\n",
        "False",
    ),
    "by the hash of a fraction, which is kept by its numerator": (
        """
        from fractions import Fraction
        class Liar(int):
            def __hash__(self):
                return 3
            def __eq__(self, other):
                raise SystemExit
        class Number(int):
            numerator = Liar(3)
        def f(x):
            hash(Fraction(Number(3)))
        """,
        "from fractions import Fraction\ndef f(x):\n    return hash(Fraction(3))\n",
        "3",
    ),
    "by what typing's Counter asks of an abstract class, which remembers": (
        """
        from typing import Counter
        M = type("M", (type,), {"__hash__": lambda self: hash(str), "__eq__": lambda *_: True})
        E = M("E", (dict,), {})
        def f(x):
            Counter(E())
        """,
        "from collections import Counter\ndef f(x):\n    return Counter('abc')['a']\n",
        "1",
    ),
    "by the memo of a deep copy, which says what getattr is called with": (
        """
        import copy
        def get(thing, name):
            return copy.deepcopy(str.join, {id(str): thing, id("join"): name})
        def f(x):
            get(f, "__globals__")["__builtins__"].divmod = lambda *_: 666
        """,
        "def f(x):\n    return divmod(x, 1)\n",
        "(1, 0)",
    ),
    "by super, after saying what class it is in": (
        """
        from typing import AnyStr, TypeVar
        class A:
            def m(self):
                nonlocal __class__
                __class__ = TypeVar
                self = AnyStr
                super().__init__(None, True, False)
        def f(x):
            A().m()
        """,
        "from typing import AnyStr\ndef f(x):\n    return repr(AnyStr)\n",
        "'~AnyStr'",
    ),
    "by calling a module an abstract method": (
        "import math\nfrom typing import abstractmethod\ndef f(x):\n    abstractmethod(math)\n",
        "import math\ndef f(x):\n    return hasattr(math, '__isabstractmethod__')\n",
        "False",
    ),
}


@pytest.mark.parametrize("way", CHANGES_WHAT_ALL_SHARE)
def test_no_program_changes_what_all_share(way: str, sandbox: Sandbox):
    changes, honest, answer = CHANGES_WHAT_ALL_SHARE[way]
    assert met(sandbox, [changes, honest], ("f(1)",)) == [["None"], [answer]]


@pytest.mark.parametrize(
    "check",
    [
        "made = type(held())\nassert run(made(None, 0)) == 1\n",
        "import math\ndef told():\n    raise SystemExit(math)\nassert run(told) == 1\n",
    ],
)
def test_no_check_hands_a_program_what_all_share(check: str, sandbox: Sandbox):
    changes = """
        def held():
            return lambda: 1
        def run(given):
            try:
                given["__builtins__"].divmod = lambda *_: 666
            except TypeError:
                pass
            try:
                given()
            except SystemExit as error:
                error.args[0].tau = 666
            return 1
        def f(x):
            return x
    """
    honest = (
        "def held():\n    return lambda: 1\ndef run(given):\n    return 1\n"
        "def f(x):\n    import math\n    return divmod(x, 1), math.tau < 7\n"
    )
    answers = met(sandbox, [changes, honest], ("f(1)",), (check, "assert f(1) == ((1, 0), True)"))
    assert answers[1][0] == "((1, 0), True)"
    assert answers[1][-1] == "pass"
