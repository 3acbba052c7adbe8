"""What a child does with a request: compile, run, write frames.

Runs after the fork, in the process that will hold the untrusted programs; nothing here is secret and no other
process relies on it being whole. `shared` is for many programs in one child; here are those with one each.
"""

import builtins
import gc
import marshal
import os
import random
import signal
import sys
import traceback
import types
from typing import Any

from pipeline.sandbox.inside import check, layout, scan, transport
from pipeline.sandbox.inside.arena import Arena, cpu_clock
from pipeline.sandbox.inside.holder import Holder, HungUp, Unloadable, serve_program
from pipeline.sandbox.inside.programs import compiled, module, raised
from pipeline.sandbox.inside.shared import JobRequest, run_expressions, run_shared

SHARED, ALONE, EXPRESSIONS, WORKER, OWN = range(5)


def run_own(job: JobRequest, arena: Arena, max_bytes: int) -> None:
    """Run one program on calls, loaded anew for each; the process is its own."""
    index, _, calls, _, [(program, text, _)] = job
    gc.enable()
    arena.begin(index, program, layout.WHOLE)
    code = compiled(text, "exec")
    codes = [(call, compiled(call_text, "eval")) for call, call_text in calls]
    limit, clock, seed = sys.getrecursionlimit(), cpu_clock, random.seed
    environment = dict(os.environ)
    for call, call_code in codes:
        now = arena.begin(index, program, call)
        if code is None or call_code is None:
            arena.put(index, program, call, layout.NOT_COMPILED)
            continue
        seed(0)
        space = module()
        column = layout.WHOLE if call == codes[0][0] else call  # a fresh process that cannot load never can
        try:
            exec(code, space)
            column = call
            kind, data = transport.careful(eval(call_code, space), max_bytes)
        except BaseException as error:
            kind, data = raised(error)
        if column == layout.WHOLE:
            arena.put(index, program, column, kind, clock() - now, data)
            break
        sys.setrecursionlimit(limit)
        os.environ.clear()
        os.environ.update(environment)
        space.clear()
        arena.put(index, program, call, kind, clock() - now, data)
        arena.flush()
        if kind == layout.OUT_OF_MEMORY:
            os._exit(layout.EXIT_MEMORY)  # the next call gets all the memory again
    arena.flush()


def run_alone(job: JobRequest, arena: Arena, max_bytes: int) -> None:
    """Run one program on one call; the process is theirs."""
    index, _, [(call, call_text)], _, [(program, text, _)] = job
    gc.enable()
    random.seed(0)
    arena.begin(index, program, layout.WHOLE)
    code, call_code = compiled(text, "exec"), compiled(call_text, "eval")
    encode, put, flush, clock = transport.careful, arena.put, arena.flush, cpu_clock
    if code is None or call_code is None:
        put(index, program, call, layout.NOT_COMPILED)
        flush()
        return
    space = module()
    now, column = clock(), layout.WHOLE
    try:
        exec(code, space)
        now, column = arena.begin(index, program, call), call
        kind, data = encode(eval(call_code, space), max_bytes)
    except BaseException as error:
        kind, data = raised(error)
    put(index, program, column, kind, clock() - now, data)
    flush()


def serve_split_program(text: str, read_end: int, write_end: int) -> None:
    """Load a program and answer the check in the other process."""
    gc.enable()
    random.seed(0)
    space = module()
    code = compiled(text, "exec")
    if code is None:
        return  # the check's process finds out for itself
    try:
        holder = _loaded(code, space)
        serve_program(holder, read_end, write_end)
    except MemoryError:
        os._exit(layout.EXIT_MEMORY)
    except HungUp:
        signal.pause()  # to be killed: ending now would look as if the program had ended by itself


def _loaded(code: types.CodeType, space: dict[str, Any]) -> Holder:
    try:
        exec(code, space)
    except (SystemExit, MemoryError):
        raise
    except BaseException as error:
        return Unloadable(error)
    return Holder(space)


def serve_split_check(request: bytes, read_end: int, write_end: int, arena: Arena) -> None:
    """Run a check about the program in the other process."""
    (size,) = layout.SPLIT.unpack_from(request)
    text = request[layout.SPLIT.size : layout.SPLIT.size + size].decode("utf-8", "surrogatepass")
    column, entry_point, check_text = marshal.loads(request[layout.SPLIT.size + size :])
    random.seed(0)
    now = arena.begin(0, 0, column)
    code = compiled(check_text, "exec")
    kind, data = layout.NOT_COMPILED, b""
    if code is not None and compiled(text, "exec") is not None:
        try:
            ask = check.over_pipes(read_end, write_end)
            kind, data = check.verdict(code, check.wanted_names(code, entry_point), ask)
        except HungUp:
            os._exit(layout.EXIT_HUNG_UP)
        except BaseException as error:
            kind, data = raised(error)
    arena.put(0, 0, column, kind, cpu_clock() - now, data)
    arena.flush()
    arena.words[layout.STATE] = layout.DONE


def run_worker(source: str, payload: bytes, arena: Arena) -> None:
    """Run a harness of ours: a module with `main(payload) -> bytes`."""
    gc.enable()
    sys.setrecursionlimit(1000)
    now = arena.begin(0, 0, 0)
    space: dict[str, Any] = {"__builtins__": builtins, "__name__": "worker"}
    try:
        exec(compile(source, "<worker>", "exec", 0, True), space)
        kind, data = layout.PLAIN, bytes(space["main"](payload))
    except MemoryError:
        kind, data = layout.OUT_OF_MEMORY, b""
    except SystemExit:
        kind, data = layout.EXITED, b""
    except BaseException:
        kind, data = layout.RAISED, traceback.format_exc().encode("utf-8", "replace")
    arena.put(0, 0, 0, kind, cpu_clock() - now, data)
    arena.flush()


def serve(request: bytes, arena: Arena, scanner: scan.Scan | None) -> None:
    """Do what the request asks; scanner: for programs or expressions that share this process."""
    mode, max_bytes, body = marshal.loads(request)
    if mode == ALONE:
        run_alone(body[0], arena, max_bytes)
    elif mode == OWN:
        run_own(body[0], arena, max_bytes)
    elif mode == WORKER:
        source, payload = body
        run_worker(source, payload, arena)
    else:
        assert scanner is not None, "what shares a process must be scanned"
        share = run_shared if mode == SHARED else run_expressions
        share(body, arena, scanner, max_bytes)
    arena.words[layout.STATE] = layout.DONE
