# The one page of commands. `make` sets up and inspects the shipped Tetris DQN; `make test` sets up and runs all tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS := 1

.PHONY: inspect setup browser test check format bench train zoo clean

inspect: setup
	$(BIN)/agentscope inspect tetris-dqn

setup: .deps-installed

# torch first and pinned: asked for by range it would bring several gigabytes of CUDA packages.
.deps-installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

# Browser tests use Debian's Chromium; without it they are skipped, but fail where CI=true.
browser:
	@command -v chromium >/dev/null || { apt-get update -q && apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core; }

test: setup
	$(BIN)/python -m pytest -q -n 2 --dist worksteal tests

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n 2 --dist worksteal tests

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt opencv-python-headless
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps tetris-gymnasium
	$(BIN)/python -m benchmarks

train: setup
	$(BIN)/python trained_agents/train.py $(AGENT)

zoo: setup
	$(BIN)/python -W ignore trained_agents/zoo.py

clean:
	rm -rf $(VENV) .deps-installed build *.egg-info runs
