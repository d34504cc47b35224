# What you type. Every target builds .venv from requirements.lock by itself.
PYTHON  ?= $(shell command -v python3.11 || command -v python3)
BIN     := .venv/bin
SYMBOL  ?= XAUUSD
TF      ?= 15T
STRICT  ?=
TIER    ?= commit
UV      := 0.13.8

.PHONY: setup enrich train train-all notebooks ui demo test explore check bench docs lock clean soak placebo

setup: .venv/.ready

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v == (3, 11) else f"Assay needs Python 3.11, found {v[0]}.{v[1]} at {sys.executable}: install 3.11 or say make PYTHON=/path/to/python3.11")'
	@echo "Building .venv from requirements.lock …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

enrich: setup
	@$(BIN)/assay enrich

# A FAILED verdict is an answer, not an error: it exits 0 unless STRICT=1. A leak, and whatever else is refused, keeps 3.
train: setup
	@$(BIN)/assay train $(SYMBOL) $(TF) $(if $(STRICT),,--accept-failed)

# Every series of config/fleet.toml, by all cores; goes on where it was stopped.
train-all: setup
	@$(BIN)/assay fleet run

# Every notebook on what is there, as pages: the series that is named, else the first with a verdict, else a simulated one.
notebooks: setup
	@$(BIN)/assay notebooks $(if $(filter-out file,$(origin SYMBOL) $(origin TF)),$(SYMBOL)_$(TF))

ui: setup
	@$(BIN)/assay ui

demo: setup
	@$(BIN)/python -m pipeline.demo

test: setup
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

# How often the verdict promotes what has no edge (docs/placebo.md).
placebo: setup
	@$(BIN)/assay placebo --tier $(TIER)

# The property tests again, on examples that were never drawn before.
explore: setup
	@$(BIN)/pytest tests -n 2 --hypothesis-profile explore

check: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: setup
	@$(BIN)/pytest benchmarks --benchmark-enable

# The pages that are made from the code.
docs: setup
	@page=$$($(BIN)/python -m feature_store.catalogue) && printf '%s\n' "$$page" > docs/features.md

# 24 months of five-minute bars through the runner's loop; 240 kills of what writes the registry.
soak: setup
	@$(BIN)/python -m benchmarks.runner
	@$(BIN)/python -m benchmarks.registry_kills

lock: setup
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra dev pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
