"""Which child runs what next, without a process: outcomes are made up."""

import dataclasses

import pytest

from pipeline.errors import SandboxError
from pipeline.params import load
from pipeline.sandbox.inside import layout, run
from pipeline.sandbox.jobs import Call, Job, Program
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.schedule import run_group
from pipeline.sandbox.zygote import Outcome, read_frames

SIGSEGV = 11


def died(program: int) -> Outcome:
    """A child of which nothing is known but which program it says that it ran."""
    return Outcome(
        (), -SIGSEGV, complete=False, full=False, mark=(0, program, 0), cpu_s=0.0, peak_bytes=0, second=0
    )


def test_who_ran_when_a_shared_child_died_is_run_alone_and_the_others_go_on():
    conversation = run_group([job()], load("sandbox", SandboxParams), share=True)
    next(conversation)
    mode, _, [(_, _, _, _, programs)] = conversation.send(died(0)).body
    assert mode == run.SHARED
    assert [number for number, *_ in programs] == [1, 2]


def test_shared_children_that_die_before_they_begin_are_an_error_and_no_endless_loop():
    conversation = run_group([job()], load("sandbox", SandboxParams), share=True)
    next(conversation)
    conversation.send(died(0))
    with pytest.raises(SandboxError, match="before it begins"):
        conversation.send(died(0))


def test_who_has_more_answers_than_one_child_can_write_down_is_run_alone_and_is_no_endless_loop():
    conversation = run_group([job()], load("sandbox", SandboxParams), share=True)
    next(conversation)
    full = dataclasses.replace(died(0), ended=0, full=True)
    _, _, [(_, _, _, _, programs)] = conversation.send(full).body
    assert [number for number, *_ in programs] == [1, 2]


def job() -> Job:
    programs = tuple(Program(str(n), f"def f(x):\n    return x + {n}\n") for n in range(3))
    return Job("job", "f", programs, (Call("c", "f(1)"),))


def test_bytes_without_the_childs_seal_are_no_frames_and_nothing_after_them_is_read():
    def frame(seal: int) -> bytes:
        return layout.FRAME.pack(0, 1, 2, layout.PLAIN, 3, 1, seal) + b"N"

    assert list(read_frames(frame(7) + frame(8) + frame(7), seal=7)) == [(0, 1, 2, layout.PLAIN, 3, b"N")]
