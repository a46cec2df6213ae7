# make run    set up, run the whole pipeline, make the report, print the summary
# make test   set up, run linters and tests
# make resume goes on after a failure; make verify checks a finished run; make drill breaks one
# Settings: CORES=2, CONFIG=config/config.yaml, PYTHON=python3

PYTHON ?= python3
CORES ?= 2
CONFIG ?= config/config.yaml
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES) --configfile $(CONFIG)
# Of several files the last that names the run counts, as for Snakemake.
RUN = $(shell sed -n 's/^run: *\([^ \#]*\).*/\1/p' $(CONFIG) | tail -1)

.PHONY: run resume verify drill test lint unit test-slurm test-conda bench-generation bench-simulation \
  bench-audit images docs lock
.DELETE_ON_ERROR:

run: $(READY)
	$(SNAKEMAKE)
	@$(MAKE) --no-print-directory results/$(RUN)/report.html
	@cat results/$(RUN)/summary.txt
	@echo "Report: results/$(RUN)/report.html"

# The summary is the last file of a run: a report that is newer holds everything.
results/%/report.html: results/%/summary.txt $(wildcard resources/captions/*.rst)
	$(SNAKEMAKE) --report $@

resume: $(READY)
	$(SNAKEMAKE) --unlock
	@$(MAKE) --no-print-directory run

# What the present code and configuration would make anew, and whether all files are whole.
verify: $(READY)
	@$(BIN)/snakemake --summary --configfile results/$(RUN)/config.yaml 2> /dev/null \
	  | $(BIN)/python -m poq.verify results/$(RUN)

# Every fault in a copy of a run, mended as documented: writes docs/faults.md.
drill: $(READY)
	$(BIN)/python -m drill $(ARGS)

test: lint unit

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy

# A module of tests is run by one worker: its tests share what they set up.
unit: $(READY)
	$(BIN)/pytest --numprocesses $(CORES) --dist loadscope --no-loadscope-reorder $(ARGS)

# Needs root on Debian: a Slurm of one node, started and ended by the tests.
test-slurm: $(READY)
	$(BIN)/pytest tests/slurm -m "cluster or not cluster" $(ARGS)

# Needs conda on PATH: a run in environments that it makes, equal to one without.
test-conda: $(READY)
	$(BIN)/pytest tests/conda -m conda $(ARGS)

bench-generation: $(READY)
	$(BIN)/python -m benchmarks.generation --config $(CONFIG) $(ARGS)

bench-simulation: $(READY)
	$(BIN)/python -m benchmarks.simulation $(ARGS)

bench-audit: $(READY)
	$(BIN)/python -m benchmarks.audit --run results/$(RUN) $(ARGS)

# The pictures of the README, from the demo's run.
IMAGES := inference_rewards evaluator_reliability attack_heatmap
images: run
	mkdir -p docs/images
	cp $(IMAGES:%=results/demo/figures/%.png) docs/images/

docs: $(READY)
	$(BIN)/python -c "from poq.schema import data_dictionary; print(data_dictionary(), end='')" \
	  > docs/data-dictionary.md
	$(BIN)/python -c "import json; from poq.config import json_schema; \
	  print(json.dumps(json_schema(), indent=2))" > config/schema.json

# Every package is pinned by hash except torch, whose build (CPU or a CUDA version) is the
# machine's choice; its version is pinned, and its own metadata pins the CUDA libraries.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TORCH = $(shell sed -n 's/.*"\(torch==[^"]*\)".*/\1/p' pyproject.toml)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))" || \
	  { echo "$(PYTHON) is not Python 3.11 to 3.13; name one that is: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --no-deps --require-hashes -r requirements.lock
	$(PIP) $(TORCH)
	@touch $@

CUDA := torch triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti \
  nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile \
  nvidia-curand nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 \
  nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx

lock: $(READY)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group dev \
	  $(addprefix --no-emit-package ,$(CUDA)) pyproject.toml -o requirements.lock
	$(BIN)/python -m envs.lock
