"""The run's `metrics.csv`: one file for all that a run did, however often it was interrupted."""

import os
from pathlib import Path

import pandas as pd
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.utilities import rank_zero_only

from rstmrf.training.callbacks import MEMORY_COLUMNS

NAME = "metrics.csv"


@rank_zero_only
def rows_until(run_dir: Path, step: int) -> None:
    """Keep the rows of a log as far as a checkpoint's step: what came after it is done again."""
    path = run_dir / NAME
    if not path.exists():
        return
    log = pd.read_csv(path, on_bad_lines="skip")  # a killed process may have left half a line
    steps = pd.to_numeric(log["step"], errors="coerce")
    _replace(path, log[steps < step])


def history(run_dir) -> pd.DataFrame:
    """One row an epoch: loss terms and `dev_rmse_dex`, from `metrics.csv`; of an ensemble, its first model's."""
    log = _read(run_dir)
    rows = log.dropna(subset=["epoch"]).groupby("epoch").first()
    return rows.drop(columns=["step", *MEMORY_COLUMNS], errors="ignore")


def memory_history(run_dir) -> pd.DataFrame:
    """Memory of the process [MB] by training step, `process_mb` and on a GPU `cuda_mb`, from `metrics.csv`."""
    log = _read(run_dir)
    noted = log.reindex(columns=["step", *MEMORY_COLUMNS]).dropna(subset=["process_mb"])
    return noted.set_index("step").dropna(axis="columns", how="all")


def _read(run_dir) -> pd.DataFrame:
    path = Path(run_dir) / NAME
    if not path.exists() and (of_models := sorted(Path(run_dir).glob(f"*/{NAME}"), key=_by_seed)):
        path = of_models[0]
    return pd.read_csv(path)


def _by_seed(path: Path):
    return len(path.parent.name), path.parent.name


class RunLog(CSVLogger):
    """Lightning's log in a run's folder, which goes on with the file that is there instead of deleting it."""

    def __init__(self, run_dir: Path):
        super().__init__(run_dir.parent, name=run_dir.name, version="")

    @property
    @rank_zero_experiment
    def experiment(self):
        """The writer of the file; on the first process alone."""
        if self._experiment is None:
            os.makedirs(self.log_dir, exist_ok=True)
            self._experiment = _Continued(self.log_dir)
        return self._experiment


class _Continued(ExperimentWriter):
    def __init__(self, log_dir):
        super().__init__(log_dir)
        if os.path.exists(self.metrics_file_path):
            self.metrics_keys = list(pd.read_csv(self.metrics_file_path, nrows=0).columns)

    def _check_log_dir_exists(self):
        """The library would delete the earlier rows here."""

    def _rewrite_with_new_header(self, fieldnames):
        path = Path(self.metrics_file_path)
        _replace(path, pd.read_csv(path).reindex(columns=fieldnames))


def _replace(path: Path, log: pd.DataFrame) -> None:
    unfinished = path.with_suffix(".part")
    log.to_csv(unfinished, index=False)
    unfinished.replace(path)
