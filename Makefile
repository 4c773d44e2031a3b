# Everything happens in one virtual environment, .venv in the checkout. Needs Python 3.11+, pip and make.

PYTHON ?= python3
# cuda or cpu; without TORCH= the choice of the last `make setup` stays.
TORCH ?= $(shell cat .venv/.torch 2>/dev/null || echo cuda)
PYTEST_ARGS ?=
# As many as there are cores; 0: all in one process.
WORKERS ?= logical

UV_VERSION := 0.13.8
VENV := .venv
PY := $(VENV)/bin/python
UV := $(PY) -m uv --quiet
STAMP := $(VENV)/.setup-$(TORCH)
OPENCV := $(shell sed -n 's/^opencv-python==\([^ ;]*\).*/\1/p' requirements.lock)

export PYTHONUNBUFFERED := 1
export GRADIO_ANALYTICS_ENABLED := False
# uv installs into the environment named here, never into one that happens to be active.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format lock clean

help: ## this list
	@echo "make TARGET, where TARGET is:"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1	\2/p' Makefile
	@echo "Options: PYTHON=python3.12  TORCH=cpu  PYTEST_ARGS='-k media'  WORKERS=0"

setup: $(STAMP) ## make .venv and install everything (TORCH=cpu: without the GPU libraries)

$(STAMP): requirements.lock pyproject.toml
	@case "$(TORCH)" in cuda|cpu) ;; *) echo "TORCH=$(TORCH): unknown build of torch. Use TORCH=cuda or TORCH=cpu." >&2; exit 2;; esac
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found. Install Python 3.11 or newer, or name it: make setup PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), but this project needs Python 3.11 or newer. Name another: make setup PYTHON=/path/to/python3.11" >&2; exit 2; }
	@if [ "$(TORCH)" = cuda ]; then \
		echo "Installing into $(VENV). On Linux torch comes as its CUDA build, which runs on a CPU too: several GB."; \
		echo "Without a GPU, 'make setup TORCH=cpu' takes the smaller CPU build instead."; \
	else \
		echo "Installing into $(VENV), torch as its CPU build from PyTorch's own package index."; \
	fi
	@rm -f $(VENV)/.setup-*
	@# Debian ships Python without ensurepip: then the environment is made without pip and filled from outside.
	@$(PY) -c '' 2>/dev/null || $(PYTHON) -m venv $(VENV) 2>/dev/null || $(PYTHON) -m venv --clear --without-pip $(VENV)
	@if $(PY) -m pip --version >/dev/null 2>&1; then pip="$(PY) -m pip"; else pip="$(PYTHON) -m pip --python $(PY)"; fi; \
		$$pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@# All opencv wheels write the same cv2/ folder: an earlier stand-in goes before the pinned one comes back.
	@if [ -n "$$(ls -d $(VENV)/lib/python3*/site-packages/opencv_python_headless-*.dist-info 2>/dev/null)" ]; then \
		$(UV) pip uninstall opencv-python opencv-python-headless; fi
	@if [ "$(TORCH)" = cpu ]; then \
		grep -Ev '^(nvidia-|cuda-|triton)' requirements.lock > $(VENV)/requirements-cpu.txt && \
		$(UV) pip install --no-deps --torch-backend cpu --reinstall-package torch --reinstall-package torchaudio \
			--reinstall-package torchvision -r $(VENV)/requirements-cpu.txt; \
	else \
		again=; [ "$$(cat $(VENV)/.torch 2>/dev/null)" != cpu ] || \
			again="--reinstall-package torch --reinstall-package torchaudio --reinstall-package torchvision"; \
		$(UV) pip install --no-deps $$again -r requirements.lock; \
	fi
	@$(UV) pip install --no-deps --no-build-isolation --editable .
	@$(PY) -c 'import cv2' >/dev/null 2>&1 || { \
		echo "import cv2 fails here (libGL, libgthread or libX11 missing?): taking opencv-python-headless $(OPENCV) instead."; \
		$(UV) pip uninstall opencv-python && $(UV) pip install --no-deps opencv-python-headless==$(OPENCV) && $(PY) -c 'import cv2'; }
	@echo "$(TORCH)" > $(VENV)/.torch
	@touch $(STAMP)
	@echo "Ready: $(VENV)/bin/deepfake-hf --help"

demo: setup ## the Gradio page on localhost, with the embedded weights and example media
	@echo "Starting the page; its address follows."
	@$(PY) -m space.app

test: lint ## lint, types, import contracts and tests
	$(PY) -m pytest -n $(WORKERS) --maxprocesses 8 $(PYTEST_ARGS)

lint: setup ## ruff, mypy and the import contracts
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-logo

format: setup ## let ruff sort imports and lay out the code
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# Exact pins for every supported Python; no index address, host or path. The mediapipe extra stays out.
lock: ## renew requirements.lock from pyproject.toml (LOCK_ARGS=--upgrade: newer versions too)
	@$(UV) pip compile pyproject.toml --universal --python-version 3.11 --fork-strategy fewest \
		--extra space --extra train --extra scan --extra scale --extra provenance --extra dev \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate $(LOCK_ARGS) --output-file requirements.lock >/dev/null

clean: ## remove .venv, caches and build products
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
