from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import identity
from pipeline.identity import SEEDS_PER_REQUEST, child_seed, content_id, sources_id


def test_an_id_is_the_same_on_every_machine_and_in_every_run():
    assert content_id("solution", "task", "def f(): pass") == "a4a1d5f154e54ef62c62"


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_different_parts_give_different_ids_however_they_are_cut(left: list[str], right: list[str]):
    assert (content_id("x", *left) == content_id("x", *right)) == (left == right)


def test_equal_texts_of_different_kinds_have_different_ids():
    assert content_id("solution", "a") != content_id("test", "a")


@given(st.integers(), st.text())
def test_a_child_seed_fits_every_engine_and_leaves_room_for_its_samples(seed: int, name: str):
    value = child_seed(seed, name)
    assert 0 <= value <= 2**31 - SEEDS_PER_REQUEST
    assert value % SEEDS_PER_REQUEST == 0


def test_any_change_of_the_code_that_decides_gives_it_another_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(identity, "PROJECT", tmp_path)
    (tmp_path / "room" / "inner").mkdir(parents=True)
    deep, beside = tmp_path / "room" / "inner" / "rule.py", tmp_path / "beside.py"
    deep.write_text("LIMIT = 1\n")
    beside.write_text("OTHER = 1\n")
    before = sources_id("room/**/*.py")
    beside.write_text("OTHER = 2\n")
    assert sources_id("room/**/*.py") == before
    deep.write_text("LIMIT = 2\n")
    assert sources_id("room/**/*.py") != before
