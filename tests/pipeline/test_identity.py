from hypothesis import given
from hypothesis import strategies as st

from pipeline.identity import SEEDS_PER_REQUEST, child_seed, content_id


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
