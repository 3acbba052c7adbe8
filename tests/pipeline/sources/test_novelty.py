"""Repetitions and benchmark tasks are found, and tasks that only look alike stay."""

import random

from pipeline.sources.novelty import contaminated, near_duplicates

TASK = "Return how many of the numbers in the list are even. def count_even(numbers): return a + b"


def test_of_a_chain_of_repetitions_the_first_stays():
    assert near_duplicates([TASK, "something else entirely", TASK.upper(), TASK + " "], 0.9) == {2: 0, 3: 0}


def test_a_task_that_differs_in_one_operator_is_another_task():
    assert near_duplicates([TASK, TASK.replace("+", "-")], 0.9) == {}


def test_a_text_just_above_the_threshold_is_found_among_many():
    rng = random.Random(5)
    texts = [" ".join(f"w{rng.randrange(10_000)}" for _ in range(100)) for _ in range(100)]
    # Nine words more are nine 3-grams more: a similarity of 98 / 107 = .916.
    longer = [f"{text} a b c d e f g h i" for text in texts]
    assert near_duplicates(texts + longer, 0.9) == {100 + number: number for number in range(100)}


def test_texts_too_short_for_a_shingle_are_compared_whole():
    assert near_duplicates(["add", "sub", "add"], 0.9) == {2: 0}


def test_ten_shared_words_are_contamination_and_nine_are_not():
    words = [f"w{number}" for number in range(20)]
    ten, nine = " ".join(words[5:15]), " ".join(words[5:14])
    assert list(contaminated([f"a {ten} b", f"a {nine} b"], [" ".join(words)])) == [True, False]


def test_a_short_benchmark_task_counts_when_it_is_held_whole():
    held = list(contaminated(["please sort the list now", "sort a list"], ["Sort the list!", "add"]))
    assert held == [True, False]
