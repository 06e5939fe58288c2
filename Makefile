# make demo: a trained, measured classifier in one command.  make test: everything that is checked.
# make soak: what takes too long for make test (docs/reliability.md).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
ESLINT := node_modules/.installed

.PHONY: demo test soak lint clean

demo: $(INSTALLED)
	$(BIN)/munjang train sample:sentiment --epochs 5 --baseline --out runs/demo --overwrite \
		--try "영화 개재밌어 ㅋㅋㅋㅋㅋ" --try "진짜 재미없네요 ㅋㅋ" --try "너 때문에 진짜 짜증나" --try "정말 재밌고 좋았어요."

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Files and model folders made and damaged, kills at every step, full disks, a server under traffic: too long for
# every change.
soak: $(INSTALLED)
	$(BIN)/python tests/soak/soak_readers.py
	$(BIN)/python tests/soak/soak_models.py
	$(BIN)/python tests/soak/soak_server.py
	$(BIN)/python -m pytest -n 2 tests/soak

lint: $(INSTALLED) $(ESLINT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	node_modules/.bin/eslint .

# torch first and alone: the pinned version has a build for CPUs, which the ranges of other packages then accept.
$(INSTALLED): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "munjang needs Python 3.11 or newer")'
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' requirements.lock)"
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock \
		--editable '.[train,export,report,excel,serve,scale,dev]'
	touch $(INSTALLED)

# The playground's linter; nothing else needs Node.js.
$(ESLINT): package.json package-lock.json
	@command -v npm > /dev/null && command -v node > /dev/null || \
		{ echo "make lint checks the playground's JavaScript: install Node.js 20.19 or newer with npm." >&2; exit 1; }
	npm ci --no-audit --no-fund
	touch $(ESLINT)

clean:
	rm -rf $(VENV) node_modules runs build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
