# From a fresh clone: `make demo` shows the main job, `make test` checks everything. Both set up .venv the first time,
# with the newest Python of these that is there; `make PYTHON=3.11 test` sets it up anew with another.
PYTHON ?= $(UV_PYTHON)
unexport PYTHON  # what tools/*.sh run, if it is set
PYTHONS := $(or $(PYTHON),3.13 3.12 3.11 3.10)
UV_VERSION := 0.13.9

VENV := .venv
STAMP := $(VENV)/.synced
OWN_UV := build/uv
UV := $(or $(shell command -v uv 2>/dev/null),$(OWN_UV)/bin/uv)
# uv knows pyenv's Pythons only by their folders.
FIND := PATH="$$(printf '%s:' "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/*/bin)$$PATH" $(UV) python find --system

.PHONY: demo test test-all lock

demo: $(STAMP)
	$(VENV)/bin/python tools/demo.py $(ARGS)

test: $(STAMP)
	$(VENV)/bin/ruff check
	$(VENV)/bin/python -m pytest -n 2 --dist worksteal $(ARGS)

# Also a training and a validation step of every config.
test-all: override ARGS += -m ''
test-all: test

# .synced holds the PYTHON that was asked for: another one means another environment.
ifneq ($(PYTHON),)
ifneq ($(PYTHON),$(shell cat $(STAMP) 2>/dev/null))
.PHONY: $(STAMP)
FRESH := rm -rf $(VENV)
endif
endif

# The locked packages, then this project in place of a copy. uv fetches a Python where there is none of these.
$(STAMP): requirements.lock | $(UV)
	$(FRESH)
	test -x $(VENV)/bin/python || $(UV) venv --quiet $(VENV) --python "$$( \
		for version in $(PYTHONS); do $(FIND) $$version 2>/dev/null && exit; done; echo $(firstword $(PYTHONS)))"
	$(UV) pip sync --python $(VENV)/bin/python --require-hashes --only-binary :all: --compile-bytecode requirements.lock
	$(UV) pip install --python $(VENV)/bin/python --quiet --no-deps --no-build-isolation --editable .
	echo $(PYTHON) > $@

lock: | $(UV)
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.10 --fork-strategy fewest \
		--only-binary :all: --generate-hashes --no-emit-index-url --no-annotate \
		--custom-compile-command 'make lock' requirements.in --output-file requirements.lock

# Only where uv is not on the PATH.
$(OWN_UV)/bin/uv:
	python3 -m venv $(OWN_UV)
	$(OWN_UV)/bin/pip install -qq --disable-pip-version-check uv==$(UV_VERSION)
