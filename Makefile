# make run    the quick-start scenario: a table and figures in runs/quickstart
# make test   tests, and beside them lint, types and layers; each alone: make pytest, make lint, make types, make layers
#
# Both create the virtual environment they need. Variables:
#   PYTHON       interpreter to start from, 3.11 or newer
#   VENV         folder of the virtual environment
#   TORCH_INDEX  extra package index for PyTorch. pip's default on Linux is the CUDA build (several GB); the CPU build is
#                enough: make run TORCH_INDEX=https://download.pytorch.org/whl/cpu
#   WORKERS      processes that run the tests, one thread and up to 3 GB of memory each

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
WORKERS ?= 2

PIP_INSTALL := $(VENV)/bin/python -m pip install $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -c constraints.txt

.PHONY: run test pytest lint types layers
.DEFAULT_GOAL := run

run: $(VENV)/installed-core
	$(VENV)/bin/taskwave run quickstart --out runs/quickstart --jobs 2

test: $(VENV)/installed-dev
	@$(MAKE) --no-print-directory --jobs=2 --keep-going lint layers types pytest

pytest: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal

lint: $(VENV)/installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/installed-dev
	$(VENV)/bin/mypy

layers: $(VENV)/installed-dev
	$(VENV)/bin/lint-imports

$(VENV)/bin/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "$(PYTHON) is older than Python 3.11: give another one, make PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# Stamps: written after a complete installation, out of date when the requirements change.
$(VENV)/installed-core: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP_INSTALL) -e ".[ocr]"
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP_INSTALL) -e ".[dev]"
	@touch $@ $(VENV)/installed-core
