# What one does with this checkout. `make` alone lists it.
# A Python of your choice: `make demo PYTHON=/path/to/python3.12`.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check lint types layers validate bench wheel lock clean FORCE

bin := .venv/bin
venv := .venv/installed
# Type-checked folder by folder: two labs may have files of one name.
typed := $(sort $(dir $(wildcard graders/*/*.py graders/*/references/python/*.py)))

RUNS ?= 3
LAB ?= $(notdir $(patsubst %/,%,$(wildcard graders/*/)))
PYTEST_FLAGS ?=
LOCK_FLAGS ?=

# $(call timed,NAME,COMMAND) runs COMMAND; where LABRUNNER_TIMES names a file, it adds "NAME<tab>SECONDS" to it.
timed = @echo "== $(1)"; started=$$(date +%s); code=0; { $(2); } || code=$$?; \
	[ -z "$$LABRUNNER_TIMES" ] || printf '%s\t%s\n' '$(1)' $$(($$(date +%s) - started)) >> "$$LABRUNNER_TIMES"; \
	exit $$code

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: $(venv) ## install, then show the main job: start a lab, test it, pass it
	@scripts/demo

test: lint types layers ## install, then prove everything: linters, types, all tests
	$(call timed,docker,scripts/docker-up && $(bin)/lab images build)
	$(call timed,tests,$(bin)/python -m pytest tests $(PYTEST_FLAGS))

check: lint types layers ## what to run before each commit (no Docker, under 2 minutes)
	$(call timed,fast tests,$(bin)/python -m pytest tests/unit $(PYTEST_FLAGS))

lint: $(venv)
	$(call timed,lint,$(bin)/ruff check --quiet . && $(bin)/ruff format --check --quiet .)

types: $(venv)
	$(call timed,types,$(bin)/mypy labrunner tests $(wildcard scripts/*.py) \
		$(foreach folder,$(typed),&& $(bin)/mypy --no-explicit-package-bases $(wildcard $(folder)*.py)))

layers: $(venv)
	$(call timed,layers,$(bin)/lint-imports --no-logo)

validate: $(venv) ## prove the graders, every mutant in both runtimes: make validate LAB=rate-limiting RUNS=20
	$(bin)/lab validate $(LAB) --full --runs $(RUNS)
	LABRUNNER_HISTORIES=100000 $(bin)/python -m pytest -q tests/unit/rules/quota tests/unit/rules/once tests/unit/rules/linear
	LABRUNNER_KILLS=50 $(bin)/python -m pytest -q tests/docker/test_reaper.py
	LABRUNNER_PUSHED=3 $(bin)/python -m pytest -q tests/ci/test_grading.py
	$(bin)/python -m pytest -q -m exhaustive tests

bench: $(venv) ## measure what should be fast, as ratios in one run
	@$(bin)/python scripts/bench.py

wheel: $(venv) ## build the wheel into dist/
	$(bin)/python -m build --wheel --no-isolation --outdir dist .

compile := env -u PIP_FIND_LINKS $(bin)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-config --no-header --no-annotate --no-emit-index-url --no-emit-find-links
action := .github/actions/setup

lock: $(venv) ## write requirements.lock anew; newer versions: make lock LOCK_FLAGS=--upgrade
	$(compile) pyproject.toml --extra dev --output-file requirements.lock $(LOCK_FLAGS)
	$(compile) pyproject.toml $(action)/build.in --constraint requirements.lock --output-file $(action)/requirements.lock
	@! grep -n '://' requirements.lock $(action)/requirements.lock

clean: ## remove all that these commands made, .venv too
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(venv): requirements.lock pyproject.toml
	$(call timed,set-up,scripts/bootstrap)

# The scripts in a .venv name its path: after a move of the checkout, or for another PYTHON, it has to be made again.
ifneq "$(shell cat .venv/made_for 2>/dev/null)$(PYTHON)" "$(CURDIR)"
$(venv): FORCE
endif
FORCE:
