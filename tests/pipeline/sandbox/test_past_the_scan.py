"""What the library, or the harness, must not hand to a program whose names the scan finds harmless."""

import pytest

from pipeline.sandbox.sandbox import Sandbox
from tests.pipeline.sandbox.neighbours import met

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
    "by a copy of a method, whose function says what getattr is called with": (
        """
        import copy
        import math
        def named():
            def __setattr__(*_):
                pass
            return __setattr__
        class A:
            m = classmethod(named())
        def f(x):
            copy.copy(A.m)(math, "tau", 666)
        """,
        "import math\ndef f(x):\n    return math.tau < 7\n",
        "True",
    ),
    "by a copy of a new type, whose name says how it is made": (
        """
        import copy
        import math
        from typing import NewType
        def f(x):
            copy.copy(NewType((lambda: math, (), {"tau": 666}), int))
        """,
        "import math\ndef f(x):\n    return math.tau < 7\n",
        "True",
    ),
    "by a copy of an object whose slot is a text that equals another name when it is set": (
        """
        import copy
        import math
        names = []
        class Name(str):
            def __hash__(self):
                return hash(names[0])
            def __eq__(self, other):
                return names[0] == other
        class A:
            slots = __slots__ = []
        class B(A):
            @property
            def made(self):
                names[0] = "__reduce_ex__"
                return lambda protocol: (lambda: math, (), {"tau": 666})
        def f(x):
            names.append("made")
            A.slots.append(Name())
            copy.copy(copy.copy(B()))
        """,
        "import math\ndef f(x):\n    return math.tau < 7\n",
        "True",
    ),
    "by a copy of a counter that has another `values`": (
        """
        import copy
        import math
        from collections import Counter
        from typing import NewType
        def f(x):
            held = Counter(a=NewType((lambda: math, (), {"tau": 666}), int))
            held.values = lambda: ()
            copy.deepcopy(held)
        """,
        "import math\ndef f(x):\n    return math.tau < 7\n",
        "True",
    ),
    "by the MemoryError that is left when all that Python keeps ready are in use": (
        """
        def f(x):
            kept = []
            kept.append(kept)
            for _ in range(17):
                try:
                    [x] * (1 << 62)
                except MemoryError as error:
                    kept.append(error)
            kept[-1].args = ("patched",)
        """,
        """
        def f(x):
            try:
                return [x] * (1 << 62)
            except MemoryError as error:
                return error.args
        """,
        "()",
    ),
    "by a union of a text, which is a forward reference and evaluates itself": (
        """
        from typing import Union
        def f(x):
            Union["setattr(__import__('math'), 'tau', 666)"].evaluate()
        """,
        "import math\ndef f(x):\n    return math.tau < 7\n",
        "True",
    ),
    "by a type variable that is bound to a text, which evaluates itself": (
        """
        from typing import TypeVar
        def f(x):
            text = "setattr(__import__('math'), 'tau', 666)"
            TypeVar("T", bound=text).evaluate_bound(1).evaluate()
        """,
        "import math\ndef f(x):\n    return math.tau < 7\n",
        "True",
    ),
    "by a class of annotations that do not evaluate, whose texts are then evaluated": (
        """
        from typing import NamedTuple
        def f(x):
            class A(NamedTuple):
                a: (f.nothing, str(**{"a=setattr(__import__('math'), 'tau', 666), b": 1}))[1]
        """,
        "import math\ndef f(x):\n    return math.tau < 7\n",
        "True",
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
    [its_own], [neighbours] = met(sandbox, [changes, honest], ("f(1)",))
    assert neighbours == answer
    assert its_own in ("None", "error")  # not every way works in every Python


@pytest.mark.parametrize(
    ("end", "calls"), [("raise ValueError\n", ("f(1)",)), ("", ())], ids=["fails", "meets checks only"]
)
def test_no_program_changes_what_all_share_while_it_is_loaded(
    end: str, calls: tuple[str, ...], sandbox: Sandbox
):
    changes = "import math\ntype(list[int])(lambda: math, int)()\ndef f(x):\n    return x\n" + end
    honest = "import math\ndef f(x):\n    return hasattr(math, '__orig_class__')\n"
    _, beside = met(sandbox, [changes, honest], calls, ("assert f(1) is False\n",))
    assert beside == [*("False" for _ in calls), "pass"]


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
