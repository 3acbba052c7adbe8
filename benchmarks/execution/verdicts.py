"""(solution, test) verdicts through the sandbox, from the API that every stage uses."""

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.execution.samples import Sample
from pipeline.assertions import ValueTest
from pipeline.sandbox.jobs import Call, Check, Job, Program, Result, Seen
from pipeline.sandbox.sandbox import Sandbox
from pipeline.sandbox.statuses import FAIL, LARGE, OK, OPAQUE, PASS

SAMPLES_A_BATCH = 64

Verdicts = list[list[str]]


def judge(samples: Iterable[Sample], sandbox: Sandbox) -> dict[str, Verdicts]:
    """task_id -> verdict of solution i on test j."""
    samples = list(samples)
    found: dict[str, Verdicts] = {}
    for at in range(0, len(samples), SAMPLES_A_BATCH):
        found.update(_judge_batch(samples[at : at + SAMPLES_A_BATCH], sandbox))
    return found


def job_of(sample: Sample) -> Job:
    """The sample as the sandbox takes it: ids are the texts themselves."""
    parsed = [test.parsed for test in sample.tests]
    calls = dict.fromkeys(test.call for test in parsed if isinstance(test, ValueTest))
    checks = dict.fromkeys(test.code for test in parsed if not isinstance(test, ValueTest))
    return Job(
        sample.task_id,
        sample.entry_point,
        tuple(Program(str(index), code) for index, code in enumerate(sample.programs)),
        tuple(Call(code, code) for code in calls),
        tuple(Check(code, code) for code in checks),
    )


def _judge_batch(samples: list[Sample], sandbox: Sandbox) -> Iterator[tuple[str, Verdicts]]:
    parsed = [test.parsed for sample in samples for test in sample.tests]
    texts = [test.expected for test in parsed if isinstance(test, ValueTest)]
    expected = dict(zip(texts, sandbox.evaluate(texts), strict=True))
    by_id = {sample.task_id: sample for sample in samples}
    for result in sandbox.execute(map(job_of, samples)):
        yield result.job_id, _verdicts(by_id[result.job_id], result, expected, sandbox)


def _verdicts(
    sample: Sample, result: Result, expected: dict[str, bytes | None], sandbox: Sandbox
) -> Verdicts:
    """Equal answers of a job are one object, and so are equal rows of them: each is judged once a test."""
    if not len(sample):
        return [[] for _ in sample.programs]
    rows = {id(row): row for row in result.seen}
    answers_of = dict(
        zip([call.code for call in result.job.calls], zip(*rows.values(), strict=True), strict=True)
    )
    check_at = {check.code: index for index, check in enumerate(result.job.checks)}
    columns: list[Sequence[str]] = []
    checks = []
    for number, test in enumerate(sample.tests):
        if isinstance(test.parsed, ValueTest):
            columns.append(_column(answers_of[test.parsed.call], expected[test.parsed.expected], sandbox))
        else:
            columns.append([""] * len(rows))
            checks.append((number, check_at[test.parsed.code]))
    judged = dict(zip(rows, zip(*columns, strict=True), strict=True))
    verdicts = [list(judged[id(row)]) for row in result.seen]
    for row, of_checks in zip(verdicts, result.verdicts, strict=True):
        for number, index in checks:
            row[number] = of_checks[index]
    return verdicts


def _column(answers: Sequence[Seen], wanted: bytes | None, sandbox: Sandbox) -> list[str]:
    distinct = dict(zip(map(id, answers), answers, strict=True))
    verdict_of = {key: _verdict(seen, wanted, sandbox) for key, seen in distinct.items()}
    return [verdict_of[key] for key in map(id, answers)]


def _verdict(seen: Seen, wanted: bytes | None, sandbox: Sandbox) -> str:
    if seen.status != OK:
        return FAIL if seen.status in (OPAQUE, LARGE) else seen.status
    return PASS if wanted is not None and sandbox.equal(seen.value or b"", wanted) else FAIL
