"""What a trainer relies on: which pairs are made, how sure they are, and that they load untouched."""

import json
from pathlib import Path

import pandas as pd
import pytest

from pipeline.counts import read_counts
from tests.stages.line import STARTER, Line, many_tasks


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sides(made: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(made.chosen_id, made.rejected_id, strict=True))


def right_and_wrong() -> Line:
    return Line().task().solution("good", 0.9).solution("bad", 0.1, behavior="wrong", example="fail")


def test_a_correctness_pair_prefers_the_trusted_solution():
    (pair,) = right_and_wrong().made().to_dict("records")
    assert (pair["kind"], pair["chosen_id"], pair["rejected_id"]) == ("correctness", "good", "bad")
    assert pair["confidence"] == pytest.approx(0.9 * 0.9)
    assert pair["margin"] == pytest.approx(0.8)
    assert pd.isna(pair["speedup"])


def test_both_answers_have_the_same_form_and_the_prompt_shows_the_starter_code():
    (pair,) = right_and_wrong().made().to_dict("records")
    assert pair["prompt"].startswith("Add two numbers.")
    assert f"```python\n{STARTER}\n```" in pair["prompt"]
    assert pair["chosen"] == f"```python\n{STARTER}\n    return 'good'\n```"
    assert pair["rejected"] == f"```python\n{STARTER}\n    return 'bad'\n```"


def test_a_trusted_solution_that_fails_the_public_example_is_never_chosen():
    line = Line().task().solution("good", 0.9, example="fail")
    line.solution("bad", 0.1, behavior="wrong", example="error")
    assert line.made().empty
    assert read_counts("pairs")["dropped_correctness_trusted_but_fails_example"] == 1


def test_a_task_without_an_example_still_gives_pairs():
    line = Line().task(has_example=False).test("credible", "add(1, 1)", "2")
    line.solution("good", 0.9).solution("bad", 0.1, behavior="wrong")
    line.rows["verdicts"].clear()
    line.verdict("good", "credible", "pass").verdict("bad", "credible", "timeout")
    assert sides(line.made()) == {("good", "bad")}


@pytest.mark.parametrize(("p_valid", "n_pairs"), [(0.9, 1), (0.4, 0)])
def test_only_an_example_or_a_credible_test_tells_that_a_solution_is_wrong(p_valid, n_pairs):
    line = Line().task().solution("good", 0.9).solution("other", 0.1, behavior="other")
    line.test("test", "add(1, 1)", "2", p_valid=p_valid)
    line.verdict("good", "test", "pass").verdict("other", "test", "fail")
    assert len(line.made()) == n_pairs
    assert read_counts("pairs")["dropped_correctness_no_test_tells_apart"] == 1 - n_pairs


def test_solutions_that_act_alike_are_no_correctness_pair():
    assert Line().task().solution("good", 0.9).solution("bad", 0.1, behavior="right").made().empty


def test_a_rewrite_that_is_certainly_wrong_is_rejected_for_its_parent():
    line = Line().task().solution("good", 0.9).solution("fooled", 0.3)
    line.rewrite("broken", "good", 2.0, accepted=False, certainly_wrong=True)
    line.rewrite("slower", "good", 0.5, accepted=False)
    line.rewrite("hopeless", "fooled", 2.0, accepted=False, certainly_wrong=True)
    (pair,) = line.made().to_dict("records")
    assert (pair["kind"], pair["chosen_id"], pair["rejected_id"]) == ("correctness", "good", "broken")
    assert pair["confidence"] == pytest.approx(0.9)


def test_an_unsure_pair_is_dropped_and_counted():
    assert right_and_wrong().made(min_confidence=0.9).empty
    assert read_counts("pairs")["dropped_correctness_low_confidence"] == 1


def test_rejected_sides_that_fail_the_public_example_come_first_and_act_differently():
    line = Line().task().solution("good", 0.9).test("credible", "add(1, 1)", "2")
    line.solution("passes", 0.05, behavior="w1").verdict("good", "credible", "pass")
    line.solution("fails", 0.2, behavior="w2", example="error").solution(
        "twin", 0.2, behavior="w2", example="error"
    )
    made = line.made(correctness_per_task=2, per_solution=9)
    assert set(made.rejected_id) == {"fails", "twin"}
    assert set(line.made(correctness_per_task=1).rejected_id) == {"fails"}
    line.solution("better", 0.95).verdict("better", "credible", "pass")
    made = line.made(correctness_per_task=9, per_solution=1)
    assert len(made) == 2
    assert len(set(made.chosen_id)) == len(set(made.rejected_id)) == 2
    assert {"fails", "twin"} & set(made.rejected_id) and "passes" in set(made.rejected_id)
    assert read_counts("pairs")["dropped_correctness_over_cap"] == 4


def test_a_certified_comparison_is_an_efficiency_pair_and_an_uncertified_one_is_not():
    line = Line().task().solution("fast", 0.9).solution("slow", 0.8).solution("same", 0.9)
    made = line.faster("fast", "slow", 3.0).faster("fast", "same", 1.01, certified=False).made()
    (pair,) = made.to_dict("records")
    assert (pair["kind"], pair["chosen_id"], pair["rejected_id"]) == ("efficiency", "fast", "slow")
    assert pair["speedup"] == 3.0
    assert pair["confidence"] == pytest.approx(0.8 * 0.999)
    assert pair["margin"] == pytest.approx(2 / 3)
    assert read_counts("pairs")["dropped_efficiency_not_certified"] == 1


def test_an_accepted_rewrite_is_preferred_to_what_it_rewrote_through_all_rounds():
    line = (
        Line()
        .task()
        .solution("slow", 0.8)
        .rewrite("quick", "slow", 2.0)
        .rewrite("worse", "slow", 1.0, accepted=False)
    )
    made = line.rewrite("quickest", "quick", 4.0, round_=2).made()
    assert sides(made) == {("quick", "slow"), ("quickest", "quick")}
    assert made.is_rewrite.all()
    assert made.confidence.between(0.79, 0.8).all()
    assert read_counts("pairs")["dropped_efficiency_rewrite_not_accepted"] == 1


def test_a_rewrite_accepted_for_its_memory_is_told_by_its_memory():
    line = Line().task().solution("fat", 0.8).rewrite("lean", "fat", 1.0, memory_ratio=4.0)
    (pair,) = line.made().to_dict("records")
    assert pair["margin"] == pytest.approx(0.75)
    assert pair["confidence"] == pytest.approx(0.8)
    assert "rejected takes 4.00 times the memory of chosen" in Path("outputs/datasets/README.md").read_text()


def test_a_rewrite_that_is_a_samples_code_again_is_paired_once_and_with_the_samples_scores():
    line = Line().task().solution("slow", 0.9).solution("fast", 0.6).faster("fast", "slow", 2.0)
    line.rewrite("fast", "slow", 2.0)
    (pair,) = line.made().to_dict("records")
    assert pair["chosen_score"] == 0.6
    assert read_counts("pairs")["dropped_efficiency_same_programs"] == 1


def test_two_programs_are_paired_once_however_they_are_written():
    line = Line().task().solution("fast", 0.9, returns="a + b").solution("again", 0.9, returns="(a+b)  # sum")
    line.solution("slow", 0.8, returns="sum([a, b])").faster("fast", "slow", 4.0).faster("again", "slow", 3.9)
    line.solution("bad", 0.1, behavior="wrong", example="fail")
    made = line.made(efficiency_per_task=9, correctness_per_task=9, per_solution=9)
    assert sides(made[made.kind == "efficiency"]) == {("fast", "slow")}
    assert sorted(made[made.kind == "correctness"].chosen_id) == ["again", "slow"]
    counts = read_counts("pairs")
    assert counts["dropped_efficiency_same_programs"] == counts["dropped_correctness_same_programs"] == 1


@pytest.mark.parametrize(
    ("slow", "reason"),
    [
        ({"p_correct": 0.4}, "dropped_efficiency_side_not_trusted"),
        ({"p_correct": 0.9, "example": "fail"}, "dropped_efficiency_side_fails_example"),
        ({"p_correct": 0.55}, "dropped_efficiency_low_confidence"),
    ],
)
def test_speed_counts_for_nothing_where_a_side_may_be_wrong(slow, reason):
    line = Line().task().solution("fast", 0.9).solution("slow", **slow).faster("fast", "slow", 9.0)
    assert line.made(min_confidence=0.6).empty
    assert read_counts("pairs")[reason] == 1


def test_the_largest_certain_speedups_fill_the_cap():
    line = Line().task().solution("a", 0.9).solution("b", 0.9).solution("c", 0.9)
    line.faster("a", "b", 2.0).faster("a", "c", 8.0).faster("b", "c", 4.0)
    assert sides(line.made(efficiency_per_task=2)) == {("a", "c"), ("b", "c")}


def test_all_pairs_of_a_task_are_in_one_split_and_the_share_is_of_the_tasks_that_gave_pairs():
    line = many_tasks(20)
    for number in range(20):
        line.task(f"without-pairs-{number:03d}")
    made = line.made(validation_share=0.3)
    assert (made.groupby("task_id").split.nunique() == 1).all()
    assert made[made.split == "validation"].task_id.nunique() == 6


def test_a_run_of_few_tasks_has_validation_pairs_too():
    for count in (2, 3, 4, 5):
        assert set(many_tasks(count).made(validation_share=0.1).split) == {"train", "validation"}


def test_the_datasets_library_finds_both_configurations_and_splits_in_the_card(loaded):
    made = many_tasks(20).made(validation_share=0.3)
    chat, plain = loaded("outputs/datasets", "conversational"), loaded("outputs/datasets", "plain")
    assert {name: len(split) for name, split in chat.items()} == {
        name: int((made.split == name).sum()) for name in ("train", "validation")
    }
    assert loaded("outputs/datasets")["train"].features == chat["train"].features
    for talk, text in zip(chat["train"], plain["train"], strict=True):
        assert talk["prompt"] == [{"role": "user", "content": text["prompt"].removesuffix("\n")}]
        assert talk["chosen"] == [{"role": "assistant", "content": text["chosen"]}]
        assert talk["rejected"] == [{"role": "assistant", "content": text["rejected"]}]


def test_a_split_without_pairs_is_left_out(loaded):
    right_and_wrong().made(validation_share=0.0)
    assert list(loaded("outputs/datasets", "plain")) == ["train"]
    assert list(json.loads(Path("outputs/datasets/dataset_info.json").read_text())) == ["pairsmith_train"]


def test_the_files_llama_factory_is_told_of_hold_the_columns_it_is_told_of():
    many_tasks(20).made(validation_share=0.3)
    named = json.loads(Path("outputs/datasets/dataset_info.json").read_text())
    assert set(named) == {"pairsmith_train", "pairsmith_validation"}
    for entry in named.values():
        held = pd.read_parquet(Path("outputs/datasets") / entry["file_name"])
        assert entry["ranking"]
        assert all(isinstance(held[column].iloc[0], str) for column in entry["columns"].values())


def test_no_pairs_at_all_are_told_not_hidden():
    assert Line().task().made().empty
    assert "| correctness | 0 | 0 | 0 |" in Path("outputs/datasets/README.md").read_text()
    assert read_counts("pairs")["kept_correctness"] == 0


def test_the_parquet_files_load_by_name(loaded):
    many_tasks(5).made()
    files = {"train": "outputs/datasets/plain/train.parquet"}
    assert loaded("parquet", data_files=files)["train"].num_rows > 0
    assert loaded("parquet", data_files="outputs/pairs/*.parquet")["train"].num_rows > 0


def test_no_column_of_the_datasets_changes_a_trainers_loss():
    right_and_wrong().made()
    # TRL's RewardTrainer subtracts a column `margin`; DPO's reads the reference log-probabilities.
    columns = set(pd.read_parquet("outputs/datasets/conversational/train.parquet").columns)
    assert not columns & {"margin", "ref_chosen_logps", "ref_rejected_logps", "images", "tools", "label"}


def test_a_trainer_can_filter_by_certainty_memory_and_workload():
    line = right_and_wrong().solution("slow", 0.9).faster("good", "slow", 3.0, memory_ratio=0.01)
    line.made(validation_share=0.0)
    found = pd.read_parquet("outputs/datasets/plain/train.parquet").set_index("kind")
    columns = ["speedup_low", "memory_ratio", "workload_call", "workload_size"]
    assert found.loc["efficiency", columns].tolist() == pytest.approx([2.7, 0.01, "add(1, 2)", 4096])
    assert found.loc[["correctness"], columns].isna().all(axis=None)


def test_the_card_does_not_call_cheaper_what_is_faster_and_may_need_more_memory():
    right_and_wrong().solution("slow", 0.9).faster("good", "slow", 3.0).made()
    card = Path("outputs/datasets/README.md").read_text()
    assert "certainly faster" in card and "`memory_ratio`" in card
    assert "cheaper" not in card


def test_the_card_shows_how_many_pairs_there_are_and_one_of_them():
    right_and_wrong().solution("slow", 0.9).faster("good", "slow", 3.0).made(validation_share=0.0)
    card = Path("outputs/datasets/README.md").read_text()
    assert "| correctness | 2 | 0 | 1 |" in card
    assert "| efficiency | 1 | 0 | 1 |" in card
    assert "3.00 times as fast" in card


def test_pairs_made_again_are_the_same_to_the_byte():
    files = ("outputs/pairs/part-00000.parquet", "outputs/datasets/plain/train.parquet")
    many_tasks(9).made()
    before = [Path(file).read_bytes() for file in files]
    many_tasks(9).made()
    assert [Path(file).read_bytes() for file in files] == before
