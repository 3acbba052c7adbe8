import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import TableError
from pipeline.tables import Table, by_task, read, rows, write, writer

PETS = Table(
    name="pets",
    key=("pet_id",),
    stage="adopt",
    schema=pa.schema(
        [
            pa.field("pet_id", pa.string(), nullable=False),
            pa.field("task_id", pa.string(), nullable=False),
            pa.field("weight_kg", pa.float64()),
        ]
    ),
)
TOYS = Table(
    name="toys", key=("toy_id",), stage="adopt", schema=PETS.schema.set(0, pa.field("toy_id", pa.string()))
)
KENNELS = Table(
    name="kennels",
    key=("kennel_id",),
    stage="adopt",
    schema=pa.schema(
        [
            pa.field("kennel_id", pa.string(), nullable=False),
            pa.field("task_id", pa.string(), nullable=False),
            pa.field("owner", pa.string()),
            pa.field("names", pa.list_(pa.string()), nullable=False),
        ]
    ),
)


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pet(pet_id: str, task_id: str = "t", weight_kg: float | None = 1.0) -> dict:
    return {"pet_id": pet_id, "task_id": task_id, "weight_kg": weight_kg}


def kennel(kennel_id: str, owner: str | None = "o", names: Sequence[str] = ()) -> dict:
    return {"kennel_id": kennel_id, "task_id": "t", "owner": owner, "names": list(names)}


def rewrite(table: Table, whole: pa.Table) -> None:
    """Put a table of a user's own making in the place of the one that is there."""
    pq.write_table(whole, table.path / "part-00000.parquet")


def test_pandas_reads_a_table_without_unpacking():
    write(PETS, [pet("b"), pet("a")])
    frame = pd.read_parquet("outputs/pets")
    assert list(frame["pet_id"]) == ["a", "b"]
    assert list(frame.columns) == PETS.schema.names


def test_rows_come_back_sorted_by_task_then_key():
    write(PETS, [pet("a", "z"), pet("c", "y"), pet("b", "y")])
    assert [row["pet_id"] for row in rows(PETS)] == ["b", "c", "a"]


def test_an_empty_table_still_carries_its_schema():
    write(PETS, [])
    assert read(PETS).schema.names == PETS.schema.names
    assert pd.read_parquet("outputs/pets").empty


def test_a_repeated_key_is_refused_and_the_old_table_stays():
    write(PETS, [pet("a")])
    with pytest.raises(TableError, match="out of order or repeated"):
        write(PETS, [pet("b"), pet("b")])
    assert [row["pet_id"] for row in rows(PETS)] == ["a"]


def test_a_column_the_schema_does_not_know_is_refused():
    with pytest.raises(TableError, match="colour"):
        write(PETS, [pet("a") | {"colour": "red"}])


def test_a_null_where_none_may_be_is_refused():
    with pytest.raises(TableError):
        write(PETS, [pet("a") | {"task_id": None}])


def test_a_missing_table_names_the_stage_that_makes_it():
    with pytest.raises(TableError, match="dvc repro adopt"):
        read(PETS)


def test_a_table_of_another_version_is_refused():
    write(PETS, [pet("a")])
    wider = Table("pets", ("pet_id",), PETS.schema.append(pa.field("age_years", pa.int32())), "adopt")
    with pytest.raises(TableError, match="other columns"):
        read(wider)


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_a_shard_that_is_no_whole_parquet_is_refused_by_name(content):
    write(PETS, [pet("a")])
    (shard,) = Path("outputs/pets").glob("*.parquet")
    shard.write_bytes(shard.read_bytes()[:-20] if content is None else content)
    with pytest.raises(TableError, match=rf"{shard.name}(.|\n)*dvc checkout"):
        read(PETS)


def test_a_table_that_pandas_wrote_back_is_read_with_the_types_of_the_schema():
    write(KENNELS, [kennel("b"), kennel("a", owner=None, names=["Ä", "x"])])
    before, before_rows, before_by_task = read(KENNELS), list(rows(KENNELS)), list(by_task(KENNELS))
    pd.read_parquet("outputs/kennels").to_parquet("outputs/kennels/part-00000.parquet")
    assert read(KENNELS).equals(before)
    assert read(KENNELS, ["names", "kennel_id"]).schema.types == [pa.list_(pa.string()), pa.string()]
    assert list(rows(KENNELS)) == before_rows
    assert list(by_task(KENNELS)) == before_by_task


def test_a_table_that_pandas_wrote_back_without_an_owner_or_a_name_in_it_is_read():
    write(KENNELS, [kennel("a", owner=None)])
    before = read(KENNELS)
    written = pd.read_parquet("outputs/kennels").astype({"owner": object})
    written.to_parquet("outputs/kennels/part-00000.parquet")
    assert read(KENNELS).equals(before)


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        (pa.large_string(), pa.large_list(pa.large_string())),
        (pa.string_view(), pa.list_(pa.string_view())),
        (pa.dictionary(pa.int8(), pa.string()), pa.list_(pa.dictionary(pa.int32(), pa.large_string()))),
    ],
)
def test_however_arrow_stores_texts_and_lists_they_are_read(text, texts):
    write(KENNELS, [kennel("a", names=["Ä"]), kennel("b")])
    before, before_rows = read(KENNELS), list(rows(KENNELS))
    stored = pa.schema([(name, texts if name == "names" else text) for name in KENNELS.schema.names])
    rewrite(KENNELS, pa.Table.from_pylist(before_rows, schema=stored))
    assert read(KENNELS).equals(before)
    assert list(rows(KENNELS)) == before_rows


@pytest.mark.parametrize("reading", [read, lambda table: list(rows(table))])
def test_a_null_written_where_none_may_be_is_refused_when_it_is_read(reading):
    write(KENNELS, [kennel("a")])
    rewrite(KENNELS, pa.Table.from_pylist([kennel("a") | {"task_id": None}]))
    with pytest.raises(TableError, match="task_id"):
        reading(KENNELS)


@pytest.mark.parametrize(
    "other",
    [
        {"kennel_id": 7},
        {"names": [7]},
        {"names": "x"},
        {"names": {"x": 1}},
        {"owner": 1.5},
        {"owner": b"x"},
        {"colour": "red"},
    ],
)
def test_a_table_of_other_columns_is_refused_with_a_warning_that_a_rerun_replaces_it(other):
    write(KENNELS, [kennel("a")])
    rewrite(KENNELS, pa.Table.from_pylist([kennel("a") | other]))
    with pytest.raises(TableError, match="other columns") as refusal:
        read(KENNELS)
    assert "a table of your own: mend it" in refusal.value.next_step
    assert "dvc repro adopt, which replaces it" in refusal.value.next_step


@pytest.mark.parametrize("order", [[1, 0], [0, 0, 1]])
def test_rows_that_others_wrote_out_of_order_or_twice_are_refused_and_not_merged_wrongly(order):
    write(PETS, [pet("a", "t1"), pet("b", "t2")])
    rewrite(PETS, read(PETS).take(order))
    with pytest.raises(TableError, match="out of order or repeated"):
        list(by_task(PETS))


def test_by_task_merges_tables_and_gives_empty_lists_where_a_task_has_no_rows():
    write(PETS, [pet("a", "t1"), pet("b", "t3")])
    write(
        TOYS,
        [
            {"toy_id": "x", "task_id": "t2", "weight_kg": None},
            {"toy_id": "y", "task_id": "t3", "weight_kg": 0.1},
        ],
    )
    merged = {task: (len(pets), len(toys)) for task, (pets, toys) in by_task(PETS, TOYS)}
    assert merged == {"t1": (1, 0), "t2": (0, 1), "t3": (1, 1)}


def test_a_large_table_is_cut_into_shards_and_row_groups(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.tables.ROWS_PER_SHARD", 10)
    with writer(PETS) as sink:
        for start in range(0, 30, 10):
            sink.append(pet(f"{number:02}") for number in range(start, start + 10))
    assert len(list(Path("outputs/pets").glob("*.parquet"))) == 3
    assert [row["pet_id"] for row in rows(PETS)] == [f"{number:02}" for number in range(30)]


def test_a_writer_killed_in_the_middle_leaves_the_last_whole_table(repository: Path):
    write(PETS, [pet("a")])
    program = (
        "import os, signal\nfrom pipeline.tables import writer\n"
        "from tests.pipeline.test_tables import PETS, pet\n"
        "with writer(PETS) as sink:\n    sink.append([pet('b')])\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run([sys.executable, "-c", program], cwd=repository, env=env, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [row["pet_id"] for row in rows(PETS)] == ["a"]
    write(PETS, [pet("c")])
    assert [row["pet_id"] for row in rows(PETS)] == ["c"]
