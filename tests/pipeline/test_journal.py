import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.errors import JournalError
from pipeline.journal import FILE_NAME, Journal

REPOSITORY = Path(__file__).parents[2]

# Puts key i for i in argv[2:4], printing each key once `put` has returned: a printed key is a promise.
WRITER = """
import sys
from pathlib import Path
from pipeline.journal import Journal
first, last = int(sys.argv[2]), int(sys.argv[3])
with Journal.open(Path(sys.argv[1])) as journal:
    for i in range(first, last):
        journal.put(f"key-{i}", b"value %d " % i * 40)
        print(i, flush=True)
"""

# Fills a file system of 1 MB, frees space, and goes on; run as root of its own user and mount namespace.
FILLER = """
import os, subprocess, sys
from pathlib import Path
from pipeline.errors import JournalError
from pipeline.journal import Journal
root = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", root], check=True)
(root / "ballast").write_bytes(bytes(300_000))
values = [os.urandom(2_000) for _ in range(2_000)]
with Journal.open(root / "journal") as journal:
    kept = 0
    try:
        for value in values:
            journal.put(str(kept), value)
            kept += 1
    except JournalError as error:
        print(error.what, flush=True)
    assert 10 < kept < 2_000
    (root / "ballast").unlink()
    journal.put(str(kept), values[kept])
    assert [journal.get(str(i)) for i in range(kept + 1)] == values[: kept + 1]
with Journal.open(root / "journal") as journal:
    assert [journal.get(str(i)) for i in range(kept + 1)] == values[: kept + 1] and len(journal) == kept + 1
print("went on")
"""


def start(script, *arguments, prefix=()):
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=REPOSITORY,
    )


def expected_value(i):
    return b"value %d " % i * 40


def test_a_value_comes_back_as_it_was_put(tmp_path):
    values = {"empty": b"", "null": b"\0", "large": os.urandom(3_000_000), "a long key " * 50: b"x"}
    with Journal.open(tmp_path) as journal:
        for key, value in values.items():
            journal.put(key, value)
    with Journal.open(tmp_path) as journal:
        assert {key: journal.get(key) for key in list(journal.keys())} == values
        assert len(journal) == 4
        assert "empty" in journal


def test_an_unknown_key_has_no_value(tmp_path):
    with Journal.open(tmp_path / "not" / "there" / "yet") as journal:
        assert journal.get("never put") is None
        assert "never put" not in journal
        assert len(journal) == 0


def test_the_first_value_of_a_key_stays(tmp_path):
    with Journal.open(tmp_path) as journal:
        journal.put("key", b"first")
        journal.put("key", b"second")
        assert journal.get("key") == b"first"
        assert len(journal) == 1


def test_keys_come_sorted(tmp_path):
    with Journal.open(tmp_path) as journal:
        for key in ("b", "c", "a"):
            journal.put(key, b"")
        assert list(journal.keys()) == ["a", "b", "c"]


def test_every_put_that_returned_survives_kill_9_at_a_random_moment(tmp_path):
    chance = random.Random(20261123)
    done = 0
    for _ in range(12):
        with start(WRITER, tmp_path, done, done + 100_000) as writer:
            promised = [int(writer.stdout.readline()) for _ in range(chance.randrange(1, 400))]
            writer.send_signal(signal.SIGKILL)
            promised += [int(line) for line in writer.stdout if line.endswith("\n")]
        with Journal.open(tmp_path) as journal:
            assert all(journal.get(f"key-{i}") == expected_value(i) for i in range(promised[-1] + 1))
            done = len(journal)
            # The one value that was kept but not yet promised when the kill came.
            assert done - promised[-1] in (1, 2)


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    # Pairs of writers put the same keys, as two runs of one stage would.
    writers = [start(WRITER, tmp_path, first, first + 300) for first in (0, 0, 300, 300)]
    for writer in writers:
        output, _ = writer.communicate()
        assert writer.returncode == 0, output
    with Journal.open(tmp_path) as journal:
        assert len(journal) == 600
        assert all(journal.get(f"key-{i}") == expected_value(i) for i in range(600))


def test_a_reader_sees_what_another_process_puts_meanwhile(tmp_path):
    with Journal.open(tmp_path) as journal:
        assert "key-0" not in journal
        start(WRITER, tmp_path, 0, 1).communicate()
        assert journal.get("key-0") == expected_value(0)


@pytest.mark.parametrize("lost_bytes", [1, 24, 1000, 4096, 9000])
def test_a_torn_tail_costs_only_the_torn_values(tmp_path, lost_bytes):
    with start(WRITER, tmp_path, 0, 1_000_000) as writer:
        for _ in range(200):
            writer.stdout.readline()
        writer.kill()
    tail = tmp_path / f"{FILE_NAME}-wal"
    os.truncate(tail, tail.stat().st_size - lost_bytes)
    with Journal.open(tmp_path) as journal:
        survivors = len(journal)
        assert survivors > 180
        assert all(journal.get(f"key-{i}") == expected_value(i) for i in range(survivors))
        journal.put("next", b"goes on")
    with Journal.open(tmp_path) as journal:
        assert journal.get("next") == b"goes on"
        assert len(journal) == survivors + 1


def test_garbage_at_the_tail_is_not_read_as_values(tmp_path):
    with start(WRITER, tmp_path, 0, 1_000_000) as writer:
        for _ in range(50):
            writer.stdout.readline()
        writer.kill()
    with (tmp_path / f"{FILE_NAME}-wal").open("ab") as tail:
        tail.write(os.urandom(10_000))
    with Journal.open(tmp_path) as journal:
        assert len(journal) >= 50
        assert all(journal.get(f"key-{i}") == expected_value(i) for i in range(len(journal)))


def test_a_full_disk_is_told_loses_nothing_and_is_gone_on_from(tmp_path):
    namespaces = ("unshare", "--user", "--map-root-user", "--mount")
    if subprocess.run([*namespaces, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("needs unprivileged user namespaces to mount a small disk")
    output, _ = start(FILLER, tmp_path, prefix=namespaces).communicate()
    assert output.splitlines() == [
        "The disk is full: the last result could not be kept, all earlier ones are",
        "went on",
    ]


def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"something else entirely " * 100)
    with pytest.raises(JournalError, match="damaged on disk") as refusal, Journal.open(tmp_path):
        pass
    assert f"mv {tmp_path}" in refusal.value.next_step
    assert (tmp_path / FILE_NAME).read_bytes() == b"something else entirely " * 100


def test_a_value_damaged_on_disk_is_never_handed_out(tmp_path):
    with Journal.open(tmp_path) as journal:
        journal.put("key", b"value" * 100)
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        (stored,) = connection.execute("SELECT value FROM finished").fetchone()
        connection.execute("UPDATE finished SET value = ?", (stored[:-1] + bytes([stored[-1] ^ 1]),))
    connection.close()
    with Journal.open(tmp_path) as journal, pytest.raises(JournalError, match="damaged on disk"):
        journal.get("key")


def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(JournalError, match="cannot be used"), Journal.open(tmp_path / "file" / "journal"):
        pass


def test_an_error_in_the_block_closes_the_journal_and_passes_through(tmp_path):
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(ZeroDivisionError))
        journal = stack.enter_context(Journal.open(tmp_path))
        journal.put("key", b"kept")
        raise ZeroDivisionError
    with pytest.raises(JournalError):
        journal.get("key")
    with Journal.open(tmp_path) as journal:
        assert journal.get("key") == b"kept"


def test_many_processes_may_open_a_new_journal_at_once(tmp_path):
    writers = [start(WRITER, tmp_path, i, i + 1) for i in range(8)]
    outputs = [writer.communicate()[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 8, outputs


def test_opening_waits_for_another_process_that_is_just_making_the_journal(tmp_path):
    maker = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None, check_same_thread=False)
    maker.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, maker.execute, ["COMMIT"])
    release.start()
    with Journal.open(tmp_path) as journal:
        journal.put("key", b"value")
    release.join()
    maker.close()
    with Journal.open(tmp_path) as journal:
        assert journal.get("key") == b"value"


def test_use_from_another_thread_is_refused_not_raced(tmp_path):
    refusals = []

    def use(journal):
        try:
            journal.put("key", b"")
        except JournalError as error:
            refusals.append(error)

    with Journal.open(tmp_path) as journal:
        thread = threading.Thread(target=use, args=(journal,))
        thread.start()
        thread.join()
        assert len(journal) == 0
    assert len(refusals) == 1
