"""Scores that `studies.real_profiles` stores: parts of the four days, and the stations of other years."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from rstmrf.background import IriBackground
from rstmrf.background.dip import dip_latitude
from rstmrf.data.batch import PointSet
from rstmrf.data.night import dark_and_low
from rstmrf.data.run_data import RunData
from rstmrf.evaluation.baselines import MeanResidualTable
from rstmrf.evaluation.stations import score_stations
from rstmrf.metrics import peak_errors, peak_errors_by_cell, score_table, strata_of
from rstmrf.metrics.moments import profile_days
from rstmrf.model.coordinates import TRAINED_KM
from rstmrf.predict import Predictor
from rstmrf.readers.digisonde import read_digisonde_text
from rstmrf.readers.madrigal import read_madrigal
from rstmrf.uncertainty import Ensemble
from rstmrf.units import local_time_hours

MIN_PROFILES = 30
BELIEVED, DARK_LOW = "sunlit, or above 200 km", "dark and below 200 km"
BOULDER, BOULDER_PLACE = "BC840*.txt.gz", (40.0, -105.3)
EVERY_SOUNDING = 3  # of the digisonde's, 5 min apart
EISCAT = "MAD6400*.hdf5"
NAMES = {"EISCAT": "EISCAT Tromsø 2021-03-10", "Boulder": "Boulder 2018-02-01 to 13"}
KEPT = ["stratum", "cell", "prediction", "points", "profiles", "rmse", "bias", "skill", "skill_low", "skill_high"]


def part_scores(data: RunData, part: int, tables: dict, models: dict, cells: bool) -> dict[str, list[dict]]:
    """Scores and peak errors of IRI, tables and models (each a list, whose mean predicts) on one part.

    Each profile counts once. `cells`: by local time and dip latitude too.
    """
    points = data.part(part)
    iri = points.background[:, 0].double().numpy()
    predicted = {"IRI": iri} | {name: iri + table.predict(points) for name, table in tables.items()}
    for name, group in models.items():
        predictor = Predictor(Ensemble(group), data.iri, data.processor)
        predicted[name] = iri + predictor.residual(points).double().numpy()
    observed, alt_km = points.log10_ne_m3.double().numpy(), points.coords[:, 2].numpy()
    profile, strata = points.profile.numpy(), _strata(data, points, cells)
    day = profile_days(points.coords[:, 3].numpy(), profile)
    scores = score_table(predicted, observed, profile, day, strata, n_bootstrap=200, min_profiles=MIN_PROFILES)
    found = {"scores": _rows(scores), "peaks": _rows(_named(peak_errors(predicted, observed, alt_km, profile)))}
    if cells:
        horizontal = {kind: strata[kind] for kind in ("local time", "dip latitude")}
        of_cells = peak_errors_by_cell(predicted, observed, alt_km, profile, horizontal, MIN_PROFILES)
        found["peaks by cell"] = _rows(of_cells[of_cells["estimable"]].drop(columns="estimable"))
    return found


def station_scores(folder: Path, data: RunData, tables: dict, models: list, surroundings) -> dict[str, list[dict]]:
    """Scores against the stations in a folder, by name, on days of other years; what is not there is left out.

    `surroundings` gives IRI and the windows of indices for points and settings.
    Kp and F10.7 that the model sees are held within what it has seen: four days teach nothing of another solar flux.
    IRI gets what they were.
    """
    found = {}
    for name, points in _stations(folder).items():
        iri, windows = surroundings(points, data.config)
        windows.sw = windows.sw.clamp(data.processor.sw.amin(0), data.processor.sw.amax(0))
        runs = {kind: OfTable(table, iri) for kind, table in tables.items()}
        if models:
            runs["R-STMRF"] = Predictor(Ensemble(models), iri, windows)
        found[name] = _rows(score_stations(runs, points, n_bootstrap=200))
    return found


class OfTable(NamedTuple):
    """A table of mean residuals, as `score_stations` asks for it."""

    table: MeanResidualTable
    iri: IriBackground

    def at(self, *, time, lat, lon, alt_km):
        """Ne [m⁻³] of IRI, and log10 Ne with the table's mean residual, each `[P]`."""
        hours = (time - np.datetime64(self.iri.start.isoformat(), "ns")) / np.timedelta64(1, "h")
        place = [torch.from_numpy(np.asarray(x, np.float32)) for x in (lat, lon, alt_km)]
        iri = self.iri.log10_density(*place, torch.from_numpy(hours)).double().numpy()
        coords = torch.stack([*place, torch.from_numpy(hours).float()], dim=1)
        places = PointSet.places(coords, np.datetime64(self.iri.start.isoformat(), "ns"))
        return {"ne_iri_m3": 10.0**iri, "log10_ne_m3": iri + self.table.predict(places)}


def _stations(folder: Path):
    readers = {
        "EISCAT": (EISCAT, lambda path: read_madrigal(path, TRAINED_KM)),
        "Boulder": (BOULDER, lambda path: read_digisonde_text(path, *BOULDER_PLACE)),
    }
    found = {}
    for name, (pattern, read) in readers.items():
        for path in sorted(folder.glob(pattern)):
            points = read(path)
            inside = (points["alt_km"] >= TRAINED_KM[0]) & (points["alt_km"] <= TRAINED_KM[1])
            often = points["profile"] % EVERY_SOUNDING == 0 if name == "Boulder" else True
            found[NAMES[name]] = points.isel(point=(inside & points["measured"] & often).values)
    return found


def _strata(data, points: PointSet, cells: bool):
    lat, lon, alt_km, hours = points.coords.numpy().T
    dip = dip_latitude(lat, lon, int(str(points.start)[:4]))
    usual = strata_of(alt_km, local_time_hours(hours, lon), dip, np.zeros(len(lat)))
    high = np.where(alt_km < 200, "120–200 km", "200–500 km")
    dark = np.where(dark_and_low(points, data.iri).numpy(), DARK_LOW, BELIEVED)
    strata = {"altitude": usual["altitude"], "above 200 km": high, "sunlight": dark}
    if cells:
        by_time = zip(usual["altitude"], usual["local time"], strict=True)
        strata |= {kind: usual[kind] for kind in ("local time", "dip latitude")}
        strata["altitude, local time"] = np.array([", ".join(pair) for pair in by_time])
        believed = zip(dark, usual["local time"], strict=True)
        strata["sunlight, local time"] = np.array([", ".join(pair) for pair in believed])
    return strata


def _named(table):
    return table.rename_axis("prediction").reset_index()


def _rows(table) -> list[dict]:
    """Plain numbers to four digits; what is not estimable is left out."""
    table = table[[name for name in KEPT if name in table]] if "stratum" in table and "rmse" in table else table
    rows = table.round(4).to_dict("records")
    return [{key: value for key, value in row.items() if value == value} for row in rows]
