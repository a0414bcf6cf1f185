"""What the stored forecasts, storms and uncertainty say holds together."""

import numpy as np
import pytest

from rstmrf.simulate import month
from studies import forecast_figures, forecast_tables, uncertainty_tables
from studies.training import keep_row, stored_rows

FORECASTS, STORMS = forecast_tables.stored("forecasts"), forecast_tables.stored("storms")


def test_forecasts_have_the_baselines_of_the_same_days():
    found = forecast_tables.by_period(FORECASTS)
    assert {"IRI", "mean residuals", "persistence", "R-STMRF"} <= set(found)
    assert found.notna().all().all() and set(found.index.get_level_values("forecast")) == {
        "from 30 days",
        "from 22 days",
    }


def test_what_is_said_of_forecasts_is_what_the_table_shows():
    by_period = forecast_tables.by_period(FORECASTS).xs(forecast_tables.SOON, level="cell")
    below = 100 * (1 - by_period["R-STMRF"] / by_period["IRI"]).mean()
    assert forecast_tables.below(FORECASTS)["IRI"] == pytest.approx(below, abs=1.0)
    assert f"{forecast_tables.below(FORECASTS)['IRI']:.1f} % below IRI" in forecast_tables.verdicts(FORECASTS)[0]


def test_two_storm_days_are_locked_with_a_hundred_profiles_each():
    stormy = {date: of for date, of in forecast_tables.locked_days(STORMS).items() if of["kp"] > 4.5}
    assert len(stormy) >= 2 and all(of["profiles"] >= 100 for of in stormy.values())


def test_storms_are_scored_on_one_split():
    assert len({str(row["days"]["parts"]) for row in STORMS}) == 1


def test_a_forecast_has_the_kp_that_was_measured_until_it_is_made():
    measured = month.indices(month.STORMS)["kp"].sel(time=slice(*month.STORMS.hours)).values
    first = forecast_figures.hour_of(10, 17)
    known = forecast_figures.kp_known(first)
    np.testing.assert_allclose(known[: first + 1], measured[: first + 1], atol=1e-6)
    assert (np.diff(known[first:]) <= 0).all() and not np.allclose(known[first + 24], measured[first + 24])


def test_coverage_is_told_for_both_kinds_of_sigma():
    rows = uncertainty_tables.stored()
    assert sum(row["model"] == "single" for row in rows) == 3
    said = uncertainty_tables.verdicts(rows)
    assert said[0].startswith("σ of density") and said[1].startswith("σ of observation")
    assert uncertainty_tables.gains(rows)["at best"].gt(uncertainty_tables.gains(rows)["stated"]).all()


def test_rows_are_kept_with_nothing_that_json_lacks(tmp_path):
    path = tmp_path / "rows.json"
    keep_row(path, {"a": np.float32(0.5), "b": [np.nan, 1], "c": {"d": np.int64(3)}})
    keep_row(path, {"a": 2})
    assert stored_rows(path) == [{"a": 0.5, "b": [None, 1], "c": {"d": 3}}, {"a": 2}]


def test_a_variant_is_compared_with_the_preset_of_the_same_forecast_and_seed():
    found = forecast_tables.by_variant(FORECASTS)
    errors = forecast_tables.scores(FORECASTS)
    errors = errors[(errors["stratum"] == "all") & (errors["prediction"] == "R-STMRF") & errors["seed"].notna()]
    wide = errors.pivot_table("rmse", ["month_days", "seed"], "variant")
    change = 100 * (wide["no direction"] / wide["preset forecast"] - 1)
    assert found.loc["no direction", "runs"] == change.notna().sum() == 6
    told = found.loc["no direction", "against the preset (%)"]
    assert told == f"{change.mean():+.1f} ({change.min():+.1f} to {change.max():+.1f})"
    assert found.loc["preset forecast", "against the preset (%)"] == "+0.0 (+0.0 to +0.0)"


def test_coverage_by_days_is_that_of_the_study_of_uncertainty():
    """Two ways to the same numbers: cells of `studies.uncertainty`, and days added up in `studies.sigma_limits`."""
    by_days = uncertainty_tables.by_days(uncertainty_tables.limits())
    told = uncertainty_tables.coverage(uncertainty_tables.stored())["density"]["mean"]
    for stratum, cell in uncertainty_tables.ASKED:
        assert by_days.loc[cell, "coverage"] == pytest.approx(told.loc[stratum, cell], abs=0.15)
    assert ((by_days["from"] < by_days["coverage"]) & (by_days["coverage"] < by_days["to"])).all()
