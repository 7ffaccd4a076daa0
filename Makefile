# The entry points that the docs describe; CI runs the same ones.
PYTHON ?= python3
VENV   := .venv
READY  := $(VENV)/.installed
# All tests of a file run in one worker, so that its fixtures are made once.
WORKERS := --numprocesses auto --maxprocesses 4 --dist loadfile
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true

.PHONY: demo test test-cluster gpu-check soak fuzz lint fast ui config docs images guide disk clean-state clean help

help:            ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/'

demo: $(READY)   ## run the workflow end to end on the embedded digits data
	snakemake --cores all
	@echo
	@echo "report:       file://$(CURDIR)/results/demo/report/index.html"
	@echo "MLflow:       $$(python -m pipeline track address)   (after make ui)"

test: $(READY) lint   ## check style and types, then run all tests, including dry runs of the workflow
	OMP_NUM_THREADS=1 python -m pytest -m "not cluster" $(WORKERS)

test-cluster: $(READY) ## run tests with a real SLURM, PostgreSQL and MLflow server (installed first if you are root)
	scripts/install-services
	python -m pytest -m cluster

soak: $(READY)   ## run 200 tiny jobs and kill processes at random, for at most ten minutes
	python tests/soak.py --jobs 200 --minutes 10

fast: $(READY)   ## run the tests that do not start the workflow
	OMP_NUM_THREADS=1 python -m pytest -m "not workflow and not cluster" $(WORKERS)

gpu-check: $(READY) ## test and time one GPU in eight minutes; write a measurement and the speeds for plan
	timeout 480 python -m pipeline gpu-check --minutes 7

fuzz: $(READY)   ## damage input files and options at random, for one minute
	OMP_NUM_THREADS=1 python tests/fuzz.py --seconds 60

lint: $(READY)   ## check format, style, imports, types and prose
	ruff format --check pipeline tests
	ruff check pipeline tests
	lint-imports --no-cache
	mypy
	snakefmt --check Snakefile rules
	proselint check README.md docs/*.md .github
	python -m pytest -p no:cacheprovider tests/test_prose.py
	snakemake --lint

ui: $(READY)     ## open MLflow on 127.0.0.1:5000
	@echo "MLflow: $$(python -m pipeline track address)"
	@store=$$(python -m pipeline.tracking.store); \
	case "$$store" in http*) ;; *) exec scripts/tracking-server --store "$$store";; esac

config: $(READY) ## write config/config.yaml and config/schema.json from the models
	python -m pipeline config

docs: $(READY)   ## render docs/results.md and docs/fidelity.md, draw the packages
	snakemake --cores 1 docs/results.md
	python -m tests.package_picture
	python -m pipeline fidelity

images: $(READY) ## take the screenshots in README and guide: report and MLflow of a finished demo
	python tests/screenshots.py

guide: $(READY)  ## build the user guide, build/guide/index.html
	sphinx-build -W --keep-going -n -q -b html docs build/guide
	@echo "guide: build/guide/index.html"

disk: $(READY)   ## list what fills the disk, largest first
	python -m pipeline disk

clean-state: $(READY) ## remove checkpoints and sent journals of finished runs; keeps runs that can resume
	python -m pipeline clean-state

clean:           ## remove results, the MLflow store and caches; keeps .venv and data
	find results -mindepth 1 -not -name README.md -delete
	rm -rf mlflow.db mlruns .snakemake .pytest_cache .mypy_cache .ruff_cache

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; make PYTHON=/path/to/python3.11")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@
