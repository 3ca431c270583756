SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo dev check test test-long bench lock clean

help: ## What there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(STAMP) ## The environment, from the committed lock (hashes checked)

$(STAMP): requirements-dev.lock pyproject.toml
	@echo "Installing into $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@# uv installs the same lock several times faster; where it is not to be had, pip does it.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv 2>/dev/null || true
	@if test -x $(BIN)/uv; then \
		$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.lock; \
	else false; fi \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@# Every run starts a few Python processes; compiled once, they import twice as fast.
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m compileall -q common ingestion expectations activation prediction sandbox orchestration
	@touch $@

demo: install ## The whole line on real orders against the local sandbox: no key, no account, no server
	@$(BIN)/siyu demo

dev: install ## Dagster UI on http://127.0.0.1:3000 with the same project
	@$(BIN)/siyu dev

check: install ## ruff, types, room rules, SQL lint, dbt parse
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/lint_sql.py

# In the order of their names, files with few but long tests do not all come last.
test: install ## All tests but the long suites
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not long"

test-long: install ## The long suites: a thousand histories (SIYU_LONG_HISTORIES), more kills; takes most of a day
	SIYU_TEST_HISTORIES=10 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

bench: install ## The measures; M=P3 for one, N= number of customers
	$(BIN)/python -m bench $(if $(M),--only $(M)) $(if $(N),--customers $(N))

lock: ## Make the locks anew from pyproject.toml (hashes, no addresses)
	$(BIN)/uv pip compile -q pyproject.toml --python-version 3.11 --universal --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links -o requirements.lock
	$(BIN)/uv pip compile -q pyproject.toml --extra dev -c requirements.lock --python-version 3.11 --universal \
		--generate-hashes --no-header --no-emit-index-url --no-emit-find-links -o requirements-dev.lock

clean: ## Remove the environment; the stores in var/ stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build *.egg-info
