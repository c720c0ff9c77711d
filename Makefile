# Both `make demo` and `make test` create .venv themselves and install from constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

# Two test processes of one thread each: with more threads they stall each other.
test: export OMP_NUM_THREADS := 1

.PHONY: demo test validator lint format wheel clean

demo: $(VENV)/installed
	$(BIN)/maquette generate examples/chest.png --output out/chest.glb
	$(BIN)/maquette preview out/chest.glb
	@echo "Open out/chest.glb in any glTF viewer, or look at out/chest.preview.png and out/chest.turntable.gif"

test: $(VENV)/installed-dev validator
	$(BIN)/python -m pytest -n 2

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
	rm -rf $(VENV) tests/tools/node_modules out build dist

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
validator:
	@if [ -d tests/tools/node_modules/gltf-validator ]; then :; \
	elif command -v npm >/dev/null; then npm ci --prefix tests/tools --no-audit --no-fund --silent; \
	else echo "npm is not here: the glTF validator tests will be skipped"; fi
