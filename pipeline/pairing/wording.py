"""The words of a pair: what the user asks and how the assistant answers, the same form for both sides."""

import re

from pipeline.tasks import Task


def question(task: Task) -> str:
    """What the user asks: the task in plain words and the code to go on from, in a Python block."""
    order = "Complete this Python function. Answer with its whole code in one Python block."
    ask = f"{order}\n\n{_block(task.starter_code)}"
    # HumanEval's prompt, for one, is its starter code, and a docstring may be the prompt with its lines moved
    # in: once is enough.
    is_told = _words(task.prompt) in _words(task.starter_code)
    return ask if is_told else f"{task.prompt}\n\n{ask}"


def answer(code: str) -> str:
    """What the assistant answers: nothing but the code, in a Python block."""
    return _block(code.strip())


def _words(text: str) -> str:
    return " ".join(text.split())


def _block(code: str) -> str:
    longest = max((len(ticks) for ticks in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}python\n{code}\n{fence}"
