"""Pairs -> outputs/datasets: what a trainer loads as it is, with an explicit schema and a dataset card.

conversational/{train,validation}.parquet   prompt, chosen, rejected are lists of {role, content}
plain/{train,validation}.parquet            the same as plain texts
README.md                                   dataset card; names both as configurations
dataset_info.json                           the same for LLaMA-Factory (dataset_dir: outputs/datasets)
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.schemas.pairs import TRAIN, VALIDATION
from pipeline.tables import OUTPUTS, ROWS_PER_GROUP, Row, replace_directory

DATASETS = OUTPUTS / "datasets"
SPLITS = (TRAIN, VALIDATION)

MESSAGES = pa.list_(pa.struct([pa.field("role", pa.string()), pa.field("content", pa.string())]))
# The pairs table's `margin` stays there: TRL's RewardTrainer would take a column of this name into its loss.
PROVENANCE = [
    pa.field("pair_id", pa.string()),
    pa.field("task_id", pa.string()),
    pa.field("kind", pa.string()),
    pa.field("confidence", pa.float64()),
    pa.field("speedup", pa.float64()),
    pa.field("speedup_low", pa.float64()),
    pa.field("memory_ratio", pa.float64()),
    pa.field("workload_call", pa.string()),
    pa.field("workload_size", pa.int64()),
    pa.field("model", pa.string()),
]
TEXTS = ("prompt", "chosen", "rejected")
SCHEMAS = {
    "conversational": pa.schema([*(pa.field(name, MESSAGES) for name in TEXTS), *PROVENANCE]),
    "plain": pa.schema([*(pa.field(name, pa.string()) for name in TEXTS), *PROVENANCE]),
}


def write_datasets(pairs: Sequence[Row], workloads: Mapping[str, Row], card: str) -> None:
    """Make outputs/datasets anew, whole or not at all.

    Args:
        pairs: rows of the pairs table.
        workloads: rows of the table workloads by id, at least those that the pairs name.
        card: the text of README.md.
    """
    fresh = DATASETS.with_name(".datasets.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for configuration, schema in SCHEMAS.items():
        (fresh / configuration).mkdir(parents=True)
        for split in SPLITS:
            chosen = [pair for pair in pairs if pair["split"] == split]
            if not chosen:
                continue  # `datasets` cannot load a file without rows; the card leaves the split out too
            path = fresh / configuration / f"{split}.parquet"
            with pq.ParquetWriter(path, schema, compression="zstd") as file:
                for start in range(0, len(chosen), ROWS_PER_GROUP):
                    group = chosen[start : start + ROWS_PER_GROUP]
                    rows = [_row(pair, workloads, configuration) for pair in group]
                    file.write_table(pa.Table.from_pylist(rows, schema=schema))
    (fresh / "README.md").write_text(card, encoding="utf-8")
    (fresh / "dataset_info.json").write_text(
        json.dumps(_llama_factory(fresh), indent=2) + "\n", encoding="utf-8"
    )
    replace_directory(fresh, DATASETS)


def _row(pair: Row, workloads: Mapping[str, Row], configuration: str) -> Row:
    workload = workloads[pair["workload_id"]] if pair["workload_id"] else {"call": None, "size": None}
    known = pair | {"workload_call": workload["call"], "workload_size": workload["size"]}
    row = {name: known[name] for name in SCHEMAS[configuration].names}
    if configuration == "conversational":
        roles = {"prompt": "user", "chosen": "assistant", "rejected": "assistant"}
        row |= {name: [{"role": role, "content": pair[name]}] for name, role in roles.items()}
    else:
        # A trainer joins prompt and answer as text. Both Llama's and GPT-2's way of cutting text into tokens
        # puts a boundary after a single line break before the answer's ```, and none before it.
        row["prompt"] += "\n"
    return row


def _llama_factory(folder: Path) -> dict[str, Any]:
    # Source: LLaMA-Factory, data/README.md, "Preference Dataset" in alpaca format.
    return {
        f"pairsmith_{split}": {
            "file_name": str(Path("plain") / f"{split}.parquet"),
            "ranking": True,
            "columns": {name: name for name in TEXTS},
        }
        for split in SPLITS
        if (folder / "plain" / f"{split}.parquet").exists()
    }
