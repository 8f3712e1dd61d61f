# Two commands on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The CPU build of torch is enough; a machine that has only the CUDA build works as well.
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet
# In a third of pip's time. It doesn't read pip's settings: where only they name a package index, pip does it after all.
UV_INSTALL := $(BIN)/uv pip install --python $(BIN)/python --quiet --compile-bytecode

# Each of the many processes that serve and test would compile torch anew: three seconds instead of one.
unexport PYTHONDONTWRITEBYTECODE

# A study of title towers: PRESET=cpu is long. It lies in a folder of its own, with a database of its own.
PRESET ?= tiny
STUDY ?= runs/study-$(PRESET)
JOBS ?= 2

# Of the components' scripts; npm is asked for nothing here.
TSC := node_modules/.bin/tsc
TYPES_OF_SCRIPTS = @if test -x $(TSC) && command -v node >/dev/null; then echo $(TSC); $(TSC) --project .; \
	else echo "the types of the scripts are not checked: that needs node and what 'npm ci' fetches"; fi

.PHONY: run install test test-ci test-all test-quick test-part test-slow times lint lock bench results sounds study clean

run: install
	$(BIN)/kallos serve --open

install: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Kallos needs Python 3.11 or newer; set PYTHON=..."'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --no-compile "torch~=2.13.0" uv
	$(UV_INSTALL) --editable ".[test]" || $(PIP_INSTALL) --editable ".[test]"
	touch $(STAMP)

test: install
	$(MAKE) --jobs=2 lint test-quick

# What every commit has to pass: all of make test, one walk through each page, what was stored outlives whatever falls,
# and a twentieth of the other slow tests, another one with each commit.
test-ci: install
	$(MAKE) --jobs=2 NICE="nice -n 19" lint test-part

# And all that is slow.
test-all: test
	$(MAKE) test-slow

# One thread a process: two of them with two threads each on two cores take almost three times as long. Three processes
# keep two cores busy while one of them waits. In tests/conftest.py's order, what takes longest first. Seconds are kept
# in .times.
# Numba, where it has more than one thread, sets torch's as well.
PYTEST := OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder
# Each commit has another part, and another order of a file's quick tests; the first lines of a run name them.
COMMIT := $(shell printf %d 0x$$(git rev-parse HEAD 2>/dev/null | cut -c1-7 | grep . || echo 0))
PART ?= $(shell echo $$(($(COMMIT) % 20)))
ORDER ?= $(COMMIT)

test-quick:
	$(PYTEST) --numprocesses 3 -m "not slow" --order $(ORDER) --junitxml .times/quick.xml

# The quick ones, too, in one run: collecting takes half a minute, and what is quick fills what browsers leave free.
test-part:
	$(PYTEST) --numprocesses 3 --part $(PART) --order $(ORDER) --junitxml .times/part.xml

test-slow:
	$(PYTEST) --numprocesses 3 -m slow --junitxml .times/slow.xml

# Seconds a file and a test, of what ran last.
times:
	$(BIN)/python tests/times.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(NICE) $(BIN)/mypy
	$(BIN)/lint-imports
	$(TYPES_OF_SCRIPTS)

# Looks at the package index: what a Space and a container install, with hashes.
lock: install
	$(BIN)/python -m webapp.hosting.space

bench: install
	$(BIN)/python tests/bench/bench.py

# Writes docs/results and the figures of README.md from recorded results; RUN="titles atlas" measures those anew before
# that, RUN=all everything.
results: install
	$(BIN)/python -m models.experiments.results $(if $(RUN),--run $(RUN))

# Composes the music that README.md offers: a pair, and a whole piece.
sounds: install
	$(BIN)/kallos compose --domain pop --count 2 --bars 4 --played --mp3 --out docs/sounds/pair
	$(BIN)/kallos compose --domain pop --count 1 --bars 24 --played --mp3 --out docs/sounds/whole

study: install
	$(BIN)/python -m models.train.title_study --preset $(PRESET) --out $(STUDY)/runs/titles --jobs $(JOBS) $(STUDY_OPTIONS) \
		$(if $(wildcard $(STUDY)/runs/titles/split.json),--resume)
	KALLOS_HOME=$(STUDY) KALLOS_RUNS= KALLOS_DATABASE_URL= $(BIN)/kallos report retrieval titles --out $(STUDY)/report.html

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .times
