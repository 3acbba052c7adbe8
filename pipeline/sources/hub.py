"""A `datasets` id -> its entries; a local folder of Parquet or JSONL files is such an id too."""

from collections.abc import Iterator

from pipeline.errors import TaskSourceError
from pipeline.sources.files import Entry, Problem


def read_dataset(dataset: str, subset: str | None, split: str) -> Iterator[Entry | Problem]:
    """The rows of one split, in the dataset's order.

    Raises:
        TaskSourceError: the dataset, subset or split is not there, or the hub cannot be reached.

    Source: https://huggingface.co/docs/datasets/loading
    """
    from datasets import load_dataset  # noqa: PLC0415  takes a second that a run on a file need not pay
    from datasets.exceptions import DatasetsError  # noqa: PLC0415

    try:
        rows = load_dataset(dataset, subset, split=split)
    # RuntimeError: what is there is a script, which `datasets` does not run any more.
    except (DatasetsError, OSError, ValueError, RuntimeError) as error:
        name = f"{dataset}, subset {subset}, split {split}" if subset else f"{dataset}, split {split}"
        raise TaskSourceError(
            "The dataset of tasks cannot be loaded",
            where=name,
            got=f"{type(error).__name__}: {error}"[:400],
            wanted="a dataset id on a hub that can be reached, or a local folder of Parquet or JSONL files",
            next_step="check tasks.dataset, tasks.subset and tasks.split; "
            "without a network, download the dataset first and give its folder",
        ) from None
    return (Entry(f"row {number}", dict(values)) for number, values in enumerate(rows, start=1))
