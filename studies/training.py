"""One training of a study, with its seconds and its development curve."""

import tempfile
import time
from pathlib import Path

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
