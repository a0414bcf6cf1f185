# Two commands set everything up and run: `make train`, `make test`. `make book` builds the book.
# CPU-only machines: `make test TORCH_BACKEND=cpu` takes PyTorch without CUDA. `CONSTRAINTS=` takes the newest of everything.
PYTHON ?= python3
VENV ?= .venv
TORCH_BACKEND ?=
CONSTRAINTS ?= constraints.txt
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export UV_FIND_LINKS := $(PIP_FIND_LINKS)

.PHONY: setup train test book pages pdf site lint audit clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install $(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND)) \
		$(if $(CONSTRAINTS),-c $(CONSTRAINTS)) -e ".[notebooks,test,lint,book,sample]"
	$(BIN)/python -m ipykernel install --sys-prefix --name python3 >/dev/null
	touch $@

train: $(STAMP)
	mkdir -p out
	$(BIN)/papermill notebooks/train.ipynb out/train.ipynb -p batch_size 512

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --durations=25 tests --nbval notebooks/

book: $(STAMP)
	$(BIN)/jupyter-book clean --all . >/dev/null
	OMP_NUM_THREADS=1 $(BIN)/python scripts/execute_book.py
	$(BIN)/jupyter-book build -W --keep-going .
	$(BIN)/python scripts/check_links.py

# Both need a Chromium on the machine, and Playwright, which is installed for them alone.
pages: site
	$(BIN)/python scripts/check_pages.py

pdf: site
	$(BIN)/python scripts/print_book.py

site: $(STAMP)
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet $(if $(CONSTRAINTS),-c $(CONSTRAINTS)) -e ".[site]"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright --level error --pythonpath $(BIN)/python

audit: $(STAMP)
	$(BIN)/uv tool run pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

clean:
	rm -rf $(VENV) _build out
