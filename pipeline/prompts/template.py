r"""Prompt templates: text files that read as the conversation they make.

A folder holds the prompts of one family of models: solution.txt, test.txt and rewrite.txt. Pairsmith brings
`chat` (instruction-tuned models), `base` (no chat template: plain continuation) and `embedded` (the small
model that comes along). To use your own, copy one of these folders, edit it, and point the parameter
`prompts.folder` at it.

    [[system]]             turns of the conversation in order; only a user turn is needed
    You write Python.
    [[user]]
    $prompt
    [[prefill]]            the beginning of the model's turn, which it continues; without any turn before
    ```python              it, it is the raw prompt of a base model
    $starter_code
    [[stop]]               texts that end a completion, one JSON string a line
    "\n```"

A section's text is what stands between its header and the next, without the newlines around it: a prefill
ends exactly at its last character, because one newline more or less changes how a small model's tokens fall
and halves its yield. `$name` inserts a field and `$$` is a dollar sign. Fields: prompt, entry_point,
starter_code, examples (the public asserts, one a line); in rewrite.txt also code and profile.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from pipeline.engines.types import Message
from pipeline.errors import PromptError
from pipeline.params import Section

HEADER = re.compile(r"^\[\[(\w+)\]\]\n", re.MULTILINE)
TURNS = ("system", "user", "assistant")
TASK_FIELDS = ("prompt", "entry_point", "starter_code", "examples")
REWRITE_FIELDS = (*TASK_FIELDS, "code", "profile")


class PromptParams(Section):
    """The `prompts` section of params.yaml.

    folder: where solution.txt, test.txt and rewrite.txt are.
    """

    folder: Path


@dataclass(frozen=True)
class Prompt:
    """One template: turns and a prefill with `$field`s in them, and the stop texts of their completions."""

    turns: tuple[Message, ...]
    prefill: str
    stop: tuple[str, ...]

    def fill(self, fields: Mapping[str, str]) -> tuple[tuple[Message, ...], str]:
        """The conversation and the prefill with the fields put in."""
        turns = tuple(Message(turn.role, _put(turn.content, fields)) for turn in self.turns)
        return turns, _put(self.prefill, fields)


@dataclass(frozen=True)
class Prompts:
    """The templates of one family of models, one a purpose."""

    solution: Prompt
    test: Prompt
    rewrite: Prompt


def read_prompts(folder: Path) -> Prompts:
    """The templates in `folder`.

    Raises:
        PromptError: a file is missing, has an unknown section or field, or asks nothing.
    """
    return Prompts(
        solution=_read(folder / "solution.txt", TASK_FIELDS),
        test=_read(folder / "test.txt", TASK_FIELDS),
        rewrite=_read(folder / "rewrite.txt", REWRITE_FIELDS),
    )


def _read(path: Path, fields: tuple[str, ...]) -> Prompt:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(
            "A prompt template cannot be read",
            where=str(path.absolute()),
            got=str(error),
            wanted="solution.txt, test.txt and rewrite.txt in the folder prompts.folder names",
            next_step="set prompts.folder in params.yaml, e.g. to pipeline/prompts/chat",
        ) from None
    return parse_prompt(text, fields, where=str(path))


def parse_prompt(text: str, fields: tuple[str, ...], *, where: str) -> Prompt:
    """The template that `text` spells, whose `$names` are all in `fields`; `where` is for the errors.

    Raises:
        PromptError: text before the first header, an unknown section or field, a second prefill, a stop that
            is no JSON string, or neither a user's turn nor a prefill.
    """
    before, *parts = HEADER.split(text)
    sections = [(name, body.strip("\n")) for name, body in zip(parts[::2], parts[1::2], strict=True)]
    names = [name for name, _ in sections]
    unknown = set(names) - {*TURNS, "prefill", "stop"}
    if before.strip() or unknown or names.count("prefill") > 1 or not {"user", "prefill"} & set(names):
        raise PromptError(
            "A prompt template is not made of known sections",
            where=where,
            got=", ".join(names) or before.strip()[:80] or "an empty file",
            wanted="[[system]], [[user]] and [[assistant]] turns, then one [[prefill]] and [[stop]]",
            next_step="compare with pipeline/prompts/chat; pipeline/prompts/template.py explains the form",
        )
    for _, body in sections:
        _check_fields(body, fields, where)
    return Prompt(
        turns=tuple(Message(name, body) for name, body in sections if name in TURNS),
        prefill="".join(body for name, body in sections if name == "prefill"),
        stop=tuple(
            _stop(line, where) for name, body in sections if name == "stop" for line in body.split("\n")
        ),
    )


def _check_fields(body: str, fields: tuple[str, ...], where: str) -> None:
    template = Template(body)
    unknown = set(template.get_identifiers()) - set(fields)
    if unknown or not template.is_valid():
        raise PromptError(
            "A prompt template uses `$` for something that is no field",
            where=where,
            got=", ".join(f"${name}" for name in sorted(unknown)) or "a lone $",
            wanted=", ".join(f"${name}" for name in fields) + "; or $$ for a dollar sign",
        )


def _stop(line: str, where: str) -> str:
    try:
        stop = json.loads(line)
    except json.JSONDecodeError:
        stop = None
    if not isinstance(stop, str) or not stop:
        raise PromptError(
            "A stop text is not a JSON string",
            where=where,
            got=line,
            wanted='e.g. "\\n```" (with the quotes)',
        )
    return stop


def _put(text: str, fields: Mapping[str, str]) -> str:
    return Template(text).substitute(fields)
