"""A .gguf file -> a Hugging Face folder in bfloat16, which vLLM loads: the vllm engine without a hub.

    python -m pipeline.engines.dequantize models/SmolLM2-135M-Instruct.Q4_1.gguf models/SmolLM2-135M-Instruct

Needs transformers, gguf and accelerate; `make test-vllm` has them in an environment of its own.
"""

import argparse
import tempfile
from pathlib import Path

from pipeline.stage import run


def dequantize(gguf: Path, folder: Path) -> None:
    """Make `folder` (weights, configuration, tokenizer, chat template) from the file, whole or not at all."""
    import torch  # noqa: PLC0415  only there where vLLM is
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig  # noqa: PLC0415

    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    with tempfile.TemporaryDirectory(dir=folder.parent) as parent:
        whole = Path(parent) / "whole"
        model = AutoModelForCausalLM.from_pretrained(
            **source, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
        )
        model.save_pretrained(whole)
        AutoTokenizer.from_pretrained(**source).save_pretrained(whole)
        whole.rename(folder)


def main() -> None:
    """Dequantize one file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("gguf", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    dequantize(options.gguf, options.folder)


if __name__ == "__main__":
    run(main)
