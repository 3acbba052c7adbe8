"""Many calls compiled as one: the same answers as one by one, whatever their texts look like."""

from collections.abc import Iterator

import pytest

from pipeline.params import load
from pipeline.sandbox.inside.calls import CLOSED, OPEN, looks_of
from pipeline.sandbox.jobs import Call, Job, Program, Result
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox

LITERAL = [
    "f()",
    "f( )",
    "f(1, [2, 3], {'a': (4,)}, -5.5e3)",
    "f('it is (', \"'\", ')', '\\'', '\\\\')",
    "f([[1], [2]][0], 1or 2, 0x1F, 1_0, ...)",
    "f([True, None], )",
    "f('a' 'b')",
]
OTHER = [
    "f(1, b=-5.5e3)",
    "f(x for x in [1, 2] if x) is True",
    "f(f(1), *[2], **{'c': 3}) is None",
    "f(lambda x, y=1: (x, y)) is False",
    "f(0x2.__pow__(3), 1.5.real)",
    "sorted(f(1), key=lambda x: -x)",
    "f(1) is True",
    "f(2 * 3)",
    "not(f(1))",
]
NOT_CLOSED = [
    "",
    "f",
    "f(",
    "f(1))",
    "f(1), f(2)",
    "f(1)), (f(2)",
    "f(1)][f(2)",
    "f(1)(2)",
    "f(1) + f(2)",
    "f([)])",
    "f(1)\n",
    "f(1,\n2)",
    "f(1) # told",
    "f(#)\n)",
    "f(1); g(2)",
    " f(1)",
    "f(x := 1)",
    "f((yield))",
    "f((yield x))",
    "f(await x)",
    "f(\\\n1)",
    "f('''a''')",
    "f('''a)''', '''(b''')",
    "f(b'a')",
    "f(f'{x}')",
    "f('a' 'b)",
    "f('a)",
    "f(\u00e9)",
    "\uff46(1)",
    "f(\x00)",
    "f(1)\r",
    "f('a\rb')",
    "*f(1)",
    "f(1) is not None",
    "lambda: f(1)",
]


@pytest.mark.parametrize("text", LITERAL)
def test_a_call_with_literals_is_told_by_its_name(text: str):
    assert looks_of(["f(1)", text, "g(x)"]) == ["f", "f", CLOSED]


@pytest.mark.parametrize("text", OTHER)
def test_a_closed_call_among_others_means_what_it_means_alone(text: str):
    def f(*values: object, **named: object) -> object:
        given = (*values, *named.values())
        return [list(value) if isinstance(value, Iterator) else callable(value) or value for value in given]

    assert looks_of([text]) == [CLOSED]
    together = compile(f"(lambda:f(1),\nlambda:{text},\nlambda:f(2),\n)", "<test>", "eval")
    _, middle, _ = eval(together, {"f": f})
    assert middle() == eval(compile(text, "<test>", "eval"), {"f": f})


@pytest.mark.parametrize("text", NOT_CLOSED)
def test_what_could_end_early_or_go_on_is_not_closed(text: str):
    assert looks_of([text]) == [OPEN]
    assert looks_of(["f(x)", text, "f(2)"])[1] == OPEN


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.open(load("sandbox", SandboxParams).model_copy(update={"workers": 1})) as opened:
        yield opened


def ran(sandbox: Sandbox, programs: list[str], calls: list[str]) -> Result:
    job = Job(
        "job", "f", tuple(Program(code, code) for code in programs), tuple(Call(code, code) for code in calls)
    )
    [result] = sandbox.execute([job])
    return result


def shown(result: Result) -> list[str | None]:
    return [item.repr if item.status == "ok" else item.status for item in result.observations]


def test_calls_of_any_form_are_answered_in_order(sandbox: Sandbox):
    answer_of = {
        "f(1)": "2",
        "f(2) + 1": "4",
        "f(3, )": "4",
        "f(,)": "syntax",
        "f(4,,)": "syntax",
        "f(True, *())": "2",
        "f([] and {[]: 1})": "error",
        "f({[]: 1})": "error",
        "g(5)": "error",
        "abs(-6)": "6",
        "f(1..__class__(7))": "8.0",
        "f(": "syntax",
        "f(1)), (f(2)": "syntax",
        "f(x := 3)": "4",
        "(yield)": "syntax",
        "f(\n4\n)  # told": "5",
        "f(5), f(6)": "(6, 7)",
        "'f' in dir()": "True",
        "f(len(b'abc'))": "4",
        "f(*[7])": "8",
        "f('')": "error",
        "f" + "(" * 199 + "8" + ")" * 199: "9",
        "f(len([" + "0, " * 3000 + "]))": "3001",
        "[f(9)]": "[10]",
    }
    plus, keeps = "def f(x): return x + 1", "seen = []\ndef f(x):\n    return x + 1\n"
    assert shown(ran(sandbox, [plus, keeps], list(answer_of))) == 2 * list(answer_of.values())


def test_what_ends_with_a_value_is_on_its_own_calls_account(sandbox: Sandbox):
    never_ends = (
        "def f(x):\n    def g():\n        try:\n            yield\n        finally:\n"
        "            while x == 2: pass\n    y = g()\n    next(y)\n    return y\n"
    )
    assert shown(ran(sandbox, [never_ends], [f"f({n})" for n in range(5)])) == [
        *2 * ["opaque"],
        "timeout",
        *2 * ["opaque"],
    ]


@pytest.mark.parametrize("state", ["", "seen = []\n"])
def test_what_ends_with_an_argument_is_on_its_own_calls_account(state: str, sandbox: Sandbox):
    never_ends = (
        "def g():\n    try:\n        yield\n    finally:\n        while True: pass\n"
        "def f(x, n):\n    if n == 2:\n        x.append(g())\n        next(x[0])\n"
        "    return sum(range(20000 * n))\n"
    )
    seen = ran(sandbox, [state + never_ends], [f"f([], {n})" for n in range(5)]).observations
    assert [item.status for item in seen] == ["ok", "ok", "timeout", "ok", "ok"]


def test_arguments_that_take_long_to_make_cost_each_call_its_own():
    params = load("sandbox", SandboxParams).model_copy(update={"workers": 1, "max_call_cpu_s": 0.03})
    calls = [f"f(0x3.__pow__({400_000 + n}), '{'x' * 3000}')" for n in range(8)]
    programs = [f"{state}def f(*x): return len(x)" for state in ("", "seen = []\n")]
    with Sandbox.open(params) as opened:
        assert shown(ran(opened, programs, [*calls, "f(1)"])) == 2 * [*8 * ["2"], "1"]


def test_a_call_whose_arguments_are_never_made_leaves_the_others_together(sandbox: Sandbox):
    calls = [*(f"f({n})" for n in range(20)), "f(0x9.__pow__(0x9.__pow__(0x9)))"]
    result = ran(sandbox, ["def f(x): return x"], calls)
    assert [item.status for item in result.observations] == [*20 * ["ok"], "timeout"]
    assert [item.peak_bytes is None for item in result.observations[:20]] == 20 * [True]


def test_a_value_that_takes_long_to_encode_costs_its_own_call_only(sandbox: Sandbox):
    doubles = (
        "def f(x):\n    y = [x]\n    for _ in range(40 if x == 2 else 1):\n        y = [y, y]\n    return y\n"
    )
    seen = ran(sandbox, [doubles, "def f(x): return x"], [f"f({n})" for n in range(5)]).observations
    assert [item.status for item in seen[:2] + seen[3:]] == ["ok"] * 9
    assert seen[2].status in ("timeout", "memory", "large")


def test_programs_that_answer_the_same_have_one_row(sandbox: Sandbox):
    result = ran(
        sandbox,
        ["def f(x): return x + x", "def f(x): return 2 * x", "def f(x): return x"],
        ["f(0)", "f(1)", "f('a')"],
    )
    assert result.seen[0] is result.seen[1]
    assert result.seen[0] is not result.seen[2]


def test_every_call_that_ran_took_time(sandbox: Sandbox):
    result = ran(
        sandbox, ["def f(x): return x", "n = []\ndef f(x): return x"], [f"f({n})" for n in range(300)]
    )
    assert all(item.cpu_s is not None and 0 < item.cpu_s < 0.1 for item in result.observations)
