# What a user and a developer type. Everything is installed into .venv, at the versions of constraints.txt.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help serve ray fill demo pretrained starter results docs static check test bench capacity chaos soak gpu sbom clean

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
STORE := $(or $(CREDENCE_STORE),store)
BIN := .venv/bin
# torch's threads sleep while they wait: where other processes are busy, spinning made a LeNet pass 70 ms, not 1.2.
export OMP_WAIT_POLICY ?= PASSIVE
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e

help: ## Show this list.
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

serve: .venv/runtime fill ## Install, put the pretrained models into the store, and serve on port 8000.
	@echo "==> Serving $(STORE) on http://$${CREDENCE_HOST:-127.0.0.1}:$${CREDENCE_PORT:-8000} (stop with Ctrl-C)"
	@exec $(BIN)/python -m service

ray: .venv/ray fill ## The same on Ray Serve: replicas that come and go with the load; docs/ray.md tells how on several machines.
	@echo "==> Serving $(STORE) on Ray Serve, http://127.0.0.1:8000 (stop with Ctrl-C)"
	@set -a && . docker/ray/nodes.env && CREDENCE_STORE="$(STORE)" RAY_USAGE_STATS_ENABLED=0 \
		exec $(BIN)/serve run docker/ray/serve.yaml

# The cheap question first, without a Python that imports torch.
fill: .venv/runtime
	@if ls -d $(patsubst pretrained/%/,"$(STORE)"/%,$(wildcard pretrained/*/)) >/dev/null 2>&1; \
	then echo "==> $(STORE) has the pretrained models"; \
	else echo "==> Putting the pretrained models into $(STORE) (their data and licences: pretrained/README.md)" \
		&& $(BIN)/python -m service add-pretrained pretrained --store "$(STORE)"; fi

demo: .venv/runtime ## Train all bundled models that the store does not have.
	@echo "==> Training the bundled models that $(STORE) lacks"
	@$(BIN)/python -m training demo --out "$(STORE)"

pretrained: .venv/runtime ## Train the models of pretrained/ again from DATA, a folder with mnist, camvid and uci: 3 hours on one core.
	@[ -d "$(DATA)" ] || { echo "make: name the folder of the data, make pretrained DATA=FOLDER; pretrained/README.md tells what it holds" >&2; exit 1; }
	@PYTHON="$(CURDIR)/$(BIN)/python" pretrained/train.sh "$(DATA)" "$(or $(FULL),build/pretrained)"

results: .venv/runtime ## Write docs/results.md: the papers' figures beside those of the trained models.
	@echo "==> Writing docs/results.md from the checkpoints in $(STORE)"
	@$(BIN)/python -m training results --out "$(STORE)" --output docs/results.md

docs: .venv/documentation ## Build the documentation in site/; a warning is an error.
	@echo "==> Building the documentation: open site/index.html, or with search: python3 -m http.server -d site"
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

static: .venv/development
	@echo "==> ruff: lint and format"
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "==> mypy: types"
	@$(BIN)/mypy
	@$(BIN)/mypy benchmarks
	@$(BIN)/mypy supply
	@echo "==> bandit: faults of security"
	@$(BIN)/bandit -q -c pyproject.toml -r models service training supply

starter: .venv/runtime
	@echo "==> Training the starter models that $(STORE) lacks (three minutes the first time)"
	@$(BIN)/python -m training demo --starter --out "$(STORE)"

check: static ## Lint, types, imports between the packages, doctests and the conformance suite.
	@echo "==> pytest: architecture, doctests, conformance"
	@$(BIN)/python -m pytest -q models service training tests/test_architecture.py tests/conformance

test: static ## Everything: what check does and all other tests, with the branch coverage of models, service and training.
	@for tool in chromium prometheus promtool docker moto_server redis-server wrk; do command -v $$tool >/dev/null \
		|| echo "==> There is no $$tool here: the tests that need it are LEFT OUT, and listed at the end"; done
	@echo "==> Training the starter models for the tests, unless they are there (about 4 minutes on two cores)"
	@$(BIN)/python tests/starter_store.py
	@echo "==> pytest: all tests, those of 'make check' among them"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder \
		--cov --cov-report=term:skip-covered

bench: .venv/development ## Measure the service beside LitServe, BentoML, MLServer and Ray Serve; writes docs/performance.md (10 minutes; needs wrk).
	@echo "==> Measuring Credence and its peers in turn; these go into environments of their own in .bench (0.7 GB)"
	@$(BIN)/python benchmarks/bench.py --write docs/performance.md

capacity: .venv/development ## Measure a replica, hold a simulation against it, and plan up to a million requests a second; writes docs/capacity.md (10 minutes).
	@echo "==> Measuring and simulating; nothing else should run on this machine"
	@$(BIN)/python benchmarks/capacity_plan.py --write docs/capacity.md

chaos: .venv/development starter ## Try every promise of docs/reliability.md on the real service, and write what was found (an hour).
	@echo "==> Attacking the service, as it is and with faults planted in it"
	@$(BIN)/python benchmarks/chaos.py --store "$(STORE)" --write docs/reliability.md

soak: .venv/development starter ## Ten minutes of mixed traffic, good and hostile; nothing may grow.
	@$(BIN)/python benchmarks/chaos.py --store "$(STORE)" --only soak

gpu: .venv/gpu ## On a machine with an NVIDIA GPU: both backends against each other there, and the times in docs/performance.md.
	@$(BIN)/python -c 'import sys, torch; sys.exit(None if torch.cuda.is_available() else "make gpu: torch finds no GPU")'
	@echo "==> pytest: torch and ONNX Runtime answer alike on the GPU (a few minutes)"
	@CREDENCE_DEVICE=cuda $(BIN)/python -m pytest -q -p no:cacheprovider tests/conformance/test_graphs.py
	@echo "==> Measuring; the table goes into docs/performance.md"
	@$(BIN)/python benchmarks/graphs.py --device cuda --write docs/performance.md

sbom: .venv/development ## Write build/sbom.cdx.json (CycloneDX) of what is shipped, and docs/licences.md.
	@echo "==> Listing what is shipped, with licences"
	@$(BIN)/python -m supply.sbom

clean: ## Remove .venv and all caches; the store of trained models stays.
	@echo "==> Removing .venv, caches and build folders (not $(STORE))"
	@rm -rf .venv .starter .bench .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage build dist site *.egg-info
	@find benchmarks models service tests training -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/runtime: pyproject.toml constraints.txt
	@[ -n "$(PYTHON)" ] || { echo "make: Credence needs Python 3.11 or newer; found none as python3.11, python3.12," \
		"python3.13 or python3. Name one: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "==> Making the virtual environment .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv
	@echo "==> Installing credence and what it needs (a minute or two the first time)"
	@$(INSTALL) .
	@touch $@

.venv/ray: .venv/runtime
	@echo "==> Installing Ray"
	@$(INSTALL) '.[ray]'
	@touch $@

.venv/gpu: .venv/development
	@echo "==> Installing the build of ONNX Runtime that uses a GPU, in place of the other one"
	@$(BIN)/python -m pip uninstall -qq -y onnxruntime
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt --no-deps --force-reinstall onnxruntime-gpu
	@touch $@

.venv/documentation: .venv/runtime
	@echo "==> Installing the tools for documentation"
	@$(INSTALL) '.[docs]'
	@touch $@

.venv/development: .venv/runtime
	@echo "==> Installing the tools for development"
	@$(INSTALL) '.[dev]'
	@touch $@
