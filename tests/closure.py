"""What a stage really depends on, read from its source: the yardstick dvc.yaml is held against.

`python -m tests.closure` prints each stage's deps, params and outs as dvc.yaml should list them.
"""

import ast
import importlib
from dataclasses import dataclass
from pathlib import Path

from pipeline.tables import Table

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("pipeline", "stages", "ranking", "profiling", "benchmarks")
READERS = {"read", "rows", "by_task", "shards"}
WRITERS = {"write", "writer"}


@dataclass(frozen=True)
class Facts:
    """What one stage's code says about itself: paths relative to the repository root, and section names."""

    files: frozenset[str]
    reads: frozenset[str]
    writes: frozenset[str]
    sections: frozenset[str]


def module_path(module: str) -> Path | None:
    base = ROOT / module.replace(".", "/")
    if (base / "__init__.py").exists():
        return base / "__init__.py"
    return base.with_suffix(".py") if base.with_suffix(".py").exists() else None


def imported_modules(path: Path) -> set[str]:
    """First-party modules a file imports anywhere in it, their packages included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    with_packages = {
        ".".join(name.split(".")[:end]) for name in found for end in range(1, name.count(".") + 2)
    }
    return {name for name in with_packages if name.split(".")[0] in ROOMS and module_path(name)}


def import_closure(module: str) -> set[Path]:
    """Files a module imports, directly or not; a package's `inside` is sent into the sandbox."""
    todo, seen = [module, module.split(".", maxsplit=1)[0]], set()
    while todo:
        path = module_path(todo.pop())
        if path and path not in seen:
            seen.add(path)
            todo.extend(imported_modules(path))
            sent = path.parent.glob("inside/*.py")
            todo.extend(".".join(file.relative_to(ROOT).with_suffix("").parts) for file in sent)
    return seen


def data_beside(paths: set[Path]) -> set[Path]:
    """Data files in the packages of these modules: templates, calibrations, sources sent into the sandbox."""
    return {
        file
        for folder in {path.parent for path in paths}
        for file in folder.iterdir()
        if file.is_file() and file.suffix not in {".py", ".pyc", ".md"}
    }


def table_named(constant: str, tree: ast.Module) -> Table | None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline.schemas."):
            found = getattr(importlib.import_module(node.module or ""), constant, None)
            if isinstance(found, Table):
                return found
    return None


def stage_facts(stage: str) -> Facts:
    closure = import_closure(f"stages.{stage}")
    reads, writes, sections = set(), set(), set()
    for path in closure:
        if path.parent.name != "stages":
            continue
        tree = ast.parse(path.read_text())
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
            first = call.args[0] if call.args else None
            text = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
            if name in READERS | WRITERS:
                if any(isinstance(arg, ast.Starred) for arg in call.args):
                    raise ValueError(f"{path}:{call.lineno}: name the tables in the call")
                tables = [table_named(arg.id, tree) for arg in call.args if isinstance(arg, ast.Name)]
                target = reads if name in READERS else writes
                target.update(str(Path("outputs") / table.name) for table in tables if table)
            elif name == "write_counts" and text:
                writes.add(f"outputs/counts/{text}.json")
            elif name == "read_counts" and text:
                reads.add(f"outputs/counts/{text}.json")
            elif name == "load" and text:
                sections.add(text)
    files = {str(path.relative_to(ROOT)) for path in closure | data_beside(closure)}
    return Facts(frozenset(files), frozenset(reads), frozenset(writes), frozenset(sections))


def main() -> None:
    line = ("tasks", "generate", "execute", "rank", "profile", "optimize", "verify", "pairs", "report")
    for stage in line:
        if module_path(f"stages.{stage}") is None:
            continue
        facts = stage_facts(stage)
        print(f"  {stage}:\n    cmd: python -m stages.{stage}\n    deps:")
        for dep in sorted(facts.files) + sorted(facts.reads):
            print(f"      - {dep}")
        print(f"    params: [{', '.join(sorted(facts.sections))}]\n    outs:")
        for out in sorted(facts.writes):
            print(f"      - {out}")


if __name__ == "__main__":
    main()
