# Each target sets up what it needs in .venv; needed beforehand: Python 3.11 or newer,
# git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test test-full test-cloud test-cloud-full bench docs lint format venv .venv clean
.DEFAULT_GOAL := help

help:
	@echo "make demo        the main job on embedded parts, live, in twenty seconds"
	@echo "make test        the tests; databases and brokers where they can be reached"
	@echo "make test-full   the long ones with all their figures"
	@echo "make test-cloud  the journeys on a real OpenStack (root on Debian 12)"
	@echo "make test-cloud-full  everything there, and the simulated cloud beside it"
	@echo "make bench       measurements; one JSON line each"
	@echo "make docs lint format"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; say which: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# one stamp for each set of packages
$(VENV)/.base: setup.cfg setup.py pyproject.toml $(VENV)/bin/python
	@echo "installing into $(VENV) ..."
	@$(PIP) install --quiet --upgrade pip setuptools wheel
	@$(PIP) install --quiet --no-build-isolation --editable .
	@touch $@

$(VENV)/.%: $(VENV)/.base
	@$(PIP) install --quiet --no-build-isolation --editable '.[$*]'
	@touch $@

# with what the tests need
venv .venv: $(VENV)/.test

demo: $(VENV)/.base
	@$(BIN)/craton-maintenance demo

# files side by side, on as many cores as there are; SPREAD= for one after the other
SPREAD ?= -n auto --dist loadfile

test: $(VENV)/.test
	$(BIN)/python -m pytest $(SPREAD) $(ARGS)

test-full: $(VENV)/.test
	CRATON_MAINTENANCE_FULL=1 $(BIN)/python -m pytest $(SPREAD) $(ARGS)

test-cloud:
	tools/test-cloud $(ARGS)

test-cloud-full:
	tools/test-cloud --full $(ARGS)

bench: $(VENV)/.test
	$(BIN)/python -m bench $(ARGS)

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -b html doc/source doc/build/html

lint: $(VENV)/.lint $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info doc/build
