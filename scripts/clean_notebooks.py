"""Take out of notebooks what changes with every run and says nothing: python scripts/clean_notebooks.py NOTEBOOK ...

Times of execution of each cell, notes of papermill and the state of an editor go; outputs, counts, tags and all else
stay as they are. Files that change are named and the exit status is 1, which is how pre-commit learns of it.
"""

import json
import sys
from pathlib import Path

VOLATILE = ("execution", "papermill", "ExecuteTime", "collapsed", "scrolled")


def clean(text: str) -> str:
    """A notebook's JSON without volatile metadata; the text itself where there is none."""
    notebook = json.loads(text)
    holders = [notebook["metadata"], *(cell["metadata"] for cell in notebook["cells"])]
    removed = [holder.pop(key) for holder in holders for key in VOLATILE if key in holder]
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n" if removed else text


def main(paths: list[str]) -> int:
    changed = 0
    for path in map(Path, paths):
        before = path.read_text(encoding="utf-8")
        after = clean(before)
        if after != before:
            path.write_text(after, encoding="utf-8", newline="\n")
            print(f"{path}: volatile metadata taken out")
            changed = 1
    return changed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
