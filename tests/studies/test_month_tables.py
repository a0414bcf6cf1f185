"""Tables of the month's stored results: means over seeds, targets, and what is said where nothing is stored."""

import pytest

from studies import month_tables as tables

BASELINES = {"IRI": 0.20, "IRI + mean": 0.19, "mean residuals": 0.18, "persistence": 0.22}


def stored_row(variant, seed, model, iri_cosine=0.7, model_cosine=0.8, **more):
    rmse = {**BASELINES, "R-STMRF": model} | ({"IRI scaled by TEC": 0.1} if seed == 0 else {})
    scores = [{"stratum": "all", "cell": "all", "prediction": name, "rmse": value} for name, value in rmse.items()]
    for name in ("IRI", "R-STMRF"):
        storm = {"stratum": "Kp", "cell": "Kp ≥ 5", "prediction": name, "rmse": None, "profiles": 80, "days": 1}
        scores.append(storm | {"estimable": False})
    parts = [{"part": "held-out times", "against": a, "scores": scores, **more} for a in ("observations", "truth")]
    cosines = [{"alt_km": float(h), "IRI": iri_cosine, "model": model_cosine} for h in (300, 350, 400)]
    return {"variant": variant, "seed": seed, "split": "a", "scores": parts, "cosines": cosines}


@pytest.fixture
def rows():
    good = [stored_row(tables.ON, seed, 0.15 + 0.01 * seed) for seed in (0, 1)]
    off = stored_row(tables.OFF, 0, 0.18, model_cosine=0.7)
    control = stored_row(tables.SHUFFLED, 0, 0.18, iri_cosine=0.3)
    return [*good, off, control, stored_row("forecast", 0, 0.19)]


def test_forecasts_stand_apart(rows):
    assert [r["variant"] for r in tables.of_mode(rows, "forecast")] == ["forecast"]
    assert "forecast" not in tables.skill_table(tables.of_mode(rows, "analysis")).index


def test_seeds_are_averaged_and_compared_with_their_own_baselines(rows):
    found = tables.skill_table(tables.of_mode(rows, "analysis"))
    assert list(found.index)[: len(BASELINES) + 1] == ["IRI scaled by TEC", *sorted(BASELINES, key=BASELINES.get)]
    assert found.loc[tables.ON, "observations"] == "0.155 (0.150–0.160)"
    assert found.loc[tables.ON, "% below IRI"] == pytest.approx(22.5)
    assert found.loc[tables.ON, "% below best baseline"] == pytest.approx(13.9)  # 0.18, not that scaled by TEC


def test_cosines_against_maps_of_other_hours_are_left_out(rows):
    assert set(tables.cosines(rows)) == {"IRI", tables.ON, tables.OFF, "forecast"}


def test_targets_say_what_is_reached_and_what_is_not_told(rows):
    found = tables.targets(rows).set_index("target")["reached"]
    assert found.tolist() == ["yes", "–", "yes", "–", "yes", "yes", "yes", "–", "–", "not told", "–"]
    assert (tables.targets(rows[2:3])["measured"].iloc[:6] == tables.NOT_RUN).all()


def test_peaks_are_judged_cell_by_cell():
    cells = [
        {"stratum": "Kp", "cell": cell, "prediction": name, "estimable": cell != "rare", "hm_f2_km_rmse": value}
        for cell, iri in (("quiet", 20.0), ("active", 10.0), ("rare", None))
        for name, value in (("IRI", iri), ("R-STMRF", 15.0))
    ]
    for cell in cells:
        cell["nm_f2_percent_rmse"] = cell["hm_f2_km_rmse"]
    found = tables.targets([stored_row(tables.ON, 0, 0.15, **{"peaks by cell": cells})]).set_index("target")
    row = found.loc["hmF2 not worse than IRI in any estimable stratum"]
    assert row["measured"] == "worse in 1 of 2 cells; active" and row["reached"] == "no"


def test_baselines_are_those_of_the_first_seed(rows):
    """Other seeds, and models that predict together, are stored without them."""
    bare = [stored_row(tables.ON, 1, 0.16), stored_row("mean of 2 models", None, 0.14)]
    for row in bare:
        del row["cosines"]
        for one in row["scores"]:
            one["scores"] = [score for score in one["scores"] if score["prediction"] == "R-STMRF"]
    found = tables.skill_table([rows[0], *bare])
    assert found.loc[tables.ON, "% below IRI"] == pytest.approx(22.5)
    assert found.loc["mean of 2 models", ["seeds", "% below IRI"]].tolist() == ["together", 30.0]


def test_coverage_and_verdicts_are_those_of_the_runs(rows):
    for share, row in zip((0.86, 0.9), rows, strict=False):
        row["verdict held-out times"] = {"coverage_90": share > 0.87, "tells_places_apart": True}
        row["scores"][0]["calibration"] = [{"stratum": "all", "cell": "all", "coverage_90": share}]
    assert tables.verdicts(rows).loc[tables.ON].tolist() == ["1 of 2", "2 of 2"]
    assert tables.targets(rows).iloc[-1][["measured", "reached"]].tolist() == ["88.0 (86.0–90.0) %", "no"]
