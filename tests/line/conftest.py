"""A whole Pairsmith repository in a temporary folder; its model is scripted, all else as users have it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.closure import ROOT
from tests.line.script import SCRIPT, tasks_jsonl
from tests.line.scripted_model import ScriptedServer, scripted_model

ROOMS = ("pipeline", "stages", "ranking", "profiling")


@dataclass(frozen=True)
class Repository:
    path: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A finished command; its output is printed, so that a failed test shows it."""
        ended = subprocess.run(
            command,
            cwd=self.path,
            env=self.env,
            text=True,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        print("$", *command, f"-> {ended.returncode}\n{ended.stdout}")
        return ended

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A running command, in a process group of its own, so that a test can kill all of it."""
        return subprocess.Popen(
            command,
            cwd=self.path,
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def env(self) -> dict[str, str]:
        here = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": ""}
        return here | {"COLUMNS": "200"}

    def set(self, **sections: dict[str, Any]) -> None:
        """Change parameters, e.g. set(pairs={"min_confidence": 0.9})."""
        path = self.path / "params.yaml"
        params = yaml.safe_load(path.read_text())
        for section, values in sections.items():
            for key, value in values.items():
                old = params[section].get(key)
                params[section][key] = old | value if isinstance(old, dict) else value
        path.write_text(yaml.safe_dump(params))


def make_repository(path: Path, url: str) -> Repository:
    path.mkdir()
    for room in ROOMS:
        shutil.copytree(ROOT / room, path / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("dvc.yaml", "params.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / file, path)
    shutil.copytree(ROOT / "tests/line/prompts", path / "prompts")
    (path / "tasks.jsonl").write_text(tasks_jsonl(), encoding="utf-8")
    repository = Repository(path)
    repository.set(
        tasks={"path": "tasks.jsonl"},
        prompts={"folder": "prompts"},
        generate={"n_solutions": 8, "n_tests": 8},
        engine={"kind": "openai", "openai": {"base_url": url, "model": "scripted"}},
        optimize={"rounds": 2},
    )
    for command in (
        ["git", "init", "-q"],
        ["dvc", "init", "-q"],
        ["dvc", "config", "core.analytics", "false"],
    ):
        assert repository.run(*command).returncode == 0
    return repository


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with scripted_model(SCRIPT) as running:
        yield running


@pytest.fixture(scope="module")
def new_repository(
    tmp_path_factory: pytest.TempPathFactory, server: ScriptedServer
) -> Callable[[str], Repository]:
    return lambda name: make_repository(tmp_path_factory.mktemp("line") / name, server.url)
