"""Which points lie in the Earth's shadow below 200 km, and how much of their departure from IRI is fitted."""

import numpy as np
import pytest
import torch

from rstmrf.background import IriBackground
from rstmrf.data.batch import PointSet, attach_background
from rstmrf.data.night import believed, dark_and_low
from rstmrf.data.run_data import RunData


@pytest.fixture(scope="module")
def iri():
    return IriBackground("2020-03-20", [10.0], [70.0])


def at(iri, lat, lon, alt_km, hours):
    """Points that lie one decade above IRI."""
    coords = torch.from_numpy(np.stack(np.broadcast_arrays(lat, lon, alt_km, hours)).astype(np.float32)).T.contiguous()
    background = attach_background(*coords.T[:3], coords[:, 3].double(), iri)
    start = np.datetime64("2020-03-20", "ns")
    return PointSet(coords, background[:, 0] + 1, background, torch.zeros(len(coords), dtype=torch.int), start)


def test_midnight_is_dark_below_200_km_and_noon_is_not(iri):
    midnight = at(iri, 0.0, 0.0, [120.0, 199.0, 201.0, 500.0], 0.0)
    assert dark_and_low(midnight, iri).tolist() == [True, True, False, False]
    assert not dark_and_low(at(iri, 0.0, 180.0, [120.0, 199.0], 0.0), iri).any()


def test_the_sun_sets_later_higher_up(iri):
    # on the equator at equinox the Sun sinks by 15° an hour; at 150 km it sets 12.3° below the horizon, at 199 km 14.1°
    for alt_km, set_deg in ((120.0, 11.0), (150.0, 12.3), (199.0, 14.1)):
        assert set_deg == pytest.approx(np.rad2deg(np.arccos(6371 / (6371 + alt_km))), abs=0.1)
        hours = 18.12 + (np.array([set_deg - 1, set_deg + 1]) / 15.0)  # 0.12 h: the equation of time
        assert dark_and_low(at(iri, 0.0, 0.0, alt_km, hours), iri).tolist() == [False, True]


def test_a_share_of_the_departure_is_believed(iri):
    points = at(iri, 0.0, 0.0, [150.0, 300.0], 0.0)
    assert believed(points, iri, 1.0) is points
    departure = believed(points, iri, 0.25).log10_ne_m3 - points.background[:, 0]
    assert departure.tolist() == pytest.approx([0.25, 1.0])


def test_training_fits_what_is_believed_and_scores_what_was_observed(
    thin_observations, sample_tec, sample_indices, tiny_config
):
    config = tiny_config.changed(night_low_weight=0.0)
    data = RunData(thin_observations, sample_tec, sample_indices, config)
    dark = dark_and_low(data.points, data.iri)
    assert 0 < dark.float().mean() < 0.5
    torch.testing.assert_close(data.fitted().log10_ne_m3[dark], data.points.background[dark, 0])
    torch.testing.assert_close(data.fitted().log10_ne_m3[~dark], data.points.log10_ne_m3[~dark])
    assert (data.part(0, 1, 2, 3).log10_ne_m3[dark] != data.points.background[dark, 0]).any()
    batch = next(iter(data.val_dataloader()))
    low = dark_and_low(PointSet.places(batch.coords, data.points.start), data.iri)
    torch.testing.assert_close(batch.target_ne[low], batch.background[low, 0])
