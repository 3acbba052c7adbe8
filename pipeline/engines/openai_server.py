"""An OpenAI-compatible server as params.yaml names it: its address, our key, and which model is asked."""

import os

import httpx
from pydantic import Field

from pipeline.errors import EngineError
from pipeline.params import Section

CONNECT_S = 10.0
NOBODY_THERE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL)


class OpenAiParams(Section):
    """The section engine.openai.

    base_url: up to and with /v1.
    model: the name the server knows it by; empty: the only one that it lists.
    revision: your own word for its version; a new one asks everything anew.
    context_length: tokens of prompt and completion together, as the server is set up.
    api_key_variable: the environment variable that holds the key; it may be unset for one's own server.
    concurrency: requests under way at once.
    max_n: the most completions asked for in one request; 1 where the server knows no `n`.
    seeded: send seeds; false where the server rejects them.
    timeout_s: longest wait for one answer.
    retry_for_s: how long a request is tried again.
    """

    base_url: str
    model: str
    revision: str
    context_length: int
    api_key_variable: str
    concurrency: int = Field(ge=1)
    max_n: int = Field(ge=1)
    seeded: bool
    timeout_s: float = Field(gt=0)
    retry_for_s: float = Field(ge=0)


def base_url(params: OpenAiParams) -> httpx.URL:
    """Where the server's endpoints are.

    Raises:
        EngineError: it is no address.
    """
    try:
        url = httpx.URL(params.base_url.rstrip("/") + "/")
    except httpx.InvalidURL as error:
        raise unreachable(params, error) from None
    if (url.port or 0) >= 1 << 16:
        raise unreachable(params, f"port {url.port}")
    return url


def authorization(params: OpenAiParams) -> dict[str, str]:
    """The header that lets us in.

    Raises:
        EngineError: what the variable holds is no key; a header could not carry it.
    """
    key = os.environ.get(params.api_key_variable, "").strip()  # files with Windows' line ends leave one
    if not (key.isascii() and key.isprintable()):
        raise EngineError(
            "The server's key cannot be sent",
            where=f"environment variable {params.api_key_variable} (engine.openai.api_key_variable)",
            got="characters that no key holds (not shown here)",
            wanted="printable ASCII on one line",
            next_step=f"export {params.api_key_variable}=...",
        )
    return {"Authorization": f"Bearer {key}"} if key else {}


def only_model(params: OpenAiParams) -> str:
    """The name of the server's model, which its answers are journaled under, where params.yaml has none.

    Raises:
        EngineError: nobody listens at the address, or what is there does not list exactly one model.
    """
    try:
        listed = httpx.get(base_url(params).join("models"), headers=authorization(params), timeout=CONNECT_S)
        found = [str(model["id"]) for model in listed.raise_for_status().json()["data"]]
    except NOBODY_THERE as error:
        raise unreachable(params, error) from None
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        found = [f"no list ({error})"]
    else:
        if len(found) == 1:
            return found[0]
    raise EngineError(
        "Which of the server's models is to be asked?",
        where="engine.openai.model in params.yaml, which is empty",
        got=", ".join(found)[:500] or "a server that lists no model",
        wanted="the name of one; what it writes is journaled under that name",
        next_step="set engine.openai.model",
    )


def unreachable(params: OpenAiParams, error: object) -> EngineError:
    """The error for a server that is not there, or not able."""
    return EngineError(
        "The model's server does not answer",
        where=params.base_url,
        got=str(error),
        wanted="an OpenAI-compatible server (parameter engine.openai.base_url)",
        next_step=f"start it, and see that this answers: curl {params.base_url.rstrip('/')}/models",
    )
