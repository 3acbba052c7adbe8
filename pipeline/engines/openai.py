"""Any OpenAI-compatible server: vllm serve, SGLang, llama-server, or a hosted model.

At most `concurrency` requests are under way. What a passing trouble hit (429, 5xx, a timeout, a broken
connection, an answer that is none) is asked again with growing, jittered pauses for `retry_for_s`, and then
counted under the trouble's name. What the server refuses for good is counted at once.
"""

import asyncio
import queue
import random
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from pipeline.engines.openai_protocol import Choices, Chunk, MalformedAnswerError, body, choices, endpoint
from pipeline.engines.openai_server import (
    CONNECT_S,
    NOBODY_THERE,
    OpenAiParams,
    authorization,
    base_url,
    only_model,
    unreachable,
)
from pipeline.engines.types import Answer, Completion, Failure, Request
from pipeline.errors import EngineError

TOO_LONG_WORDS = ("context length", "context size", "maximum context", "too long", "exceed")
REFUSING_US = {401, 402, 403, 404}
PASSING = {408, 409, 425, 429}
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# Requests waiting to be sent, so that a connection that falls free is used at once.
REQUESTS_AHEAD = 2


@dataclass
class _TroubleError(Exception):
    """An exchange that brought no answer: a reason to count, whether it may pass, and the server's words."""

    reason: str
    detail: str
    passing: bool = True
    after_s: float = 0.0


class OpenAi:
    """An Engine over HTTP."""

    def __init__(self, params: OpenAiParams) -> None:
        name = params.model or only_model(params)
        self.model = f"{name}@{params.revision}"
        self.context_length = params.context_length
        self._params = params.model_copy(update={"model": name})

    def ask(self, requests: Iterable[Request]) -> Iterator[Answer | Failure]:
        """See Engine.

        Raises:
            EngineError: nobody is there, the server does not let us in, or it has answered nothing at all for
            `retry_for_s`.
        """
        source = iter(requests)
        first = next(source, None)
        if first is None:
            return
        finished: queue.SimpleQueue[Future[Answer | Failure]] = queue.SimpleQueue()
        with _background_loop() as loop:
            connection = asyncio.run_coroutine_threadsafe(_Connection.open(self._params), loop).result()
            under_way, waiting = 0, [first]
            try:
                while True:
                    while under_way < REQUESTS_AHEAD * self._params.concurrency:
                        request = waiting.pop() if waiting else next(source, None)
                        if request is None:
                            break
                        future = asyncio.run_coroutine_threadsafe(connection.outcome(request), loop)
                        future.add_done_callback(finished.put)
                        under_way += 1
                    if not under_way:
                        return
                    outcome = finished.get().result()
                    under_way -= 1
                    yield outcome
            finally:
                asyncio.run_coroutine_threadsafe(connection.close(), loop).result()

    def close(self) -> None:
        """Nothing is held between two asks."""


class _Connection:
    """The side that lives in the event loop."""

    def __init__(self, params: OpenAiParams) -> None:
        self._params = params
        self._slots = asyncio.Semaphore(params.concurrency)
        self._last_answer_s = 0.0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._client = httpx.AsyncClient(
            base_url=base_url(params),
            headers=authorization(params),
            timeout=httpx.Timeout(params.timeout_s, connect=CONNECT_S, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=params.concurrency),
        )

    @classmethod
    async def open(cls, params: OpenAiParams) -> "_Connection":
        """A connection to a server that is there.

        Raises:
            EngineError: nobody listens at the address.
        """
        connection = cls(params)
        try:
            await connection._client.get("models", timeout=CONNECT_S)
        except NOBODY_THERE as error:
            await connection.close()
            raise unreachable(params, error) from None
        except httpx.HTTPError:
            pass  # somebody is there; how well it answers shows soon
        return connection

    async def close(self) -> None:
        """Stop what still runs and close all connections."""
        # Tasks of ours alone: httpx ends its own with them, and they warn when ended before they have begun.
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()
        await asyncio.sleep(0)  # a transport closes in the loop's next turn

    async def outcome(self, request: Request) -> Answer | Failure:
        """The request's completions, asked for in as few chunks as the server allows.

        Raises:
            EngineError: see OpenAi.ask.
        """
        starts = range(0, request.n, self._params.max_n)
        chunks = [Chunk(request, first, min(self._params.max_n, request.n - first)) for first in starts]
        tasks = [asyncio.ensure_future(self._completions(chunk)) for chunk in chunks]
        self._note(asyncio.current_task(), *tasks)
        try:
            parts = await asyncio.gather(*tasks)
        except _TroubleError as trouble:
            for task in tasks:
                task.cancel()
            return Failure(request, trouble.reason, trouble.detail)
        completions = tuple(completion for part in parts for completion in part.completions)
        return Answer(request, completions, sum(part.prompt_tokens for part in parts))

    def _note(self, *tasks: asyncio.Task[Any] | None) -> None:
        """Keep the tasks, for `close` to find, as long as they run."""
        for task in filter(None, tasks):
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _completions(self, chunk: Chunk) -> Choices:
        """All of a chunk's completions; a server that gives fewer than asked for is asked for the rest."""
        found: list[Completion] = []
        prompt_tokens = 0
        while len(found) < chunk.count:
            rest = Chunk(chunk.request, chunk.first + len(found), chunk.count - len(found))
            part = await self._until_answered(rest)
            found += part.completions
            prompt_tokens += part.prompt_tokens
        return Choices(tuple(found), prompt_tokens)

    async def _until_answered(self, chunk: Chunk) -> Choices:
        started = time.monotonic()
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                answered = await self._once(chunk)
            except _TroubleError as trouble:
                wait_s = max(trouble.after_s, pause_s * random.uniform(0.5, 1.5))
                if not trouble.passing:
                    raise
                if time.monotonic() + wait_s > started + self._params.retry_for_s:
                    # The request is to blame only if the server answered others meanwhile.
                    if self._last_answer_s < started:
                        raise unreachable(self._params, f"{trouble.reason}: {trouble.detail}") from None
                    raise
                await asyncio.sleep(wait_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                self._last_answer_s = time.monotonic()
                return answered

    async def _once(self, chunk: Chunk) -> Choices:
        """One exchange.

        Raises:
            _TroubleError: it brought no answer.
            EngineError: the server does not let us in.
        """
        content = body(chunk, self._params.model, seeded=self._params.seeded)
        try:
            async with self._slots, asyncio.timeout(self._params.timeout_s):
                response = await self._client.post(endpoint(chunk.request), json=content)
            if response.status_code == httpx.codes.OK:
                return choices(response.json(), chunk)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise _TroubleError("timeout", str(error)) from None
        except (httpx.ConnectError, httpx.ProxyError) as error:
            raise _TroubleError("unreachable", str(error)) from None
        except httpx.TransportError as error:
            raise _TroubleError("disconnected", str(error)) from None
        # ValueError: neither UTF-8 nor JSON; DecodingError: not compressed as it says
        except (MalformedAnswerError, ValueError, httpx.DecodingError) as error:
            raise _TroubleError("malformed_answer", str(error)) from None
        raise self._refusal(response)

    def _refusal(self, response: httpx.Response) -> Exception:
        status, words = response.status_code, response.text[:500]
        if status in REFUSING_US:
            return EngineError(
                f"The server refuses us with {status}",
                where=str(response.url),
                got=words,
                wanted=f"model {self._params.model!r}; a key in ${self._params.api_key_variable} if needed",
                next_step="edit engine.openai in params.yaml, or export the key",
            )
        if status in PASSING or status >= 500:
            reason = "rate_limited" if status == 429 else "server_error"
            return _TroubleError(reason, f"{status}: {words}", after_s=_retry_after_s(response))
        too_long = any(word in words.lower() for word in TOO_LONG_WORDS)
        return _TroubleError(
            "prompt_too_long" if too_long else "refused", f"{status}: {words}", passing=False
        )


def _retry_after_s(response: httpx.Response) -> float:
    """What a Retry-After header asks for; 0 where there is none, or it gives a date."""
    try:
        return max(0.0, float(response.headers.get("retry-after", 0)))
    except ValueError:
        return 0.0


@contextmanager
def _background_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
