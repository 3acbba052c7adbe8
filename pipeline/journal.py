"""Finished work by content key, outside DVC's outs: what lets every stage go on where a killed run stopped.

A journal is one SQLite file in write-ahead mode. Every `put` is a transaction of its own: once it returns, a
`kill -9` cannot take the value back, and a write that was cut short (killed process, full disk, lost power)
is rolled back whole by the next one to open the file. Losing *power* may lose the last few values, never
the file: `synchronous=NORMAL` saves one fsync a value, and a lost value is merely worked out again.

Any number of processes on one machine may write at once. SQLite's locks do not reach across machines: on
a network file system all writers must run on one host, and the file system must support POSIX locks.

Keys name content (`pipeline.identity.content_id` of everything the value depends on), so a value never goes
stale: changed work has another key. The first value put under a key stays.
"""

import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import JournalError

FILE_NAME = "journal.sqlite"
SECONDS_TO_WAIT_FOR_ANOTHER_WRITER = 120.0
# A value dirties one page of values and one of the index, whatever their size: small pages are what keeps
# three million values from becoming thirty gigabytes of writes. A file made with another size keeps it.
PAGE_BYTES = 1024
# Pages gather in the write-ahead file up to 64 MB before they move to the main file: a page that many keys
# hash to is then moved once, not once a key.
PAGES_PER_CHECKPOINT = (64 << 20) // PAGE_BYTES
# Values lie densely in insertion order; only the index of keys is in (random) key order.
TABLE = "CREATE TABLE IF NOT EXISTS finished (key TEXT NOT NULL UNIQUE, value BLOB NOT NULL) STRICT"


class Journal:
    """Values by key on disk; made by `Journal.open`, used by the thread that opened it, not across a fork."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path, self._connection = path, connection

    @classmethod
    @contextmanager
    def open(cls, directory: Path) -> Iterator["Journal"]:
        """The journal of `directory`, made if it is not there, closed when the block ends.

        Raises:
            JournalError: the file cannot be made, locked or read, or is not a journal.
        """
        path = directory / FILE_NAME
        with _explained(path):
            directory.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                path, timeout=SECONDS_TO_WAIT_FOR_ANOTHER_WRITER, isolation_level=None
            )
        try:
            with _explained(path):
                _prepare(connection)
            yield cls(path, connection)
        finally:
            with _explained(path):
                connection.close()

    def get(self, key: str) -> bytes | None:
        """The value put under `key`, or None.

        Raises:
            JournalError: the file cannot be read, or the value was damaged on disk.
        """
        with _explained(self.path):
            row = self._connection.execute("SELECT value FROM finished WHERE key = ?", (key,)).fetchone()
            return None if row is None else zlib.decompress(row[0])

    def put(self, key: str, value: bytes) -> None:
        """Keep `value` under `key` for good; a key that is there already keeps its first value.

        Raises:
            JournalError: the value could not be kept (full disk, ...); the journal is as it was before, and
                goes on working once the cause is mended.
        """
        with _explained(self.path):
            self._connection.execute(
                "INSERT INTO finished VALUES (?, ?) ON CONFLICT DO NOTHING", (key, zlib.compress(value))
            )

    def __contains__(self, key: str) -> bool:
        with _explained(self.path):
            found = self._connection.execute("SELECT 1 FROM finished WHERE key = ?", (key,)).fetchone()
        return found is not None

    def __len__(self) -> int:
        with _explained(self.path):
            return int(self._connection.execute("SELECT count(*) FROM finished").fetchone()[0])

    def keys(self) -> Iterator[str]:
        """All keys, sorted."""
        with _explained(self.path):
            for (key,) in self._connection.execute("SELECT key FROM finished ORDER BY key"):
                yield key


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    mode = _write_ahead_mode(connection, time.monotonic() + SECONDS_TO_WAIT_FOR_ANOTHER_WRITER)
    if mode != "wal":
        raise sqlite3.OperationalError(f"this file system gives no write-ahead log (mode: {mode})")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {PAGES_PER_CHECKPOINT}")
    connection.execute(TABLE)


def _write_ahead_mode(connection: sqlite3.Connection, deadline: float) -> str:
    # SQLite waits for locks by itself everywhere but here: when several processes turn a new file to
    # write-ahead mode at once, all but one are refused without a wait.
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """SQLite's and the file system's errors, told to the person at the terminal."""
    try:
        yield
    except (sqlite3.Error, OSError, zlib.error) as error:
        raise _explain(error, path) from error


def _explain(error: Exception, path: Path) -> JournalError:
    got = f"{type(error).__name__}: {error}"
    code = (
        getattr(error, "sqlite_errorcode", 0) & 0xFF
    )  # extended codes carry the plain one in their low byte
    if code == sqlite3.SQLITE_FULL:
        return JournalError(
            "The disk is full: the last result could not be kept, all earlier ones are",
            where=str(path),
            got=got,
            next_step="free some space, then `dvc repro`: it goes on from here",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or isinstance(error, zlib.error):
        return JournalError(
            "The journal was damaged on disk",
            where=str(path),
            got=got,
            wanted="a file that only Pairsmith has written",
            next_step=f"mv {path.parent} {path.parent}.damaged, then `dvc repro`: its work is done again",
        )
    return JournalError(
        "The journal cannot be used",
        where=str(path),
        got=got,
        wanted="a writable file system with POSIX locks, and writers on one machine only",
        next_step="check permissions and space; on a network file system, make .cache a link to a local disk",
    )
