"""A batch's members, and points with the background in kilometres east and north."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from rstmrf.data.batch import BACKGROUND, Batch, Points, Rays, attach_background, prepare_points
from rstmrf.errors import InputError
from rstmrf.readers import sample
from rstmrf.units import EARTH_RADIUS_KM


def make_batch(collocation=None):
    maps = torch.rand(2, 3, 1, 7, 13)
    window = torch.tensor([0, 1, 1, 0])
    return Batch(
        torch.rand(4, 4), torch.rand(4), torch.rand(4, 5), window, torch.rand(2, 3, 2), maps, maps[:, -1], collocation
    )


@pytest.fixture(scope="module")
def iri():
    return sample.background()


def test_expanded_sequences_are_the_windows_of_the_points():
    batch = make_batch()
    assert batch.sw_seq.shape == (4, 3, 2)
    assert all(torch.equal(batch.sw_seq[i], batch.unique_sw_seq[w]) for i, w in enumerate([0, 1, 1, 0]))


def test_physics_points_are_the_observations_unless_others_are_given():
    batch = make_batch()
    assert batch.physics.coords is batch.coords and batch.physics.tec_indices is batch.tec_indices
    others = Points(torch.rand(9, 4), torch.rand(9, 5), torch.zeros(9, dtype=torch.long))
    assert make_batch(others).physics is others


def test_moving_a_batch_moves_every_member():
    others = Points(torch.rand(9, 4), torch.rand(9, 5), torch.zeros(9, dtype=torch.long), torch.rand(9, 4))
    maps = {name: torch.rand(2, 2, 7, 13) for name in ("direction_maps", "next_direction_maps")}
    more = maps | {
        "next_tec_map": torch.rand(2, 1, 7, 13),
        "window_share": torch.ones(2),
        "point_weight": torch.ones(4),
    }
    known = torch.rand(4)
    rays = Rays(torch.rand(6, 4), torch.zeros(6).long(), torch.rand(1, 2, 3), torch.zeros(4).long(), known, known)
    moved = replace(make_batch(others), **more, rays=rays).to("meta")
    parts = [moved, moved.collocation, moved.rays]
    members = [getattr(part, f.name) for part in parts for f in fields(part)]
    tensors = [x for x in members if isinstance(x, torch.Tensor)]
    assert len(tensors) == len(members) - 2 == 22 and all(x.device.type == "meta" for x in tensors)
    assert make_batch().to("meta").collocation is None


def test_a_batch_that_does_not_fit_together_is_refused_under_test():
    from jaxtyping import TypeCheckError

    with pytest.raises(TypeCheckError):
        Batch(torch.rand(4, 4), torch.rand(3), *(getattr(make_batch(), f.name) for f in fields(Batch)[2:7]))


def test_background_derivatives_are_those_per_kilometre(iri):
    """One kilometre to the east, north or up changes log10 Ne by the derivative."""
    lat, lon, alt = (
        torch.tensor([10.0, -50.0, 65.0]),
        torch.tensor([20.0, -130.0, 179.0]),
        torch.tensor([320.0, 280.0, 400.0]),
    )
    hours = torch.tensor([12.5, 30.2, 41.0], dtype=torch.float64)
    columns = dict(zip(BACKGROUND, attach_background(lat, lon, alt, hours, iri).T, strict=True))
    lat, lon, alt = lat.double(), lon.double(), alt.double()
    degree = torch.pi / 180 * (EARTH_RADIUS_KM + alt)
    step = 20.0  # km: the background itself is single precision
    for name, move in (
        ("d_east_per_km", (0, step / (degree * torch.cos(torch.deg2rad(lat))), 0)),
        ("d_north_per_km", (step / degree, 0, 0)),
    ):
        values = [iri.log10_density(lat + s * move[0], lon + s * move[1], alt, hours) for s in (1, -1)]
        assert torch.allclose(columns[name], (values[0] - values[1]) / (2 * step), rtol=0.02, atol=2e-6)
    up, down = (iri.log10_density(lat, lon, alt + s, hours) for s in (1, -1))
    assert torch.allclose(columns["d_alt_per_km"], (up - down) / 2, rtol=0.02, atol=1e-5)


def test_points_keep_the_order_and_values_of_the_observations(thin_observations, iri):
    part = thin_observations.isel(point=slice(100, 300))
    points = prepare_points(part, iri)
    assert len(points) == 200 and str(points.start)[:13] == "2019-04-25T00"
    assert np.array_equal(points.coords[:, 0], part.lat.values) and np.array_equal(
        points.coords[:, 2], part.alt_km.values
    )
    assert np.array_equal(points.profile, part.profile.values)
    since = (part.time.values - points.start) / np.timedelta64(1, "h")
    assert np.allclose(points.coords[:, 3], since, atol=1e-5)
    assert np.allclose(points.log10_ne_m3, part.log10_ne_m3.values)


def test_longitudes_are_brought_round(thin_observations, iri):
    part = thin_observations.isel(point=slice(0, 20))
    turned = prepare_points(part.assign_coords(lon=part.lon + 360), iri)
    assert torch.allclose(turned.coords[:, 1], prepare_points(part, iri).coords[:, 1], atol=1e-4)


def test_choosing_points_keeps_them_together(thin_observations, iri):
    points = prepare_points(thin_observations.isel(point=slice(0, 50)), iri)
    mask = points.coords[:, 2] > 300
    chosen = points.select(mask)
    assert len(chosen) == int(mask.sum()) and torch.equal(chosen.background, points.background[mask])
    assert torch.equal(points.select([3, 1]).log10_ne_m3, points.log10_ne_m3[[3, 1]])
    assert torch.equal(chosen.azimuth_deg, points.azimuth_deg[mask]) and points.azimuth_deg.isfinite().all()
    unknown = prepare_points(thin_observations.drop_vars("azimuth_deg").isel(point=slice(0, 50)), iri)
    assert unknown.azimuth_deg is None and unknown.select(mask).azimuth_deg is None and points.slant_tecu is None


def test_no_points_is_said(thin_observations, iri):
    with pytest.raises(InputError, match="there are no points"):
        prepare_points(thin_observations.isel(point=slice(0, 0)), iri)
