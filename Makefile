# Two commands do all: `make demo` and `make test`. Both set up .venv first, pinned by constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Many tests start processes, each of which would compile what it imports where bytecode is not written.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test setup lint types unit long docs images clean

demo: $(READY)
	run=runs/demo-$$(date +%Y%m%d-%H%M%S) && \
	$(BIN)/tsrep fit --config configs/demo.yaml --out $$run && \
	$(BIN)/tsrep predict $$run tsrep/datasets/ecg/sample/recordings --out $$run-predictions.csv

test: lint types unit

setup: $(READY)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY)
	$(BIN)/mypy

# Two processes of one thread each, in torch and in NumPy.
unit: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -m "not long"

# Most pages of the documentation and of sktime's checks, every encoder as ONNX, what trains to show that it learns.
long: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -m long

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/python docs/run_notebooks.py site
	@echo "The documentation is in site/index.html; open it in a browser, or serve it with $(BIN)/mkdocs serve"

images: $(READY)
	$(BIN)/python docs/make_images.py

# torch comes first and by exact version, so that a CPU build that is at hand is taken. Bytecode is written when a
# module is first imported, which most never are.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --no-compile --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install -q --no-compile --disable-pip-version-check -c constraints.txt -e ".[dev,bids,dashboard,docs,hdf5,onnx,parquet,postgres,slurm,tensorboard,zarr]"
	touch $@

clean:
	rm -rf .venv build site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
