"""Kill the generate stage again and again; nothing may be lost, changed or asked twice.

    python -m benchmarks.resume [--kills 200] [--tasks 2000] [--json OUT]

The real stage runs with its openai engine against a local scripted server and is killed with SIGKILL at
random moments: while it asks, while it keeps answers, while it writes its tables. Then it runs through once.
Three things must hold, else this exits with 1:

    union       the tables are byte for byte those of a run that was never killed
    asked_again no request is asked again whose answer the journal held when the stage was killed
    monotone    no answer that the journal once held is ever missing from it again

An answer that was under way to a killed stage is asked again: `lost_under_way` counts them; a kill
may cost as many as the engine has under way, and no more.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import yaml

from pipeline.engines.journaled import request_key
from pipeline.engines.openai_protocol import Chunk, body
from pipeline.engines.types import Request
from pipeline.journal import Journal
from pipeline.prompts.template import read_prompts
from pipeline.schemas.tasks import TASKS
from pipeline.tables import write
from pipeline.tasks import Task
from stages import generate

REPOSITORY = Path(__file__).parents[1]
MODEL, REVISION = "scripted", "1"
ANSWER_DELAY_S = 0.01
CONCURRENCY = 16
LONGEST_LIFE_S = 1.2


@dataclass(frozen=True)
class Figures:
    """What many kills came to."""

    kills: int
    requests: int
    asked: int
    lost_under_way: int
    most_lost_in_one_kill: int
    kills_before_all_was_answered: int
    asked_again: int
    missing_again: int
    union_equal: bool

    @property
    def holds(self) -> bool:
        """Whether all that this benchmark demands was seen."""
        few_lost = self.most_lost_in_one_kill <= 2 * CONCURRENCY  # the engine's exchanges and its queue
        return self.union_equal and few_lost and not self.asked_again and not self.missing_again


def measure(kills: int, n_tasks: int, seed: int) -> Figures:
    """Figures of `kills` kills on `n_tasks` tasks, at moments drawn from `seed`."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        with scripted_server(root / "asked.txt") as base_url:
            for name in ("unbroken", "killed"):
                prepare(root / name, n_tasks, base_url)
            run_stage(root / "unbroken", life_s=None)
            (root / "asked.txt").write_text("")
            key_of = keys(root / "killed", n_tasks)
            chance = random.Random(seed)
            lives: list[float | None] = [chance.uniform(0, LONGEST_LIFE_S) for _ in range(kills)]
            held: set[str] = set()
            asked = asked_again = missing_again = unfinished = most_lost = lost = 0
            for life_s in [*lives, None]:
                before = held
                run_stage(root / "killed", life_s)
                served = [key_of[line] for line in take_lines(root / "asked.txt")]
                held = journaled(root / "killed")
                asked += len(served)
                asked_again += sum(key in before for key in served)
                missing_again += len(before - held)
                unfinished += len(held) < len(key_of)
                lost += len(served) - len(held - before)
                most_lost = max(most_lost, len(served) - len(held - before))
            equal = tables(root / "killed") == tables(root / "unbroken")
    return Figures(kills, len(key_of), asked, lost, most_lost, unfinished, asked_again, missing_again, equal)


def prepare(root: Path, n_tasks: int, base_url: str) -> None:
    """A working directory with parameters and tasks, as `dvc repro` would find it before generate."""
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text("utf-8"))
    params["prompts"]["folder"] = str(REPOSITORY / "pipeline/prompts/chat")
    params["engine"]["kind"] = "openai"
    params["engine"]["openai"] |= {
        "base_url": base_url,
        "model": MODEL,
        "revision": REVISION,
        "concurrency": CONCURRENCY,
        "max_n": 1024,
        "seeded": True,
    }
    params["generate"] |= {"n_solutions": 3, "n_tests": 3}
    root.mkdir()
    (root / "params.yaml").write_text(yaml.safe_dump(params), "utf-8")
    in_child(root, lambda: write(TASKS, task_rows(n_tasks)))


def task_rows(n_tasks: int) -> list[dict[str, Any]]:
    """Rows of the tasks table: n small functions to write."""
    return [
        {
            "task_id": f"task-{i:06}",
            "source_id": str(i),
            "prompt": f"Add two integers and {i}.",
            "entry_point": f"add_{i}",
            "starter_code": f'def add_{i}(a: int, b: int) -> int:\n    """Return a + b + {i}."""',
            "example_tests": [f"assert add_{i}(1, 2) == {3 + i}"],
            "source": "benchmark",
            "tags": [],
            "reference_tests": [],
            "reference_solution": None,
        }
        for i in range(n_tasks)
    ]


def run_stage(root: Path, life_s: float | None) -> None:
    """Run the generate stage in `root`; kill it after `life_s` seconds, or let it finish for None."""
    in_child(root, generate.main, life_s)


def in_child(root: Path, work: Callable[[], object], life_s: float | None = None) -> None:
    """Do `work` in a forked process whose working directory is `root`, killed after `life_s` seconds.

    A fork of this process has everything imported: a kill then hits the stage's work, not Python's start.
    """
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.chdir(root)
            log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            work()
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    if life_s is not None:
        time.sleep(life_s)
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in ((0,) if life_s is None else (0, -signal.SIGKILL)):
        sys.exit(f"the stage failed ({status}):\n{(root / 'log.txt').read_text()[-2000:]}")


def keys(root: Path, n_tasks: int) -> dict[str, str]:
    """The journal's key of each request, by the name under which the server logs it."""
    params = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    prompts = read_prompts(Path(params["prompts"]["folder"]))
    section = generate.GenerateParams.model_validate(params["generate"])
    asked: Iterable[Request] = (
        request
        for row in task_rows(n_tasks)
        for request in generate.requests(Task.from_row(row), section, prompts, params["base"]["seed"])
    )
    model = f"{MODEL}@{REVISION}"
    return {
        logged_name(body(Chunk(request, 0, request.n), MODEL, seeded=True)): request_key(model, request)
        for request in asked
    }


def logged_name(posted: dict[str, Any]) -> str:
    """The name of a request's JSON body."""
    return hashlib.sha256(json.dumps(posted, sort_keys=True).encode()).hexdigest()


def journaled(root: Path) -> set[str]:
    """The keys of all answers kept so far."""
    with Journal.open(root / generate.JOURNAL) as journal:
        return set(journal.keys())


def tables(root: Path) -> dict[str, bytes]:
    """The bytes of every Parquet file the stage wrote."""
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.glob("outputs/*/*.parquet"))}


def take_lines(path: Path) -> list[str]:
    """The whole lines written so far; they are gone from the file then."""
    lines = path.read_text().split()
    path.write_text("")
    return lines


@contextmanager
def scripted_server(log: Path) -> Iterator[str]:
    """The base URL of an OpenAI-compatible server of its own process, which logs what it is asked."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    server = spawn.Process(target=serve, args=(log, theirs), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        server.kill()
        server.join()


def serve(log: Path, port_to: Connection) -> None:
    """Answer chat completions by a script until killed."""

    class Scripted(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer({"object": "list", "data": [{"id": MODEL}]})

        def do_POST(self) -> None:
            posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with log.open("a") as file:
                file.write(logged_name(posted) + "\n")
            time.sleep(ANSWER_DELAY_S)
            self.answer(scripted_answer(posted))

        def answer(self, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_request(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, *_: object) -> None:
            """A client that was killed is what this is for."""

    server = Server(("127.0.0.1", 0), Scripted)
    port_to.send(server.server_port)
    server.serve_forever()


def scripted_answer(posted: dict[str, Any]) -> dict[str, Any]:
    """Solutions or tests, as asked for, different by seed and the same whenever asked."""
    asked = posted["messages"][-1]["content"]
    name = asked.partition("def ")[2].partition("(")[0]
    texts = []
    for i in range(posted["n"]):
        chance = random.Random(posted["seed"] + i)
        if "assert" in asked:
            texts.append(f"```python\nassert {name}({chance.randrange(9)}, 1) == {chance.randrange(99)}\n```")
        else:
            texts.append(f"```python\ndef {name}(a, b):\n    return a + b + {chance.randrange(99)}\n```")
    choices = [
        {"index": i, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for i, text in enumerate(texts)
    ]
    return {"choices": choices, "usage": {"prompt_tokens": 50, "completion_tokens": 20 * len(texts)}}


def main() -> None:
    """Kill, compare, print; exit with 1 if anything was lost, changed or asked twice."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = measure(options.kills, options.tasks, options.seed)
    for name, value in vars(figures).items():
        print(f"{name:<32}{value}")
    if options.json:
        options.json.write_text(json.dumps(vars(figures), indent=2) + "\n", encoding="utf-8")
    sys.exit(0 if figures.holds else 1)


if __name__ == "__main__":
    main()
