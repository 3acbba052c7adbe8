"""Nothing that a program or a check does reaches a neighbour, a later call or another process of its own."""

from collections import OrderedDict
from collections.abc import Iterator
from textwrap import dedent

import pytest

from pipeline.params import load
from pipeline.sandbox.jobs import Call, Check, Job, Program
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
from pipeline.sandbox.statuses import VERDICTS

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
    "in its working directory": """
        import os
        def f():
            was = os.getcwd()
            os.chdir("/usr")
            return was
    """,
    "in its file mode mask": "import os\ndef f():\n    return os.umask(0o77)\n",
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
# hostile program, its neighbour
REACHES = {
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


@pytest.fixture(params=["namespaces", "landlock"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    params = load("sandbox", SandboxParams).model_copy(update={"isolation": request.param, "workers": 1})
    with Sandbox.open(params) as opened:
        yield opened


def met(
    sandbox: Sandbox, programs: list[str], calls: tuple[str, ...], checks: tuple[str, ...] = ()
) -> list[list[str | None]]:
    """A row a program: what it answered, then its verdicts."""
    job = Job(
        "job",
        "f",
        tuple(Program(str(index), dedent(code)) for index, code in enumerate(programs)),
        tuple(Call(call, call) for call in calls),
        tuple(Check(check, check) for check in checks),
    )
    [result] = sandbox.execute([job])
    answers = [[seen.repr if seen.status == "ok" else seen.status for seen in row] for row in result.seen]
    return [[*row, *said] for row, said in zip(answers, result.verdicts, strict=True)]


@pytest.mark.parametrize("code", KEEPS.values(), ids=KEEPS)
def test_a_program_cannot_keep_anything(code: str, sandbox: Sandbox):
    [row] = met(sandbox, [code], CALLS)
    assert len(set(row)) == 1, row


@pytest.mark.parametrize(("code", "neighbour"), REACHES.values(), ids=REACHES)
def test_a_neighbour_answers_as_if_it_were_alone(code: str, neighbour: str, sandbox: Sandbox):
    for calls in (("f(1)",), ("f(1)", "f(2)")):
        _, beside = met(sandbox, [dedent(code), neighbour], calls)
        assert beside == met(sandbox, ["# alone\n" + dedent(neighbour)], calls)[0]


def test_a_call_that_draws_at_random_draws_what_it_draws_alone(sandbox: Sandbox):
    draws = ("statistics.NormalDist().samples(1)", "[statistics.random.gauss(0, 1)]")
    program = "import statistics\ndef f(x):\n    return x\n"
    [together] = met(sandbox, [program], draws)
    assert together == [met(sandbox, [program], (call,))[0][0] for call in draws]


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


def test_a_call_that_lowers_the_recursion_limit_lowers_it_for_itself(sandbox: Sandbox):
    deep = "import sys\ndef f(x):\n    return f(x - 1) if x else 0\n"
    assert met(sandbox, [deep], ("f(500)", "sys.setrecursionlimit(100)", "f(501)")) == [["0", "None", "0"]]


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


def test_a_check_may_slice_what_stays_with_the_program(sandbox: Sandbox):
    program = """
        class Row:
            def __getitem__(self, key):
                return [1, 2, 3][key]
        def f(x):
            return Row()
    """
    assert met(sandbox, [program], (), ("assert f(1)[1:] == [2, 3]\n",)) == [["pass"]]


def test_a_check_hands_over_functions_and_builtins_and_gets_objects_back(sandbox: Sandbox):
    check = """
def boom(x):
    raise KeyError(x)
assert f(lambda x, y=1: x + y, 1) == 2
assert f(abs, -1) == 1 and f(int, "3") == 3
assert f(k, 2) == 4
assert f(lambda x: sorted(x), [2, 1]) == [1, 2]
try:
    f(boom, 1)
except KeyError:
    pass
else:
    assert False
"""
    applies = "def f(g, x):\n    return g(x)\ndef k(x):\n    return 2 * x\n"
    assert met(sandbox, [applies], (), (check,)) == [["pass"]]


def test_a_check_that_forges_its_answer_says_one_of_the_verdicts_all_the_same(sandbox: Sandbox):
    forged = """import gc
[arena] = [thing for thing in gc.get_objects() if type(thing).__name__ == "Arena"]
arena.put(0, 0, 0, {kind}, 0, b"N")
arena.flush()
"""
    checks = tuple(forged.format(kind=kind) for kind in (0, 6, 7, 255))
    [row] = met(sandbox, ["def f(x):\n    return x\n"], (), checks)
    assert set(row) <= set(VERDICTS)


def test_instances_of_builtin_types_subclasses_are_opaque_whoever_shares_the_process(sandbox: Sandbox):
    bytes_of_its_own = "class B(bytes):\n    pass\ndef f(x):\n    return B(b'x')\n"
    marked = "def f(x):\n    return StopIteration, 'Decimal', '1'\n"
    false_tuple = "class L:\n    __class__ = tuple\n    __eq__ = tuple.__eq__\ndef f(x):\n    return L()\n"
    assert met(sandbox, [bytes_of_its_own, marked, false_tuple], ("f(1)",)) == 3 * [["opaque"]]


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
