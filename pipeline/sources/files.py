"""A file of tasks -> its entries, each with the line (JSONL) or row (Parquet) it stands on.

What cannot be read as an entry at all (bad JSON, a byte that is not UTF-8) comes back as a Problem, so that
one run of the stage names every bad line of the file.
"""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import TaskSourceError


@dataclass(frozen=True)
class Entry:
    """One task as its source gives it, unchecked.

    place: where it stands, such as `line 7`.
    """

    place: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """Why a row cannot be taken.

    column: the column's name, or the character or byte the reader stopped at.
    """

    place: str
    column: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}, {self.column}: {self.reason}"


def read_file(path: Path) -> Iterator[Entry | Problem]:
    """The entries of a .jsonl or .parquet file, in file order.

    Raises:
        TaskSourceError: the file is missing, a folder, of neither kind, one JSON array, or no Parquet inside.
    """
    if path.is_dir():
        raise TaskSourceError(
            "Tasks are read from a file, and this is a folder",
            where=str(path.absolute()),
            wanted="a .jsonl or .parquet file",
            next_step="name one of its files, or the folder as `dataset`, in section `tasks` of params.yaml",
        )
    if not path.is_file():
        raise TaskSourceError(
            "The file of tasks is not there",
            where=str(path.absolute()),
            wanted="a .jsonl or .parquet file",
            next_step="edit the path in section `tasks` of params.yaml",
        )
    readers = {".jsonl": _jsonl, ".parquet": _parquet}
    if path.suffix not in readers:
        raise TaskSourceError(
            "Tasks cannot be read from a file of this kind",
            where=str(path),
            got=path.suffix or "no ending",
            wanted="one task a line of JSON (.jsonl), or Parquet (.parquet)",
            next_step='pandas.DataFrame(...).to_json("tasks.jsonl", orient="records", lines=True)',
        )
    return readers[path.suffix](path)


def _jsonl(path: Path) -> Iterator[Entry | Problem]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.removeprefix(codecs.BOM_UTF8)  # Windows' editors begin a file with this mark
            if number == 1 and text.lstrip().startswith(b"["):
                _refuse_array(path)
            if text.strip():
                yield _json_line(f"line {number}", text)


def _refuse_array(path: Path) -> None:
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return  # no whole array: its lines tell what is wrong
    raise TaskSourceError(
        "The file is one JSON array, not one JSON object a line",
        where=str(path),
        wanted="one task a line of JSON",
        next_step='python -c "import json; [print(json.dumps(task)) for task in '
        f"json.load(open({str(path)!r}, encoding='utf-8-sig'))]\" > lines.jsonl",
    )


def _json_line(place: str, line: bytes) -> Entry | Problem:
    try:
        values = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        return Problem(place, f"byte {error.start + 1}", f"the byte 0x{byte:02x} is not UTF-8")
    except json.JSONDecodeError as error:
        return Problem(place, f"character {error.pos + 1}", f"not valid JSON: {error.msg}")
    except RecursionError:
        return Problem(place, "character 1", "not valid JSON for a task: nested too deep")
    except ValueError as error:  # a number of more than 4300 digits
        return Problem(place, "character 1", f"not valid JSON for a task: {error}")
    if not isinstance(values, dict):
        return Problem(place, "character 1", f"a JSON {type(values).__name__}, not an object with columns")
    return Entry(place, values)


def _parquet(path: Path) -> Iterator[Entry | Problem]:
    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=1_000):
                for values in batch.to_pylist():
                    number += 1
                    yield Entry(f"row {number}", values)
    except (pa.ArrowInvalid, UnicodeDecodeError, OSError) as error:
        raise TaskSourceError(
            "The Parquet file of tasks cannot be read", where=str(path), got=str(error)[:300]
        ) from None
