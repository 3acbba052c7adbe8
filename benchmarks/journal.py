"""What the journal costs at three million completions: size, write, look-up and start-up, memory.

    python -m benchmarks.journal [--entries N] [--directory DIR] [--json OUT]

Values are answers of one completion, about 400 bytes of JSON with Python text of the standard library in it,
each put as a transaction of its own, as the stages do. For comparison the same compressed bytes are also
appended to a plain file, which could neither be searched nor written by two processes: that is the limit.
On a machine that does other work as well, the rates a CPU second are the ones to compare.
Three million take about seven minutes and 1.2 GB of disk.

Measured with 3,000,000 entries of 442 bytes on 2 shared cores, busy with other work: 1,135 MB on disk (378
bytes an entry, its key and index included); 9,400 writes a second, so that three million take 5.3 minutes
(12,000 a CPU second, 27 % of the plain file's; two writers together: 7,400); 3 ms from opening to the first
value with nothing in the page cache, 0.6 s after a kill -9 that left a well-filled write-ahead file; 3 MB of
memory. Look-ups a second: 7,500 in the order of writing and 4,600 at random with nothing in the page cache,
which is the disk; 45,000 once it is there; 17,000 of keys that are not there.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.identity import content_id
from pipeline.journal import FILE_NAME, Journal

TEXT_CHARS = 300
LOOKUPS = 50_000
MB = 1e6


def texts() -> str:
    """Python text to cut completions from: some modules of the standard library."""
    library = Path(os.__file__).parent
    return "".join(
        (library / name).read_text("utf-8") for name in ("argparse.py", "ast.py", "typing.py", "os.py")
    )


def entries(first: int, count: int, text: str) -> Iterator[tuple[str, bytes]]:
    """Keys and values number `first`, `first + 1`, ...; the same in every process."""
    for i in range(first, first + count):
        at = (i * 7919) % (len(text) - TEXT_CHARS)
        completion = {"text": text[at : at + TEXT_CHARS], "n_tokens": 80, "finish_reason": "stop"}
        answer = {"completions": [completion | {"mean_logprob": -(i % 97) / 97}], "prompt_tokens": 120}
        yield content_id("answer", str(i)), json.dumps(answer).encode()


def fill(directory: Path, first: int, count: int) -> tuple[float, float]:
    """Entries written a second by one process, and a second of its CPU time; their making is left out."""
    text = texts()
    seconds = cpu_s = 0.0
    with Journal.open(directory) as journal:
        for chunk in range(first, first + count, 10_000):
            batch = list(entries(chunk, min(10_000, first + count - chunk), text))
            started, cpu_started = time.perf_counter(), time.process_time()
            for key, value in batch:
                journal.put(key, value)
            seconds += time.perf_counter() - started
            cpu_s += time.process_time() - cpu_started
    return count / seconds, count / cpu_s


def fill_together(directory: Path, first: int, count: int, writers: int) -> float:
    """Entries written a second by several processes at once, all of them together."""
    with multiprocessing.get_context("spawn").Pool(writers) as pool:
        rates = pool.starmap(fill, [(directory, first + i * count, count) for i in range(writers)])
    return sum(rate for rate, _ in rates)


def append_plain(path: Path, count: int) -> float:
    """Values compressed and appended to a plain file a CPU second: the limit of any journal in Python."""
    values = [value for _, value in entries(0, count, texts())]
    started = time.process_time()
    with path.open("ab", buffering=0) as file:
        for value in values:
            file.write(zlib.compress(value))
    return count / (time.process_time() - started)


def measured_alone(
    figures: Callable[[Path, int], dict[str, float]], directory: Path, count: int
) -> dict[str, float]:
    """What `figures` returns when called in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(figures, (directory, count))


def start_up(directory: Path, count: int) -> dict[str, float]:
    """Seconds from nothing to the first value, with the file's pages out of the page cache and in it."""
    path = directory / FILE_NAME
    seconds = {}
    for state in ("cold", "warm"):
        if state == "cold":
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        started = time.perf_counter()
        with Journal.open(directory) as journal:
            if journal.get(content_id("answer", str(count // 2))) is None:
                sys.exit("a value is missing: the figures would mean nothing")
        seconds[f"start_up_{state}_s"] = time.perf_counter() - started
    return seconds


def look_ups(directory: Path, count: int) -> dict[str, float]:
    """Look-ups a second, and the memory they took.

    Keys in the order they were written, as a rerun asks for them; in random order, once from disk and once
    again from the page cache; and keys that are not there.
    """
    chance = random.Random(0)
    first = count // 2
    in_order = [content_id("answer", str(i)) for i in range(first, min(first + LOOKUPS, count))]
    at_random = [content_id("answer", str(chance.randrange(count))) for _ in range(LOOKUPS // 5)]
    not_there = [content_id("never", str(i)) for i in range(LOOKUPS)]
    asked = {"in_order": in_order, "random_cold": at_random, "random_warm": at_random, "misses": not_there}
    before = resident_mb()
    with Journal.open(directory) as journal:
        rates = {}
        for name, keys in asked.items():
            started = time.perf_counter()
            found = sum(journal.get(key) is not None for key in keys)
            rates[f"look_ups_{name}_per_s"] = len(keys) / (time.perf_counter() - started)
            if found != (0 if keys is not_there else len(keys)):
                sys.exit(f"{found} of {len(keys)} {name} found: the figures would mean nothing")
        rates["memory_mb"] = resident_mb() - before
    return rates


def resident_mb() -> float:
    """Memory this process has in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def killed_writer(directory: Path, first: int) -> None:
    """Write until killed."""
    with Journal.open(directory) as journal:
        for key, value in entries(first, 10**9, texts()):
            journal.put(key, value)


def start_up_after_kill(directory: Path, first: int) -> float:
    """Seconds to open a journal whose writer was killed with a well-filled write-ahead file."""
    writer = multiprocessing.get_context("spawn").Process(target=killed_writer, args=(directory, first))
    writer.start()
    time.sleep(5)
    os.kill(writer.pid or 0, signal.SIGKILL)
    writer.join()
    started = time.perf_counter()
    with Journal.open(directory) as journal:
        if content_id("answer", str(first)) not in journal:
            sys.exit("a value is missing: the figures would mean nothing")
    return time.perf_counter() - started


def measure(directory: Path, count: int) -> dict[str, float]:
    """All figures of a journal of `count` entries in an empty directory."""
    sample = min(count, 100_000)
    limit_before = append_plain(directory / "plain", sample)
    writes_per_s, writes_per_cpu_s = fill(directory, 0, count)
    limit = (limit_before + append_plain(directory / "plain", sample)) / 2
    size = (directory / FILE_NAME).stat().st_size
    raw = sum(len(value) for _, value in entries(0, 1000, texts())) / 1000
    return {
        "entries": count,
        "value_bytes": raw,
        "disk_mb": size / MB,
        "disk_bytes_per_entry": size / count,
        "disk_to_raw": size / count / raw,
        "writes_per_s": writes_per_s,
        "writes_per_cpu_s": writes_per_cpu_s,
        "plain_appends_per_cpu_s": limit,
        "writes_to_plain_appends": writes_per_cpu_s / limit,
        **measured_alone(start_up, directory, count),
        **measured_alone(look_ups, directory, count),
        "two_writers_per_s": fill_together(directory, count, sample // 2, 2),
        "start_up_after_kill_s": start_up_after_kill(directory, count + sample),
    }


def main() -> None:
    """Measure, print one figure a line, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=3_000_000)
    parser.add_argument("--directory", type=Path, help="where to make the journal; default: a temporary one")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        figures = measure(Path(directory), options.entries)
    for name, value in figures.items():
        print(f"{name:<30}{value:>14,.3f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
