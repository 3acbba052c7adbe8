"""vLLM's offline engine, one process a replica, on the GPUs of this machine or on its CPUs.

Prompts are tokenized and checked against the context length before vLLM sees them. Requests are fed into
the running engine and handed on as they finish: there is no batch whose slowest member everyone waits for.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.engines.replica import Take, Ticket
from pipeline.engines.replicas import Replicas
from pipeline.engines.types import Answer, Completion, Failure, Request
from pipeline.errors import EngineError
from pipeline.params import Section

# So many completions a place of max_num_seqs are at hand that none stays empty. A request counts with all its
# completions until the longest is done: with lengths as models have them, 2 fill 55-85 % of the places, 4
# 92-99 %, and 6 as many as handing everything over at once (simulated, 15-100 completions a request). More
# would only leave more with a slow replica at the end.
COMPLETIONS_AT_HAND_PER_PLACE = 6
MEBIBYTE = 1 << 20


class VllmParams(Section):
    """The section engine.vllm.

    model: a Hugging Face name or a folder.
    revision: of a Hugging Face name: a commit or tag; empty is the newest, which may change under you.
    context_length: tokens of prompt and completion together; vLLM's max_model_len.
    dtype, quantization: as vLLM names them; null leaves it to the model's files.
    tensor_parallel_size: GPUs a replica.
    replicas: copies of the model; 0 is as many as the visible GPUs hold.
    max_num_seqs: completions computed at once in a replica.
    max_num_batched_tokens: tokens computed in one step of a replica; null is vLLM's choice.
    seeded: a seed for every request, else one for each replica, as always on CPUs, whose sampler takes none.
        It turns FlashInfer's sampler off and starts a GPU kernel for every completion and token.
    options: any other argument of vllm.LLM.
    """

    model: str
    revision: str
    context_length: int
    dtype: str
    quantization: str | None
    tensor_parallel_size: int = Field(ge=1)
    replicas: int = Field(ge=0)
    max_num_seqs: int = Field(ge=1)
    max_num_batched_tokens: int | None = Field(ge=1)
    seeded: bool
    options: dict[str, Any]


def open_vllm(params: VllmParams) -> Replicas:
    """The engine; its replicas start with the first request.

    Raises:
        EngineError: fewer GPUs are visible than the replicas need.
    """
    places = _places(params)
    builds = [partial(Vllm, params, number, place) for number, place in enumerate(places)]
    window = COMPLETIONS_AT_HAND_PER_PLACE * params.max_num_seqs
    return Replicas(model_identity(params), params.context_length, builds, window)


def model_identity(params: VllmParams) -> str:
    """`name@revision+precision`; a folder's revision hashes its files' names, sizes, heads and tails."""
    folder = Path(params.model)
    name, revision = params.model, params.revision
    if folder.is_dir():
        name, revision = folder.name, _fingerprint(folder)
    return f"{name}@{revision}+{params.quantization or params.dtype}"


def _fingerprint(folder: Path) -> str:
    hasher = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        size = path.stat().st_size
        hasher.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            hasher.update(file.read(MEBIBYTE))
            file.seek(max(0, size - MEBIBYTE))
            hasher.update(file.read(MEBIBYTE))
    return hasher.hexdigest()[:16]


def _places(params: VllmParams) -> list[dict[str, str]]:
    """The environment that puts each replica onto its own GPUs, or onto its own share of the CPUs."""
    gpus = visible_gpus()
    if not gpus:
        return _cpu_places(params.replicas or 1)
    size = params.tensor_parallel_size
    count = params.replicas or len(gpus) // size
    if count * size > len(gpus) or count == 0:
        raise EngineError(
            "There are too few GPUs for the replicas",
            where="engine.vllm.replicas x engine.vllm.tensor_parallel_size",
            got=f"{len(gpus)} visible",
            wanted=f"{max(count, 1)} x {size}",
            next_step="lower one of them in params.yaml, or widen CUDA_VISIBLE_DEVICES",
        )
    shares = [gpus[number * size : (number + 1) * size] for number in range(count)]
    return [{"CUDA_VISIBLE_DEVICES": ",".join(share)} for share in shares]


def _cpu_places(count: int) -> list[dict[str, str]]:
    if count == 1:
        return [{}]
    cores = sorted(os.sched_getaffinity(0))
    shares = [cores[number::count] or cores for number in range(count)]
    return [{"VLLM_CPU_OMP_THREADS_BIND": ",".join(map(str, share))} for share in shares]


def visible_gpus() -> list[str]:
    """The names CUDA_VISIBLE_DEVICES may hold, all GPUs of the machine where it is not set."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False)
    lines = listed.stdout.splitlines() if listed.returncode == 0 else []
    return [str(number) for number, line in enumerate(lines) if line.startswith("GPU ")]


@dataclass
class Vllm:
    """A Backend: one vLLM engine.

    number: of the replica, which seeds the engine.
    environment: what puts it onto its devices.

    Raises:
        EngineError: vLLM is not installed, or cannot load the model.
    """

    params: VllmParams
    number: int
    environment: Mapping[str, str]

    def __post_init__(self) -> None:
        # Before vLLM is imported: it reads them then.
        os.environ.update(self.environment)
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        self.llm = load_llm(self.params, seed=self.number)
        self._tokenizer = self.llm.get_tokenizer()
        from vllm.platforms import current_platform  # noqa: PLC0415

        self._seeded = self.params.seeded and not current_platform.is_cpu()

    def answers(self, take: Take) -> Iterator[tuple[int, Answer | Failure] | None]:
        """See Backend."""
        engine = self.llm.llm_engine
        under_way: dict[str, Ticket] = {}
        while True:
            for ticket in take(wait=not under_way):
                failure = self._submit(ticket)
                if failure is None:
                    under_way[str(ticket.number)] = ticket
                else:
                    yield ticket.number, failure
            for output in engine.step() if under_way else []:
                if output.finished:
                    ticket = under_way.pop(output.request_id)
                    yield ticket.number, _answer(ticket.request, output)
            yield None

    def close(self) -> None:
        """End vLLM's own processes."""
        self.llm.llm_engine.engine_core.shutdown()

    def prompt_ids(self, request: Request) -> list[int]:
        """The prompt's tokens, chat template applied, prefill at the end."""
        if not request.messages:
            return list(self._tokenizer.encode(request.prefill))
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        text = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return list(self._tokenizer.encode(text + request.prefill, add_special_tokens=False))

    def _submit(self, ticket: Ticket) -> Failure | None:
        request = ticket.request
        try:
            ids = self.prompt_ids(request)
        except Exception as error:  # a chat template refuses a conversation with any error it likes
            return Failure(request, "refused", f"{type(error).__name__}: {error}"[:500])
        if len(ids) >= self.params.context_length:
            return Failure(request, "prompt_too_long", f"{len(ids)} tokens")
        if not ids:
            return Failure(request, "empty_prompt")
        from vllm.inputs import tokens_input  # noqa: PLC0415

        try:
            sampling = sampling_params(request, seeded=self._seeded)
            self.llm.llm_engine.add_request(str(ticket.number), tokens_input(ids), sampling)
        except ValueError as error:
            return Failure(request, "refused", str(error)[:500])
        return None


def load_llm(params: VllmParams, seed: int) -> Any:  # noqa: ANN401  vLLM is not installed where this is checked
    """A vllm.LLM with these parameters.

    Raises:
        EngineError: vLLM is not installed, or cannot load the model.
    """
    try:
        from vllm import LLM  # noqa: PLC0415  takes many seconds, and lives in the replica's process only
    except ImportError as error:
        raise EngineError(
            "vLLM is not installed here",
            got=str(error),
            next_step="pip install --constraint constraints.txt '.[vllm]'   (on CPUs: `make test-vllm`)",
        ) from error
    arguments: dict[str, Any] = {
        "model": params.model,
        "revision": params.revision or None,
        "max_model_len": params.context_length,
        "dtype": params.dtype,
        "quantization": params.quantization,
        "tensor_parallel_size": params.tensor_parallel_size,
        "max_num_seqs": params.max_num_seqs,
        "max_num_batched_tokens": params.max_num_batched_tokens,
        "enable_prefix_caching": True,
        "seed": seed,
    }
    try:
        return LLM(**arguments, **params.options)
    except Exception as error:
        raise EngineError(
            "vLLM cannot load the model",
            where=params.model,
            got=f"{type(error).__name__}: {error}"[:2000],
            next_step="read vLLM's words above; edit engine.vllm in params.yaml",
        ) from error


def sampling_params(request: Request, *, seeded: bool) -> Any:  # noqa: ANN401
    """The request's vllm.SamplingParams; with seeds, completion i has the request's seed + i."""
    from vllm import SamplingParams  # noqa: PLC0415
    from vllm.sampling_params import RequestOutputKind  # noqa: PLC0415

    sampling = request.sampling
    return SamplingParams(
        n=1 if _is_greedy(request) else request.n,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_tokens=sampling.max_tokens,
        stop=list(sampling.stop),
        seed=request.seed if seeded else None,
        logprobs=0 if sampling.logprobs else None,  # 0: of the drawn token only
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _is_greedy(request: Request) -> bool:
    """Whether all completions are the same; vLLM then makes only one."""
    return request.sampling.temperature == 0


def _answer(request: Request, output: Any) -> Answer:  # noqa: ANN401
    outputs = sorted(output.outputs, key=lambda found: int(found.index))
    completions = tuple(map(_completion, outputs)) * (request.n if _is_greedy(request) else 1)
    return Answer(request, completions, len(output.prompt_token_ids))


def _completion(found: Any) -> Completion:  # noqa: ANN401
    count = len(found.token_ids)
    total = found.cumulative_logprob
    return Completion(
        text=found.text,
        n_tokens=count,
        finish_reason="length" if found.finish_reason == "length" else "stop",
        mean_logprob=total / count if total is not None and count else None,
    )
