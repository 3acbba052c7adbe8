"""Whatever a source gives, prompts are built on code that ends at the closing quotes of a docstring."""

import ast

import pytest

from pipeline.sources.starter import UnusableStarterError, starter

EXAMPLES = ("assert add(1, 2) == 3",)


def test_code_that_ends_with_its_docstring_is_kept_to_the_letter():
    code = 'import math\n\n\ndef add(a: int, b: int) -> int:\n    """Return ä + b."""'
    assert starter(code, "add", "Add.", EXAMPLES) == code


@pytest.mark.parametrize("tail", ["\n", "\n    pass", "\n    ...\n", "\n    # your code here\n", "; pass"])
def test_what_follows_the_docstring_without_doing_anything_is_cut_off(tail):
    code = 'def add(a, b):\n    """Return ä."""'
    assert starter(code + tail, "add", "Add.", EXAMPLES) == code


@pytest.mark.parametrize(
    "bare", ["def add(a, b):", "def add(a, b): pass", "def add(a, b):\n    ...\n", "def add(a, b): ..."]
)
def test_a_bare_signature_gets_a_docstring_with_the_examples(bare):
    made = starter(bare, "add", 'Add "\\" and\n"""these""".', EXAMPLES)
    (function,) = ast.parse(made).body
    assert ast.get_docstring(function) == "Add \"\\\" and\n'''these'''.\n\n>>> add(1, 2)\n3"
    assert made.endswith('"""')


def test_a_missing_signature_is_taken_from_the_first_example():
    made = starter(None, "add", "Add.", ("assert True", "assert add(1, (2, 3), key=4) == 5"))
    (function,) = ast.parse(made).body
    assert ast.unparse(function.args) == "a, b, key"


def test_without_a_signature_and_without_an_example_the_task_is_refused():
    with pytest.raises(UnusableStarterError, match="no example test"):
        starter(None, "add", "Add.", ())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("class Solution:", "`class Solution` is a class"),
        ("import math\n\nclass Solution:\n    def add(self, a, b):\n        ", "`class Solution` is a class"),
        ('class Solution:\n    def add(self):\n        """Add."""', "`class Solution` is a class"),
        ("async def add(a, b):", "`async def add` is a coroutine"),
    ],
)
def test_a_class_or_a_coroutine_is_told_as_what_it_is(given, told):
    with pytest.raises(UnusableStarterError, match=f"{told}, not a plain function `def add") as refusal:
        starter(given, "add", "Add.", EXAMPLES)
    assert refusal.value.column == "starter_code"


def test_the_function_to_write_must_come_last():
    with pytest.raises(UnusableStarterError, match="last definition"):
        starter("def add(a):\n    pass\n\ndef other(b):\n    pass", "add", "Add.", ())
