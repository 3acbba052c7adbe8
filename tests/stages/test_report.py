"""What a reader of the report relies on: truth by reference tests, honest blanks, everything dropped."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from pipeline.counts import write_counts
from pipeline.errors import TableError
from pipeline.sandbox.statuses import VERDICTS
from pipeline.schemas.solution_scores import RANKERS
from stages import report
from tests.stages.line import Line, write_counts_of

ROOT = Path(__file__).parents[2]
REFERENCE = ("assert add(0, 0) == 0", "assert add(5, -2) == 3", "assert add(2, 2) == 4")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def reported(line: Line, **drawn: int) -> dict[str, float | None]:
    line.made(min_confidence=0.0, validation_share=0.0)
    write_counts_of(*(set(report.COUNTED_STAGES) - {"pairs"}))
    write_counts("generate", Counter(dropped_for_a_reason=7, **drawn))
    report.main()
    return json.loads(Path("outputs/report/metrics.json").read_text())


def line_with_truth() -> Line:
    """Trusted: one right, one that only passes the example; not trusted: one right, one wrong."""
    line = Line().task(reference_tests=REFERENCE)
    line.solution("right", 0.9, returns="a + b").solution("fooled", 0.7, returns="3", behavior="three")
    line.solution("missed", 0.2, returns="b + a", behavior="b+a")
    line.solution("wrong", 0.1, returns="a - b", behavior="minus", example="fail")
    line.faster("right", "fooled", 2.0).rewrite("quicker", "right", 3.0, returns="sum((a, b))")
    for name in ("right", "fooled"):
        line.verdict(name, "valid", "pass")
    line.test("valid", "add(1, 1)", "2", p_valid=0.8).test("invalid", "add(1, 1)", "3", p_valid=0.6)
    return line.test("unsure", "add(2, 1)", "1", p_valid=0.1)


@pytest.fixture(scope="module")
def run_with_truth(tmp_path_factory):
    """The folder of a finished report on `line_with_truth`, made once."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        reported(line_with_truth(), solution_samples=10, test_samples=6)
    return folder


@pytest.fixture
def figures(run_with_truth, monkeypatch):
    monkeypatch.chdir(run_with_truth)
    return json.loads(Path("outputs/report/metrics.json").read_text())


def test_a_pair_is_true_only_when_both_its_sides_are_as_it_says(figures):
    truths = pd.read_parquet("outputs/truths").set_index("solution_id").correct.to_dict()
    assert truths == {"right": True, "fooled": False, "missed": True, "wrong": False, "quicker": True}
    # right>missed and fooled>missed, fooled>wrong are false; right>wrong is true
    assert (figures["pairs_correctness_judged"], figures["pairs_correctness_true"]) == (4, 1)
    # right over fooled: one side is wrong; quicker over right: both are right
    assert (figures["pairs_efficiency_judged"], figures["pairs_efficiency_true"]) == (2, 1)


def test_trust_and_credibility_are_held_against_the_references(figures):
    assert figures["trusted_right_share"] == pytest.approx(1 / 2)
    # the public example and `valid` are, `invalid` and `unsure` are not
    assert figures["tests_valid_share"] == pytest.approx(2 / 4)
    assert figures["credible_tests_valid_share"] == pytest.approx(2 / 3)
    assert figures["auc_score"] == pytest.approx(3 / 4)
    assert figures["top1_right"] == 1.0


def test_a_sample_in_which_no_solution_was_found_is_a_sample_that_is_not_right(figures):
    assert (figures["solution_samples"], figures["solutions_sampled"]) == (10, 4)
    assert figures["samples_right_share"] == pytest.approx(2 / 10)
    assert figures["solutions_sampled_right_share"] == pytest.approx(2 / 4)


def test_a_sample_is_a_completion_of_tests_as_well(figures):
    # three tests stand for one sample each, the public example for none
    assert (figures["test_samples"], figures["tests_sampled"], figures["tests"]) == (6, 3, 4)


@pytest.mark.usefixtures("repository")
def test_what_share_of_all_samples_is_right_is_not_known_while_some_are_not_judged():
    line = line_with_truth().task("add-2").solution("unjudged", 0.9, task_id="add-2")
    figures = reported(line, solution_samples=20)
    assert figures["samples_right_share"] is None
    assert figures["solutions_sampled_right_share"] == pytest.approx(2 / 4)


def test_docs_report_has_an_entry_for_every_metric_and_none_for_what_is_no_metric(figures):
    values = {
        "<kind>": ("correctness", "efficiency"), "<what>": ("solutions", "tests", "pairs"),
        "<verdict>": VERDICTS, "<ranker>": ("score", *RANKERS),
    }  # fmt: skip
    entries = documented((ROOT / "docs/report.md").read_text())
    for placeholder, words in values.items():
        entries = {entry.replace(placeholder, word) for entry in entries for word in words}
    assert figures.keys() <= entries
    assert entries - figures.keys() <= {f"verdicts_{verdict}" for verdict in VERDICTS}


def documented(page: str) -> set[str]:
    """The names in the first column of the table of figures."""
    table = page.partition("| figure | meaning |\n|---|---|\n")[2].partition("\n\n")[0]
    return {name for row in table.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


@pytest.mark.usefixtures("repository")
def test_without_references_the_report_leaves_blanks_and_judges_no_pair():
    line = Line().task().solution("good", 0.9).solution("bad", 0.1, behavior="wrong", example="fail")
    figures = reported(line)
    assert figures["pairs_correctness"] == 1
    assert figures["pairs_correctness_judged"] == 0
    for blank in ("pairs_correctness_true_share", "solutions_ece", "auc_score", "samples_right_share"):
        assert figures[blank] is None
    assert "none of a task with reference tests" in Path("outputs/report/summary.txt").read_text()


@pytest.mark.usefixtures("repository")
def test_a_public_example_alone_is_no_truth_where_the_reference_tests_test_nothing():
    line = Line().task(reference_tests=("print(add(1, 2))",)).solution("fooled", 0.9, returns="3")
    figures = reported(line.solution("bad", 0.1, behavior="wrong", returns="a - b", example="fail"))
    assert figures["pairs_correctness"] == 1
    assert figures["pairs_correctness_judged"] == figures["tasks_with_reference"] == 0


@pytest.mark.usefixtures("repository")
def test_a_task_whose_own_reference_solution_fails_its_tests_judges_nothing():
    line = Line().task(reference_tests=(*REFERENCE, "import numpy\nassert add(numpy.int64(1), 1) == 2"))
    line.solution("right", 0.9).solution("bad", 0.1, behavior="wrong", returns="a - b", example="fail")
    figures = reported(line)
    assert figures["pairs_correctness"] == 1
    assert figures["pairs_correctness_judged"] == figures["tasks_with_reference"] == 0
    assert figures["tests_valid_share"] is None
    page = Path("outputs/report/report.md").read_text()
    assert "| report | tasks_whose_reference_solution_fails_their_tests | 1 |" in page


@pytest.mark.usefixtures("repository")
def test_a_line_that_made_nothing_is_reported_too(capsys):
    figures = reported(Line().task())
    assert figures["pairs"] == figures["solutions_sampled"] == 0
    assert figures["speedup_median"] is None
    assert Path("outputs/report/summary.txt").read_text() in capsys.readouterr().err


@pytest.mark.usefixtures("figures")
def test_everything_dropped_stands_in_the_report_by_stage_and_reason():
    page = Path("outputs/report/report.md").read_text()
    for stage in set(report.COUNTED_STAGES) - {"pairs"}:
        assert f"| {stage} | dropped_for_a_reason | 7 |" in page
    assert "| pairs | dropped_correctness_low_confidence | 0 |" in page
    assert "| report | dropped_reference_tests_that_test_nothing | 0 |" in page


@pytest.mark.usefixtures("repository")
def test_a_stage_without_counts_is_no_stage_that_dropped_nothing():
    line_with_truth().made()
    with pytest.raises(TableError, match="counts of 'tasks'"):
        report.main()


@pytest.mark.usefixtures("figures")
def test_the_summary_tells_how_much_is_true_where_it_is_and_shows_one_pair():
    text = Path("outputs/report/summary.txt").read_text()
    assert "10 solution samples, 4 of them with a solution (4 distinct)" in text
    assert "4 correctness pairs, 1 of 4 true" in text
    assert "2 efficiency pairs, 1 of 2 true" in text
    assert "outputs/datasets" in text
    assert "3.00 times as fast" in text
    assert "sum((a, b))" in text


@pytest.mark.usefixtures("figures")
def test_dvc_shows_the_metrics_and_draws_the_plots():
    subprocess.run(["dvc", "init", "--no-scm", "-q"], check=True)
    plots = {f"outputs/report/plots/{name}.csv": {"x": x, "y": y} for name, x, y in (
        ("reliability", "probability", "share_true"), ("precision_yield", "share_kept", "precision"),
        ("verdicts", "count", "verdict"), ("speedups", "pair", "speedup"),
    )}  # fmt: skip
    Path("dvc.yaml").write_text(
        json.dumps({"metrics": ["outputs/report/metrics.json"], "plots": [{k: v} for k, v in plots.items()]})
    )
    shown = subprocess.run(["dvc", "metrics", "show", "--json"], check=True, capture_output=True, text=True)
    assert json.loads(shown.stdout)[""]["data"]["outputs/report/metrics.json"]["data"]["pairs"] == 6
    subprocess.run(["dvc", "plots", "show", "-q", "-o", "drawn"], check=True, capture_output=True)
    page = Path("drawn/index.html").read_text()
    assert all(f"{name}.csv" in page for name in ("reliability", "precision_yield", "verdicts", "speedups"))
