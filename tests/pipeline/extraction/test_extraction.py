import math
import sys
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.assertions import parse_test
from pipeline.engines.types import Sampling
from pipeline.extraction import solutions, tests
from pipeline.extraction.solutions import Extracted, Loss, extract_solution
from pipeline.extraction.tests import extract_tests
from pipeline.prompts.requests import solution_request, test_request
from pipeline.prompts.template import read_prompts
from pipeline.tasks import Task

HERE = Path(__file__).parent
SAMPLING = Sampling(temperature=0.8, top_p=0.95, max_tokens=100)
PROMPTS = {name: read_prompts(Path("pipeline/prompts") / name) for name in ("chat", "embedded", "base")}
TASKS = {
    name: Task(name, "Do it.", name, row["starter_code"], tuple(row["example_tests"]))
    for name, row in yaml.safe_load((HERE / "tasks.yaml").read_text()).items()
}
SOLUTIONS = yaml.safe_load((HERE / "solutions.yaml").read_text())
TESTS = yaml.safe_load((HERE / "tests.yaml").read_text())
FENCED = "```python\ndef add(a, b):\n    return a + b\n```"


def solution_from(case):
    task = TASKS[case["task"]]
    prompt = PROMPTS[case["begins"]].solution
    request = solution_request(task, prompt, n=1, sampling=SAMPLING, seed=0)
    return extract_solution(task, request.prefill, case["completion"])


@pytest.mark.parametrize("case", SOLUTIONS, ids=lambda case: case["it"])
def test_a_completion_gives_the_expected_code_or_the_expected_reason(case):
    outcome = solution_from(case)
    if "loss" in case:
        assert outcome == Loss(case["loss"])
    else:
        assert outcome == Extracted(case["code"], tuple(case.get("mends", ())))


@pytest.mark.parametrize("case", [case for case in SOLUTIONS if "code" in case], ids=lambda case: case["it"])
def test_extracted_code_stays_the_same_when_it_is_extracted_again(case):
    task = TASKS[case["task"]]
    assert extract_solution(task, "", f"````python\n{case['code']}````") == Extracted(case["code"])


@pytest.mark.parametrize("indentation", ["  ", "\t"])
def test_a_starters_own_indentation_costs_no_mend_and_no_test(indentation):
    wide = TASKS["add"]
    task = replace(wide, starter_code=wide.starter_code.replace("    ", indentation))
    body, method = "return a + b", "class Solution:\n    def plus(self, a, b):\n        return a + b"
    for text, mend in [(body, "body_only"), (method, "method"), (FENCED.replace("add", "plus"), "renamed")]:
        outcome = extract_solution(task, "", text if "`" in text else f"```python\n{text}\n```")
        assert isinstance(outcome, Extracted)
        assert outcome.mends == (mend,)
    table = "```python\ntests = [((1, 2), 3)]\n```"
    assert extract_tests(task, "", table) == (["assert add(1, 2) == 3"], Counter())


@pytest.mark.parametrize("case", TESTS, ids=lambda case: case["it"])
def test_a_completion_gives_the_expected_tests_and_losses(case):
    task = TASKS[case["task"]]
    prompt = PROMPTS[case["begins"]].test
    request = test_request(task, prompt, n=1, sampling=SAMPLING, seed=0)
    found, losses = extract_tests(task, request.prefill, case["completion"])
    assert found == case["tests"]
    assert losses == Counter(case.get("losses", {}))


APPROX = [
    *(
        "f(1) == approx(1.5)",
        "approx(1.5, abs=0.1) == f(1)",
        "f(1) == approx(1.5, 0.1)",
        "f(1) != approx(1.5)",
    ),
    *(
        "f(1) == approx(1.5, rel=1e-3, abs=1)",
        "f(1) == pytest.approx(2 - 1 / 2)",
        "f(1) == approx(x, None, 0.1)",
    ),
    *("f(1) == approx(math.inf)", "f(1) == approx(-float('inf'), rel=1)", "f(1) == approx(float('nan'))"),
    *("f(1) == approx(float('nan'), nan_ok=True)", "f(1) == approx(True)", "f(1) == approx('a')"),
    *("f(1) == approx([1.5, 2])", "f(1) == approx((1.5, 2), abs=0.1)", "f(1) == approx(ys)"),
    *(
        "f(1) == [approx(1.5), 2]",
        "f(1) == approx([v / 2 for v in (3, 4)])",
        "f(1) == approx([1.5, float('inf')])",
    ),
    *("f(1) == approx({'a': 1.5})", "f(1) == {'a': approx(1.5)}", "f(1) == approx({'a': None})"),
    *("f(1) in [approx(1.5), approx(2)]", "1 < f(1) == approx(1.5)", "f(1) == approx(Decimal('1.5'))"),
]
ANSWERS = [
    *(1.5, 1.5 + 1e-6, 1.5 - 1e-3, 1.55, 2, True, None, "a", math.inf, -math.inf, math.nan, 1.5 + 0j),
    *(
        [1.5, 2],
        [1.5 + 1e-7, 2.0],
        (1.55, 2),
        [1.5],
        [1.5, 2, 3],
        [1.5, math.inf],
        [2, 1.5],
        iter([1.5, 2]),
        [],
    ),
    *({"a": 1.5}, {"a": 1.5 + 1e-7}, {"a": 1}, {"b": 1.5}, {"a": None}, {}, Decimal("1.5"), Fraction(3, 2)),
]


@pytest.mark.parametrize("condition", APPROX)
def test_approx_is_that_of_pytest(condition):
    before = "import math\nimport pytest\nfrom decimal import Decimal\nfrom pytest import approx\n"
    before += "x = 1.5\nys = [x, 2]\n"
    (found,), losses = extract_tests(
        replace(TASKS["root"], entry_point="f"), "", f"{before}assert {condition}"
    )
    assert not losses
    assert "pytest" not in found
    for answer in ANSWERS:
        case = {"f": lambda _, it=answer: it}
        assert passes(parse_test(found, "f").code, case) == passes(f"{before}assert {condition}", case), (
            answer
        )


def passes(code: str, namespace: dict) -> bool:
    try:
        exec(code, dict(namespace))
    except Exception:
        return False
    return True


def test_the_cases_show_every_loss_and_every_mend():
    assert {case["loss"] for case in SOLUTIONS if "loss" in case} == set(solutions.LOSSES)
    assert {mend for case in SOLUTIONS for mend in case.get("mends", ())} == set(solutions.MENDS)
    shown = {loss for case in TESTS for loss in case.get("losses", ())}
    assert shown == set(tests.LOSSES) - {tests.TOO_MANY_BEFORE}


HOSTILE = {
    "a chain of three thousand branches": "```python\ndef add(a, b):\n    if a:\n        return b\n"
    + "    elif a == 1:\n        return b\n" * 3000
    + "```",
    "a sum of five thousand terms": "```python\ndef add(a, b):\n    return "
    + "+".join(["a"] * 5000)
    + "\n```",
    "brackets without end": "```python\ndef add(a, b):\n    return " + "(" * 5000,
    "closed brackets": "```python\ndef add(a, b):\n    return " + "(" * 300 + "a" + ")" * 300,
    "a test of five thousand terms": "assert add(1, 1) == " + "+".join(["1"] * 5000),
    "100 kB of prose": "The sum of two numbers is what you get. " * 2500,
    "100 kB of one line": "add " * 25_000,
    "100 kB of line starts that look like code": "def add(a, b\n" * 8000,
    "100 kB of asserts that break off": "assert add(1, 2) == (\n" * 4500,
    "100 kB of fences": "```python\n" * 10_000,
    "100 kB of null characters": "\0" * 100_000,
    "lone surrogates": "```python\ndef add(a, b):\n    return '\ud800'\n```",
    "a number of ten thousand digits": "```python\ndef add(a, b):\n    return " + "9" * 10_000 + "\n```",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_text_is_fatal_and_all_of_it_is_accounted_for(text):
    outcome = extract_solution(TASKS["add"], "", text)
    assert isinstance(outcome, Extracted) or outcome.reason in solutions.LOSSES
    found, losses = extract_tests(TASKS["add"], "", text)
    assert found or losses
    assert set(losses) <= set(tests.LOSSES)


# Small models repeat themselves until they are stopped.
REPEATED = {
    "asserts about one list": ("x = [1, 2]\n", "assert add(x, 3) == 5\n"),
    "asserts about lists of their own": ("", "x = [{}]\nassert add(x, 1) == 2\n"),
    "asserts about one list that grows": ("x = []\n", "x.append({})\nassert add(x, 1) == 2\n"),
    "rounds about one number": ("c = 0\n", "c += 1\nassert add(c, 1) == 2\n"),
    "values of one generator": ("c = add(1, 2)\n", "assert next(c) == 1\n"),
    "tables that no loop reads": ("", "test{} = [1]\nassert add(test{}, 1) == 2\n"),
    "checkers": ("", "def check{}(y):\n    assert add(1, 2) == y\ncheck{}(3)\n"),
    "asserts about one tolerance": (
        "from pytest import approx\ny = [1.0]\n",
        "x = [1]\nassert add(x, 1) == approx(y)\n",
    ),
    "stubs in fences of their own": ("", "```\n```python\ndef plus{}(a, b):\n    pass\n"),
}


def calls_made(text: str) -> int:
    """How many functions are called while the text is read: what reading it takes, on any machine."""
    made = 0

    def count(_frame, event, _detail):
        nonlocal made
        made += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        extract_tests(TASKS["add"], "", text)
        extract_solution(TASKS["add"], "", text)
    finally:
        sys.setprofile(before)
    return made


@pytest.mark.parametrize(("before", "line"), REPEATED.values(), ids=REPEATED.keys())
def test_what_is_repeated_four_times_as_often_takes_not_sixteen_times_as_long(before, line):
    def repeated(times: int) -> str:
        return "```python\n" + before + "".join(line.replace("{}", str(i)) for i in range(times)) + "\n```"

    assert calls_made(repeated(200)) < 8 * calls_made(repeated(50))


def test_a_test_that_stands_behind_many_about_its_list_is_lost():
    found, losses = extract_tests(TASKS["add"], "", "x = [1]\n" + "assert add(x, 1) == 2\n" * 30)
    assert found[20] == "x = [1]\n" + "_ = add(x, 1)\n" * 20 + "assert add(x, 1) == 2"
    assert len(found) == 21
    assert losses == Counter({tests.TOO_MANY_BEFORE: 9})


def test_code_behind_100_kb_of_prose_is_found():
    prose = "The sum of two numbers is what you get.\n" * 2500
    assert extract_solution(TASKS["add"], "", prose + FENCED) == Extracted(
        "def add(a, b):\n    return a + b\n"
    )


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*FENCED.split("\n"), "assert add(1, 2) == 3", ">>> add(1, 2)", "<think>", "</think>"]
        )
        | st.text(max_size=20)
        | st.sampled_from(
            ["    ", "def ", "class Solution:", "(", '"""', "if x:", "return", "@", "\t", "\\"]
        ),
        max_size=12,
    ),
    st.sampled_from(["", "\n", " "]),
)
def test_any_mixture_of_code_and_noise_ends_as_code_tests_or_a_known_reason(parts, glue):
    text = glue.join(parts)
    outcome = extract_solution(TASKS["add"], "", text)
    assert isinstance(outcome, Extracted) or outcome.reason in solutions.LOSSES
    found, losses = extract_tests(TASKS["add"], "", text)
    assert found or losses
    assert set(losses) <= set(tests.LOSSES)
