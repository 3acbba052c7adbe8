"""(solution, test) verdicts through the sandbox, from the API that every stage uses."""

from collections.abc import Iterable, Iterator

from benchmarks.execution.samples import Sample
from pipeline.assertions import ValueTest
from pipeline.sandbox.jobs import Call, Check, Job, Program, Result
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
    n_calls = len(result.observations) // len(sample.programs)
    n_checks = len(result.check_results) // len(sample.programs)
    equal: dict[tuple[bytes | None, str], bool] = {}
    rows = []
    for index in range(len(sample.programs)):
        seen = {item.call_id: item for item in result.observations[index * n_calls : (index + 1) * n_calls]}
        checked = result.check_results[index * n_checks : (index + 1) * n_checks]
        by_check = {item.check_id: item.verdict for item in checked}
        row = []
        for test in sample.tests:
            parsed = test.parsed
            if not isinstance(parsed, ValueTest):
                row.append(by_check[parsed.code])
                continue
            observation = seen[parsed.call]
            if observation.status != OK:
                row.append(FAIL if observation.status in (OPAQUE, LARGE) else observation.status)
                continue
            key = observation.value, parsed.expected
            if key not in equal:
                wanted = expected[parsed.expected]
                equal[key] = wanted is not None and sandbox.equal(observation.value or b"", wanted)
            row.append(PASS if equal[key] else FAIL)
        rows.append(row)
    return rows
