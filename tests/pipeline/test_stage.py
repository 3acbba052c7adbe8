import subprocess
import sys

PROGRAM = """
from pipeline.errors import ParamsError
from pipeline.stage import run
def stage():
    raise {error}
run(stage)
"""


def run_stage_raising(error: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(error=error)], capture_output=True, text=True, check=False
    )


def test_an_error_of_the_user_is_told_without_a_traceback_and_fails():
    ended = run_stage_raising("ParamsError('No', where='here', got='a', wanted='b', next_step='do c')")
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    for part in ("No", "here", "do c"):
        assert part in ended.stderr


def test_a_defect_keeps_its_traceback():
    ended = run_stage_raising("ZeroDivisionError('oops')")
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr


def test_an_interrupt_exits_130_and_says_how_to_go_on():
    ended = run_stage_raising("KeyboardInterrupt()")
    assert ended.returncode == 130
    assert "dvc repro" in ended.stderr
