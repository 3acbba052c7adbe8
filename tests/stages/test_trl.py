"""TRL's own DPOTrainer takes both configurations as they are and trains on them.

TRL and torch are no dependencies of Pairsmith; docs/training.md tells how to run this test.
"""

import pytest

pytest.importorskip("trl", reason="TRL is not installed: docs/training.md tells how to run this test")

from tests.stages.line import many_tasks

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer(texts: list[str]):
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    bytes_to_tokens = ByteLevelBPETokenizer()
    special = ["<|im_start|>", "<|im_end|>", "<|pad|>"]
    bytes_to_tokens.train_from_iterator(texts, vocab_size=400, special_tokens=special)
    made = PreTrainedTokenizerFast(
        tokenizer_object=bytes_to_tokens._tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>"
    )
    made.chat_template = CHAT_TEMPLATE
    return made


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("configuration", ["conversational", "plain"])
def test_dpo_trainer_takes_the_pairs_untouched_and_trains(loaded, tmp_path, monkeypatch, configuration):
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl import DPOConfig, DPOTrainer

    monkeypatch.chdir(tmp_path)
    made = many_tasks(9).made(validation_share=0.0)
    words = tokenizer([*made.prompt, *made.chosen, *made.rejected])
    shape = LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    # TRL loads its reference model from where the model came from.
    LlamaForCausalLM(shape).save_pretrained(tmp_path / "model")
    model = LlamaForCausalLM.from_pretrained(tmp_path / "model")
    args = DPOConfig(
        output_dir=str(tmp_path / "run"),
        max_steps=2,
        per_device_train_batch_size=2,
        report_to=[],
        use_cpu=True,
    )
    trainer = DPOTrainer(
        model=model,
        args=args,
        train_dataset=loaded("outputs/datasets", configuration)["train"],
        processing_class=words,
    )
    assert len(trainer.train_dataset) == len(made)
    for row in trainer.train_dataset:
        assert "Add two numbers." in words.decode(row["prompt_ids"])
        assert words.decode(row["chosen_ids"]).startswith("```python\ndef add(a, b):")
        assert row["chosen_ids"] != row["rejected_ids"]
    assert trainer.train().global_step == 2
