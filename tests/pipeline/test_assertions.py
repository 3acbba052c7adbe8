"""parse_test: what a test's text runs and compares, and what tells nothing."""

import ast
import math
import sys
import unittest
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.assertions import CodeTest, Degenerate, ValueTest, parse_test
from pipeline.vacuity import BLANK, NEVER_CALLS, NEVER_RUN, NO_ASSERTION, TAUTOLOGY, UNPARSABLE

VALUE_TESTS = {
    "assert f(1, 2) == 3": ("f(1, 2)", "3"),
    "assert f( 1,2 )==3 , 'one and two'": ("f(1, 2)", "3"),
    "assert (f(1) == 2)": ("f(1)", "2"),
    "assert (f(1)) == (2)": ("f(1)", "2"),
    "assert f(1) \t== \\\n  2  # a remark": ("f(1)", "2"),
    "assert 3 == f(1, 2)": ("f(1, 2)", "3"),
    "assert [1, 2] == f([2, 1])": ("f([2, 1])", "[1, 2]"),
    "assert f(x=1, *[2], **{}) == None": ("f(*[2], x=1, **{})", "None"),
    "assert f(1) is None": ("f(1)", "None"),
    "assert None is f(1)": ("f(1)", "None"),
    "assert f(1) is True": ("f(1) is True", "True"),
    "assert f(1) is False, 'no'": ("f(1) is False", "True"),
    "assert f(1)": ("bool(f(1))", "True"),
    "assert not f(1)": ("bool(f(1))", "False"),
    "assert not (f('app'))": ("bool(f('app'))", "False"),
    "assert f(1) == -1": ("f(1)", "-1"),
    "assert f(1) == set()": ("f(1)", "set()"),
    "assert f(1) == float('inf')": ("f(1)", "float('inf')"),
    "assert f(1) == 2 ** 10 + 1": ("f(1)", "2 ** 10 + 1"),
    "assert f([3, 1]) == sorted([3, 1])": ("f([3, 1])", "sorted([3, 1])"),
    "assert f(1) == [i * i for i in range(3)]": ("f(1)", "[i * i for i in range(3)]"),
    "assert f(1) == list(map(lambda x: x + 1, [1]))": ("f(1)", "list(map(lambda x: x + 1, [1]))"),
    "assert list(f(1)) == [1]": ("list(f(1))", "[1]"),
    "assert round(f(1), 2) == 0.33": ("round(f(1), 2)", "0.33"),
    "assert set(f(1)) == {1, 2}": ("set(f(1))", "{1, 2}"),
    "assert len(f('é')) == 1": ("len(f('é'))", "1"),
    "assert f(1)[0].upper() == 'A'": ("f(1)[0].upper()", "'A'"),
    "assert f(f(1)) == 3": ("f(f(1))", "3"),
    "assert list(map(f, [1, 2])) == [2, 3]": ("list(map(f, [1, 2]))", "[2, 3]"),
    "assert f(3 > 2) == 1": ("f(3 > 2)", "1"),
    "assert [f(i) for i in range(3) if i > 1] == [2]": ("[f(i) for i in range(3) if i > 1]", "[2]"),
    "import math\n\nassert f(1) == 2": ("f(1)", "2"),
    "from solution import f\nassert f(1) == 2": ("f(1)", "2"),
    "from solution import *\nassert f(1) == 2": ("f(1)", "2"),
    "'''A docstring.'''\nassert f(1) == 2": ("f(1)", "2"),
    "result = f([2, 1])\nassert result == [1, 2], f'got {result}'": ("f([2, 1])", "[1, 2]"),
    "x = [2, 1]\ny = f(x)\nwanted = [1, 2]\nassert y == wanted": ("f([2, 1])", "[1, 2]"),
    "assertEqual(f(1), 2)": ("f(1)", "2"),
    "self.assertEqual(f(1), 2, 'two')": ("f(1)", "2"),
    "self.assertListEqual([2], f(1))": ("f(1)", "[2]"),
    "self.assertTrue(f(1))": ("bool(f(1))", "True"),
    "self.assertFalse(f(1))": ("bool(f(1))", "False"),
    "self.assertIsNone(f(1))": ("f(1)", "None"),
    "self.assertIsInstance(f(1), int)": ("bool(isinstance(f(1), int))", "True"),
    "self.assertSequenceEqual(f(1), [2])": ("list(f(1))", "list([2])"),
    "assert list(f({}).keys()) == ['a']": ("list(f({}).keys())", "['a']"),
    "assert type(f(1)).__name__ == 'int'": ("type(f(1)).__name__", "'int'"),
    "def test_one():\n    assert f(1) == 2": ("f(1)", "2"),
    "def test_one():\n    '''One.'''\n    x = 1\n    assert f(x) == 2": ("f(1)", "2"),
}

CODE_TESTS = {
    "two assertions": "assert f(1) == 2\nassert f(2) == 3",
    "a tolerance": "assert abs(f(1) - 0.5) < 1e-06",
    "a chain of comparisons": "assert 1 == f(1) == True",
    "two conditions": "assert f(1) == 2 and f(2) == 3",
    "an inequality": "assert f(1) != 2",
    "membership": "assert f(1) in [1, 2]",
    "a property of both sides": "assert f(1) == f(2)",
    "an expected value from elsewhere": "assert f(1) == helper(1)",
    "an expected value that is an object": "assert f(1) is x",
    "an expected expression that names the function": "assert f(1) == [f]",
    "a comparison beside the solution": "assert (f(1) == 2) == True",
    "a denied comparison": "assert not f(1) == 2",
    "a comparison inside a wrapper": "assert all((f(i) == i for i in range(3)))",
    "a comparison of each part": "assert all((x == 1 for x in f(3)))",
    "a comparison of parts of parts": "assert [x for row in f(3) for x in row if x > 0] == [1]",
    "a comparison in a lambda": "assert list(map(lambda x: x > 0, f(3))) == [True]",
    "a name that is used twice": "x = [2, 1]\nassert f(x) == sorted(x)",
    "a name in a comprehension": "x = f(1)\nassert [x for _ in range(3)] == [2, 2, 2]",
    "a name bound on the way": "assert f((x := 1)) == x",
    "a loop": "for i in range(3):\n    assert f(i) == i",
    "a class": "assert type(f(1)) == int",
    "a class of a value": "assert type(f(1)) == type(2)",
    "classes": "assert [type(x) for x in f(1)] == [int, str]",
    "classes by map": "assert list(map(type, f(1))) == [int, str]",
    "a dict's keys": "assert f(1).keys() == {'a'}",
    "two calls whose order counts": "x = f(1)\ny = f(2)\nassert [y, x] == [2, 1]",
    "an expected exception": "try:\n    f(-1)\n    assert False\nexcept ValueError:\n    pass",
    "no exception": "try:\n    f(-1)\nexcept ValueError:\n    pass\nelse:\n    raise AssertionError",
    "pytest.raises": "import pytest\nwith pytest.raises(ValueError):\n    f(-1)",
    "pytest.approx": "import pytest\nassert f(1) == pytest.approx(0.5)",
    "a helper": "def double(x):\n    return 2 * x\nassert f(1) == double(1)",
    "a mutated argument": "x = [2, 1]\nf(x)\nassert x == [1, 2]",
}

DEGENERATE_TESTS = {
    "assert f(1) ==": UNPARSABLE,
    "assert f(1) == 2'": UNPARSABLE,
    "assert f(1) == 2\nreturn 3": UNPARSABLE,
    "assert f(1) == '\0'": UNPARSABLE,
    "assert f(1) == '\ud800'": UNPARSABLE,
    "assert f(" + "(" * 100_000: UNPARSABLE,
    "assert f(1) == " + "-" * 100_000 + "1": UNPARSABLE,
    "assert f(1) == " + "9" * 5_000: UNPARSABLE,
    "assert f(1) == 0x" + "9" * 5_000: UNPARSABLE,
    "assert f(1) == 1" + "+1" * 100_000: UNPARSABLE,
    "assert ____ == f(1)": BLANK,
    "assert ____________, 'f(1) is right'": BLANK,
    "": NO_ASSERTION,
    "f(1)": NO_ASSERTION,
    "f(1) == 2": NO_ASSERTION,
    "print(f(1) == 2)": NO_ASSERTION,
    "import math": NO_ASSERTION,
    "try:\n    assert f(1) == 2\nexcept:\n    pass": NO_ASSERTION,
    "try:\n    assert f(1) == 2\nexcept Exception as e:\n    print(e)": NO_ASSERTION,
    "assert True": NEVER_CALLS,
    "assert 1 == 1": NEVER_CALLS,
    "assert g(1) == 2": NEVER_CALLS,
    "assert f == 2": NEVER_CALLS,
    "assert callable(f)": NEVER_CALLS,
    "assert other.f(1) == 2": NEVER_CALLS,
    "def check(candidate):\n    assert True": NEVER_CALLS,
    "def helper():\n    assert f(1) == 2": NEVER_RUN,
    "def helper():\n    assert f(1) == 2\ndef other():\n    helper()": NEVER_RUN,
    "def test_all(case):\n    assert f(case) == 2": NEVER_RUN,
    "class TestF:\n    def test_one(self):\n        assert f(1) == 2": NEVER_RUN,
    "assert f(1) == f(1)": TAUTOLOGY,
    "assert f( 1 ) == f(1), 'same'": TAUTOLOGY,
    "assert (f(1) == 2, 'a tuple is true')": TAUTOLOGY,
    "assert f(1) == 2 or True": TAUTOLOGY,
    "f(1)\nassert True": TAUTOLOGY,
    "self.assertEqual(f(1), f(1))": TAUTOLOGY,
}


@pytest.mark.parametrize(("code", "cut"), VALUE_TESTS.items(), ids=VALUE_TESTS)
def test_a_test_of_one_equality_is_cut_into_call_and_expected(code, cut):
    assert parse_test(code, "f") == ValueTest(*cut, "")


@pytest.mark.parametrize("code", CODE_TESTS.values(), ids=CODE_TESTS)
def test_a_test_of_another_shape_stays_the_code_that_it_is(code):
    assert parse_test(code, "f") == CodeTest(code)


@pytest.mark.parametrize(
    ("code", "reason"), DEGENERATE_TESTS.items(), ids=[code[:40] or "nothing" for code in DEGENERATE_TESTS]
)
def test_a_test_that_tells_nothing_is_named_by_its_reason(code, reason):
    assert parse_test(code, "f") == Degenerate(reason)


def test_a_standard_module_that_a_test_forgot_to_import_is_imported():
    code = "assert math.isclose(f(1), 0.5)"
    assert parse_test(code, "f") == CodeTest(f"import math\n{code}")
    assert parse_test("assert f(math.pi) == 3", "f") == CodeTest("import math\nassert f(math.pi) == 3")


def test_test_functions_that_stay_code_are_called():
    code = "def test_one():\n    for i in range(2):\n        assert f(i) == i"
    assert parse_test(code, "f") == CodeTest(f"{code}\ntest_one()")
    check = "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(2) == 3"
    assert parse_test(check, "f") == CodeTest(f"{check}\ncheck(f)")
    assert parse_test(f"{check}\ncheck(f)", "f") == CodeTest(f"{check}\ncheck(f)")


@pytest.mark.parametrize(
    "code",
    [
        "def run_all():\n    assert f(1) == 2\nrun_all()",
        "def check(function):\n    assert function(1) == 2\ncheck(f)",
        "def same(a, b):\n    assert a == b\nfor x, y in [(1, 2)]:\n    same(f(x), y)",
        "def check(candidate):\n    same(candidate(1), 2)\n\ndef same(a, b):\n    assert a == b\ncheck(f)",
    ],
)
def test_assertions_in_a_function_that_the_test_itself_calls_are_run(code):
    assert parse_test(code, "f") == CodeTest(ast.unparse(ast.parse(code)))


@pytest.mark.parametrize("runs", ["test_one()", "unittest.main()", "pytest.main([__file__])"])
def test_what_stands_under_a_main_guard_is_run(runs):
    test = "def test_one():\n    for i in range(2):\n        assert f(i) == i"
    told = CodeTest(f"{test}\ntest_one()")
    assert parse_test(f"{test}\nif __name__ == '__main__':\n    {runs}", "f") == told


def test_a_test_function_that_is_called_only_by_a_function_nobody_calls_is_called():
    test = "def test_one():\n    for i in range(2):\n        assert f(i) == i"
    runner = "def run_all():\n    test_one()"
    assert parse_test(f"{test}\n\n{runner}", "f") == CodeTest(f"{test}\n\n{runner}\ntest_one()")
    whole = f"{test}\n\n{runner}\nrun_all()"
    assert parse_test(whole, "f") == CodeTest(whole)


def test_two_calls_keep_their_order():
    code = "first = f(1)\nassert f(2) - first == 1"
    assert parse_test(code, "f") == CodeTest(code)


def test_unittests_methods_of_regular_expressions_are_searches():
    code = "self.assertRegex(f(1), '^a')\nself.assertNotRegex(f(1), 'b')"
    told = "import re\nassert re.search('^a', f(1))\nassert not re.search('b', f(1))"
    assert parse_test(code, "f") == CodeTest(told)


LISTS = [
    [1],
    [True],
    [1.0],
    [],
    [1, 1],
    [2, 1],
    [1, 2],
    [[1], None],
    [None, [1.0]],
    [{1, 2}, {2, 1}],
    "ab",
    "ba",
]


@pytest.mark.parametrize("wanted", LISTS, ids=repr)
def test_unittests_assert_of_equal_counts_is_that_of_unittest(wanted):
    parsed = parse_test(f"self.assertCountEqual(f(1), {wanted!r}, 'not the same')", "f")
    assert isinstance(parsed, CodeTest)
    for answer in (*LISTS, 3):
        whole = _passes(
            lambda n: unittest.TestCase().assertCountEqual(n["answer"], wanted), {"answer": answer}
        )
        assert _passes(lambda n: exec(parsed.code, n), {"f": lambda _, it=answer: it}) == whole, answer


NEAR = [
    *("f(1), 0.5", "0.5, f(1)", "f(1), 0.5, 1", "f(1), 0.5, places=0", "f(1), 0.5, None, 'a message', 0.1"),
    *(
        "f(1), 0.5, msg='far', delta=1",
        "first=f(1), second=2",
        "f(1), float('inf')",
        "f(1), 'a'",
        "f(1), None",
    ),
    "f(1), float('nan')",
]


@pytest.mark.parametrize("arguments", NEAR)
@pytest.mark.parametrize("method", ["assertAlmostEqual", "assertNotAlmostEqual", "assertAlmostEquals"])
def test_unittests_asserts_of_near_numbers_are_those_of_unittest(method, arguments):
    parsed = parse_test(f"self.{method}({arguments})", "f")
    assert isinstance(parsed, CodeTest)
    name = method.replace("Equals", "Equal")  # Python 3.12 no longer has the other
    for answer in (
        0.5,
        0.5 + 5e-8,
        0.55,
        0.6,
        1,
        1.5,
        math.inf,
        -math.inf,
        math.nan,
        None,
        "a",
        Decimal("0.5"),
    ):
        case = {"f": lambda _, it=answer: it, "self": unittest.TestCase()}
        whole = _passes(lambda n: exec(f"self.{name}({arguments})", n), dict(case))
        assert _passes(lambda n: exec(parsed.code, n), case) == whole, answer


def test_unittests_methods_are_asserts_wherever_they_stand():
    code = (
        "for i in range(3):\n    self.assertEqual(f(i), i, 'wrong')\n    self.assertNotIsInstance(f(i), str)"
    )
    told = "for i in range(3):\n    assert f(i) == i\n    assert not isinstance(f(i), str)"
    assert parse_test(code, "f") == CodeTest(told)


def test_a_function_named_like_a_builtin_is_still_the_solutions():
    assert parse_test("assert sum([1]) == 1", "sum") == ValueTest("sum([1])", "1", "")
    assert isinstance(parse_test("assert sum([1]) == sum([1, 0])", "sum"), CodeTest)
    assert parse_test("assert f(sum([1])) == sum([1])", "f") == ValueTest("f(sum([1]))", "sum([1])", "")


EXPRESSIONS = st.sampled_from(
    [
        *("f(1)", "f([2, 1])", "2", "[1]", "None", "True", "x", "sorted([2])", "f(x=3)[0]"),
        *("False", "(2 if 0 else 1)", "(0 or 2)", "(not 1)", "(1 < 2)"),
    ]
)
FORMS = ["assert {} == {}", "assert {} is {}", "assert not {}", "assert {} != {}", "x = {}\nassert x == {}"]


@given(st.sampled_from(FORMS), EXPRESSIONS, EXPRESSIONS)
def test_what_was_cut_fails_exactly_where_the_test_fails(form, left, right):
    """Runs both readings against functions that answer in different ways."""
    code = form.format(left, right)
    parsed = parse_test(code, "f")
    for answer in ([1], 2, True, False, None, 1, []):
        namespace = {"f": lambda *_, answer=answer, **__: answer, "x": 2}
        whole = _passes(lambda n: exec(code, n), dict(namespace))
        if isinstance(parsed, ValueTest):
            cut = _passes(lambda n: _compare(parsed, n), dict(namespace))
            written = _passes(lambda n: exec(parsed.code, n), dict(namespace))
            assert cut == written == whole, (code, parsed, answer)
        elif isinstance(parsed, CodeTest):
            assert _passes(lambda n: exec(parsed.code, n), dict(namespace)) == whole, (code, parsed, answer)


def _compare(test, namespace):
    assert eval(test.call, namespace) == eval(test.expected, {})


def _passes(run, namespace):
    try:
        run(namespace)
    except Exception:
        return False
    return True


@given(st.text())
@example("assert f(1) == 2" + ")" * 3)
@example("\N{BOM}assert f(1) == 2")
@example("assert f(1) == 'a\u2028b'")
def test_any_text_gets_an_answer(text):
    assert isinstance(parse_test(text, "f"), ValueTest | CodeTest | Degenerate)


def test_a_cut_test_reads_the_same_when_it_is_put_together_again():
    for code, (call, expected) in VALUE_TESTS.items():
        again = parse_test(f"assert {call} == {expected}", "f")
        if " is " not in call and not call.startswith("bool("):
            assert again == ValueTest(call, expected, ""), code


def test_a_cut_test_is_written_with_the_brackets_that_it_needs():
    for code in ("assert (f(1) is False) == True", "assert f(1) == (not 1)", "assert f(1) == (5 and 0)"):
        assert parse_test(code, "f").code == code


def test_parsing_leaves_the_interpreter_as_it_was():
    limit = sys.getrecursionlimit()
    parse_test("assert f(1) == 1" + "+1" * 100_000, "f")
    assert sys.getrecursionlimit() == limit
