# Both `make demo` and `make test` create .venv themselves and install from constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test lint format wheel clean

demo: $(VENV)/installed
	$(BIN)/maquette generate examples/mug.png --output out/mug.glb
	$(BIN)/maquette preview out/mug.glb
	@echo "Open out/mug.glb in any glTF viewer, or look at out/mug.preview.png and out/mug.turntable.gif"

test: $(VENV)/installed-dev node_modules/.installed
	$(BIN)/python -m pytest

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(VENV)/installed-dev
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) node_modules out build dist

$(VENV)/created:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/installed: $(VENV)/created pyproject.toml constraints.txt
	$(PIP) --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/created pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	touch $@ $(VENV)/installed

# The glTF validator is a node package; without node its tests are skipped and say so.
node_modules/.installed: tests/tools/package.json
	@if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --prefix tests/tools; \
	else echo "npm is not here: the glTF validator tests will be skipped"; fi
	mkdir -p node_modules && touch $@
