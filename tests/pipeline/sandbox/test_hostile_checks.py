"""Nothing that a check does reaches a neighbour or a later check, and no program's lie reaches a check."""

import pytest

from pipeline.sandbox.sandbox import Sandbox
from pipeline.sandbox.statuses import VERDICTS
from tests.pipeline.sandbox.neighbours import met


@pytest.mark.parametrize(
    ("hostile", "check"),
    [
        (
            "def f(given, x=0):\n    given.most_common = lambda *_: 'patched'\n    return 1\n",
            "from collections import Counter\nf(Counter)\n",
        ),
        (
            """
            def f(given, x=0):
                try:
                    given()
                except Exception as error:
                    type(error).__str__ = lambda self: "patched"
                return 1
        """,
            "import statistics\nf(lambda: statistics.mean([]))\n",
        ),
        (
            """
            from collections.abc import Sized
            def f(given, x=0):
                given("H", (Sized,), {"__subclasshook__": classmethod(lambda c, other: True)})
                return 1
        """,
            "f(type)\n",
        ),
        (
            """
            def g(x):
                return x
            def f(given, x=0):
                type(given).__call__ = lambda *_, **__: 2
                return 1
        """,
            "f(g)\n",
        ),
    ],
    ids=["a class", "an exception", "the maker of classes", "what stands for its own object"],
)
def test_what_a_check_hands_to_a_program_is_no_way_to_its_neighbours(
    hostile: str, check: str, sandbox: Sandbox
):
    honest = """
        import statistics
        from collections import Counter
        from collections.abc import Sized
        def g(x):
            return x
        def f(given, x=0):
            if callable(given):
                return 1
            try:
                statistics.mean([])
            except statistics.StatisticsError as error:
                return Counter("aab").most_common(1), str(error), isinstance(1.5, Sized)
    """
    is_right = "assert f(1) == ([('a', 2)], 'mean requires at least one data point', False)\n"
    _, beside = met(sandbox, [hostile, honest], (), (check, is_right))
    assert beside[1] == "pass"


@pytest.mark.parametrize(
    ("hostile", "check"),
    [
        ("def f(x):\n    return x\n", "type(f).__call__ = lambda *_: (['a'], '0.33')\n"),
        ("import decimal\ndef f(x):\n    return x\n", "decimal.setcontext(decimal.Context(3))\n"),
        (
            """
            class Keyed:
                def __getitem__(self, key):
                    key.most_common = lambda *_: "patched"
                    return 1
            def f(x):
                return Keyed()
        """,
            "from collections import Counter\nf(1)[Counter]\n",
        ),
        (
            """
            def f(given):
                try:
                    given()
                except BaseException as error:
                    type(error).__init__ = lambda *_: 1 / 0
        """,
            "f(lambda: iter([]))\n",
        ),
    ],
    ids=["what stands for an object", "what the program imports", "the key of an item", "an exception"],
)
def test_a_check_changes_nothing_that_a_later_check_meets(hostile: str, check: str, sandbox: Sandbox):
    honest = """
        from collections import Counter
        from decimal import Decimal
        def f(x):
            return x() if callable(x) else (Counter("aab").most_common(1), str(Decimal(1) / 8 + 1))
    """
    later = ("assert f(1) == ([('a', 2)], '1.125')\n", "f(lambda: iter(()))\n")
    _, [_, *beside] = met(sandbox, [hostile, honest], (), (check, *later))
    assert beside == ["pass", "fail"]


@pytest.mark.parametrize(
    ("lies", "check"),
    [
        (
            """
            class Liar(type):
                def __hash__(self):
                    return hash(int)
                def __eq__(self, other):
                    return True
            class Anything(metaclass=Liar):
                def __eq__(self, other):
                    return True
            def f(x):
                return Anything()
        """,
            "assert f(1) == 2\n",
        ),
        (
            """
            class Anything:
                def __eq__(self, other):
                    return True
            class Text(str):
                def __getitem__(self, key):
                    return Anything()
            class Raised(ValueError):
                def __str__(self):
                    return Text("wrong")
            def f(x):
                raise Raised
        """,
            "try:\n    f(1)\nexcept ValueError as error:\n    assert error.args[0] == 'right'\n",
        ),
    ],
    ids=["about its type", "in the text of an exception"],
)
def test_no_object_that_lies_crosses_to_a_check(lies: str, check: str, sandbox: Sandbox):
    assert met(sandbox, [lies], (), (check,)) == [["fail"]]


def test_a_check_that_forges_its_answer_says_one_of_the_verdicts_all_the_same(sandbox: Sandbox):
    forged = """import gc
[arena] = [thing for thing in gc.get_objects() if type(thing).__name__ == "Arena"]
arena.put(0, 0, 0, {kind}, 0, b"N")
arena.flush()
"""
    checks = tuple(forged.format(kind=kind) for kind in (0, 6, 7, 255))
    [row] = met(sandbox, ["def f(x):\n    return x\n"], (), checks)
    assert set(row) <= set(VERDICTS)


LIES = """
from fractions import Fraction
class Says(str):
    def __eq__(self, other):
        return True
class Liar(LookupError):
    def __str__(self):
        return Says("x")
class Raises:
    def __eq__(self, other):
        return True
    def __str__(self):
        raise Liar("x")
class Number(int):
    numerator = Raises()
    denominator = 1
def f(x):
    x.append(Fraction(Number(3)))
def g(x):
    raise ValueError(Fraction(Number(3)))
def h(x):
    raise SystemExit(Says("x"))
"""


@pytest.mark.parametrize("call", ["f([1])", "g(1)", "h(1)"])
def test_no_exception_of_a_programs_own_class_reaches_a_check(call: str, sandbox: Sandbox):
    check = f"""
try:
    {call}
except (LookupError, SystemExit) as error:
    assert str(error) == "negative" or error.args[0] == 2
else:
    assert False
"""
    assert met(sandbox, [LIES], (), (check,))[0] != ["pass"]


@pytest.mark.parametrize("kind", [0, 6, 7])
def test_a_program_that_forges_an_answer_about_all_columns_gets_a_verdict_all_the_same(
    kind: int, sandbox: Sandbox
):
    forges = f"""
import gc
import os
[arena] = [thing for thing in gc.get_objects() if type(thing).__name__ == "Arena"]
arena.put(arena.words[1] >> 40, arena.words[1] >> 20 & 0xFFFFF, 0xFFFFF, {kind}, 0, b"N")
arena.flush()
arena.words[3] = 1
os._exit(0)
"""
    [[*_, verdict]] = met(sandbox, [forges], ("f(1)", "f(2)"), ("assert f(1) == 3",))
    assert verdict in VERDICTS and verdict != "pass"


BARE_RAISE = """
class Says:
    def __eq__(self, other):
        return True
def f(given):
    try:
        raise ValueError(Says())
    except ValueError:
        return given(1)
def g(x):
    try:
        raise
    except RuntimeError:
        return 1
    except ValueError as error:
        error.args[0].tau = 666
        return 1
"""


def test_a_bare_raise_hands_a_program_no_exception_of_its_check(sandbox: Sandbox):
    check = "import math\ntry:\n    raise ValueError(math)\nexcept ValueError:\n    assert g(1) == 1\n"
    honest = "def g(x):\n    return 1\ndef f(x):\n    import math\n    return math.tau < 7\n"
    answers = met(sandbox, [BARE_RAISE, honest], (), (check, "assert f(1)"))
    assert answers[0][0] == "pass"
    assert answers[1] == ["pass", "pass"]


def test_a_bare_raise_hands_a_check_no_exception_of_its_program(sandbox: Sandbox):
    check = """
def reraised(x):
    try:
        raise
    except ValueError as error:
        return error.args[0] == 2
    except RuntimeError:
        return False
assert f(reraised)
"""
    assert met(sandbox, [BARE_RAISE], (), (check,)) == [["fail"]]


def test_a_class_that_a_check_hands_over_reaches_no_neighbour(sandbox: Sandbox):
    takes = """
        from fractions import Fraction
        def f(x):
            class A(x):
                def set_up(self, *given):
                    super().__init__(*given)
            A.set_up(A, Fraction.numerator, lambda self: 777)
    """
    honest = "from fractions import Fraction\ndef f(x):\n    return Fraction(x, 3).numerator\n"
    _, [verdict, _] = met(sandbox, [takes, honest], (), ("assert f(5) == 5\n", "f(property)\n"))
    assert verdict == "pass"


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


@pytest.mark.parametrize(
    "check",
    [
        "import time\nf(time.strptime)\n",
        "import datetime\nf(datetime.datetime(2020, 1, 1))\n",
    ],
    ids=["the function", "a date that has it"],
)
def test_no_check_hands_a_program_a_cache_to_fill(check: str, sandbox: Sandbox):
    lies = """
        class Says(str):
            def __hash__(self):
                return hash("%Y %m")
            def __eq__(self, other):
                raise SystemExit
        def f(given):
            read = given if callable(given) else given.strptime
            read("2020 01", Says("%Y %m"))
    """
    honest = "import time\ndef f(x):\n    return time.strptime('2020 01', '%Y %m').tm_mon\n"
    assert met(sandbox, [lies, honest], (), (check, "assert f(2) == 1"))[1][1] == "pass"


@pytest.mark.parametrize(
    "changes",
    [
        "type(x).__add__ = lambda *_: 777",
        "type(x).numerator.__init__(lambda self: 777)",
        "type(list[int])(lambda: type(x), int)()",
        """M = type("M", (type,), {"__hash__": lambda self: hash(bool), "__eq__": lambda *_: True})
    try:
        M("E", (), {})() + x
    except TypeError:
        pass""",
    ],
    ids=["an attribute", "a property", "what a generic class sets", "the cache of an abstract class"],
)
def test_the_class_of_what_a_check_hands_over_reaches_no_neighbour(changes: str, sandbox: Sandbox):
    changes = f"def f(x):\n    {changes}\n    return 1\n"
    honest = """
        from fractions import Fraction
        def f(x):
            made = Fraction(1, 3) + x, Fraction(1, 3).numerator, Fraction(True).numerator
            return str(made[0]), made[1], made[2], hasattr(Fraction, "__orig_class__")
    """
    checks = ("from fractions import Fraction\nf(Fraction(1, 2))\n", "assert f(1) == ('4/3', 1, 1, False)")
    assert met(sandbox, [changes, honest], (), checks)[1][1] == "pass"


def test_a_class_that_an_exception_tells_of_what_a_check_hands_over_reaches_no_neighbour(sandbox: Sandbox):
    changes = """
        def f(x):
            try:
                x / 0
            except ArithmeticError as error:
                error.args[0][0].__qualname__ = "patched"
            return "told"
    """
    honest = """
        def f(x):
            try:
                x / 0
            except ArithmeticError as error:
                return str(error)
    """
    checks = (
        "from decimal import Decimal\nf(Decimal(0))\n",
        "from decimal import Decimal\nassert 'Undefined' in f(Decimal(0))\n",
    )
    assert met(sandbox, [changes, honest], (), checks) == [["pass", "fail"], ["pass", "pass"]]


def test_a_check_that_makes_a_kind_of_classes_fills_no_cache_that_others_meet(sandbox: Sandbox):
    fills = """
M = type("M", (type,), {"__hash__": lambda self: hash(bool), "__eq__": lambda *_: True})
try:
    M("E", (), {})() + f(1)
except TypeError:
    pass
"""
    asks = "from fractions import Fraction\ndef f(x):\n    return Fraction(x == 1)\n"
    gives = "from fractions import Fraction\ndef f(x):\n    return Fraction(x)\n"
    answers = met(sandbox, [gives, asks], (), (fills, "assert f(1) == 1"))
    assert [row[1] for row in answers] == ["pass", "pass"]


COLLIDING = "{k * (2**61 - 1): k for k in range(100)}"


@pytest.mark.parametrize(
    ("handed", "does"),
    [(COLLIDING, "return 1"), ("1", f"raise ValueError({COLLIDING})")],
    ids=["what it hands over", "what it is told"],
)
def test_no_exception_of_ours_reaches_a_program(handed: str, does: str, sandbox: Sandbox):
    tries = f"def f(given):\n    try:\n        return given({handed})\n"
    calls = tries + "    except ValueError as error:\n        "
    changes = calls + "type(error).__str__ = lambda self: 'patched'\n"
    honest = calls + "return str(error)\n"
    check = f"def given(x):\n    {does}\nassert f(given) != 'patched'\n"
    assert met(sandbox, [changes, honest], (), (check,))[1] == ["pass"]


def test_no_class_of_typing_that_a_check_hands_over_makes_what_a_neighbour_meets(sandbox: Sandbox):
    made = "given('T', bound='text').evaluate_bound(1)"  # since Python 3.14
    changes = f"def f(given):\n    type({made}).kept = 1\n"
    asks = f"def f(given):\n    return hasattr({made}, 'kept')\n"
    check = "from typing import TypeVar\nassert f(TypeVar) is False\n"
    assert met(sandbox, [changes, asks], (), (check,))[1] == met(sandbox, [asks], (), (check,))[0]
