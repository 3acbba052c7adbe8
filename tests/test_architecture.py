"""House rules no single room's tests can see: who may import whom, and that dvc.yaml tells the truth."""

import ast
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.closure import ROOT, import_closure, imported_modules, stage_facts

DVC_STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
ALLOWED = {
    "pipeline": {"pipeline"},
    "ranking": {"ranking"},
    "profiling": {"profiling"},
    "stages": {"stages", "pipeline", "ranking", "profiling"},
    "benchmarks": {"benchmarks", "stages", "pipeline", "ranking", "profiling"},
}
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}


def modules() -> list[Path]:
    return sorted(path for room in ALLOWED for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_the_rooms_it_may(room: str):
    for path in (ROOT / room).rglob("*.py"):
        strangers = {name.split(".")[0] for name in imported_modules(path)} - ALLOWED[room]
        assert not strangers, f"{path.relative_to(ROOT)} imports {strangers}"


def test_no_drawer_modules():
    assert not [path for path in modules() if path.stem in FORBIDDEN_NAMES]


def test_reference_answers_reach_no_stage_but_tasks_which_stores_them_and_report():
    """The reference columns are named only where tasks come in and where the report judges."""
    columns = {"reference_tests", "reference_solution"}
    naming = {path for path in modules() if columns & names_and_words(path)}
    entrances = ("pipeline/sources/", "pipeline/schemas/tasks.py", "pipeline/reporting/", "stages/report.py")
    strangers = [
        path for path in naming if not str(path.relative_to(ROOT)).startswith((*entrances, "benchmarks/"))
    ]
    assert not strangers
    for stage in set(DVC_STAGES) - {"report"}:
        assert not [path for path in import_closure(f"stages.{stage}") if "pipeline/reporting" in str(path)]


def names_and_words(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    words = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return words | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def test_git_tracks_no_output_for_dvc_refuses_to_share_a_file_with_it():
    tracked = subprocess.run(
        ["git", "ls-files", "outputs"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert tracked == ["outputs/README.md"]


@pytest.mark.parametrize("stage", DVC_STAGES)
def test_dvc_yaml_lists_exactly_what_a_stage_imports_reads_and_writes(stage: str):
    facts, block = stage_facts(stage), DVC_STAGES[stage]
    outs = {next(iter(out)) if isinstance(out, dict) else out for out in block.get("outs", [])}
    deps = {dep for dep in block["deps"] if "${" not in dep}
    assert block["cmd"] == f"python -m stages.{stage}"
    assert deps >= facts.files | facts.reads, "add to deps (python -m tests.closure prints them)"
    assert {dep for dep in deps - facts.files - facts.reads if not dep.startswith("outputs/")} == set()
    assert outs >= facts.writes, "add to outs"
    assert set(block["params"]) == facts.sections


def test_every_table_and_file_a_stage_depends_on_is_made_by_an_earlier_stage():
    made: set[str] = set()
    for stage, block in DVC_STAGES.items():
        needed = {dep for dep in block["deps"] if dep.startswith("outputs/")}
        assert needed <= made, f"{stage} reads {needed - made} before anything makes it"
        for kind in ("outs", "metrics", "plots"):
            made |= {next(iter(out)) if isinstance(out, dict) else out for out in block.get(kind, [])}
