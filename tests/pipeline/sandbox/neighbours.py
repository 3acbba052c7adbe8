"""Programs and checks as neighbours: all of one job, in a sandbox of one worker."""

from textwrap import dedent

from pipeline.sandbox.jobs import Call, Check, Job, Program
from pipeline.sandbox.sandbox import Sandbox


def met(
    sandbox: Sandbox, programs: list[str], calls: tuple[str, ...], checks: tuple[str, ...] = ()
) -> list[list[str | None]]:
    """A row a program: what it answered, then its verdicts."""
    job = Job(
        "job",
        "f",
        tuple(Program(str(index), dedent(code)) for index, code in enumerate(programs)),
        tuple(Call(call, call) for call in calls),
        tuple(Check(check, check) for check in checks),
    )
    [result] = sandbox.execute([job])
    answers = [[seen.repr if seen.status == "ok" else seen.status for seen in row] for row in result.seen]
    return [[*row, *said] for row, said in zip(answers, result.verdicts, strict=True)]
