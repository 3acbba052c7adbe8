"""What a person reads: the summary at the end of a run and the report page."""

from collections.abc import Mapping

from pipeline.pairing.card import clearest, shown_pair
from pipeline.reporting.figures import Figures
from pipeline.tables import Row


def summary(figures: Figures, pairs: list[Row], isolation: str) -> str:
    """The short end-of-run text: how much, how much of it is true, where it is, one real pair."""
    return "\n".join([*_headlines(figures, isolation), *_clearest_pair(pairs)]) + "\n"


def report_page(
    figures: Figures, dropped: Mapping[str, Mapping[str, int]], pairs: list[Row], isolation: str
) -> str:
    """outputs/report/report.md: the summary, every figure, and everything dropped by stage and reason."""
    numbers = "\n".join(f"| `{name}` | {_shown(value)} |" for name, value in figures.items())
    reasons = "\n".join(
        f"| {stage} | {reason} | {count} |"
        for stage, counts in dropped.items()
        for reason, count in sorted(counts.items())
    )
    lines = "\n".join(f"- {line}" for line in _headlines(figures, isolation))
    pair = "\n".join(_clearest_pair(pairs))
    return (
        f"# Report\n\n{lines}\n{pair}\n\n"
        f"## Figures\n\nWhat each means: `docs/report.md`.\n\n| figure | value |\n|---|---|\n{numbers}\n\n"
        f"## Counts by stage\n\n| stage | what | count |\n|---|---|---|\n{reasons}\n"
    )


def _headlines(figures: Figures, isolation: str) -> list[str]:
    verdicts = ", ".join(
        f"{value} {name.removeprefix('verdicts_')}"
        for name, value in sorted(figures.items(), key=lambda item: -(item[1] or 0))
        if name.startswith("verdicts_") and not name.endswith("_share") and value
    )
    return [
        f"{figures['tasks']} tasks, {figures['solution_samples']} solution samples, "
        f"{figures['solutions_sampled']} of them with a solution ({figures['solutions']} distinct), "
        f"{figures['tests']} distinct tests",
        f"verdicts: {verdicts or 'none'}",
        f"executed in: {isolation}",
        _pairs_line(figures, "correctness", "chosen right, rejected wrong"),
        _pairs_line(figures, "efficiency", "both sides right"),
        f"{figures['rewrites_accepted']} of {figures['rewrites']} rewrites accepted, "
        f"{figures['pairs_efficiency_rewritten']} in pairs",
        "for trainers (docs/training.md): outputs/datasets",
        "all columns, for pandas.read_parquet: outputs/pairs",
        "metrics.json, report.md, plots (dvc metrics show, dvc plots show): outputs/report",
    ]


def _clearest_pair(pairs: list[Row]) -> list[str]:
    return ["", "The clearest pair", "", shown_pair(clearest(pairs))] if pairs else []


def _pairs_line(figures: Figures, kind: str, meaning: str) -> str:
    made, judged = figures[f"pairs_{kind}"], figures[f"pairs_{kind}_judged"]
    if not made:
        return f"no {kind} pairs"
    if not judged:
        return f"{made} {kind} pairs, none of a task with reference tests"
    true = figures[f"pairs_{kind}_true"]
    return f"{made} {kind} pairs, {true} of {judged} true by reference tests ({meaning})"


def _shown(value: float | int | None) -> str:
    if value is None:
        return "none"
    return str(value) if isinstance(value, int) else f"{value:.4g}"
