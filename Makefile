# Two commands matter: `make demo` and `make test`. Each sets up what it needs on a machine that has only
# Python 3.11+, make and a compiler; a second run finds everything in place and needs no network.
#
#   PYTHON=/path/to/python3.12 make test    uses that interpreter

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check lint types layers docs docs-code state-machine fuzz soak bench wheel clean

UV_VERSION := 0.13.8
UV_HOME := .tools/uv-$(UV_VERSION)
UV := $(UV_HOME)/bin/uv
BIN := .venv/bin
# Most tests wait for nobody, and so a second core halves the time.
PARALLEL := -n auto --maxprocesses 4
OFFICIAL := .tools/telcoflow-1.0.0

# uv uses the interpreter that is here; it never fetches one, and never looks outside this folder's .venv.
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
export UV_NO_PROGRESS := 1
unexport VIRTUAL_ENV
# Behind a company's proxy only the machine's own list of certificate authorities knows the registry.
ifneq (,$(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem))
export UV_SYSTEM_CERTS := 1
endif

help:
	@echo "make demo    set up, then play a phone call from start to end on this machine"
	@echo "make test    set up, then run the tests"
	@echo "make check   lint, types, layers, documentation and its code"
	@echo "make state-machine   play 2000 random sequences of commands, hangups and breaks"
	@echo "make fuzz    feed every decoder and both ends nonsense for a minute"
	@echo "make soak    place 500 calls, 50 at once, and look for what is left of them"
	@echo "make docs    build the documentation into docs/_build/html"
	@echo "make wheel   build dist/*.whl and the source archive"
	@echo "make bench   measure what starting and calls cost"
	@echo "make clean   remove everything that set-up and builds made"

demo: .venv/.demo-ready
	@$(BIN)/voiceagent demo

test: .venv/.dev-ready $(OFFICIAL)/.ready
	@$(BIN)/python -m pytest $(PARALLEL) --dist loadfile

check: lint types layers docs docs-code

lint: .venv/.dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev-ready
	$(BIN)/mypy

layers: .venv/.dev-ready
	$(BIN)/lint-imports

docs: .venv/.dev-ready
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo "docs: docs/_build/html/index.html"

docs-code: .venv/.dev-ready
	$(BIN)/python -m pytest -q $(PARALLEL) tests/project/docs_code.py

state-machine: .venv/.dev-ready
	@VOICEAGENT_STATE_MACHINE_EXAMPLES=2000 $(BIN)/python -m pytest -q tests/call/state_machine -k whatever_happens

fuzz: .venv/.dev-ready
	@$(BIN)/python -m tests.fuzz --seconds 60

soak: .venv/.dev-ready
	@$(BIN)/python -m tests.soak

bench: .venv/.dev-ready
	$(BIN)/python tests/bench/start_up.py
	$(BIN)/python tests/bench/call_cost.py --quick
	$(BIN)/python tests/bench/bridge_cost.py --rounds 1

wheel: .venv/.dev-ready
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist

clean:
	rm -rf .venv .tools build dist docs/_build artifacts calls
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps depend on what fixes the environment, so nothing is installed when nothing has changed. The
# environment of the tests contains that of the demo.
.venv/.demo-ready: uv.lock pyproject.toml | $(UV)
	@echo "Setting up the demo (first time: about a minute) ..."
	@$(pick_python); $(UV) sync --quiet --frozen --inexact --python "$$python" --no-dev --extra testing
	@touch $@

.venv/.dev-ready: uv.lock pyproject.toml | $(UV)
	@echo "Setting up for development (first time: about a minute) ..."
	@$(pick_python); $(UV) sync --quiet --frozen --inexact --python "$$python" --all-extras
	@touch $@ .venv/.demo-ready

# The public package of the call plane in an environment of its own: tests/interop runs it as it is.
$(OFFICIAL)/.ready: tests/interop/telcoflow-1.0.0.txt | $(UV)
	@echo "Setting up telcoflow 1.0.0 for the tests ..."
	@$(pick_python); $(UV) venv --quiet --clear --no-project --python "$$python" $(OFFICIAL)
	@$(UV) pip install --quiet --require-hashes --python $(OFFICIAL)/bin/python -r $<
	@touch $@

# pip puts uv into a folder of this project, whatever the machine's own Python forbids (PEP 668). Where
# there is no pip, a virtual environment brings one.
$(UV):
	@echo "Fetching uv $(UV_VERSION) into .tools ..."
	@$(pick_python); rm -rf .tools/uv-* .tools/pip; \
	if "$$python" -m pip --version >/dev/null 2>&1; then pip="$$python -m pip"; \
	elif "$$python" -m venv .tools/pip >/dev/null 2>&1; then pip=.tools/pip/bin/pip; \
	else rm -rf .tools/pip; \
	  echo "error: $$python has neither pip nor venv. Install one (Debian: apt-get install python3-pip)." >&2; \
	  exit 1; \
	fi; \
	PIP_ROOT_USER_ACTION=ignore $$pip install --quiet --disable-pip-version-check \
	  --target $(UV_HOME) "uv==$(UV_VERSION)"

# Sets $python to the first interpreter that runs (a name on the PATH may be an empty shim) and is 3.11+.
define pick_python
python=""; \
for name in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do \
  if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
    python=$$("$$name" -c 'import sys; print(sys.executable)'); break; \
  fi; \
done; \
if [ -z "$$python" ]; then \
  echo "error: Python 3.11 or newer is needed, and none was found (python3 is: $$(python3 --version 2>&1))." >&2; \
  echo "Install one (Debian 12, Ubuntu 24.04: apt-get install python3 python3-pip), or name one: make PYTHON=/path/to/python3.12 ..." >&2; \
  exit 1; \
fi
endef
