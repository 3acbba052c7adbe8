"""A chain of rewrites: what is asked at its end, the rewrites in an answer, and the chain one round on."""

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import Field

from pipeline.engines.types import Answer, Request, Sampling
from pipeline.extraction.solutions import Loss, extract_solution
from pipeline.identity import child_seed, content_id
from pipeline.params import Section
from pipeline.prompts.requests import rewrite_request
from pipeline.prompts.template import Prompt
from pipeline.tables import Row
from pipeline.tasks import Task
from stages.families import FASTER, Family, Verdict


class OptimizeParams(Section):
    """How hard is tried.

    rounds: of rewriting, at most; a chain ends early when a round brings nothing faster.
    samples: rewrites a parent and round.
    chains_per_task: slowest trusted solutions of a task that are rewritten.
    temperature, top_p, max_tokens: how rewrites are drawn.
    """

    rounds: int = Field(ge=0)
    samples: int = Field(ge=1, le=1024)
    chains_per_task: int = Field(ge=0)
    temperature: float = Field(ge=0)
    top_p: float = Field(gt=0, le=1)
    max_tokens: int = Field(ge=1)


@dataclass(frozen=True)
class Chain:
    """A line of rewrites, at its present end.

    family: everything but the rewrites: the parent is its only member.
    profile: the parent's hot lines. number: of the round to come, from 1. known: codes of the task.
    """

    task: Task
    family: Family
    profile: str
    number: int
    known: frozenset[str]

    @property
    def parent(self) -> tuple[str, str]:
        """(solution_id, code) of what is rewritten next."""
        return self.family.members[0]


@dataclass(frozen=True)
class Brief:
    """How rewrites are asked for."""

    params: OptimizeParams
    prompt: Prompt
    seed: int

    def request(self, chain: Chain) -> Request:
        """What is asked in the chain's next round."""
        parent_id, code = chain.parent
        return rewrite_request(
            chain.task,
            code,
            chain.profile,
            self.prompt,
            n=self.params.samples,
            sampling=Sampling(self.params.temperature, self.params.top_p, self.params.max_tokens),
            seed=child_seed(self.seed, "rewrites", parent_id, str(chain.number)),
        )


def normal(code: str) -> str:
    """The code without docstrings, comments and layout: equal for two that differ in these alone.

    Code too deep to be walked, such as a sum of five hundred terms, is its own text.
    """
    try:
        return _normal(code)
    except RecursionError:
        return code


def _normal(code: str) -> str:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def rewrite_rows(chain: Chain, model: str, answer: Answer, counts: Counter[str]) -> list[Row]:
    """The distinct new codes in an answer; what the others were is counted."""
    found: dict[str, Row] = {}
    shown = "\n\n".join([*(message.content for message in answer.request.messages), answer.request.prefill])
    for index, completion in enumerate(answer.completions):
        counts["rewrite_samples"] += 1
        outcome = extract_solution(chain.task, answer.request.prefill, completion.text)
        if isinstance(outcome, Loss):
            counts[f"rewrite_lost_{outcome.reason}"] += 1
            continue
        text = normal(outcome.code)
        if text == normal(chain.parent[1]) or text in chain.known:
            counts["rewrite_lost_unchanged" if text == normal(chain.parent[1]) else "rewrite_lost_known"] += 1
            continue
        counts["rewrite_repeats"] += text in found
        row = found.setdefault(
            text,
            {
                "solution_id": content_id("solution", chain.task.task_id, outcome.code),
                "task_id": chain.task.task_id,
                "code": outcome.code,
                "completion": completion.text,
                "sample_count": 0,
                "n_tokens": completion.n_tokens,
                "model": model,
                "seed": answer.request.seed + index,
                "parent_id": chain.parent[0],
                "round": chain.number,
                "shown_prompt": shown,
            },
        )
        row["sample_count"] += 1
    return sorted(found.values(), key=lambda row: str(row["solution_id"]))


def continued(chain: Chain, rows: Sequence[Row], verdicts: Sequence[Verdict], rounds: int) -> Chain | None:
    """The chain one round on, from the fastest certified rewrite; None where it ends."""
    code = {row["solution_id"]: row["code"] for row in rows}
    faster = [verdict for verdict in verdicts if verdict.reason == FASTER]
    if not faster or chain.number >= rounds:
        return None
    best = max(faster, key=lambda verdict: (verdict.speedup_low or 0.0, verdict.solution_id))
    member = (best.solution_id, code[best.solution_id])
    return Chain(
        chain.task,
        replace(chain.family, members=(member,)),
        best.hot_lines,
        chain.number + 1,
        chain.known | {normal(text) for text in code.values()},
    )
