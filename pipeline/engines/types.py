"""What an engine is asked and what it answers. A bad prompt is data (a Failure), never a crash."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; role is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True)
class Sampling:
    """How completions are drawn.

    temperature: 0 is greedy.
    top_p: probability mass sampled from, in (0, 1].
    max_tokens: upper limit of one completion.
    stop: texts that end a completion; not part of its text.
    logprobs: whether Completion.mean_logprob is wanted.
    """

    temperature: float
    top_p: float
    max_tokens: int
    stop: tuple[str, ...] = ()
    logprobs: bool = False


@dataclass(frozen=True)
class Request:
    """One prompt and how many completions of it are wanted.

    messages: the conversation; empty for a base model, whose raw prompt is then `prefill`.
    prefill: the beginning of the assistant's turn, which completions continue and do not repeat.
    n: how many completions, at most 1024 (`pipeline.identity.SEEDS_PER_REQUEST`).
    seed: of the first completion; completion i has seed + i where the engine can seed each.
    """

    messages: tuple[Message, ...]
    prefill: str
    n: int
    sampling: Sampling
    seed: int


@dataclass(frozen=True)
class Completion:
    """One text the model wrote.

    n_tokens: tokens the model generated for it, its end-of-turn token included where the engine counts it.
    finish_reason: `stop` (end of turn or a stop text) or `length` (max_tokens reached).
    mean_logprob: mean natural log-probability of its tokens, or None where the engine was not asked or
        cannot say.
    """

    text: str
    n_tokens: int
    finish_reason: str
    mean_logprob: float | None = None


@dataclass(frozen=True)
class Answer:
    """A request's n completions, in the order of their seeds.

    prompt_tokens: length of the prompt after the chat template, counted each time it was sent: once where
        one request gives all n completions.
    reused: whether it comes from the journal.
    """

    request: Request
    completions: tuple[Completion, ...]
    prompt_tokens: int
    reused: bool = False


@dataclass(frozen=True)
class Failure:
    """A request that no retry will answer, under a reason that is counted.

    reason: a short snake_case name, e.g. `prompt_too_long`.
    detail: what the engine said, for the log.
    """

    request: Request
    reason: str
    detail: str = ""


class Engine(Protocol):
    """A model that can be asked."""

    @property
    def model(self) -> str:
        """`name@revision`; part of the journal's key, so that a changed model never reuses a completion."""
        ...

    @property
    def context_length(self) -> int:
        """Tokens of prompt and completion together."""
        ...

    def ask(self, requests: Iterable[Request]) -> Iterator[Answer | Failure]:
        """Each request's Answer or Failure as it finishes, in any order, each exactly once.

        Requests are drawn as there is room for them, in the caller's thread.

        Raises:
            EngineError: the engine as a whole cannot go on (unreachable, out of memory, all replicas dead).
        """
        ...

    def close(self) -> None:
        """Give back what the engine holds; asking afterwards is a mistake."""
        ...
