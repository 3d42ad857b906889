# galcat: `make demo` runs the whole path on a simulated survey, `make test` the tests. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
UV := PYTHONPATH=$(CURDIR)/.tools $(PYTHON) -m uv
PROJECT ?= demo
WORKERS ?= 2
# Where Python may not keep the bytecode of what it imports, every process would compile TensorFlow anew, for
# twice the time of its start: it is compiled once, with the installation.
BYTECODE := $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)

.DEFAULT_GOAL := help
.PHONY: help install horovod demo app test test-cluster lint bench lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.installed $(VENV)/.horovod  ## install galcat and what it needs into .venv, from the lock file

demo: install  ## simulate a twin survey, train, label, map, and serve the dashboard (PROJECT=demo WORKERS=2)
	@$(BIN)/galcat demo -o $(PROJECT) --workers $(WORKERS)

app: install  ## serve the dashboards of PROJECT
	@$(BIN)/galcat app $(PROJECT)

test: install $(VENV)/.browser  ## run the tests (TESTS="tests/images -k store" for some of them)
	@$(if $(BYTECODE),$(BIN)/python -m compileall -q galcat_core app &&) $(BIN)/python -m pytest $(TESTS)

test-cluster: install $(VENV)/.slurm  ## run the tests on a real Slurm (installs it, and its qsub, if there is none)
	@$(BIN)/python -m pytest -m slurm tests/jobs

lint: install  ## check style and format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

bench: install  ## measure speed and memory against peers
	@$(BIN)/python -m benchmarks

lock: .tools/uv-$(UV_VERSION)  ## resolve the dependencies anew
	@$(UV) pip compile -q pyproject.toml --extra cpu --extra horovod --extra jax --extra lab --extra hub --extra imagenet --extra test --python-version 3.11 \
	  --upgrade --generate-hashes --no-annotate --no-header --no-emit-package horovod -o requirements.lock

clean:  ## remove what was installed (not the projects)
	rm -rf $(VENV) .tools

# uv comes through pip into a folder of its own: Debian's Python has neither venv nor an open site-packages.
.tools/uv-$(UV_VERSION):
	@rm -rf .tools && $(PYTHON) -m pip install -q --disable-pip-version-check --no-warn-script-location \
	  --root-user-action=ignore --target .tools uv==$(UV_VERSION)
	@touch $@

$(VENV)/.installed: requirements.lock pyproject.toml | .tools/uv-$(UV_VERSION)
	@test -x $(BIN)/python || $(UV) venv -q --python $(PYTHON) $(VENV)
	$(UV) pip install --python $(VENV) $(BYTECODE) --require-hashes -r requirements.lock
	@$(UV) pip install -q --python $(VENV) --no-deps -e .
	@touch $@

# Without a compiler all but training with several workers still works: tell, and go on.
$(VENV)/.horovod: packaging/horovod.lock $(wildcard packaging/horovod-headers/*) | $(VENV)/.installed
	@if ! command -v "$${CXX:-g++}" > /dev/null; then \
	  echo "No C++ compiler (g++): Horovod is not built. Everything but training with several workers works;"; \
	  echo "install g++ and run 'make install' for the rest."; \
	elif echo "Building Horovod against TensorFlow (2 to 4 minutes, once) ..." && \
	    CPLUS_INCLUDE_PATH=$(CURDIR)/packaging/horovod-headers $(UV) pip install --python $(VENV) \
	    $(BYTECODE) --no-deps --require-hashes -r packaging/horovod.lock > $(VENV)/horovod.log 2>&1; then touch $@; \
	else tail -n 3 $(VENV)/horovod.log; \
	  echo "Horovod was not built (whole log: $(VENV)/horovod.log). Everything but training with several workers"; \
	  echo "works; mend what the log tells and run 'make install' for the rest."; fi

horovod:  ## build Horovod again
	@rm -f $(VENV)/.horovod && $(MAKE) --no-print-directory $(VENV)/.horovod

$(VENV)/.browser: | $(VENV)/.installed
	@if command -v chromium > /dev/null || command -v google-chrome > /dev/null; then :; \
	  elif command -v apt-get > /dev/null; then \
	    SUDO=$$(test "$$(id -u)" = 0 || echo sudo); \
	    $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends chromium > /dev/null; \
	  else echo "No Chromium found: the browser tests will be skipped"; fi
	@touch $@

$(VENV)/.slurm: | $(VENV)/.installed
	@if command -v sbatch > /dev/null && command -v qsub > /dev/null && { command -v munged || test -x /usr/sbin/munged; } > /dev/null; then :; \
	  elif command -v apt-get > /dev/null; then \
	    SUDO=$$(test "$$(id -u)" = 0 || echo sudo); \
	    $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends slurm-wlm slurm-wlm-torque munge > /dev/null \
	      || echo "Slurm cannot be installed here: the tests on a cluster will be skipped"; \
	  else echo "No Slurm found: the tests on a cluster will be skipped"; fi
	@! command -v sbatch > /dev/null || touch $@
