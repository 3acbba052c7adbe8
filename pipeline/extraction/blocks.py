"""A completion's text -> the places in it that may be code.

Models wrap code in Markdown fences, in tags, in interpreter sessions, or in nothing at all, and some think
aloud first. Nothing here knows Python's grammar: a block is a place to look, not yet code.
"""

import re
import textwrap
from dataclasses import dataclass

THOUGHT_END = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
THOUGHT_START = re.compile(r"<(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
# Tokens that end a turn, where a server leaves them in the text.
TURN_END = re.compile(r"<\|(?:im_end|endoftext|eot_id|end_of_text|end)\|>|</s>")
# CodeLlama's [PYTHON] and the XML tags of other families stand for fences.
TAG = re.compile(r"\[/?PYTHON\]|</?(?:code|python|solution|answer)>", re.IGNORECASE)
INVISIBLE = re.compile("[\ufeff\u200b\u2060]")
QUOTES = re.compile(r'"{3}|\'{3}')
OPENING = re.compile(r"(?:^|(?<=[\s:>.]))(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\S\n]*$")
SESSION_LINE = re.compile(r"^(?:>>>|\.\.\.)(?: |$)")


@dataclass(frozen=True)
class Block:
    """A stretch of text to look for code in; `fenced` if the model marked it as code."""

    text: str
    fenced: bool


def after_thinking(text: str) -> str | None:
    """The answer behind the last closed thought, the text itself if there is none, None if it never ends."""
    *_, answer = THOUGHT_END.split(text)
    return None if THOUGHT_START.search(answer) else answer


def blocks(text: str) -> list[Block]:
    """Fenced blocks in order, then what stands outside them, each dedented."""
    lines = _plain(text).split("\n")
    fenced: list[Block] = []
    outside: list[Block] = []
    inside: list[str] = []
    fence, in_docstring = "", False
    for line in lines:
        if not fence:
            if opening := OPENING.search(line):
                inside.append(line[: opening.start()])
                outside.append(_block(inside, fenced=False))
                inside, fence, in_docstring = [], opening[1], False
            else:
                inside.append(line)
        elif in_docstring and not QUOTES.search(line):  # a fence in a docstring is an example
            inside.append(line)
        elif line.strip().startswith(fence):
            fenced.append(_block(inside, fenced=True))
            inside, fence = [], ""
        elif line.rstrip().endswith(fence):
            fenced.append(_block([*inside, line.rstrip()[: -len(fence)]], fenced=True))
            inside, fence = [], ""
        else:
            inside.append(line)
            in_docstring ^= len(QUOTES.findall(line)) % 2 == 1
    (fenced if fence else outside).append(_block(inside, fenced=bool(fence)))
    return [block for block in (*fenced, *outside) if block.text.strip()]


def opens_fence(text: str) -> bool:
    """Whether the end of `text` stands inside a fenced block."""
    fence = ""
    for line in text.split("\n"):
        if fence:
            fence = "" if line.strip().startswith(fence) else fence
        elif opening := OPENING.search(line):
            fence = opening[1]
    return bool(fence)


def _plain(text: str) -> str:
    text = TURN_END.split(text)[0]
    text = INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).replace("\u00a0", " ")
    return TAG.sub("\n```\n", text)


def without_session_marks(text: str) -> str:
    """What was typed in an interpreter session, without marks and printed results; other text as it is."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    if not SESSION_LINE.match(first):
        return text
    return "\n".join(line[4:] for line in text.split("\n") if SESSION_LINE.match(line)) + "\n"


def _block(lines: list[str], *, fenced: bool) -> Block:
    return Block(textwrap.dedent("\n".join(lines)), fenced)
