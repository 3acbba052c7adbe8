"""How fast an engine generates through Pairsmith, beside the bare engine in the same run, and what it yields.

    python -m benchmarks.generation --engine llamacpp|openai|vllm [--tasks 16] [--rounds 1] [--json OUT]

The prompts are the bundled tasks' (solutions and tests, as the section generate says); engine settings come
from params.yaml. `ours` is the whole path a stage takes: requests, replicas or HTTP, a fresh journal. `bare`
is what one would write without Pairsmith, over the same prompts and sampling:

    vllm      one LLM.generate call over all prompts
    llamacpp  one server on all cores, all prompts thrown at it at once
    openai    a pool of threads that post with httpx

Loading the model is left out of both. Each runs in a process of its own, one after the other, `--rounds`
times, every other time the bare one first: a shared machine drifts. Tokens a second are those of the fastest
round. Yields are shares of samples.

Measured on 2 shared cores without a GPU, while nothing else ran, with SmolLM2-135M-Instruct (tokens a second,
and the ratio to bare, one round): llamacpp 104, 1.23 (150 completions); vllm, its CPU build in float32, 28.2,
.99 (150) and 22.8, 1.02 (90); openai against a vLLM server of that build 28.7, .96 (120), against a llama.cpp
server 21.1, .83 (150; max_n 1). The last was not seen again when ours and bare took turns, three times each:
29.2 seconds for ours and 29.1 for bare. With max_n above 1 compare completions a second only: llama.cpp
counts the tokens of the first choice alone.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from pipeline.engines.journaled import ask_journaled
from pipeline.engines.llamacpp import LlamaCpp, physical_cores, start_server
from pipeline.engines.openai_protocol import Chunk, body, endpoint
from pipeline.engines.opened import EngineParams, open_engine
from pipeline.engines.types import Answer, Request
from pipeline.engines.usage import Usage
from pipeline.engines.vllm import Vllm, sampling_params
from pipeline.journal import Journal
from pipeline.params import Base, load
from pipeline.prompts.template import PromptParams, read_prompts
from pipeline.tasks import Task
from stages.generate import GenerateParams, requests, solution_rows, test_rows
from stages.tune import warm_up

TASKS = Path("pipeline/data/tasks.jsonl")


def bundled_tasks(count: int) -> list[Task]:
    """The first bundled tasks."""
    lines = [json.loads(line) for line in TASKS.read_text("utf-8").splitlines()[:count]]
    return [
        Task(row["id"], row["prompt"], row["entry_point"], row["starter_code"], tuple(row["example_tests"]))
        for row in lines
    ]


def wanted(tasks: Sequence[Task]) -> list[tuple[Task, Request]]:
    """Every task's request for solutions, then its request for tests."""
    params, seed = load("generate", GenerateParams), load("base", Base).seed
    prompts = read_prompts(load("prompts", PromptParams).folder)
    return [(task, request) for task in tasks for request in requests(task, params, prompts, seed)]


def ours(params: EngineParams, tasks: list[Task]) -> dict[str, float]:
    """Tokens and completions a second of the path the stages take, and the yields."""
    pairs = wanted(tasks)
    with (
        tempfile.TemporaryDirectory() as folder,
        Journal.open(Path(folder)) as journal,
        open_engine(params) as engine,
    ):
        list(engine.ask([warm_up(pairs[0][1])]))
        started = time.perf_counter()
        outcomes = list(ask_journaled(engine, (request for _, request in pairs), journal))
        seconds = time.perf_counter() - started
    usage = Usage(params.prices)
    for outcome in outcomes:
        usage.add(outcome)
    answers = {outcome.request: outcome for outcome in outcomes if isinstance(outcome, Answer)}
    return {
        "seconds": seconds,
        "tokens_per_s": usage.new_tokens / seconds,
        "completions_per_s": usage.new_completions / seconds,
        "failed": usage.failed,
        **yields(pairs, answers),
    }


def yields(pairs: Sequence[tuple[Task, Request]], answers: dict[Request, Answer]) -> dict[str, float]:
    """Shares of samples that gave code, and tests a sample."""
    counts: Counter[str] = Counter()
    for (task, for_solutions), (_, for_tests) in zip(pairs[::2], pairs[1::2], strict=True):
        if for_solutions in answers:
            counts.update(solution_rows(task, "benchmark", answers[for_solutions])[1])
        rows, new_counts = test_rows(task, answers.get(for_tests))
        counts.update(new_counts)
        counts["test_samples_used"] += sum(row["sample_count"] for row in rows)
    lost = sum(count for name, count in counts.items() if name.startswith("solution_lost_"))
    samples = max(counts["solution_samples"], 1)
    return {
        "solution_yield": 1 - lost / samples,
        "distinct_solutions_per_sample": counts["solutions"] / samples,
        "tests_per_sample": counts["test_samples_used"] / max(counts["test_samples"], 1),
    }


def bare_vllm(params: EngineParams, asked: list[Request]) -> tuple[int, float]:
    """(tokens, seconds) of one LLM.generate call."""
    backend = Vllm(params.vllm, number=0, environment={})
    with closing(backend):
        inputs = [{"prompt_token_ids": backend.prompt_ids(request)} for request in asked]
        from vllm.platforms import current_platform  # noqa: PLC0415

        seeded = params.vllm.seeded and not current_platform.is_cpu()
        sampling = [sampling_params(request, seeded=seeded) for request in asked]
        llm = backend.llm
        first = sampling_params(warm_up(asked[0]), seeded=seeded)
        llm.generate(inputs[:1], [first], use_tqdm=False)
        started = time.perf_counter()
        outputs = llm.generate(inputs, sampling, use_tqdm=False)
        seconds = time.perf_counter() - started
    return sum(len(found.token_ids) for output in outputs for found in output.outputs), seconds


def bare_llamacpp(params: EngineParams, asked: list[Request]) -> tuple[int, float]:
    """(tokens, seconds) of one llama.cpp server with a thread a core, which batches as it likes."""
    server = start_server(params.llamacpp, threads=physical_cores())

    def post(request: Request) -> int:
        with closing(LlamaCpp(params.llamacpp, server)) as backend:
            outcome = backend.answer(request)
        return sum(found.n_tokens for found in outcome.completions) if isinstance(outcome, Answer) else 0

    post(warm_up(asked[0]))
    with ThreadPoolExecutor(4) as pool:
        started = time.perf_counter()
        tokens = sum(pool.map(post, asked))
        return tokens, time.perf_counter() - started


def bare_openai(params: EngineParams, asked: list[Request]) -> tuple[int, float]:
    """(tokens, seconds) of a pool of threads that post and parse JSON."""
    openai = params.openai
    key = os.environ.get(openai.api_key_variable, "")
    base_url, headers = openai.base_url.rstrip("/") + "/", {"Authorization": f"Bearer {key}"} if key else {}
    chunks = [
        Chunk(request, first, min(openai.max_n, request.n - first))
        for request in asked
        for first in range(0, request.n, openai.max_n)
    ]
    with httpx.Client(base_url=base_url, headers=headers, timeout=openai.timeout_s) as client:

        def post(chunk: Chunk) -> int:
            content = body(chunk, openai.model, seeded=openai.seeded)
            answered = client.post(endpoint(chunk.request), json=content).raise_for_status().json()
            return int(answered["usage"]["completion_tokens"])

        with ThreadPoolExecutor(openai.concurrency) as pool:
            started = time.perf_counter()
            tokens = sum(pool.map(post, chunks))
            return tokens, time.perf_counter() - started


BARE: dict[str, Callable[[EngineParams, list[Request]], tuple[int, float]]] = {
    "vllm": bare_vllm,
    "llamacpp": bare_llamacpp,
    "openai": bare_openai,
}


def apart(function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
    """What the function returns in a process of its own, which then ends and frees its memory."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def one_round(
    params: EngineParams, tasks: list[Task], asked: list[Request], *, bare_first: bool
) -> tuple[dict[str, float], tuple[int, float]]:
    """What `ours` and the bare engine found, the one after the other."""
    if bare_first:
        bare = apart(BARE[params.kind], params, asked)
        return apart(ours, params, tasks), bare
    figures = apart(ours, params, tasks)
    return figures, apart(BARE[params.kind], params, asked)


def measure(params: EngineParams, n_tasks: int, rounds: int) -> dict[str, float]:
    """All figures of one engine."""
    tasks = bundled_tasks(n_tasks)
    asked = [request for _, request in wanted(tasks)]
    found = [one_round(params, tasks, asked, bare_first=number % 2 == 1) for number in range(rounds)]
    best = max((figures for figures, _ in found), key=lambda figures: float(figures["tokens_per_s"]))
    bare = max(tokens / seconds for _, (tokens, seconds) in found)
    return {
        "prompts": len(asked),
        **best,
        "bare_tokens_per_s": bare,
        "ratio_to_bare": best["tokens_per_s"] / bare,
    }


def main() -> None:
    """Measure, print one figure a line, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=sorted(BARE), required=True)
    parser.add_argument("--tasks", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    params = load("engine", EngineParams).model_copy(update={"kind": options.engine})
    figures = measure(params, options.tasks, options.rounds)
    for name, value in figures.items():
        print(f"{name:<32}{value:>12,.3f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
