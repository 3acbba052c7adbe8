"""Have the model write n solutions and n tests for every task.

First every request that the journal does not know is asked, in whatever order the engine likes; then the
tables are written from the journal alone, task by task. So a run that was killed a hundred times writes the
same bytes as one that was not, and memory does not grow with the number of tasks.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from pipeline.assertions import Degenerate, ValueTest, parse_test
from pipeline.counts import write_counts
from pipeline.engines.journaled import ask_journaled, journaled_answer
from pipeline.engines.opened import EngineParams, open_engine
from pipeline.engines.types import Answer, Completion, Engine, Request, Sampling
from pipeline.engines.usage import Usage
from pipeline.errors import EngineError
from pipeline.extraction.solutions import Loss, extract_solution
from pipeline.extraction.tests import extract_tests
from pipeline.identity import SEEDS_PER_REQUEST, child_seed, content_id
from pipeline.journal import Journal
from pipeline.parallel import map_in_order
from pipeline.params import Base, Section, load
from pipeline.progress import meter
from pipeline.prompts.requests import solution_request, test_request
from pipeline.prompts.template import PromptParams, Prompts, read_prompts
from pipeline.schemas.solutions import SOLUTIONS
from pipeline.schemas.tasks import TASKS
from pipeline.schemas.tests import CODE, TESTS, VALUE
from pipeline.stage import run
from pipeline.tables import Row, read, rows, writer
from pipeline.tasks import Task

JOURNAL = Path(".cache/journal/completions")

# A task, the model's name, and its answers for solutions and for tests; None: it was not answered.
Answered = tuple[Task, str, Answer | None, Answer | None]


class GenerateParams(Section):
    """The section generate.

    n_solutions, n_tests: samples a task.
    temperature, top_p: how they are drawn.
    solution_max_tokens, test_max_tokens: upper limit of one sample.
    test_logprobs: whether the model's mean log-probability of each test is kept.
    """

    n_solutions: int = Field(ge=1, le=SEEDS_PER_REQUEST)
    n_tests: int = Field(ge=1, le=SEEDS_PER_REQUEST)
    temperature: float = Field(ge=0)
    top_p: float = Field(gt=0, le=1)
    solution_max_tokens: int = Field(ge=1)
    test_max_tokens: int = Field(ge=1)
    test_logprobs: bool


def requests(task: Task, params: GenerateParams, prompts: Prompts, seed: int) -> tuple[Request, Request]:
    """What is asked about one task: for its solutions, and for its tests."""
    solution_sampling = Sampling(params.temperature, params.top_p, params.solution_max_tokens)
    test_sampling = Sampling(
        params.temperature, params.top_p, params.test_max_tokens, logprobs=params.test_logprobs
    )
    return (
        solution_request(
            task,
            prompts.solution,
            n=params.n_solutions,
            sampling=solution_sampling,
            seed=child_seed(seed, "solutions", task.task_id),
        ),
        test_request(
            task,
            prompts.test,
            n=params.n_tests,
            sampling=test_sampling,
            seed=child_seed(seed, "tests", task.task_id),
        ),
    )


def solution_rows(task: Task, model: str, answer: Answer) -> tuple[list[Row], Counter[str]]:
    """The distinct solutions in an answer, in table order, and what its completions came to."""
    counts: Counter[str] = Counter(solution_samples=len(answer.completions))
    found: dict[str, Row] = {}
    for index, completion in enumerate(answer.completions):
        outcome = extract_solution(task, answer.request.prefill, completion.text)
        if isinstance(outcome, Loss):
            counts[f"solution_lost_{outcome.reason}"] += 1
            continue
        counts.update(f"solution_mended_{mend}" for mend in outcome.mends)
        fresh = _solution_row(task, model, outcome.code, completion, answer.request.seed + index)
        found.setdefault(outcome.code, fresh)["sample_count"] += 1
    counts["solutions"] = len(found)
    counts["solution_repeats"] = sum(row["sample_count"] - 1 for row in found.values())
    return sorted(found.values(), key=lambda row: str(row["solution_id"])), counts


def _solution_row(task: Task, model: str, code: str, completion: Completion, seed: int) -> Row:
    return {
        "solution_id": content_id("solution", task.task_id, code),
        "task_id": task.task_id,
        "code": code,
        "completion": completion.text,
        "sample_count": 0,
        "n_tokens": completion.n_tokens,
        "model": model,
        "seed": seed,
        "parent_id": None,
        "round": 0,
    }


def test_rows(task: Task, answer: Answer | None) -> tuple[list[Row], Counter[str]]:
    """The task's public examples and the distinct tests in an answer, in table order, and the counts.

    A test that several samples gave has the mean of their log-probabilities. An example that samples gave as
    well is one row.
    """
    counts: Counter[str] = Counter()
    found: dict[str, Row] = {}
    for example in task.example_tests:
        row = _test_row(task, example)
        if isinstance(row, str):
            counts[f"example_lost_{row}"] += 1
        else:
            found[row["test_id"]] = row | {"is_example": True}
    logprobs: dict[str, list[float]] = {}
    for completion in answer.completions if answer else ():
        sampled, losses = _sampled(task, answer.request.prefill if answer else "", completion)
        counts += losses
        for test_id, row in sampled.items():
            found.setdefault(test_id, row)["sample_count"] += 1
            if completion.mean_logprob is not None:
                logprobs.setdefault(test_id, []).append(completion.mean_logprob)
    for test_id, values in logprobs.items():
        found[test_id]["mean_logprob"] = sum(values) / len(values)
    counts["tests"] = len(found)
    counts["tests_example"] = sum(row["is_example"] for row in found.values())
    return sorted(found.values(), key=lambda row: str(row["test_id"])), counts


def _sampled(task: Task, prefill: str, completion: Completion) -> tuple[dict[str, Row], Counter[str]]:
    """The tests of one sample by id, each once however often the sample repeats it."""
    codes, losses = extract_tests(task, prefill, completion.text)
    counts = Counter({f"test_lost_{reason}": count for reason, count in losses.items()})
    counts["test_samples"] += 1
    found: dict[str, Row] = {}
    for code in codes:
        row = _test_row(task, code)
        if isinstance(row, str):
            counts[f"test_lost_{row}"] += 1
        elif row["test_id"] in found:
            counts["test_repeated_in_sample"] += 1
        else:
            found[row["test_id"]] = row
    return found, counts


def _test_row(task: Task, code: str) -> Row | str:
    """A row without samples yet, or why the text is no test."""
    parsed = parse_test(code, task.entry_point)
    if isinstance(parsed, Degenerate):
        return parsed.reason
    value = isinstance(parsed, ValueTest)
    return {
        "test_id": content_id("test", task.task_id, parsed.code),
        "task_id": task.task_id,
        "code": parsed.code,
        "kind": VALUE if value else CODE,
        "call": parsed.call if isinstance(parsed, ValueTest) else None,
        "expected": parsed.expected if isinstance(parsed, ValueTest) else None,
        "sample_count": 0,
        "is_example": False,
        "mean_logprob": None,
    }


def ask_all(engine: Engine, wanted: Iterator[Request], total: int, journal: Journal, usage: Usage) -> None:
    """Ask what the journal does not hold, showing progress.

    Raises:
        EngineError: there were requests and not one was answered: tables without a sample would help nobody.
    """
    with meter("generate", "prompts", total) as gauge:
        for outcome in ask_journaled(engine, wanted, journal):
            usage.show(gauge, outcome)
    print(f"generate: {usage.summary()}")
    if usage.failed and not usage.counts["answered"]:
        raise EngineError(
            "Not one prompt was answered",
            where=engine.model,
            got="; ".join(f"{reason}: {detail}" for reason, detail in sorted(usage.first_details.items())),
            next_step="edit engine and prompts in params.yaml (docs/engines.md says what the reasons mean)",
        )


def write_tables(
    model: str, params: GenerateParams, prompts: Prompts, seed: int, journal: Journal
) -> Counter[str]:
    """Write solutions and tests from the journal; what came of the samples, by reason."""
    counts: Counter[str] = Counter()

    def answered() -> Iterator[Answered]:
        for row in rows(TASKS):
            task = Task.from_row(row)
            for_solutions, for_tests = requests(task, params, prompts, seed)
            yield (
                task,
                model,
                journaled_answer(model, for_solutions, journal),
                journaled_answer(model, for_tests, journal),
            )

    with writer(SOLUTIONS) as solutions, writer(TESTS) as tests:
        for new_solutions, new_tests, new_counts in map_in_order(rows_of_task, answered()):
            solutions.append(new_solutions)
            tests.append(new_tests)
            counts.update(new_counts)
    return counts


def rows_of_task(answered: Answered) -> tuple[list[Row], list[Row], Counter[str]]:
    """Rows of solutions and of tests, and what the samples came to."""
    task, model, for_solutions, for_tests = answered
    counts: Counter[str] = Counter()
    solutions: list[Row] = []
    if for_solutions is not None:
        solutions, new_counts = solution_rows(task, model, for_solutions)
        counts.update(new_counts)
    tests, new_counts = test_rows(task, for_tests)
    counts.update(new_counts)
    return solutions, tests, counts


def main() -> None:
    """Ask, then write solutions and tests."""
    base, params = load("base", Base), load("generate", GenerateParams)
    engine_params = load("engine", EngineParams)
    prompts = read_prompts(load("prompts", PromptParams).folder)
    usage = Usage(engine_params.prices)
    total = 2 * read(TASKS, columns=["task_id"]).num_rows
    tasks = (Task.from_row(row) for row in rows(TASKS))
    wanted = (request for task in tasks for request in requests(task, params, prompts, base.seed))
    with Journal.open(JOURNAL) as journal, open_engine(engine_params) as engine:
        ask_all(engine, wanted, total, journal, usage)
        counts = write_tables(engine.model, params, prompts, base.seed, journal)
    write_counts("generate", counts + usage.counts)


if __name__ == "__main__":
    run(main)
