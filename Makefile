# `make demo` shows a pool go 0→N→0 on a real cluster; `make test` passes every test; `make check` is the fast subset.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONTEXT ?=

.PHONY: demo test check core unit activator faults lint generate backtest clean

demo: $(VENV)/.with-backtest
	$(BIN)/python -m hack.demo $(if $(CONTEXT),--context $(CONTEXT))

test: check
	$(BIN)/pytest tests/e2e tests/integration

# Several things at once: the tests of core and unit compute, most of the others wait.
check: $(VENV)/.with-dev
	@$(MAKE) --no-print-directory --jobs=5 core unit lint activator faults

core: $(VENV)/.with-dev
	$(BIN)/pytest --quiet tests/unit/core

unit: $(VENV)/.with-dev
	$(BIN)/pytest --quiet tests/unit --ignore tests/unit/core

activator: $(VENV)/.with-dev
	$(BIN)/pytest --quiet tests/component/activator

faults: $(VENV)/.with-dev
	$(BIN)/pytest --quiet tests/golden tests/component --ignore tests/component/activator

lint: $(VENV)/.with-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/poolkeeper crds --check

generate: $(VENV)/.with-dev
	$(BIN)/poolkeeper crds
	$(BIN)/python hack/render_deploy.py
	$(BIN)/python hack/render_api_docs.py
	$(BIN)/python hack/render_tuning_docs.py
	$(BIN)/python hack/render_class_docs.py

backtest: $(VENV)/.with-backtest
	$(BIN)/python -m hack.bench policy.table

$(VENV)/.with-backtest: requirements/backtest.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Poolkeeper needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "the venv module is missing (on Debian: apt-get install python3-venv)"; exit 1; }
	$(BIN)/pip install --quiet --require-hashes -r requirements/backtest.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.with-dev: requirements/dev.txt $(VENV)/.with-backtest
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

clean:
	rm -rf $(VENV) build dist operator/*.egg-info
