"""Execute the book's chapters, two at a time, into the cache that its build reads: python scripts/execute_book.py.

Sphinx executes one notebook after another. Here as many run side by side as were asked for, those first that need most
time by their own first lines. A notebook that fails is named with its error, and the exit status is 1.
"""

import argparse
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import is_myst_markdown_notebook, myst_nb_reader_plugin

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 600


def chapters() -> list[Path]:
    """The notebooks of the table of contents, pages in Markdown that hold cells among them."""
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = [contents["root"], *(chapter["file"] for part in contents["parts"] for chapter in part["chapters"])]
    pages = [ROOT / f"{name}.md" for name in names]
    notebooks = [path for path in (ROOT / f"{name}.ipynb" for name in names) if path.exists()]
    with_cells = (path for path in pages if path.exists() and is_myst_markdown_notebook(path.read_text("utf-8")))
    return notebooks + list(with_cells)


def opened(path: Path):
    """A chapter as the notebook that Sphinx makes of it."""
    return nbformat.read(path, nbformat.NO_CONVERT) if path.suffix == ".ipynb" else myst_nb_reader_plugin(str(path))


def stated_seconds(notebook) -> float:
    """What a chapter says in its first cell that it takes of the processor; a second where it says no time.

    "90 s of CPU", "2 min of CPU", "half a minute of CPU" and "a minute or two of CPU" are understood.
    """
    said = " ".join(notebook.cells[0].source.split())
    for words, number in (("half a minute", "30 s"), ("a minute or two", "90 s"), ("a minute", "60 s")):
        said = said.replace(f"{words} of CPU", f"{number} of CPU")
    found = re.search(r"(\d+) (s|min) of CPU", said)
    return float(found[1]) * {"s": 1, "min": 60}[found[2]] if found else 1.0


def main() -> int:
    """Execute what is not in the cache yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=ROOT / "_build" / ".jupyter_cache")
    parser.add_argument("--together", type=int, default=2, help="notebooks that run at one time")
    arguments = parser.parse_args()
    cache, failed = get_cache(str(arguments.cache)), []
    notebooks = {path: opened(path) for path in chapters()}
    missing = [path for path, notebook in notebooks.items() if not _cached(cache, notebook)]
    missing.sort(key=lambda path: -stated_seconds(notebooks[path]))

    def execute(path: Path):
        return single_nb_execution(notebooks[path], cwd=str(path.parent), timeout=TIMEOUT_S, allow_errors=False)

    with ThreadPoolExecutor(arguments.together) as pool:
        for path, result in zip(missing, pool.map(execute, missing), strict=True):
            print(f"{path.name}: {result.time:.0f} s", flush=True)
            if result.err is not None:
                failed.append(f"{path.name}: {result.exc_string}")
                continue
            bundle = CacheBundleIn(result.nb, str(path), data={"execution_seconds": result.time})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    for said in failed:
        print(said, file=sys.stderr)
    return 1 if failed else 0


def _cached(cache, notebook) -> bool:
    try:
        cache.match_cache_notebook(notebook)
    except KeyError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
