"""What a check sees of an honest program is what it would see in a process that holds both."""

import random
from collections.abc import Iterator

import pytest

from pipeline.params import load
from pipeline.sandbox.jobs import Call, Check, Job, Program
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox

# Beside its check, and in a process of its own.
PLACES = {"shared": "", "apart": "import os\nos.getcwd()\n"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.open(load("sandbox", SandboxParams).model_copy(update={"workers": 1})) as opened:
        yield opened


def verdicts(sandbox: Sandbox, programs: list[str], checks: list[str]) -> list[list[str]]:
    job = Job(
        "job",
        "f",
        tuple(Program(str(index), code) for index, code in enumerate(programs)),
        checks=tuple(Check(check, check) for check in checks),
    )
    [result] = sandbox.execute([job])
    return [list(row) for row in result.verdicts]


@pytest.mark.parametrize("head", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(
    ("body", "check"),
    [
        ("x.sort()", "x = [3, 1]\nf(x=x)\nassert x == [1, 3]"),
        ("x.append(1)", "from collections import deque\nx = deque([3])\nf(x)\nassert list(x) == [3, 1]"),
        ("x['a'] += 1", "from collections import Counter\nx = Counter()\nf(x)\nassert x == {'a': 1}"),
        (
            "x.move_to_end(1)",
            "from collections import OrderedDict\nx = OrderedDict({1: 1, 2: 2})\nf(x)\nassert [*x] == [2, 1]",
        ),
        ("x.append(1)", "x = bytearray()\nf(x)\nassert x == b'\\x01'"),
    ],
    ids=["by keyword", "deque", "Counter", "OrderedDict", "bytearray"],
)
def test_a_check_sees_what_a_program_did_to_its_argument(sandbox: Sandbox, head: str, body: str, check: str):
    changes, does_nothing = f"{head}def f(x):\n    {body}\n", f"{head}def f(x):\n    pass\n"
    assert verdicts(sandbox, [changes, does_nothing], [check]) == [["pass"], ["fail"]]


@pytest.mark.parametrize("head", PLACES.values(), ids=PLACES)
def test_an_argument_that_comes_back_is_the_checks_own_object(sandbox: Sandbox, head: str):
    same, copy = f"{head}def f(x):\n    return x\n", f"{head}def f(x):\n    return list(x)\n"
    checks = [
        "x = [1]\nassert f(x) is x",
        "x = [1]\nassert f(x) is not x",
        "x = [1]\nf(x).append(2)\nassert x == [1]",
    ]
    assert verdicts(sandbox, [same, copy], checks) == [["pass", "fail", "fail"], ["fail", "pass", "pass"]]


@pytest.mark.parametrize("head", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(
    ("body", "case"),
    [
        ("import json; return json.loads(x)", ("'{'", "import json", "json.JSONDecodeError", "e.args")),
        ("import re; return re.compile(x)", ("'('", "import re", "re.error", "e.args")),
        (
            "from decimal import Decimal; Decimal(x)",
            ("'a'", "import decimal", "decimal.InvalidOperation", "e.args"),
        ),
        ("return x.decode()", ("b'\\xff'", "", "UnicodeDecodeError", "('utf-8', b'\\xff', *e.args[2:])")),
        ("return {}[x]", ("'a'", "", "KeyError", "('a',)")),
        ("raise ValueError('bad', x)", ("'a'", "", "ValueError", "('bad', 'a')")),
        (
            "def steps():\n        return x\n        yield\n    return next(steps())",
            ("5", "", "StopIteration", "(5,)"),
        ),
        ("class E(ValueError): pass\n    raise E('bad')", ("1", "", "ValueError", "('bad',)")),
    ],
    ids=[
        "json",
        "re",
        "decimal",
        "unicode",
        "KeyError",
        "arguments",
        "a generator's result",
        "the program's own",
    ],
)
def test_a_check_meets_the_librarys_exceptions_with_their_arguments(
    sandbox: Sandbox, head: str, body: str, case: tuple[str, str, str, str]
):
    given, imports, caught, arguments = case
    caught_so = f"except {caught} as e:\n    met = e.args == {arguments}"
    check = f"{imports}\nmet = False\ntry:\n    f({given})\n{caught_so}\nassert met"
    raises, returns = f"{head}def f(x):\n    {body}\n", f"{head}def f(x):\n    return x\n"
    assert verdicts(sandbox, [raises, returns], [check]) == [["pass"], ["fail"]]


def test_a_check_cannot_change_the_class_of_an_exception_that_it_met(sandbox: Sandbox):
    raises = "import statistics\ndef f(x):\n    return statistics.mean(x)\n"
    honest = """import statistics
def f(x):
    try:
        return statistics.mean(x)
    except statistics.StatisticsError as error:
        return str(error)
"""
    patches = (
        "try:\n    f([])\nexcept Exception as error:\n    type(error).__str__ = lambda self: 'patched'\n"
    )
    is_right = "assert f([]) == 'mean requires at least one data point'"
    assert verdicts(sandbox, [raises, honest], [patches, is_right])[1][1] == "pass"


def test_a_dataclass_that_names_its_own_class_in_a_string_loads(sandbox: Sandbox):
    fields = "value: int\n    next: 'Node' = None"
    node = f"from dataclasses import dataclass\n@dataclass\nclass Node:\n    {fields}\n"
    future = f"from __future__ import annotations\n{node}"
    programs = [f"{code}def f(x):\n    return Node(x, Node(1)).next.value\n" for code in (node, future)]
    job = Job("job", "f", tuple(map(Program, "ab", programs)), (Call("c", "f(3)"),))
    [result] = sandbox.execute([job])
    assert [seen.repr for row in result.seen for seen in row] == ["1", "1"]


@pytest.mark.parametrize("head", [*PLACES.values(), "from typing import Optional\n"])
def test_a_check_builds_what_it_hands_over_from_the_programs_own_classes(sandbox: Sandbox, head: str):
    makes = "    def __init__(self, value, next=None):\n        self.value, self.next = value, next\n"
    counts = "def f(node):\n    n = 0\n    while node:\n        n, node = n + 1, node.next\n    return n\n"
    program = f"{head}class Node:\n{makes}{counts}"
    checks = [
        "last = Node(2)\nfirst = Node(1)\nfirst.next = last\nassert f(first) == 2 and f(node=last) == 1",
        "node = None\nfor value in (1, 2, 3):\n    node = Node(value, next=node)\nassert f(node) in (3,)",
    ]
    assert verdicts(sandbox, [program], checks) == [["pass", "pass"]]


def test_a_check_cannot_set_an_attribute_of_what_neighbours_share(sandbox: Sandbox):
    shares = "import statistics\nfrom typing import List\ndef f(x):\n    return statistics.mean(x)\n"
    patches = ["statistics.mean = len\nf([1])\nassert True", "List.kept = 1\nf([1])\nassert True"]
    found = verdicts(sandbox, [shares], [*patches, "assert f([1, 3]) in (2,)"])
    assert found == [["fail", "error", "pass"]]


def test_a_check_may_slice_what_stays_with_the_program(sandbox: Sandbox):
    row = "class Row:\n    def __getitem__(self, key):\n        return [1, 2, 3][key]\n"
    program = f"{row}def f(x):\n    return Row()\n"
    assert verdicts(sandbox, [program], ["assert f(1)[1:] == [2, 3]\n"]) == [["pass"]]


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
    assert verdicts(sandbox, [applies], [check]) == [["pass"]]


@pytest.mark.parametrize("head", PLACES.values(), ids=PLACES)
def test_a_program_that_cannot_load_passes_no_check_that_expects_an_exception(sandbox: Sandbox, head: str):
    check = "try:\n    f(None)\nexcept Exception:\n    pass\nelse:\n    assert False\n"
    programs = [
        f"{head}def f(x):\n    return x\nraise RuntimeError\n",
        f"{head}def f(x):\n    raise TypeError\n",
    ]
    assert verdicts(sandbox, programs, [check]) == [["error"], ["pass"]]


@pytest.mark.parametrize("head", PLACES.values(), ids=PLACES)
def test_an_object_can_do_for_a_check_what_it_can_do_for_its_program(sandbox: Sandbox, head: str):
    does = [
        "lambda: 1",
        "(y for y in [1])",
        "type('A', (), {'__len__': lambda self: 3, '__getitem__': lambda self, key: [5, 6, 7][key]})()",
        "object()",
    ]
    checks = [
        "assert callable(f(1))",
        "from collections.abc import Iterator\nassert isinstance(f(1), Iterator)",
        "assert hasattr(f(1), '__iter__')",
        "assert hasattr(f(1), '__len__')",
        "try:\n    given = list(f(1))\nexcept TypeError:\n    given = []\nassert given == [5, 6, 7]",
    ]
    expected = [
        ["pass", "fail", "fail", "fail", "fail"],
        ["fail", "pass", "pass", "fail", "fail"],
        ["fail", "fail", "fail", "pass", "pass"],
        ["fail", "fail", "fail", "fail", "fail"],
    ]
    assert verdicts(sandbox, [f"{head}def f(x):\n    return {made}\n" for made in does], checks) == expected


@pytest.mark.parametrize("head", PLACES.values(), ids=PLACES)
def test_a_check_that_draws_at_random_draws_the_same_wherever_it_runs(sandbox: Sandbox, head: str):
    drawn = random.Random(0).sample(range(10**6), 3)
    check = f"import random\nassert f(random.sample(range(10**6), 3)) == {drawn}\n"
    assert verdicts(sandbox, [f"{head}def f(x):\n    return x\n"], [check]) == [["pass"]]


@pytest.mark.parametrize("head", PLACES.values(), ids=PLACES)
def test_a_program_may_go_as_deep_for_a_check_as_it_may_alone(sandbox: Sandbox, head: str):
    deep = f"{head}def f(x):\n    if x:\n        return f(x - 1)\n    return 0\n"
    assert verdicts(sandbox, [deep], ["assert f(995) == 0", "assert f(1005) == 0"]) == [["pass", "error"]]


def test_an_argument_may_have_any_name(sandbox: Sandbox):
    method = "def f(self, g, function):\n    return g(self=self, function=function)\n"
    check = "assert f(self=1, g=lambda self, function: self + function, function=2) == 3"
    assert verdicts(sandbox, [method], [check]) == [["pass"]]


@pytest.mark.parametrize("head", PLACES.values(), ids=PLACES)
def test_data_that_nobody_reads_stays_where_it_is(sandbox: Sandbox, head: str):
    colliding = "{k * (2**61 - 1): k for k in range(100)}"
    program = f"{head}def f(x):\n    return {colliding}\ndef g(x):\n    raise KeyError({colliding})\n"
    checks = [
        "assert len(f(1)) == 100",
        f"f({colliding})",
        "try:\n    g(1)\nexcept KeyError as error:\n    assert type(error.args[0]) is str",
    ]
    assert verdicts(sandbox, [program], checks) == [["pass", "fail", "pass"]]
