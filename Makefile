# Everything a person types. `make help` lists it; the program behind it is .venv/bin/ap (analytics-platform).
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?=
ARGS ?=
BIN := .venv/bin
CODE := analytics_platform analytics_platform_tests

.PHONY: help install up down status demo test test-upstream lint check proof bench bench-peers bench-quick lock clean reset

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@echo "Options for ap go into ARGS, as in: make up ARGS='--detach --rate 500'"

install:  ## .venv from requirements.lock (PYTHON=python3.12 picks one)
	@PYTHON="$(PYTHON)" infra/install.sh

up: install  ## start everything; Ctrl-C stops it
	@exec $(BIN)/ap up $(ARGS)

down: install  ## stop what `make up` started
	@exec $(BIN)/ap down $(ARGS)

status: install  ## how it is, worst first
	@exec $(BIN)/ap status $(ARGS)

demo: install  ## the same machinery, bounded: produce, publish, compare with an oracle
	@exec $(BIN)/ap demo $(ARGS)

lint: install  ## format, lint, types, layers, data contracts, schemas, secrets
	@$(BIN)/ruff format --check --quiet $(CODE) || { echo "lint: run .venv/bin/ruff format"; exit 1; }
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/ty check --quiet $(CODE)
	@mkdir -p build && $(BIN)/lint-imports > build/lint-imports.txt 2>&1 || { cat build/lint-imports.txt; exit 1; }
	@$(BIN)/ap contract lint
	@$(BIN)/ap schema lint
	@$(BIN)/ap schema check
	@$(BIN)/ap access scan
	@echo "lint: clean"

test: install  ## the tests, on all cores
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(ARGS)

test-upstream: install  ## the contract tests of private APIs, on the newest versions of what they belong to
	@infra/test-upstream.sh $(ARGS)

check: lint test  ## lint + test: what CI runs

proof: install  ## one proof, as in: make proof P=live-2
	@test -n "$(P)" || { echo "which? make proof P=live-1"; $(BIN)/python -m analytics_platform_tests.proofs --list; exit 2; }
	@exec $(BIN)/python -m analytics_platform_tests.proofs $(P) $(ARGS)

bench: install  ## what a backlog and an old table cost, beside others: bench/report.json, .md and a chart
	@exec $(BIN)/python -m analytics_platform_tests.bench $(ARGS)

bench-peers: install  ## the same with Spark besides, which is fetched first (1 GB)
	@exec $(BIN)/python -m analytics_platform_tests.bench --peers $(ARGS)

bench-quick: install  ## all of it smaller, in a few minutes: to see that it runs
	@exec $(BIN)/python -m analytics_platform_tests.bench --quick $(ARGS)

lock:  ## write requirements.lock anew from pyproject.toml (needs uv)
	@command -v uv >/dev/null || { echo "lock: needs uv, see https://docs.astral.sh/uv/"; exit 1; }
	uv pip compile pyproject.toml --extra local --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-emit-index-url --no-strip-extras --output-file requirements.lock

clean:  ## delete build caches (no data, no .venv)
	@rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist build/lint-imports.txt
	@find analytics_platform analytics_platform_tests -name __pycache__ -type d -prune -exec rm -rf {} +

reset: install  ## delete local data: shows paths and sizes, asks (ARGS=--yes does not)
	@exec $(BIN)/ap reset $(ARGS)
