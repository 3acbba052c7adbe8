"""Find the engine settings that generate fastest here, on a sample of the tasks, and write them down.

    python -m stages.tune [--tasks 32] [--dry-run]

Run it once after `dvc repro tasks`, for a new model or machine. One setting after the other is raised while
that pays at least 3 %; each trial loads the model anew and generates for tasks no earlier trial has seen (as
long as there are enough), so that no cache flatters it. The winners replace the values in params.yaml, whose
comments stay. It is no stage of the line: settings change how fast completions come, not what is asked.

    vllm      max_num_seqs, max_num_batched_tokens
    openai    concurrency
    llamacpp  slots, processes
"""

import argparse
import itertools
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pipeline.engines.llamacpp import physical_cores
from pipeline.engines.opened import EngineParams, open_engine
from pipeline.engines.types import Answer, Request
from pipeline.errors import EngineError, ParamsError
from pipeline.params import PARAMS_PATH, Base, load
from pipeline.prompts.template import PromptParams, read_prompts
from pipeline.schemas.tasks import TASKS
from pipeline.stage import run
from pipeline.tables import rows
from pipeline.tasks import Task
from stages.generate import GenerateParams, requests

LEAST_GAIN = 1.03

Settings = Mapping[str, int]
Axis = tuple[str, Sequence[int]]


def axes(kind: str, n: int) -> list[Axis]:
    """What is varied for an engine, each setting's values in ascending order; n is completions a request."""
    cores = physical_cores()
    known: dict[str, list[Axis]] = {
        "vllm": [
            ("max_num_seqs", [32, 64, 128, 256, 512, 1024]),
            ("max_num_batched_tokens", [2048, 4096, 8192, 16384, 32768]),
        ],
        "openai": [("concurrency", [4, 8, 16, 32, 64, 128, 256, 512])],
        "llamacpp": [
            ("slots", sorted({(n + 1) // 2, n, 2 * n})),
            ("processes", sorted({max(1, cores // 2), cores, cores + cores // 2})),
        ],
    }
    return known[kind]


def fastest(of: Sequence[Axis], measure: Callable[[Settings], float]) -> tuple[dict[str, int], float]:
    """The settings with the highest measure (and it): along each axis up while it pays, the others fixed.

    An axis not reached yet is left out of the settings measured, which then keep their present value. Along
    an axis the search ends with the first value, after one that paid, that gains less than 3 % more.
    """
    best: dict[str, int] = {}
    best_rate = 0.0
    for name, values in of:
        for value in values:
            rate = measure({**best, name: value})
            if rate > best_rate * LEAST_GAIN:
                best, best_rate = {**best, name: value}, rate
            elif name in best:
                break
    return best, best_rate


def warm_up(request: Request) -> Request:
    """A short request of the same kind, which a server that knows conversations only answers as well.

    With all its completions: vLLM compiles the kernel that draws from eight or more when it first does.
    """
    return replace(request, sampling=replace(request.sampling, max_tokens=4))


def tokens_per_s(params: EngineParams, asked: Sequence[Request]) -> float:
    """What the engine generates with these settings; 0 where they do not work here, which is said."""
    try:
        with open_engine(params) as engine:
            list(engine.ask([warm_up(asked[0])]))
            started = time.perf_counter()
            outcomes = list(engine.ask(asked))
            seconds = time.perf_counter() - started
    except EngineError as error:
        print(f"  does not work here: {error}", file=sys.stderr)
        return 0.0
    answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
    return sum(found.n_tokens for answer in answers for found in answer.completions) / seconds


def with_setting(text: str, kind: str, name: str, value: int) -> str:
    """params.yaml's text with engine.<kind>.<name> set; everything else, comments too, stays.

    Raises:
        ParamsError: the setting does not stand on a line of its own below engine and its kind.
    """
    block = re.compile(
        rf"(^engine:\n(?:[ #].*\n|\n)*?  {kind}:\n(?:    .*\n|\n)*?    {name}: )(\S+)", re.MULTILINE
    )
    changed, count = block.subn(rf"\g<1>{value}", text, count=1)
    if count == 0:
        raise ParamsError(
            f"engine.{kind}.{name} cannot be written",
            where=str(PARAMS_PATH),
            wanted=f"a line `{name}: ...` under engine, {kind}",
            next_step=f"set it to {value} by hand",
        )
    return changed


def samples(tasks: Sequence[Task], size: int) -> Iterator[list[Task]]:
    """Endless samples of `size` tasks, going round."""
    endless = itertools.cycle(tasks)
    while True:
        yield list(itertools.islice(endless, min(size, len(tasks))))


def trial(
    params: EngineParams,
    drawn: Iterator[list[Task]],
    ask: Callable[[Task], Sequence[Request]],
    settings: Settings,
) -> float:
    """Tokens a second with the settings on the next sample, printed."""
    section: Any = getattr(params, params.kind)
    changed = params.model_copy(update={params.kind: section.model_copy(update=dict(settings))})
    rate = tokens_per_s(changed, [request for task in next(drawn) for request in ask(task)])
    print(f"  {', '.join(f'{name} {value}' for name, value in settings.items())}: {rate:.0f} tokens/s")
    return rate


def main() -> None:
    """Search, print, and write the winners into params.yaml."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=32, help="tasks a trial (default: 32)")
    parser.add_argument("--dry-run", action="store_true", help="leave params.yaml as it is")
    options = parser.parse_args()
    if options.tasks < 1:
        parser.error("--tasks: at least 1")
    base, generate = load("base", Base), load("generate", GenerateParams)
    engine_params = load("engine", EngineParams)
    prompts = read_prompts(load("prompts", PromptParams).folder)
    tasks = [Task.from_row(row) for row in rows(TASKS)]
    ask = partial(requests, params=generate, prompts=prompts, seed=base.seed)
    print(f"tune: {engine_params.kind}, {min(options.tasks, len(tasks))} tasks a trial")
    measure = partial(trial, engine_params, samples(tasks, options.tasks), ask)
    best, rate = fastest(axes(engine_params.kind, generate.n_solutions), measure)
    if not best:
        raise EngineError("No setting worked", next_step="read the errors above")
    text = PARAMS_PATH.read_text(encoding="utf-8")
    for name, value in best.items():
        text = with_setting(text, engine_params.kind, name, value)
    print(f"fastest: {best} with {rate:.0f} tokens/s")
    if not options.dry_run:
        PARAMS_PATH.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
