"""The dataset card: what `load_dataset` needs to find the configurations, and what a reader should know."""

from collections import Counter
from collections.abc import Iterable, Sequence

from pipeline.pairing.candidates import is_faster
from pipeline.pairing.export import SCHEMAS, SPLITS
from pipeline.schemas.pairs import CORRECTNESS, EFFICIENCY
from pipeline.tables import Row

# Source: https://huggingface.co/docs/hub/datasets-manual-configuration
HEAD = (
    """---
pretty_name: Pairsmith preference pairs
task_categories:
- text-generation
tags:
- dpo
- preference
- code
- python
"""
    ""
)

INTRO = """# Preference pairs for Python

Written, tested, ranked and measured by Pairsmith from samples of {models}. A *correctness* pair prefers a
solution that very probably is right to one that very probably is wrong. An *efficiency* pair prefers the
certainly faster of two that very probably are right, by interleaved measurements, whatever memory that takes;
or, where `speedup_low` is null or not above 1, a rewrite that needs less memory in about the same time.

```python
from datasets import load_dataset

pairs = load_dataset("outputs/datasets", "conversational")  # or "plain"
```"""

COLUMNS = """`prompt`, `chosen`, `rejected` are lists of `{role, content}` in `conversational` and texts in
`plain`, where the prompt ends with a line break. `confidence` is the estimated probability that the pair is
right. All of a task's pairs are in one split. Of efficiency pairs only, null for correctness:

- `speedup`: rejected's CPU time over chosen's; `speedup_low`: the lower end of its 95 % interval, which
  speaks of one workload on one machine in one run
- `workload_call`, `workload_size`: the call both were measured on, and what its arguments were grown to
  (elements, or the largest integer's magnitude)
- `memory_ratio`: rejected's peak memory over chosen's on it (below 1, chosen needs more), where measured

More columns, such as scores and the ids of both solutions, are in `outputs/pairs` by the same `pair_id`."""

MAKING = """The texts are a model's own and were judged by execution, not by people: some pairs are wrong. How
many, where reference tests exist, stands in `outputs/report`.

Made with

{settings}"""


def dataset_card(pairs: Sequence[Row], settings: dict[str, object]) -> str:
    """The README.md of outputs/datasets: configurations, columns, counts, how it was made, one pair.

    Args:
        pairs: rows of the pairs table.
        settings: the parameters that decided which pairs are here.
    """
    sections = [_intro(pairs), _table(pairs), COLUMNS, _making(settings)]
    if pairs:
        sections.append(f"## The clearest pair\n\n{shown_pair(clearest(pairs))}")
    return f"{HEAD}{_configurations(pairs)}---\n\n" + "\n\n".join(sections) + "\n"


def clearest(pairs: Iterable[Row]) -> Row:
    """The pair with the largest certain speedup; without efficiency pairs, the surest one."""
    return max(pairs, key=lambda row: (row["speedup_low"] or 0.0, row["confidence"], row["pair_id"]))


def shown_pair(row: Row) -> str:
    """One pair in Markdown, with what is known about it."""
    if is_faster(row["speedup_low"]):
        known = (
            f"chosen is {row['speedup']:.2f} times as fast as rejected "
            f"(95 % interval {row['speedup_low']:.2f} to {row['speedup_high']:.2f})"
        )
    elif row["kind"] == EFFICIENCY:
        known = f"rejected takes {row['memory_ratio']:.2f} times the memory of chosen"
    else:
        known = f"confidence {row['confidence']:.2f}"
    return (
        f"`{row['task_id']}`, {row['kind']}: {known}.\n\n"
        f"Chosen\n\n{row['chosen']}\n\nRejected\n\n{row['rejected']}"
    )


def _configurations(pairs: Sequence[Row]) -> str:
    splits = [split for split in SPLITS if any(row["split"] == split for row in pairs)]
    lines = ["configs:"] if splits else []
    for configuration in SCHEMAS if splits else ():
        is_default = ["  default: true"] if configuration == "conversational" else []
        lines += [f"- config_name: {configuration}", *is_default, "  data_files:"]
        for split in splits:
            lines += [f"  - split: {split}", f"    path: {configuration}/{split}.parquet"]
    return "".join(f"{line}\n" for line in lines)


def _intro(pairs: Sequence[Row]) -> str:
    models = ", ".join(sorted({row["model"] for row in pairs})) or "no model"
    return INTRO.format(models=models)


def _table(pairs: Sequence[Row]) -> str:
    count = Counter((row["kind"], row["split"]) for row in pairs)
    tasks = Counter(kind for kind, _ in {(row["kind"], row["task_id"]) for row in pairs})
    lines = [
        f"| {kind} | {count[kind, 'train']} | {count[kind, 'validation']} | {tasks[kind]} |"
        for kind in (CORRECTNESS, EFFICIENCY)
    ]
    return "\n".join(["| pairs | train | validation | tasks |", "|---|---|---|---|", *lines])


def _making(settings: dict[str, object]) -> str:
    return MAKING.format(settings="\n".join(f"- `{name}`: {value}" for name, value in settings.items()))
