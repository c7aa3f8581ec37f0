# Every target makes the environment it needs; PYTHON names the interpreter to make it with.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DATA ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-lowest check docs build format bench paper clean

help:
	@echo "make demo             train four small sweeps, and see what stopping early would have saved (about 2 minutes)"
	@echo "make demo DATA=PATH   networks on images of your own: a folder or archive with train/CLASS and test/CLASS"
	@echo "make test             the whole test suite"
	@echo "make test-lowest      a part of it, with the lowest supported versions of the dependencies"
	@echo "make check            lint, types, import rules"
	@echo "make docs             the docs as a site in out/site, every link checked"
	@echo "make build            the package as a wheel and a source archive in dist, checked"
	@echo "make bench            speed, as ratios measured side by side"
	@echo "make paper            the paper's tables and figures from zoos/, written to docs/results"
	@echo "make format           format the code"
	@echo "make clean            remove the environment and everything made"

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: $(VENV)/installed
	$(BIN)/epochgraph demo $(DATA)

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

# An environment of its own. What warns of its own old age may, and pytest is not one of the dependencies.
LOWEST := $(VENV)-lowest
LOWEST_TESTS := tests/test_imports.py tests/contract tests/runs tests/predictors tests/checkpoints tests/cli

$(LOWEST)/installed: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --upgrade pip
	$(LOWEST)/bin/python -m pip install --quiet --constraint constraints-lowest.txt --editable . \
		"pytest>=8.3" "pytest-xdist>=3.6" "hypothesis>=6.112" "beartype>=0.19" "sybil>=9"
	touch $@

test-lowest: $(LOWEST)/installed
	$(LOWEST)/bin/python -m pytest --numprocesses auto --maxprocesses 4 -o filterwarnings=default $(LOWEST_TESTS)

check: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	touch $@

docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir out/site
	$(BIN)/linkchecker --no-status --no-warnings out/site/index.html

$(VENV)/installed-build: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "build>=1.2" "twine>=6.1"
	touch $@

build: $(VENV)/installed-build
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks

paper: $(VENV)/installed
	$(BIN)/python -m paper all --out docs/results

clean:
	rm -rf $(VENV) $(LOWEST) dist out .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
