import contextlib
from pathlib import Path

import pytest
import yaml

from pipeline.engines.opened import EngineParams
from pipeline.errors import EngineError, ParamsError
from pipeline.params import load
from stages import tune
from tests.pipeline.engines.fakes import EchoEngine, request
from tests.pipeline.engines.misbehaving import OK, Misbehaving, serving
from tests.stages.test_generate import prepare, written

ROOT = Path(__file__).resolve().parents[2]


def test_each_setting_is_raised_while_that_pays():
    tried = []

    def measure(settings):
        tried.append(dict(settings))
        return min(settings["a"], 4) * 10 + (5 if settings.get("b") == 2 else 0)

    best, rate = tune.fastest([("a", [1, 2, 4, 8, 16]), ("b", [1, 2, 3])], measure)
    assert (best, rate) == ({"a": 4, "b": 2}, 45)
    assert {"a": 16} not in tried  # 8 had gained nothing


def test_settings_that_do_not_work_are_passed_over():
    best, _ = tune.fastest([("a", [1, 2, 4])], lambda settings: 0.0 if settings["a"] == 1 else 10.0)
    assert best == {"a": 2}
    assert tune.fastest([("a", [1, 2])], lambda _: 0.0) == ({}, 0.0)


@pytest.mark.parametrize("kind", ["vllm", "openai", "llamacpp"])
def test_a_winner_lands_where_the_stages_read_it_and_nothing_else_changes(kind, tmp_path):
    text = (ROOT / "params.yaml").read_text()
    for name, _ in tune.axes(kind, 15):
        changed = tune.with_setting(text, kind, name, 77)
        (tmp_path / "params.yaml").write_text(changed)
        params = load("engine", EngineParams, tmp_path / "params.yaml")
        assert getattr(getattr(params, kind), name) == 77
        before, after = text.splitlines(), changed.splitlines()
        differing = [number for number, line in enumerate(after) if line != before[number]]
        assert len(differing) == 1
        assert after[differing[0]].partition("#")[2] == before[differing[0]].partition("#")[2]


def test_a_setting_that_is_not_there_is_an_error_that_names_it():
    with pytest.raises(ParamsError, match=r"engine\.vllm\.max_num_seqs cannot be written"):
        tune.with_setting(yaml.safe_dump({"engine": {"kind": "vllm"}}), "vllm", "max_num_seqs", 1)


def test_a_trial_counts_tokens_and_an_engine_that_breaks_counts_nothing(monkeypatch, capsys):
    params = load("engine", EngineParams, ROOT / "params.yaml")
    engine = EchoEngine()
    monkeypatch.setattr(tune, "open_engine", lambda _: contextlib.nullcontext(engine))
    assert tune.tokens_per_s(params, [request(1), request(2)]) > 0
    warm_up, *counted = engine.asked
    assert counted == [request(1), request(2)]
    assert (warm_up.prefill, warm_up.n, warm_up.sampling.max_tokens) == (request(1).prefill, request(1).n, 4)

    class Breaking(EchoEngine):
        def ask(self, requests):
            raise EngineError(f"out of memory before {requests}")

    monkeypatch.setattr(tune, "open_engine", lambda _: contextlib.nullcontext(Breaking()))
    assert tune.tokens_per_s(params, [request(1)]) == 0.0
    assert "out of memory" in capsys.readouterr().err


@pytest.mark.parametrize("dry", [True, False])
def test_the_command_tries_a_real_server_and_writes_the_winner(tmp_path, monkeypatch, capsys, dry):
    behaviour = Misbehaving(lambda *_: OK, text=written)
    monkeypatch.setattr(tune, "axes", lambda *_: [("concurrency", [7, 14])])
    monkeypatch.setattr("sys.argv", ["tune", "--tasks", "3", *(["--dry-run"] if dry else [])])
    with serving(behaviour) as url:
        prepare(tmp_path, url, n_tasks=4)
        monkeypatch.chdir(tmp_path)
        tune.main()
    written_down = load("engine", EngineParams).openai.concurrency
    fastest = int(capsys.readouterr().out.split("fastest: {'concurrency': ")[1].split("}")[0])
    assert fastest in (7, 14)
    assert written_down == (4 if dry else fastest)
