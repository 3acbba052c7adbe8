"""Fixtures that tests of what a program or a check may reach share."""

from collections.abc import Iterator

import pytest

from pipeline.params import load
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox


@pytest.fixture(params=["namespaces", "landlock"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Of one worker, confined in one of the two ways."""
    params = load("sandbox", SandboxParams).model_copy(update={"isolation": request.param, "workers": 1})
    with Sandbox.open(params) as opened:
        yield opened
