"""The words of a pair: both answers in one form, whatever the code holds."""

from pipeline.pairing.wording import answer, question
from pipeline.sources.starter import starter
from pipeline.tasks import Task

STARTER = 'def add(a, b):\n    """Return a + b."""'


def test_an_answer_is_its_code_in_one_python_block():
    assert answer("\ndef f():\n    return 1\n\n") == "```python\ndef f():\n    return 1\n```"


def test_code_that_holds_a_fence_is_fenced_with_a_longer_one():
    code = 'def f():\n    """```python\n    ````\n    """'
    assert answer(code) == f"`````python\n{code}\n`````"


def test_a_question_holds_the_task_and_the_code_to_go_on_from():
    asked = question(Task("t", "Add two numbers.", "add", STARTER, ()))
    assert asked.startswith("Add two numbers.\n\n")
    assert asked.endswith(f"```python\n{STARTER}\n```")


def test_a_prompt_that_is_the_starter_code_is_not_told_twice():
    asked = question(Task("t", STARTER, "add", STARTER, ()))
    assert asked.count("Return a + b.") == 1


def test_a_prompt_of_several_lines_that_the_docstring_repeats_is_not_told_twice():
    prompt = "Add two numbers.\n\nBoth are whole.\nSo is the sum."
    asked = question(Task("t", prompt, "add", starter("def add(a, b):", "add", prompt, ()), ()))
    assert asked.count("Both are whole.") == 1
