"""The vllm engine: what needs no vLLM is tested everywhere, the rest by `make test-vllm`."""

import importlib.util
import os
import signal
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pipeline.engines import vllm
from pipeline.engines.types import Answer, Failure, Message, Request, Sampling
from pipeline.engines.vllm import VllmParams, model_identity, open_vllm
from pipeline.errors import EngineError
from tests.line.conftest import make_repository

ROOT = Path(__file__).resolve().parents[3]
MODEL = ROOT / "models/SmolLM2-135M-Instruct"
PARAMS = VllmParams(
    model=str(MODEL),
    revision="",
    context_length=512,
    # Most CPUs have to emulate bfloat16: four to eight times as slow as float32.
    dtype="bfloat16" if vllm.visible_gpus() else "float32",
    quantization=None,
    tensor_parallel_size=1,
    replicas=1,
    max_num_seqs=32,
    max_num_batched_tokens=None,
    seeded=True,
    options={"enforce_eager": True, "kv_cache_memory_bytes": 1 << 29},
)
STUB = '```python\ndef add(a: int, b: int) -> int:\n    """Return the sum of a and b."""'
GREEDY = Sampling(temperature=0.0, top_p=1.0, max_tokens=12, stop=("\n\n",))
ADD = Request((Message("user", "Add two numbers."),), STUB, 1, GREEDY, seed=0)

needs_vllm = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None or not MODEL.exists(), reason="no vLLM here: make test-vllm"
)


def visible(monkeypatch, gpus: str | None) -> None:
    monkeypatch.setattr(vllm, "visible_gpus", lambda: gpus.split(",") if gpus else [])


def environments(**changed) -> list[dict[str, str]]:
    engine = open_vllm(PARAMS.model_copy(update={"model": "org/name", **changed}))
    return [dict(build.args[2]) for build in engine._builds]


def test_replicas_share_out_the_visible_gpus(monkeypatch):
    visible(monkeypatch, "0,1,2,5")
    places = environments(replicas=0, tensor_parallel_size=2)
    assert places == [{"CUDA_VISIBLE_DEVICES": "0,1"}, {"CUDA_VISIBLE_DEVICES": "2,5"}]


def test_more_replicas_than_gpus_hold_are_refused_before_anything_is_loaded(monkeypatch):
    visible(monkeypatch, "0,1,2")
    with pytest.raises(EngineError, match=r"3 visible(.|\n)*2 x 2"):
        environments(replicas=2, tensor_parallel_size=2)
    with pytest.raises(EngineError, match="too few GPUs"):
        environments(replicas=0, tensor_parallel_size=4)


def test_without_gpus_replicas_share_out_the_cores(monkeypatch):
    visible(monkeypatch, None)
    assert environments(replicas=0) == [{}]
    shares = [place["VLLM_CPU_OMP_THREADS_BIND"] for place in environments(replicas=2)]
    assert sorted(shares) == sorted(set(shares)) or len(os.sched_getaffinity(0)) == 1


@pytest.mark.parametrize(
    ("chosen", "found"), [("", []), ("-1", []), ("2", ["2"]), ("0, GPU-ab", ["0", "GPU-ab"])]
)
def test_cuda_visible_devices_is_obeyed(monkeypatch, chosen, found):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert vllm.visible_gpus() == found


def test_a_model_is_named_by_its_revision_or_content_and_its_precision(tmp_path):
    hub = PARAMS.model_copy(update={"model": "org/name", "revision": "abc", "dtype": "auto"})
    assert model_identity(hub) == "org/name@abc+auto"
    assert model_identity(hub.model_copy(update={"quantization": "fp8"})) == "org/name@abc+fp8"
    folder = hub.model_copy(update={"model": str(tmp_path)})
    (tmp_path / "model.safetensors").write_bytes(bytes(3 << 20))
    before = model_identity(folder)
    (tmp_path / "model.safetensors").write_bytes(bytes((3 << 20) - 1) + b"x")
    assert model_identity(folder) != before


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_a_missing_vllm_is_one_clear_error(monkeypatch):
    visible(monkeypatch, None)
    with (
        closing(open_vllm(PARAMS)) as engine,
        pytest.raises(EngineError, match=r"pip install .*'\.\[vllm\]'"),
    ):
        list(engine.ask([ADD]))


@needs_vllm
def test_vllm_answers_what_it_can_and_counts_what_it_cannot():
    drawn = replace(ADD, n=5, sampling=replace(GREEDY, temperature=0.8, top_p=0.95, logprobs=True))
    raw = Request((), "1, 2, 3, 4,", 1, replace(GREEDY, stop=(" 7",)), 0)
    too_long, empty = replace(ADD, prefill="x " * 600), Request((), "", 1, GREEDY, 0)
    greedy_twice = replace(raw, n=2)
    to_the_end = Request((), "1 2 3 4 5 6 7 8 9 " * 8, 1, replace(GREEDY, max_tokens=4096, stop=()), 0)
    with closing(open_vllm(PARAMS)) as engine:
        found = {
            o.request: o for o in engine.ask([ADD, drawn, raw, greedy_twice, too_long, empty, to_the_end])
        }
    assert found[ADD].completions[0].text == "\n    return a + b"
    assert found[raw].completions[0].text == " 5, 6,"
    assert [completion.text for completion in found[greedy_twice].completions] == [" 5, 6,"] * 2
    assert len(found[drawn].completions) == 5
    assert all(completion.mean_logprob < 0 for completion in found[drawn].completions)
    assert isinstance(found[too_long], Failure)
    assert found[too_long].reason == "prompt_too_long"
    assert found[empty].reason == "empty_prompt"
    ended = found[to_the_end]
    assert ended.prompt_tokens + ended.completions[0].n_tokens <= PARAMS.context_length
    assert ended.completions[0].finish_reason == "length"


@needs_vllm
def test_one_vllm_replica_killed_while_two_run_loses_nothing(monkeypatch):
    shared = vllm.visible_gpus()[:1] * 2  # one GPU holds both
    monkeypatch.setattr(vllm, "visible_gpus", lambda: shared)
    drawn = replace(GREEDY, temperature=0.8)
    requests = [
        replace(ADD, n=4, seed=1024 * n, sampling=drawn, prefill=f"{STUB}\n    # {n}\n") for n in range(24)
    ]
    with closing(open_vllm(PARAMS.model_copy(update={"replicas": 2, "max_num_seqs": 8}))) as engine:
        outcomes = []
        for outcome in engine.ask(requests):
            outcomes.append(outcome)
            if len(outcomes) == 1:
                os.kill(engine.pids()[0], signal.SIGKILL)
        assert len(engine.pids()) == 1
    assert {outcome.request for outcome in outcomes} == set(requests)
    assert len(outcomes) == len(requests)
    assert all(isinstance(outcome, Answer) for outcome in outcomes)


@needs_vllm
def test_the_whole_line_runs_through_vllm(tmp_path):
    repository = make_repository(tmp_path / "line", url="")
    repository.set(
        tasks={"path": "pipeline/data/tasks.jsonl", "limit": 8},
        prompts={"folder": "pipeline/prompts/embedded"},
        engine={"kind": "vllm", "vllm": PARAMS.model_dump()},
        optimize={"rounds": 1},
    )
    assert repository.run("dvc", "repro").returncode == 0
    solutions = pd.read_parquet(repository.path / "outputs/solutions")
    assert solutions["model"].str.startswith("SmolLM2-135M-Instruct@").all()
    assert solutions["task_id"].nunique() == 8
    assert len(pd.read_parquet(repository.path / "outputs/tests")) > 8
