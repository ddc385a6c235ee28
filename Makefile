# From a fresh clone: `make demo` shows the main job, `make test` checks everything. Both set up .venv the first time.
PYTHON ?= python3
UV_VERSION := 0.13.9

VENV := .venv
STAMP := $(VENV)/.synced
OWN_UV := build/uv
UV := $(or $(shell command -v uv 2>/dev/null),$(OWN_UV)/bin/uv)

.PHONY: demo test test-all lock

demo: $(STAMP)
	$(VENV)/bin/python tools/demo.py $(ARGS)

test: $(STAMP)
	$(VENV)/bin/ruff check
	$(VENV)/bin/python -m pytest $(ARGS)

# Also a training and a validation step of every config.
test-all: override ARGS += -m ''
test-all: test

# The locked packages, then this project in place of a copy. Newer Pythons than 3.11 lack wheels: uv finds or fetches one.
$(STAMP): requirements.lock | $(UV)
	test -x $(VENV)/bin/python || $(UV) venv --quiet --python '>=3.10,<3.12' $(VENV)
	$(UV) pip sync --python $(VENV)/bin/python --require-hashes --only-binary :all: requirements.lock
	$(UV) pip install --python $(VENV)/bin/python --quiet --no-deps --no-build-isolation --editable .
	touch $@

lock: | $(UV)
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.10 --fork-strategy fewest \
		--only-binary :all: --generate-hashes --no-emit-index-url --no-annotate \
		--custom-compile-command 'make lock' requirements.in --output-file requirements.lock

# Only where uv is not on the PATH.
$(OWN_UV)/bin/uv:
	$(PYTHON) -m venv $(OWN_UV)
	$(OWN_UV)/bin/pip install -qq --disable-pip-version-check uv==$(UV_VERSION)
