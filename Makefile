.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
T ?= tests/unit
CORES := $(shell getconf _NPROCESSORS_ONLN)
# Flows wait as much as they compute: one more than there are cores, and no more systems at once than four.
WORKERS ?= $(shell echo $$(( $(CORES) < 3 ? $(CORES) + 1 : 4 )))
TABARD_REFERENCE_DATA ?= $(wildcard ../shared/data)
# The tests start hundreds of Python processes. Without stored bytecode, each compiles the whole package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A package server that stops answering ends an installation after ten minutes, where `timeout` is installed.
BOUNDED := $(shell command -v timeout >/dev/null && echo timeout 600)
PIP_INSTALL := $(BOUNDED) $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALL := $(PIP_INSTALL) -c constraints.txt

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tabard needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0] + "; name another: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	@echo "installing into $(VENV): a minute or two, once"
	@$(INSTALL) -e '.[local]'
	@touch $@

# What Tabard runs on comes along: installing the one after the other would take longer.
$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	@echo "installing into $(VENV), with what the tests need: a minute or two, once"
	@$(INSTALL) -e '.[dev]'
	@touch $(VENV)/.runtime $@

.PHONY: demo
demo: $(VENV)/.runtime ## The whole story in one terminal, with the real system
	@$(BIN)/tabard demo

.PHONY: test
test: $(VENV)/.dev ## The one gate: format, lint, types, layers, tests, docs
	$(BIN)/ruff format --check src tests bench docs
	$(BIN)/ruff check src tests bench docs
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(MAKE) --no-print-directory coverage
	AWS_EC2_METADATA_DISABLED=true TABARD_REFERENCE_DATA="$(TABARD_REFERENCE_DATA)" \
		$(BIN)/pytest -n $(WORKERS) --dist loadfile -m 'not long' $(addprefix --ignore=,$(COVERING))

# The tests that must take every branch of what decides, verifies, seals and mints; the parts: pyproject.toml.
COVERING := $(addprefix tests/unit/,policy sigv4 access credentials imds) tests/golden

.PHONY: coverage
coverage: $(VENV)/.dev ## Every branch of policy, sigv4, access, credentials and imds/tree.py is taken
	$(BIN)/coverage erase --data-file=$(VENV)/.coverage
	AWS_EC2_METADATA_DISABLED=true $(BIN)/coverage run --data-file=$(VENV)/.coverage \
		-m pytest -q -n $(CORES) --dist loadfile $(COVERING)
	$(BIN)/coverage combine -q --data-file=$(VENV)/.coverage
	$(BIN)/coverage report --data-file=$(VENV)/.coverage

FUZZ_SECONDS ?= 60

.PHONY: fuzz
fuzz: $(VENV)/.dev ## Search for bytes that the policy engine stumbles over (installs atheris; FUZZ_SECONDS each)
	$(INSTALL) -e '.[fuzz]'
	for target in documents patterns; do \
	  $(BIN)/python -m tests.support.fuzzing $$target -max_total_time=$(FUZZ_SECONDS) -max_len=4096 || exit 1; \
	done

.PHONY: unit
unit: $(VENV)/.dev ## One part of the tests: make unit T=tests/unit/policy
	AWS_EC2_METADATA_DISABLED=true $(BIN)/pytest -q $(T)

.PHONY: fix
fix: $(VENV)/.dev ## Format, and mend what the linter can mend
	$(BIN)/ruff format src tests bench docs
	$(BIN)/ruff check --fix src tests bench docs
	$(BIN)/python docs/generate.py

# MiniStack by itself: it insists on versions of what Tabard uses too; what is measured of it runs with those here.
$(VENV)/.bench: $(VENV)/.dev
	$(INSTALL) -e '.[bench]'
	$(PIP_INSTALL) --no-deps ministack==1.5.33
	@touch $@

.PHONY: bench
bench: $(VENV)/.bench ## Ratios measured side by side in one run (installs what they stand beside)
	$(BIN)/python -m bench

# --print-only: leave the documents as they are, and fail only where a gate is missed.
BENCH_OPTIONS ?=

.PHONY: bench-policies
bench-policies: $(VENV)/.bench ## The policy engines alone; writes docs/performance.md and its picture
	$(BIN)/python -m bench.policies $(BENCH_OPTIONS)

.PHONY: bench-instances
bench-instances: $(VENV)/.bench ## Metadata and instances alone; writes docs/performance.md
	$(BIN)/python -m bench.instance_report $(BENCH_OPTIONS)

.PHONY: conformance
conformance: $(VENV)/.dev ## Check against reference data (TABARD_REFERENCE_DATA), where present
	AWS_EC2_METADATA_DISABLED=true TABARD_REFERENCE_DATA="$(TABARD_REFERENCE_DATA)" $(BIN)/pytest -q tests/conformance -rsP

.PHONY: compatibility
compatibility: $(VENV)/.dev ## Real clients in every way; writes docs/compatibility.md
	AWS_EC2_METADATA_DISABLED=true TABARD_COMPATIBILITY_PAGE=docs/compatibility.md \
		$(BIN)/pytest -q -rs tests/flows/test_real_clients.py

SOAK_SECONDS ?= 300

.PHONY: soak
soak: $(VENV)/.dev ## SOAK_SECONDS (300) of rotation while agent, edge and store go away
	AWS_EC2_METADATA_DISABLED=true TABARD_SOAK_SECONDS=$(SOAK_SECONDS) \
		$(BIN)/pytest -q -rsP tests/flows/test_live_rotation.py tests/sim

.PHONY: test-long
test-long: $(VENV)/.dev ## The long flows that the gate leaves out, without those of soak and compatibility
	AWS_EC2_METADATA_DISABLED=true $(BIN)/pytest -q -n $(WORKERS) --dist loadfile -m long tests \
		--ignore=tests/flows/test_live_rotation.py --ignore=tests/flows/test_real_clients.py; \
		status=$$?; [ $$status = 0 ] || [ $$status = 5 ]  # pytest: 5 says that it found no tests

.PHONY: test-root
test-root: $(VENV)/.dev ## What only root does, and what takes another way as root
	@[ "$$(id -u)" = 0 ] || { echo "make test-root: run it as root" >&2; exit 1; }
	AWS_EC2_METADATA_DISABLED=true $(BIN)/pytest -n $(WORKERS) --dist loadfile -m '(root or also_as_root) and not long'

# The oldest and the newest Python that Tabard supports, as far as they are installed; or: make PYTHONS='python3.12 …'.
PYTHONS ?= $(foreach python,python3.11 python3.13 python3.14,$(shell $(python) -c '' 2>/dev/null && echo $(python)))
# Every room of the package, and a few flows through all of them. For the whole suite: PYTHON_TESTS=tests.
PYTHON_TESTS ?= $(addprefix tests/,architecture golden spec store sim unit) \
	$(addprefix tests/flows/test_,instance_lifecycle.py instances.py s3_objects.py iam.py)

.PHONY: test-pythons
test-pythons: ## PYTHON_TESTS on each of PYTHONS, each in an environment of its own
	@echo "PYTHONS = $(PYTHONS)"; [ -n "$(strip $(PYTHONS))" ]
	@failed=; for python in $(PYTHONS); do \
	  $(MAKE) --no-print-directory test-python PYTHON=$$python VENV=.cache/venvs/$$(basename $$python) \
	    || failed="$$failed $$python"; \
	done; [ -z "$$failed" ] || { echo "make test-pythons: these failed:$$failed" >&2; exit 1; }

.PHONY: test-python
test-python: $(VENV)/.dev ## PYTHON_TESTS on PYTHON, in VENV
	@$(BIN)/python --version
	AWS_EC2_METADATA_DISABLED=true $(BIN)/pytest -q -n $(WORKERS) --dist loadfile -m 'not long' $(PYTHON_TESTS)

.PHONY: wheel
wheel: ## Build the wheel, and use it in fresh environments without and with the embedded stores
	PYTHON=$(PYTHON) .ci/wheel

VM_IMAGE ?= .cache/vm-image

.PHONY: test-vm
test-vm: $(VENV)/.dev ## A virtual machine with cloud-init and boto3, from first boot to end (six minutes)
	@for program in qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils mmdebstrap:mmdebstrap mke2fs:e2fsprogs; do \
	  command -v $${program%%:*} >/dev/null || missing="$$missing $${program##*:}"; \
	done; [ -z "$$missing" ] || { echo "make test-vm needs: apt-get install$$missing" >&2; exit 1; }
	@[ -e $(VM_IMAGE)/vmlinuz ] || PYTHON=$(abspath $(BIN))/python images/debian.sh $(VM_IMAGE)
	AWS_EC2_METADATA_DISABLED=true TABARD_TEST_VM_IMAGE="$(abspath $(VM_IMAGE))" $(BIN)/pytest -q -rs tests/vm

VM_PROGRAMS := qemu-system-x86_64 qemu-img mmdebstrap mke2fs

.PHONY: test-root-if-root
test-root-if-root: ## test-root where root runs make, else nothing
	@[ "$$(id -u)" = 0 ] || { echo "no test-root: only root can run it"; exit 0; }; $(MAKE) --no-print-directory test-root

.PHONY: test-vm-if-possible
test-vm-if-possible: ## test-vm where its programs are installed, else nothing
	@for program in $(VM_PROGRAMS); do command -v $$program >/dev/null || { echo "no test-vm: $$program is not installed"; exit 0; }; done; \
	$(MAKE) --no-print-directory test-vm

ALL := test test-root-if-root wheel conformance test-other-pythons test-long compatibility soak fuzz \
	bench-policies bench-instances bench test-vm-if-possible

# `make test` has run on PYTHON already.
OTHER_PYTHONS = $(filter-out python$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'),$(PYTHONS))

.PHONY: test-other-pythons
test-other-pythons: ## test-pythons without the Python of PYTHON
	@[ -n "$(strip $(OTHER_PYTHONS))" ] || { echo "no other Python is installed"; exit 0; }; \
	  $(MAKE) --no-print-directory test-pythons PYTHONS="$(OTHER_PYTHONS)"

# One after the other, whatever fails: what failed is said at the end.
.PHONY: test-all
test-all: export BENCH_OPTIONS = --print-only
test-all: ## Everything: gate, wheel, each Python, clients, soak, fuzz, bench, machine (an hour; longer: SOAK_SECONDS, PYTHON_TESTS)
	@failed=; for part in $(ALL); do \
	  echo "== make $$part"; start=$$SECONDS; \
	  $(MAKE) --no-print-directory $$part || failed="$$failed $$part"; \
	  echo "== make $$part: $$((SECONDS - start)) seconds"; \
	done; [ -z "$$failed" ] || { echo "make test-all: these failed:$$failed" >&2; exit 1; }

.PHONY: clean
clean: ## Remove what the targets made
	rm -rf $(VENV) .venv-ci .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
