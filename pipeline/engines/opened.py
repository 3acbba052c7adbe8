"""params.yaml's engine section -> an engine that can be asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from pipeline.engines.llamacpp import LlamaCppParams, open_llamacpp
from pipeline.engines.openai import OpenAi
from pipeline.engines.openai_server import OpenAiParams
from pipeline.engines.types import Engine
from pipeline.engines.usage import Prices
from pipeline.engines.vllm import VllmParams, open_vllm
from pipeline.params import Section


class EngineParams(Section):
    """The section engine, shared by the stages that reach a model.

    kind: which of the subsections is used.
    prices: of its tokens.
    """

    kind: Literal["llamacpp", "openai", "vllm"]
    prices: Prices
    llamacpp: LlamaCppParams
    openai: OpenAiParams
    vllm: VllmParams


@contextmanager
def open_engine(params: EngineParams) -> Iterator[Engine]:
    """The engine the section names, closed when the block ends; the model is loaded with the first request.

    Raises:
        EngineError: the engine cannot be set up as the section says.
    """
    engine = _engine(params)
    try:
        yield engine
    finally:
        engine.close()


def _engine(params: EngineParams) -> Engine:
    match params.kind:
        case "llamacpp":
            return open_llamacpp(params.llamacpp)
        case "openai":
            return OpenAi(params.openai)
        case "vllm":
            return open_vllm(params.vllm)
