"""The OpenAI protocol as servers really speak it: a request's body, and what its answer says."""

from dataclasses import dataclass
from typing import Any

from pipeline.engines.types import Completion, Request

# The protocol's limit; all of a request's stop texts are looked for here as well.
MOST_STOP_TEXTS = 4


class MalformedAnswerError(Exception):
    """The server answered 200 with something that is no answer."""


@dataclass(frozen=True)
class Chunk:
    """Completions first .. first + count - 1 of a request."""

    request: Request
    first: int
    count: int


@dataclass(frozen=True)
class Choices:
    """What HTTP exchanges brought: at most as many completions as asked for, and all prompts' tokens."""

    completions: tuple[Completion, ...]
    prompt_tokens: int


def endpoint(request: Request) -> str:
    """The path under the base URL: a conversation or, without messages, raw completion."""
    return "chat/completions" if request.messages else "completions"


def body(chunk: Chunk, model: str, *, seeded: bool) -> dict[str, Any]:
    """The JSON to post. A prefill is an unfinished assistant turn, marked as vLLM and SGLang want it."""
    request, sampling = chunk.request, chunk.request.sampling
    fields: dict[str, Any] = {
        "model": model,
        "n": chunk.count,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
    }
    if sampling.stop:
        fields["stop"] = list(sampling.stop[:MOST_STOP_TEXTS])
    if seeded:
        fields["seed"] = request.seed + chunk.first
    if not request.messages:
        return fields | {"prompt": request.prefill} | ({"logprobs": 1} if sampling.logprobs else {})
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    if request.prefill:
        messages.append({"role": "assistant", "content": request.prefill})
        fields |= {"add_generation_prompt": False, "continue_final_message": True}
    return fields | {"messages": messages} | ({"logprobs": True} if sampling.logprobs else {})


def choices(answered: object, asked: Chunk) -> Choices:
    """The completions in a server's JSON, surplus ones left out.

    A completion's tokens are counted from its log-probabilities where they came, else its share, by length,
    of the answer's total. llama.cpp's total covers the first choice alone: ask it with max_n 1 where token
    counts matter.

    Raises:
        MalformedAnswerError: it is not the protocol's shape, or holds no completion at all.
    """
    try:
        found = sorted(answered["choices"], key=lambda choice: choice.get("index") or 0)[: asked.count]  # type: ignore[index]
        # llama.cpp gives the whole turn, vLLM only what it added to the prefill.
        repeated = asked.request.prefill if asked.request.messages else ""
        whole = [_text(choice).removeprefix(repeated) for choice in found]
        texts = [_stopped(text, asked.request.sampling.stop) for text in whole]
        usage = answered.get("usage") or {}  # type: ignore[attr-defined]
        prompt_tokens, total = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
        logprobs = [_logprobs(choice) for choice in found]
        reasons = [str(choice.get("finish_reason")) for choice in found]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise MalformedAnswerError(f"{type(error).__name__}: {error} in {str(answered)[:200]}") from None
    if not texts:
        raise MalformedAnswerError(f"no choices in {str(answered)[:200]}")
    length = sum(map(len, texts)) or 1
    completions = tuple(
        Completion(
            text=text,
            n_tokens=len(values) or round(total * (len(text) / length if len(texts) > 1 else 1)),
            finish_reason="length" if reason == "length" else "stop",
            mean_logprob=sum(values) / len(values) if values else None,
        )
        for text, values, reason in zip(texts, logprobs, reasons, strict=True)
    )
    return Choices(completions, prompt_tokens)


def _stopped(text: str, stop: tuple[str, ...]) -> str:
    """The text up to the first of the stop texts in it."""
    return text[: min((text.find(found) for found in stop if found in text), default=len(text))]


def _text(choice: dict[str, Any]) -> str:
    # A turn that ended at once or was all thought has a null there, or (as from Gemini) no content at all.
    text = choice["message"].get("content") if "message" in choice else choice["text"]
    if text is None:
        return ""
    if not isinstance(text, str):
        raise TypeError(f"a text of type {type(text).__name__}")
    # JSON can spell half of a surrogate pair, which no UTF-8 file, and so no table, can hold.
    return text.encode("utf-8", "replace").decode()


def _logprobs(choice: dict[str, Any]) -> list[float]:
    found = choice.get("logprobs") or {}
    if found.get("content") is not None:
        return [float(token["logprob"]) for token in found["content"]]
    return [float(value) for value in found.get("token_logprobs") or [] if value is not None]
