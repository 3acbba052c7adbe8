"""The embedded engine: llama.cpp inside a replica process, the default on a machine without a GPU.

A replica computes with one thread and answers one request at a time, its n completions together as one batch.
That is both the fastest layout on small machines (a second thread in one process gains almost nothing and
collapses when the machine is loaded; a second process nearly doubles the rate) and a deterministic one:
what shares a batch is decided by the request alone, so an answer depends on nothing that ran before or
beside it.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from pydantic import Field

from pipeline.engines.replica import Take
from pipeline.engines.replicas import Replicas
from pipeline.engines.types import Answer, Completion, Failure, Request
from pipeline.errors import EngineError
from pipeline.params import Section

SECONDS_BETWEEN_LOOKS = 1.0
LEAST_CPU_S_OF_A_MOVING_MODEL = 0.1


class LlamaCppParams(Section):
    """The section engine.llamacpp.

    model_path: a .gguf file.
    context_length: tokens of prompt and completion together.
    slots: completions computed together; a request for more is cut into several batches.
    processes: copies of the model, one thread each; 0 is one per physical core.
    """

    model_path: Path
    context_length: int = Field(ge=2)
    slots: int = Field(ge=1)
    processes: int = Field(ge=0)


def open_llamacpp(params: LlamaCppParams) -> Replicas:
    """The embedded engine; its replicas start with the first request.

    Raises:
        EngineError: there is no model file.
    """
    model = f"{params.model_path.name}@{file_sha256(params.model_path)[:16]}"
    builds = [partial(LlamaCpp, params)] * (params.processes or physical_cores())
    # While one request fills the slots, the next waits in the replica's inbox.
    return Replicas(model, params.context_length, builds, window=params.slots + 1)


def file_sha256(path: Path) -> str:
    """The hex digest of a model file.

    Raises:
        EngineError: the file is not there.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise EngineError(
            "The model's file is not there",
            where=str(path.absolute()),
            wanted="a .gguf file (parameter engine.llamacpp.model_path)",
            next_step="edit the path   (the bundled model: python -m pipeline.engines.fetch)",
        ) from None


def physical_cores() -> int:
    """Cores this process may run on, hyper-threads counted once."""
    usable = os.sched_getaffinity(0)
    siblings = {_siblings(cpu) for cpu in usable}
    return max(1, len(siblings))


def _siblings(cpu: int) -> str:
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    return path.read_text().strip() if path.exists() else str(cpu)


class _RefusedError(Exception):
    """llama.cpp cannot do what a request asks, as where a chat template knows no system turn; its words."""


class LlamaCpp:
    """A Backend: one llama.cpp server in this process, reached over loopback.

    Raises:
        EngineError: llama.cpp cannot load the file.
    """

    def __init__(self, params: LlamaCppParams, server: Any = None) -> None:  # noqa: ANN401
        self.params = params
        self._server = server or start_server(params)
        self._client = httpx.Client(base_url=self._server.listening_address, timeout=None, trust_env=False)

    def answers(self, take: Take) -> Iterator[tuple[int, Answer | Failure] | None]:
        """See Backend. A model that moves is one that takes CPU time."""
        with ThreadPoolExecutor(1) as thread:
            while True:
                for number, request in take(wait=True):
                    answering = thread.submit(self.answer, request)
                    used_s = time.process_time()
                    while not wait([answering], timeout=SECONDS_BETWEEN_LOOKS).done:
                        if time.process_time() > used_s + LEAST_CPU_S_OF_A_MOVING_MODEL:
                            used_s = time.process_time()
                            yield None
                    yield number, answering.result()

    def close(self) -> None:
        """End the connection; the server ends with this object."""
        self._client.close()

    def answer(self, request: Request) -> Answer | Failure:
        """The request's completions, or that its prompt is too long, empty or refused."""
        try:
            return self._answer(request)
        except _RefusedError as refusal:
            return Failure(request, "refused", str(refusal))

    def _answer(self, request: Request) -> Answer | Failure:
        prompt = self._prompt(request)
        prompt_tokens = len(
            self._post("/tokenize", content=prompt, add_special=True, parse_special=True)["tokens"]
        )
        if prompt_tokens >= self.params.context_length:
            return Failure(request, "prompt_too_long", f"{prompt_tokens} tokens")
        if not prompt_tokens:
            return Failure(request, "empty_prompt")
        completions: list[Completion] = []
        while (missing := request.n - len(completions)) > 0:
            count = min(missing, self.params.slots)
            completions += self._complete(prompt, request, count, request.seed + len(completions))
        return Answer(request, tuple(completions), prompt_tokens)

    def _prompt(self, request: Request) -> str:
        if not request.messages:
            return request.prefill
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        return str(self._post("/apply-template", messages=messages)["prompt"]) + request.prefill

    def _complete(self, prompt: str, request: Request, count: int, seed: int) -> list[Completion]:
        sampling = request.sampling
        found = self._post(
            "/completion",
            prompt=prompt,
            n_cmpl=count,
            seed=seed,
            n_predict=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=0,  # llama.cpp would cut to 40 candidates and to 5 % of the best one unasked
            min_p=0.0,
            stop=list(sampling.stop),
            n_probs=1 if sampling.logprobs else 0,
            cache_prompt=False,  # an answer must not depend on what was asked before
        )
        choices = found if isinstance(found, list) else [found]
        return [_completion(choice) for choice in sorted(choices, key=lambda choice: int(choice["index"]))]

    def _post(self, path: str, **body: object) -> Any:  # noqa: ANN401  JSON
        response = self._client.post(path, json=body)
        if response.status_code != httpx.codes.OK:
            raise _RefusedError(f"{path}: {response.status_code}: {response.text[:500]}")
        return response.json()


def _completion(choice: dict[str, Any]) -> Completion:
    logprobs = [token["logprob"] for token in choice.get("completion_probabilities", [])]
    return Completion(
        text=choice["content"],
        n_tokens=choice["tokens_predicted"],
        finish_reason="length" if choice["stop_type"] == "limit" else "stop",
        mean_logprob=sum(logprobs) / len(logprobs) if logprobs else None,
    )


def start_server(params: LlamaCppParams, threads: int = 1) -> Any:  # noqa: ANN401  xllamacpp carries no types
    """A llama.cpp server on a free loopback port (`listening_address`), stopped when it is garbage.

    Raises:
        EngineError: llama.cpp cannot load the file.
    """
    import xllamacpp  # noqa: PLC0415  loads a 30 MB library that only this engine needs

    options = xllamacpp.CommonParams()
    options.model.path = str(params.model_path)
    options.n_ctx = params.context_length * params.slots
    options.n_parallel = params.slots
    options.cpuparams.n_threads = options.cpuparams_batch.n_threads = threads
    options.cache_prompt = False
    options.cache_ram_mib = options.n_ctx_checkpoints = 0
    options.verbosity = 0
    options.warmup = False
    try:
        return xllamacpp.Server(options)
    except Exception as error:
        raise EngineError(
            "llama.cpp cannot load the model",
            where=str(params.model_path),
            got=f"{type(error).__name__}: {error}",
            next_step="try another file   (the bundled model: python -m pipeline.engines.fetch)",
        ) from error
