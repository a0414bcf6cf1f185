"""One training of a study, with its seconds and its development curve."""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from filelock import FileLock

from rstmrf.data.run_data import RunData
from rstmrf.model.weights import save_model
from rstmrf.training.log import history
from rstmrf.training.loop import train


def trained(data: RunData, row: dict, keep: Path | None = None):
    """Train one model; notes seconds and the development curve in `row`, and may keep the weights in a folder."""
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        model = train(data, Path(scratch) / "run")
        row["seconds"] = round(time.perf_counter() - started)
        row["development"] = history(Path(scratch) / "run")["dev_rmse_dex"].round(4).tolist()
    if keep is not None:
        save_model(model, data.config, keep, split=data.split.digest)
    return model


def asked_runs(about: str, variants, seeds) -> argparse.Namespace:
    """What a study is asked for on its command line: `folder`, and which variants (`only`) with which `seeds`."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=list(variants), metavar="VARIANT")
    parser.add_argument("--seeds", nargs="*", type=int, default=seeds)
    return parser.parse_args()


def stored_rows(results: Path) -> list[dict]:
    """The rows that a study has stored so far."""
    return json.loads(results.read_text()) if results.exists() else []


def keep_row(results: Path, row: dict) -> None:
    """Add a row to what a study has stored; other processes may do so, too. What is not finite is null."""
    with FileLock(results.with_suffix(".lock")):
        rows = [*stored_rows(results), _plain(row)]
        results.write_text("[\n" + ",\n".join(json.dumps(one, separators=(",", ":")) for one in rows) + "\n]\n")


def _plain(content):
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_plain(value) for value in content]
    if isinstance(content, np.generic):
        content = content.item()
    return None if isinstance(content, float) and not np.isfinite(content) else content
