"""Read (checked) and write (atomic, sharded Parquet, zstd) the tables under outputs/.

A table is a directory of Parquet shards, sorted by its order columns, with unique keys and an explicit
Arrow schema. `pd.read_parquet("outputs/<name>")` is all a user needs; stages use this module so that what is
on disk is always a whole, valid table: rows go to a hidden sibling that replaces the table only at the end.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import TableError

OUTPUTS = Path("outputs")
ROWS_PER_GROUP = 2_000
ROWS_PER_SHARD = 200_000
TEXTS = (pa.string(), pa.large_string(), pa.string_view())
LISTS = (pa.ListType, pa.LargeListType)

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """The contract of one table.

    name: its directory under outputs/.
    key: the columns that name a row; unique together with the table's order.
    schema: its columns, in order; a field's metadata may carry a `doc`.
    stage: the stage that writes it, for error messages.

    Rows are sorted by (task_id, *key): a task's rows stand together, and tables can be merged by task in
    one streaming pass.
    """

    name: str
    key: tuple[str, ...]
    schema: pa.Schema
    stage: str

    @property
    def path(self) -> Path:
        """Where the table lives, relative to the repository root."""
        return OUTPUTS / self.name

    @property
    def order(self) -> tuple[str, ...]:
        """The columns rows are sorted by."""
        return self.key if self.key[0] == "task_id" else ("task_id", *self.key)


def shards(table: Table) -> list[Path]:
    """The table's Parquet files in row order.

    Raises:
        TableError: the table has not been written, a shard is no Parquet, or its columns or their types are
            others. How Arrow stores texts and lists does not matter: pandas and others write a table back in
            their own way.
    """
    paths = sorted(table.path.glob("*.parquet"))
    if not paths:
        raise TableError(
            f"The table {table.name!r} is not there",
            where=str(table.path.absolute()),
            wanted="Parquet shards",
            next_step=f"dvc repro {table.stage}   (or, if it was made before: dvc checkout)",
        )
    for path in paths:
        found = _schema(table, path)
        same_types = map(_holds_the_same, found.types, table.schema.types)
        if found.names != table.schema.names or not all(same_types):
            raise TableError(
                f"The table {table.name!r} has other columns than this version of Pairsmith",
                where=str(path),
                got=_columns(found),
                wanted=_columns(table.schema),
                next_step="a table of your own: mend it (docs/execute.md; pandas: index=False)   "
                f"(any other: dvc repro {table.stage}, which replaces it)",
            )
    return paths


def _schema(table: Table, path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise TableError(
            f"A file of the table {table.name!r} cannot be read",
            where=str(path),
            got=str(error),
            wanted="Parquet, whole",
            next_step=f"dvc checkout --force {table.path}   (or, if that has none: dvc repro {table.stage})",
        ) from error


def _holds_the_same(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether the types differ at most in how Arrow stores texts and lists."""
    if isinstance(found, pa.DictionaryType):
        return _holds_the_same(found.value_type, wanted)
    if isinstance(found, LISTS) and isinstance(wanted, LISTS):
        return _holds_the_same(found.value_type, wanted.value_type)
    if found in TEXTS:
        return wanted in TEXTS
    # pandas writes null as the type of a column without a value, and of the items of empty lists.
    return found in (wanted, pa.null())


def _cast(part: pa.Table, table: Table, path: Path) -> pa.Table:
    """Some columns of a shard, in the types that the table's schema gives them."""
    try:
        return part.cast(pa.schema([table.schema.field(name) for name in part.schema.names]))
    except ValueError as error:  # Arrow's word for a null where none may be
        raise TableError(
            f"The table {table.name!r} holds what its schema does not allow", where=str(path), got=str(error)
        ) from None


def read(table: Table, columns: Sequence[str] | None = None) -> pa.Table:
    """The whole table (or some columns of it) in memory, in row order.

    Raises:
        TableError: as `shards`, or a null stands where none may.
    """
    wanted = list(columns) if columns else None
    return pa.concat_tables(
        [_cast(pq.read_table(path, columns=wanted), table, path) for path in shards(table)]
    )


def rows(table: Table) -> Iterator[Row]:
    """The table's rows as dicts, in row order, one row group in memory at a time.

    Raises:
        TableError: as `read`, or rows are not in the table's order, on which merging by task relies.
    """
    last: pa.Table | None = None
    for path in shards(table):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=ROWS_PER_GROUP):
                part = _cast(pa.Table.from_batches([batch]), table, path)
                last = _last_key(table, last, part)
                yield from part.to_pylist()


def by_task(*tables: Table) -> Iterator[tuple[str, tuple[list[Row], ...]]]:
    """(task_id, the task's rows of each table) for every task any of the tables names, in task order.

    Streams: only one task's rows and one row group a table are in memory.
    """
    groups = [groupby(rows(table), key=lambda row: str(row["task_id"])) for table in tables]
    heads = [_next_group(group) for group in groups]
    while any(head is not None for head in heads):
        task_id = min(head[0] for head in heads if head is not None)
        found: list[list[Row]] = []
        for index, head in enumerate(heads):
            if head is not None and head[0] == task_id:
                found.append(head[1])
                heads[index] = _next_group(groups[index])
            else:
                found.append([])
        yield task_id, tuple(found)


def _next_group(group: Iterator[tuple[str, Iterator[Row]]]) -> tuple[str, list[Row]] | None:
    head = next(group, None)
    return None if head is None else (head[0], list(head[1]))


@dataclass
class Writer:
    """Takes a table's rows in order and checks them; made by `writer`."""

    table: Table
    directory: Path
    _rows: list[Row] = field(default_factory=list)
    _parts: list[pa.Table] = field(default_factory=list)
    _last: pa.Table | None = None
    _shard: int = 0

    def append(self, new_rows: Iterable[Row]) -> None:
        """Add rows; they must come sorted by the table's order, each once.

        Raises (here, or when the writer closes):
            TableError: a row is out of order, repeats the one before, or does not fit the schema.
        """
        for row in new_rows:
            self._rows.append(row)
            if len(self._rows) >= min(ROWS_PER_GROUP, ROWS_PER_SHARD):  # as columns they take far less memory
                self._take_rows()

    def append_table(self, part: pa.Table) -> None:
        """Add rows that are columns already, as `append`."""
        self._take_rows()
        self._take(part)

    def _take_rows(self) -> None:
        if self._rows:
            unknown = {column for row in self._rows for column in row} - set(self.table.schema.names)
            try:
                if unknown:
                    raise pa.ArrowInvalid(f"columns not in the schema: {', '.join(sorted(unknown))}")
                part = pa.Table.from_pylist(self._rows, schema=self.table.schema)
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise self._unfit(str(error)) from error
            self._rows = []
            self._take(part)

    def _take(self, part: pa.Table) -> None:
        if part.schema.remove_metadata() != self.table.schema.remove_metadata():
            raise self._unfit(_columns(part.schema))
        self._last = _last_key(self.table, self._last, part)
        self._parts.append(part)
        if sum(map(len, self._parts)) >= ROWS_PER_SHARD:
            self._flush()

    def _flush(self) -> None:
        whole = pa.concat_tables(self._parts) if self._parts else self.table.schema.empty_table()
        path = self.directory / f"part-{self._shard:05d}.parquet"
        try:
            pq.write_table(whole, path, compression="zstd", row_group_size=ROWS_PER_GROUP)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise self._unfit(str(error)) from error
        self._shard += 1
        self._parts = []

    def _unfit(self, got: str) -> TableError:
        return TableError(
            f"Rows of {self.table.name!r} do not fit its schema",
            got=got,
            wanted=_columns(self.table.schema),
        )

    def close(self) -> None:
        """Write what is left; an empty table still gets one shard that carries the schema."""
        self._take_rows()
        if self._parts or self._shard == 0:
            self._flush()


def _last_key(table: Table, last: pa.Table | None, part: pa.Table) -> pa.Table:
    """The key of the last row so far, where those of `part` ascend from `last` on."""
    keys = part.select(list(table.order))
    keys = keys if last is None else pa.concat_tables([last, keys])
    place = first_not_ascending(keys)
    if place is not None:
        before, after = keys.slice(place - 1, 2).to_pylist()
        raise TableError(
            f"Rows of {table.name!r} are out of order or repeated",
            where=f"{table.path}, columns {', '.join(table.order)}",
            got=f"{tuple(after.values())} after {tuple(before.values())}",
            wanted="strictly ascending keys (pipeline.tables.write sorts)",
        )
    return keys.slice(max(len(keys) - 1, 0))


def first_not_ascending(keys: pa.Table) -> int | None:
    """The first row that is not above the one before it; None if all are. Earlier columns come first."""
    if len(keys) < 2:
        return None
    above = tied = None
    for column in keys.columns:
        before, after = column.slice(0, len(keys) - 1), column.slice(1)
        greater, equal = pc.greater(after, before), pc.equal(after, before)
        above = greater if above is None else pc.or_(above, pc.and_(tied, greater))
        tied = equal if tied is None else pc.and_(tied, equal)
    place = pc.index(above, pa.scalar(False)).as_py()
    return None if place < 0 else place + 1


@contextmanager
def writer(table: Table) -> Iterator[Writer]:
    """A Writer whose rows become the table when the block ends well; an exception leaves the old table be."""
    fresh = table.path.with_name(f".{table.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        sink = Writer(table, fresh)
        yield sink
        sink.close()
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    replace_directory(fresh, table.path)


def write(table: Table, new_rows: Iterable[Row]) -> None:
    """Make `new_rows` (any order) the whole table, atomically.

    Raises:
        TableError: a key repeats, or a row does not fit the schema.
    """
    ordered = sorted(new_rows, key=lambda row: tuple(row[column] for column in table.order))
    with writer(table) as sink:
        sink.append(ordered)


def replace_directory(fresh: Path, target: Path) -> None:
    """Put the finished directory `fresh` in the place of `target`, which may be there already."""
    # A directory cannot be renamed over a non-empty one: the old table steps aside for one rename.
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{column.name}: {column.type}" for column in schema)
