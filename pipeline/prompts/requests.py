"""Task and template -> what the engine is asked, one function a purpose."""

from dataclasses import replace

from pipeline.engines.types import Request, Sampling
from pipeline.prompts.template import Prompt
from pipeline.tasks import Task


def solution_request(task: Task, prompt: Prompt, *, n: int, sampling: Sampling, seed: int) -> Request:
    """A request for n solutions of the task; the template's stop texts replace the sampling's."""
    return _request(prompt, _task_fields(task), n, sampling, seed)


def test_request(task: Task, prompt: Prompt, *, n: int, sampling: Sampling, seed: int) -> Request:
    """A request for n completions that hold tests of the task, one or several each."""
    return _request(prompt, _task_fields(task), n, sampling, seed)


def rewrite_request(
    task: Task, code: str, profile: str, prompt: Prompt, *, n: int, sampling: Sampling, seed: int
) -> Request:
    """A request for n faster versions of `code`.

    Args:
        task: what the code solves.
        code: a solution worth making faster.
        profile: where its time goes, one `line|%time|hits|+mem|code` a line.
        prompt: the template.
        n: how many versions.
        sampling: how they are drawn.
        seed: of the first.
    """
    fields = {**_task_fields(task), "code": code, "profile": profile}
    return _request(prompt, fields, n, sampling, seed)


# pytest takes a function called test_* for a test where it is imported.
test_request.__test__ = False  # type: ignore[attr-defined]


def _task_fields(task: Task) -> dict[str, str]:
    return {
        "prompt": task.prompt,
        "entry_point": task.entry_point,
        "starter_code": task.starter_code,
        "examples": "\n".join(task.example_tests),
    }


def _request(prompt: Prompt, fields: dict[str, str], n: int, sampling: Sampling, seed: int) -> Request:
    messages, prefill = prompt.fill(fields)
    return Request(messages, prefill, n, replace(sampling, stop=prompt.stop), seed)
