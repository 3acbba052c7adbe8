"""Ask an engine only for what no earlier run has finished."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import chain

from pipeline.engines.types import Answer, Completion, Engine, Failure, Request
from pipeline.identity import content_id
from pipeline.journal import Journal


def request_key(model: str, request: Request) -> str:
    """The name of a request's answer: another model, message, sampling, n or seed is another name."""
    return content_id("answer", model, json.dumps(asdict(request), sort_keys=True))


def journaled_answer(model: str, request: Request, journal: Journal) -> Answer | None:
    """What an earlier run (or an earlier moment of this one) was answered, or None."""
    value = journal.get(request_key(model, request))
    if value is None:
        return None
    kept = json.loads(value)
    completions = tuple(Completion(**completion) for completion in kept["completions"])
    return Answer(request, completions, kept["prompt_tokens"], reused=True)


def ask_journaled(
    engine: Engine, requests: Iterable[Request], journal: Journal
) -> Iterator[Answer | Failure]:
    """Every request's outcome in any order; answers are kept before they are handed on, failures are not.

    An answer from the journal has `reused` set. The engine is not touched (no model is loaded) when nothing
    is missing. Requests are drawn as they are needed, so there may be millions.

    Raises:
        EngineError: see Engine.ask. What was answered by then is kept.
        JournalError: an answer cannot be kept.
    """
    reused: deque[Answer] = deque()
    remaining = iter(requests)

    def missing() -> Iterator[Request]:
        for request in remaining:
            answer = journaled_answer(engine.model, request, journal)
            if answer is None:
                yield request
            else:
                reused.append(answer)

    unanswered = missing()
    first = next(unanswered, None)
    while reused:
        yield reused.popleft()
    if first is None:
        return
    for outcome in engine.ask(chain([first], unanswered)):
        if isinstance(outcome, Answer):
            journal.put(request_key(engine.model, outcome.request), _value(outcome))
        yield outcome
        while reused:
            yield reused.popleft()
    while reused:
        yield reused.popleft()


def _value(answer: Answer) -> bytes:
    completions = [asdict(completion) for completion in answer.completions]
    return json.dumps({"completions": completions, "prompt_tokens": answer.prompt_tokens}).encode()
