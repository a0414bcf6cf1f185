"""Tables of the month's stored results: means over seeds, targets, and what is said where nothing is stored."""

import pytest

from studies import month_tables as tables

BASELINES = {"IRI": 0.20, "IRI + mean": 0.19, "mean residuals": 0.18, "persistence": 0.22}
ON, OFF, SHUFFLED, PLAIN = (f"inverted, {tec}" for tec in (tables.DIRECTION, tables.OFF, tables.SHUFFLED, tables.PLAIN))


def stored_row(variant, seed, model, iri_cosine=0.7, model_cosine=0.8, lower=0.0, **more):
    """A row whose baselines are `lower` than those of profiles as reported."""
    rmse = {name: value - lower for name, value in BASELINES.items()} | {"R-STMRF": model, "IRI scaled by TEC": 0.1}
    rmse["IRI"] = BASELINES["IRI"]
    scores = [{"stratum": "all", "cell": "all", "prediction": name, "rmse": value} for name, value in rmse.items()]
    parts = [{"part": "held-out times", "against": a, "scores": scores, **more} for a in ("observations", "truth")]
    cosines = [{"alt_km": float(h), "IRI": iri_cosine, "model": model_cosine} for h in (300, 350, 400)]
    return {"variant": variant, "seed": seed, "split": "a", "scores": parts, "cosines": cosines}


@pytest.fixture
def rows():
    good = [stored_row(ON, seed, 0.15 + 0.01 * seed, lower=0.01) for seed in (0, 1)]
    off = [stored_row(OFF, seed, 0.17, model_cosine=0.7, lower=0.01) for seed in (0, 1)]
    control = stored_row(SHUFFLED, 0, 0.18, iri_cosine=0.3, lower=0.01)
    as_reported = stored_row(f"density, {tables.DIRECTION}", 0, 0.165)
    return [*good, *off, control, as_reported]


def test_baselines_are_those_of_the_same_kind_of_observation(rows):
    found = tables.baselines([*rows, stored_row(PLAIN, 0, 0.16, lower=0.01)])
    assert found.loc["mean residuals", ["inverted", "density"]].tolist() == pytest.approx([0.17, 0.18])
    assert found.loc[tables.PLAIN, "inverted"] == 0.16 and found.loc[tables.PLAIN].isna().sum() == 1


def test_seeds_are_averaged_and_compared_with_their_own_baselines(rows):
    found = tables.skill_table(rows)
    assert found.loc[ON, "truth"] == "0.155 (0.150–0.160)" and found.loc[ON, "seeds"] == 2
    assert found.loc[ON, "truth: % below IRI"] == pytest.approx(22.5)
    rival = found.loc[ON, "truth: % below best without TEC's magnitude"]
    assert rival == pytest.approx(8.8)  # 0.17, not that scaled by TEC


def test_days_and_peaks_are_told_by_variant(rows):
    for row in rows:
        for one in row["scores"]:
            for score in one["scores"]:
                score |= {"skill": 0.1, "skill_low": -0.02, "skill_high": 0.2}
            one["peaks"] = [
                {"index": name, **{f"{key}_{of}": value for key in tables.PEAKS for of in ("rmse", "bias")}}
                for name, value in (("IRI", 20.0), ("R-STMRF", 10.0 + (row["seed"] or 0)))
            ]
    found = tables.by_days(rows)
    assert found.index.tolist() == [(ON, 0), (ON, 1)] and found.loc[(ON, 0)].tolist() == [10.0, -2.0, 20.0]
    peaks = tables.peak_table(rows)
    assert peaks.loc[ON, "hmF2 (km), rmse"] == 10.5 and peaks.loc["IRI", "foF2 (MHz), bias"] == 20.0
    assert OFF not in peaks.index


def test_cosines_against_maps_of_other_hours_are_left_out(rows):
    assert set(tables.cosines(rows)) == {"IRI", ON, OFF, f"density, {tables.DIRECTION}"}


def test_targets_say_what_is_reached_and_by_how_much_each_seed(rows):
    found = tables.targets(rows).set_index("target")
    assert found.loc["model below IRI by 12 %", ["truth", "reached"]].tolist() == ["22.5 % (20.0 to 25.0)", "yes"]
    assert found.loc["below mean residuals by 5 %", "truth"] == "8.8 % (5.9 to 11.8)"
    assert found.loc["direction on against off, as inversions, 3 %", "truth"] == "8.8 % (5.9 to 11.8)"
    assert found.loc["shuffled maps against off, as inversions: no gain", "reached"] == "yes"
    assert found.loc["observations as inversions against as reported, 5 %", "reached"] == "yes"
    for target in ("three models together below IRI by 14 %", f"below {PLAIN} by 5 %"):
        assert found.loc[target, "truth"] == tables.NOT_RUN and found.loc[target, "reached"] == "–"
    assert (tables.targets([rows[-2]])["truth"].iloc[:2] == tables.NOT_RUN).all()


def test_peaks_are_judged_cell_by_cell():
    cells = [
        {"stratum": "Kp", "cell": cell, "prediction": name, "estimable": cell != "rare", "hm_f2_km_rmse": value}
        for cell, iri in (("quiet", 20.0), ("active", 10.0), ("rare", None))
        for name, value in (("IRI", iri), ("R-STMRF", 15.0))
    ]
    for cell in cells:
        cell["nm_f2_percent_rmse"] = cell["hm_f2_km_rmse"]
    found = tables.targets([stored_row(ON, 0, 0.15, **{"peaks by cell": cells})]).set_index("target")
    row = found.loc["hmF2 worse than IRI in no estimable cell"]
    assert row["truth"] == "worse in 1 of 2 cells; active" and row["reached"] == "no"


def test_baselines_are_those_of_the_first_seed(rows):
    """Other seeds, and models that predict together, are stored without them."""
    bare = [stored_row(ON, 1, 0.16), stored_row(f"{ON}, mean of 3 models", None, 0.14)]
    for row in bare:
        del row["cosines"]
        for one in row["scores"]:
            one["scores"] = [score for score in one["scores"] if score["prediction"] == "R-STMRF"]
    found = tables.skill_table([rows[0], *bare])
    assert found.loc[ON, "truth: % below IRI"] == pytest.approx(22.5)
    together = found.loc[f"{ON}, mean of 3 models"]
    assert together["seeds"] == "together" and together["truth: % below IRI"] == 30.0


def test_verdicts_are_counted_over_the_runs(rows):
    for passed, row in zip((False, True), rows, strict=False):
        row["verdict held-out times"] = {"coverage_90": passed, "tells_places_apart": True}
        row["scores"][0]["calibration"] = [{"stratum": "all", "cell": "all", "coverage_90": 0.86 + 0.04 * passed}]
    assert tables.coverage(rows).to_dict() == {ON: "88.0 (86.0–90.0)"}
    assert tables.verdicts(rows).loc[ON].tolist() == ["1 of 2", "2 of 2"]
