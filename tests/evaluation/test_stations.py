"""One call scores runs and IRI against a station: what counts there, and by which height and hour."""

import numpy as np
import pytest

from rstmrf.errors import InputError
from rstmrf.evaluation.stations import score_stations
from rstmrf.predict import Predictor
from rstmrf.readers.station_points import station_points


class Offset:
    """A run that lies this much above IRI, which is the observation plus 0.2."""

    def __init__(self, dex):
        self.dex = dex

    def at(self, *, time, lat, lon, alt_km):
        iri = 10.0 + alt_km / 500 + 0.2
        return {"ne_iri_m3": 10.0**iri, "log10_ne_m3": iri + self.dex}


@pytest.fixture
def station():
    """Twelve profiles of three days at midnight and noon, heights from 100 to 540 km, measured up to 320 km."""
    alt_km = np.tile(np.arange(100.0, 550.0, 20.0), 12)
    profile = np.repeat(np.arange(12), 23)
    time = np.datetime64("2021-03-10", "ns") + profile * np.timedelta64(6, "h")
    columns = {"lat": np.full(276, 40.0), "lon": np.zeros(276), "alt_km": alt_km, "time": time, "profile": profile}
    columns["log10_ne_m3"] = 10.0 + alt_km / 500
    return station_points("station.txt", "test", columns, alt_km <= 320, np.where(alt_km == 200, 1.0, 0.05))


def test_runs_and_iri_stand_side_by_side_by_height_and_hour(station):
    table = score_stations({"near": Offset(-0.1), "far": Offset(0.1)}, station, min_profiles=2)
    whole = table[table["stratum"] == "all"].set_index("prediction")
    assert whole["rmse"].to_dict() == pytest.approx({"IRI": 0.2, "near": 0.1, "far": 0.3}, rel=1e-5)
    assert whole.loc["near", "skill"] == pytest.approx(0.5, rel=1e-5)
    assert whole.loc["IRI", "points"] == 12 * 10  # 120 to 320 km, without the uncertain level
    cells = table[table["stratum"] == "altitude, local time"].set_index(["cell", "prediction"])
    assert cells.loc[("120–200 km, night 21–5 LT", "near"), "profiles"] == 3
    assert cells.loc[("200–300 km, day 9–17 LT", "IRI"), "rmse"] == pytest.approx(0.2, rel=1e-5)
    assert set(table["stratum"]) == {"all", "altitude", "local time", "altitude, local time"}


def test_uncertain_points_count_where_asked_and_nothing_left_is_said(station):
    whole = score_stations(Offset(0.0), station, max_sigma_dex=2.0, min_profiles=2).set_index("stratum").loc["all"]
    assert (whole["points"] == 12 * 11).all() and whole["prediction"].tolist() == ["IRI", "R-STMRF"]
    with pytest.raises(InputError, match=r"station\.txt: none of 276 points was measured between 120 and 500 km"):
        score_stations(Offset(0.0), station.assign(measured=station["measured"] & False))


def test_a_trained_model_is_scored_as_it_stands(trained, tiny_data):
    predictor = Predictor(trained[0], tiny_data.iri, tiny_data.processor)
    points = tiny_data.points
    time = points.start + (points.coords[:200, 3].double().numpy() * 3.6e12).astype("m8[ns]")
    columns = dict(zip(("lat", "lon", "alt_km"), points.coords[:200, :3].numpy().T, strict=True))
    columns |= {"time": time, "profile": np.zeros(200), "log10_ne_m3": points.log10_ne_m3[:200].numpy()}
    station = station_points("sample", "sample", columns, np.ones(200))
    table = score_stations(predictor, station, min_profiles=1).set_index(["stratum", "prediction"])
    error = (points.background[:200, 0] - points.log10_ne_m3[:200]).numpy()
    assert table.loc[("all", "IRI"), "rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-4)
