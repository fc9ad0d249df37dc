# Two commands do all set-up on a fresh machine: `make demo` and `make test`.
# Everything they make lies in $(VENV); without make, run the lines below by hand.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
JOBS   ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types layering format sshd clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[services]' --group test --group check
	@touch $@

demo: $(VENV)/ready  ## the whole story on this machine, in a throw-away folder; no SSH needed
	$(BIN)/seamless-reconcile demo

test: $(VENV)/ready sshd  ## every test, on real services and real sshd hosts
	$(BIN)/python -m pytest -n $(JOBS)

check: lint types layering  ## lint, types, layering

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy

layering: $(VENV)/ready
	$(BIN)/lint-imports

format: $(VENV)/ready  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

sshd:
	@.ci/ensure-sshd

clean:  ## remove what the other targets made
	rm -rf $(VENV) dist build site .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
