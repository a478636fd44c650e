# make run    the service on this machine       make test   everything that CI runs
# make check  lint, types and unit tests        make lock   new versions into requirements.lock

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= serve_config.yaml
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help run test check lint unit acceptance clients chaos backup restore lock clean

help:
	@sed -n 's/^# //p' Makefile

run: $(VENV)/installed
	@exec $(BIN)/python -m deployments.run $(CONFIG)

test: check acceptance

check: lint unit

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

unit: $(VENV)/installed-dev
	$(BIN)/pytest tests/unit

acceptance: $(VENV)/installed-dev clients
	$(BIN)/pytest tests/acceptance

# The real service in a storm of kills, full disks and locked databases, and its books afterwards:
# make chaos MINUTES=15 DATABASE=postgresql
MINUTES ?= 5
DATABASE ?= sqlite
chaos: $(VENV)/installed-dev
	$(BIN)/python -m tests.chaos --minutes $(MINUTES) --database $(DATABASE)

# A copy of the data folder while the service runs: make backup TO=backups/monday
DATA_DIR ?= data
backup: $(VENV)/installed
	@test -n "$(TO)" || { echo "say where to: make backup TO=folder"; exit 1; }
	$(BIN)/python -m jobs.backup save "$(DATA_DIR)" "$(TO)"

restore: $(VENV)/installed
	@test -n "$(FROM)" || { echo "say where from: make restore FROM=folder"; exit 1; }
	$(BIN)/python -m jobs.backup restore "$(FROM)" "$(DATA_DIR)"

# Debian packages that some acceptance tests use; where they can't be installed, those tests say so.
clients:
	@{ command -v elixir && command -v chromium && command -v prometheus; } >/dev/null \
	  || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq \
	  && apt-get install -y -qq --no-install-recommends elixir chromium prometheus >/dev/null; } || true

$(VENV)/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=…") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing; the first time takes a few minutes …"
	$(PIP) install -r requirements.lock
	$(PIP) install --no-deps --editable .
	$(BIN)/python -m deployments.classifier.exemplars
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.lock
	$(PIP) install -r requirements-dev.lock
	@touch $@

# Resolved anew from the ranges in pyproject.toml.
lock:
	rm -rf $(VENV)/lock && $(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet --editable .
	$(VENV)/lock/bin/pip freeze --exclude-editable > requirements.lock
	$(VENV)/lock/bin/pip install --quiet --editable .[dev]
	$(VENV)/lock/bin/pip freeze --exclude-editable > requirements-dev.lock
	rm -rf $(VENV)/lock

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
