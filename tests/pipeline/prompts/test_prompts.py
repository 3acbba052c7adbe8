from pathlib import Path

import pytest

from pipeline.engines.types import Message, Sampling
from pipeline.errors import PromptError
from pipeline.params import load
from pipeline.prompts.requests import rewrite_request, solution_request, test_request
from pipeline.prompts.template import REWRITE_FIELDS, TASK_FIELDS, PromptParams, parse_prompt, read_prompts
from pipeline.tasks import Task

BUNDLED = sorted(path for path in Path("pipeline/prompts").iterdir() if (path / "solution.txt").exists())
SAMPLING = Sampling(temperature=0.8, top_p=0.95, max_tokens=100, stop=("from the caller",))
STARTER = 'def add(a: int, b: int) -> int:\n    """The sum.\n\n    >>> add(2, 3)\n    5\n    """'
TASK = Task(
    "add-1", "Add two integers for $5.", "add", STARTER, ("assert add(2, 3) == 5", "assert add(0, 0) == 0")
)


@pytest.mark.parametrize("folder", BUNDLED, ids=lambda folder: folder.name)
def test_every_bundled_family_asks_for_solutions_tests_and_rewrites_of_a_task(folder):
    prompts = read_prompts(folder)
    for request in (
        solution_request(TASK, prompts.solution, n=3, sampling=SAMPLING, seed=7),
        test_request(TASK, prompts.test, n=3, sampling=SAMPLING, seed=7),
        rewrite_request(TASK, "the code", "the profile", prompts.rewrite, n=3, sampling=SAMPLING, seed=7),
    ):
        shown = "".join(turn.content for turn in request.messages) + request.prefill
        assert TASK.prompt in shown
        assert TASK.starter_code in shown or "the code" in shown
        assert (request.n, request.seed, request.sampling.temperature) == (3, 7, 0.8)
    assert "the code" in shown
    assert "the profile" in shown


def test_the_embedded_solution_prefill_ends_at_the_docstrings_closing_quotes():
    request = solution_request(
        TASK, read_prompts(Path("pipeline/prompts/embedded")).solution, n=1, sampling=SAMPLING, seed=0
    )
    assert request.prefill == f"```python\n{STARTER}"
    assert request.messages[-1].role == "user"


def test_the_embedded_test_prefill_ends_before_the_parenthesis_and_stops_at_the_line_end():
    request = test_request(
        TASK, read_prompts(Path("pipeline/prompts/embedded")).test, n=1, sampling=SAMPLING, seed=0
    )
    assert request.prefill.endswith("assert add(2, 3) == 5\nassert add(0, 0) == 0\nassert add")
    assert request.sampling.stop == ("\n",)


def test_a_base_model_gets_a_raw_prompt_without_turns():
    prompts = read_prompts(Path("pipeline/prompts/base"))
    request = solution_request(TASK, prompts.solution, n=1, sampling=SAMPLING, seed=0)
    assert request.messages == ()
    assert request.prefill.endswith(STARTER)


def test_the_folder_in_params_yaml_holds_prompts():
    assert read_prompts(load("prompts", PromptParams).folder)


def test_sections_become_turns_prefill_and_stops_exactly():
    text = "[[system]]\nBe brief.\n\n[[user]]\n$prompt\n[[assistant]]\nYes.\n[[user]]\nGo on.\n"
    text += '[[prefill]]\n  x = \n[[stop]]\n"\\n\\n"\n"#"\n'
    prompt = parse_prompt(text, TASK_FIELDS, where="here")
    assert [(turn.role, turn.content) for turn in prompt.turns] == [
        ("system", "Be brief."),
        ("user", "$prompt"),
        ("assistant", "Yes."),
        ("user", "Go on."),
    ]
    assert prompt.prefill == "  x = "
    assert prompt.stop == ("\n\n", "#")


def test_what_a_task_says_is_put_in_as_it_is():
    prompt = parse_prompt("[[user]]\n$$1: $prompt", TASK_FIELDS, where="here")
    messages, prefill = prompt.fill({"prompt": "give $prompt and $5"})
    assert messages == (Message("user", "$1: give $prompt and $5"),)
    assert prefill == ""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "an empty file"),
        ("no header at all", "no header at all"),
        ("before\n[[user]]\nx", "user"),
        ("[[users]]\nx", "users"),
        ("[[system]]\nonly", "system"),
        ("[[prefill]]\na\n[[prefill]]\nb", "prefill, prefill"),
        ("[[user]]\n$promt", r"\$promt"),
        ("[[user]]\nit costs 5$ here", "a lone \\$"),
        ("[[user]]\nx\n[[stop]]\nbare", "bare"),
        ('[[user]]\nx\n[[stop]]\n""', '""'),
    ],
)
def test_a_malformed_template_is_refused_with_its_place_and_fault(text, complaint):
    with pytest.raises(PromptError, match=complaint) as refusal:
        parse_prompt(text, TASK_FIELDS, where="mine/solution.txt")
    assert refusal.value.where == "mine/solution.txt"


def test_code_and_profile_are_fields_of_rewrites_only():
    assert parse_prompt("[[user]]\n$code $profile", REWRITE_FIELDS, where="here")
    with pytest.raises(PromptError, match=r"\$code"):
        parse_prompt("[[user]]\n$code", TASK_FIELDS, where="here")


def test_a_missing_folder_is_refused_with_the_parameter_to_set(tmp_path):
    with pytest.raises(PromptError, match=r"prompts\.folder"):
        read_prompts(tmp_path)


def test_a_users_own_folder_is_used_like_a_bundled_one(tmp_path):
    for purpose in ("solution", "test", "rewrite"):
        (tmp_path / f"{purpose}.txt").write_text(f"[[user]]\n{purpose} of $entry_point")
    request = test_request(TASK, read_prompts(tmp_path).test, n=1, sampling=SAMPLING, seed=0)
    assert request.messages == (Message("user", "test of add"),)
