"""Fixtures that tests of several stages share."""

import pytest


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """`datasets.load_dataset`, kept from the network and from the user's cache."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return datasets.load_dataset
