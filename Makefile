# Two commands do all set-up on a fresh machine: `make demo` and `make test`.
# Everything they make lies in $(VENV); without make, run the lines below by hand.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
JOBS   ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test exhaustive bench check lint types layering format sshd clean reference man docs dist

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[services]' --group test --group check
	@touch $@

demo: $(VENV)/ready  ## the whole story on this machine, in a throw-away folder; no SSH needed
	$(BIN)/seamless-reconcile demo

test: $(VENV)/ready sshd  ## every test, on real services and real sshd hosts
	$(BIN)/python -m pytest -n $(JOBS)

exhaustive: $(VENV)/ready  ## every initial state with every wish and every fault, on the simulated world: hours
	SEAMLESS_RECONCILE_EXHAUSTIVE=1 $(BIN)/python -m pytest -n $(JOBS) tests/simulated/test_exhaustive.py tests/simulated/test_machine.py

bench: $(VENV)/ready sshd  ## measure, next to other tools, and write docs/performance.md: on a machine that does nothing else
	$(BIN)/python -m benchmarks --repeats 9 --write

check: lint types layering  ## lint, types, layering

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy
	$(BIN)/mypy tests/typing/api.py

layering: $(VENV)/ready
	$(BIN)/lint-imports

format: $(VENV)/ready  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reference: $(VENV)/ready  ## write anew what the documents take from the code
	$(BIN)/python -m docs.make

man: reference  ## the man pages, in docs/man
	@echo "read one: man -l docs/man/seamless-reconcile.1; every install of the package brings them along"

docs: $(VENV)/docs-ready  ## the documents as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

dist: $(VENV)/dist-ready  ## wheel and sdist, in dist/
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

$(VENV)/docs-ready $(VENV)/dist-ready: $(VENV)/%-ready: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --group $*
	@touch $@

sshd:
	@.ci/ensure-sshd

clean:  ## remove what the other targets made
	rm -rf $(VENV) dist build site .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
