"""Tables of what was tried on the month of exploration, written by `studies.month FOLDER --explore`."""

import pandas as pd

from rstmrf.config import RunConfig
from rstmrf.presets import PRESETS
from studies.month_tables import MODEL, stored

DAYS = ("unseen days", "seen days", "days once locked")
PARTS = [f"{days}, {of}" for of in ("truth", "observations") for days in DAYS]
PLAIN = {key: field.default for key, field in RunConfig.model_fields.items()}


def departures(settings: dict) -> dict:
    """Settings that depart from the preset `month`, the seed left out."""
    usual = PLAIN | PRESETS["month"]
    return {k: v for k, v in (PLAIN | settings).items() if k != "seed" and v != usual.get(k)}


def explored(mode="analysis") -> pd.DataFrame:
    """What was tried on the month of exploration: settings, and RMSE [dex] there.

    Of forecasts, "days once locked" are the days to come.
    """
    return pd.DataFrame(
        {"settings": _named(row["settings"]), **{where: row[where][MODEL] for where in PARTS if where in row}}
        for row in stored("month_explored")
        if row["settings"].get("mode", "analysis") == mode
    )


def _named(settings):
    named = [f"{key} {value}" for key, value in departures(settings).items()]
    return ", ".join([*named, *([f"seed {settings['seed']}"] if "seed" in settings else [])]) or "as the preset"


def by_seed() -> pd.DataFrame:
    """RMSE against the truth [dex] of settings that were tried with more than one seed, and its change by the seed."""
    tried: dict[str, list] = {}
    for row in stored("month_explored"):
        name = ", ".join(f"{key} {value}" for key, value in departures(row["settings"]).items())
        tried.setdefault(name, []).append([row[f"{days}, truth"][MODEL] for days in DAYS])
    columns = {}
    for name, rows in tried.items():
        if len(rows) > 1:
            columns |= {(name, f"seed {n + 1}"): values for n, values in enumerate(rows)}
    return pd.DataFrame(columns, index=list(DAYS)).T
