PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
VARIANTS := zsync,zsync-1k,zsync-4k,zsync-plain,zsync-plain-1k,zsync-plain-4k,zsync-files,casync,casync-16k,casync-8k

.PHONY: install demo test test-long check format bench bench-peers bench-variants pictures docs clean

install: $(STAMP)

$(STAMP): pyproject.toml setup.py $(wildcard src/catsync_core/chunking/*.[ch])
	PYTHON=$(PYTHON) sh tools/make-venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[ui]' --group test --group check --group docs
	touch $@

demo: install
	$(BIN)/python bench/demo.py

test: install
	sh tools/install-chromium
	sh tools/install-nginx
	sh tools/run-tests $(BIN)/python

test-long: install
	$(BIN)/python -m pytest -m long --timeout 3600

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install
	$(BIN)/python -m pytest bench --benchmark-enable --benchmark-sort=name --timeout 3600

bench-peers: install
	$(BIN)/python bench/peers.py

bench-variants: install
	$(BIN)/python bench/peers.py --runs 1 --parts loopback --tools $(VARIANTS) --no-write

pictures: install
	sh tools/install-chromium
	CATSYNC_PICTURES=1 $(BIN)/python -m pytest tests/ui/test_pictures.py

docs: install
	$(BIN)/sphinx-build -W -b html docs docs/_build/html

clean:
	rm -rf $(VENV) build dist src/*.egg-info docs/_build
	find src -name '*.so' -delete
