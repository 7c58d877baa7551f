# Everything here needs python3 (3.11 or later), make and the package registries alone.
PYTHON ?= python3
BIN := .venv/bin

# The locks hold every package (--no-deps), each with its hashes; Python compiles what it imports, so pip needn't.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps
LOCKED := $(INSTALL) --require-hashes --requirement
RESOLVE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml --extra build
# Who forbids Python to keep what it compiled would have each of hundreds of processes compile everything again
unexport PYTHONDONTWRITEBYTECODE
# A lock says only what those before it don't (the shell reads them, when its turn comes: the line before wrote them)
BEYOND = $(1:%=--constraint %) $$(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' $(1))

# Two worlds side by side, each with its own servers; a file's tests stay together, for some share what is slow to begin
TESTS := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: help run test check format bench chaos model peers mutate lock setup clean

help: ## Say what can be made (the default)
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

run: .venv/run.stamp ## Start a whole local world, run the example sequence in it, stay until Ctrl-C
	@exec $(BIN)/python -m devstack

test: .venv/dev.stamp ## Run every test: real PostgreSQL, real Temporal, real SMTP
	@exec $(TESTS)

check: .venv/dev.stamp ## The gate: format, lint, types, import rules, tests
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(TESTS)

format: .venv/dev.stamp ## Format the code and fix what the linter can fix
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: .venv/run.stamp ## Measure: steps a second beside a bare workflow, latency, doors, starts (ARGS=--help: what else)
	@exec $(BIN)/python -m proof.speed $(ARGS)

chaos: .venv/run.stamp ## Break everything at random while follow-ups run, and print what became of them
	@exec $(BIN)/python -m proof.chaos $(ARGS)

peers: .venv/peers.stamp ## Give the same job to what one would pick instead, kill it as it works, and count (ARGS=--leads 60)
	@exec $(BIN)/python -m proof.peers $(ARGS)

mutate: .venv/dev.stamp ## Break each guard in a copy, one at a time, and see its test fail (ARGS=claim: those named so)
	@exec $(BIN)/python -m proof.guards.mutate $(ARGS)

model: .venv/made.stamp ## Play the claim protocol in every order, then without each guard (needs spin and gcc)
	@exec $(BIN)/python -m proof.model $(ARGS)

lock: .venv/dev.stamp ## Write the locks again after pyproject.toml changed; ARGS=--upgrade takes newer versions
	$(RESOLVE) $(ARGS) --output-file requirements.lock
	$(RESOLVE) $(ARGS) --output-file requirements-run.lock --extra devstack $(call BEYOND,requirements.lock)
	$(RESOLVE) $(ARGS) --output-file requirements-dev.lock --extra devstack --extra dev \
		$(call BEYOND,requirements.lock requirements-run.lock)
	$(RESOLVE) $(ARGS) --output-file requirements-peers.lock --extra peers \
		--constraint requirements-dev.lock $(call BEYOND,requirements.lock requirements-run.lock)

setup: .venv/dev.stamp ## Set up .venv with all that the other targets need

clean: ## Remove .venv, caches and build leftovers; the local world's data (.devstack) stay
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written last, so that a set-up cut short is taken up again
.venv/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv module is needed (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@echo "Setting up .venv: once, about half a minute"
	@$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/run.stamp: .venv/made.stamp pyproject.toml requirements.lock requirements-run.lock
	@$(LOCKED) requirements.lock --requirement requirements-run.lock
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements-dev.lock
	@echo "Adding what tests and checks need"
	@$(LOCKED) requirements-dev.lock
	@touch $@

# Tests never need it, so they never bring it
.venv/peers.stamp: .venv/run.stamp requirements-peers.lock
	@echo "Adding what ours is compared with"
	@$(LOCKED) requirements-peers.lock
	@$(BIN)/python -m pip check --quiet --disable-pip-version-check
	@touch $@
