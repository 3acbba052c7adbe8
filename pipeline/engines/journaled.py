"""Ask an engine only for what no earlier run has finished."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import chain

from pipeline.engines.types import Answer, Completion, Engine, Failure, Request
from pipeline.identity import content_id
from pipeline.journal import Journal

# Requests known already that an engine may draw past before it is asked anew.
KNOWN_AT_HAND = 10_000


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
    remaining = iter(requests)
    for request in remaining:
        answer = journaled_answer(engine.model, request, journal)
        if answer is None:
            yield from _asked(engine, chain([request], remaining), journal)
        else:
            yield answer


def _asked(engine: Engine, requests: Iterator[Request], journal: Journal) -> Iterator[Answer | Failure]:
    """The outcomes of requests, the first of which is missing, up to a long row of known ones."""
    # The engine draws ahead of what it answers. What it draws past stays a request until it is handed on: the
    # answers of so many would not fit into memory.
    known: deque[Request] = deque()

    def missing() -> Iterator[Request]:
        for request in requests:
            if request_key(engine.model, request) not in journal:
                yield request
                continue
            known.append(request)
            if len(known) >= KNOWN_AT_HAND:
                return

    def reused() -> Iterator[Answer]:
        while known:
            answer = journaled_answer(engine.model, known.popleft(), journal)
            if answer is not None:
                yield answer

    for outcome in engine.ask(missing()):
        if isinstance(outcome, Answer):
            journal.put(request_key(engine.model, outcome.request), _value(outcome))
        yield outcome
        yield from reused()
    yield from reused()


def _value(answer: Answer) -> bytes:
    completions = [asdict(completion) for completion in answer.completions]
    return json.dumps({"completions": completions, "prompt_tokens": answer.prompt_tokens}).encode()
