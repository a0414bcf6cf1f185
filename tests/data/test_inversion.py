"""What inversion makes of a field: nothing where it is symmetric, the simulator's error where it is the truth."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rstmrf.background import abel
from rstmrf.data.batch import prepare_points
from rstmrf.data.curtains import NODES_KM, spread_over_curtain
from rstmrf.data.inversion import Inversion
from rstmrf.data.slant import slant_misfit_dex, slant_of_rays, slant_tecu
from rstmrf.readers import sample
from rstmrf.simulate import month, month_profiles

pytestmark = pytest.mark.usefixtures("one_thread")
N_HOURS, LIMIT_DEX = 3, 1.0


def nothing(coords):
    return torch.zeros(len(coords))


@pytest.fixture(scope="module")
def iri():
    return sample.background()


@pytest.fixture(scope="module")
def points(iri):
    observed = sample.observations()
    return prepare_points(observed.isel(point=observed.profile < 40), iri)


@pytest.fixture(scope="module")
def of_month():
    """Some hours of the month's truth, its observations without noise, and their inversion."""
    iri = month.background()
    truth, _ = month.make_truth(iri, n_hours=N_HOURS)
    observed = month_profiles.observe(truth, month_profiles.tracks(1500, n_hours=N_HOURS))
    points = prepare_points(observed, iri)
    places = points.coords.double().numpy()
    reference = Inversion(points, iri)

    def residual(coords):
        at, levels = coords.double().numpy().reshape(-1, NODES_KM.size, 4), NODES_KM
        place = at[:, 0, 0], at[:, 0, 1], at[:, 0, 3]
        columns = truth.columns(*place, np.broadcast_to(levels, (len(at), levels.size)))
        return (
            torch.from_numpy(columns - iri.log10_density_columns(*place[:2], levels, place[2]).numpy())
            .flatten()
            .float()
        )

    return observed, points, places, reference, residual


def test_the_truth_gives_the_error_that_the_simulator_made(of_month):
    observed, _, places, inversion, residual = of_month
    made = observed.log10_ne_m3.values - observed.true_log10_ne_m3.values
    found = inversion.correction(residual, LIMIT_DEX)
    low = places[:, 2] < 240
    left = made - found.dex.numpy()
    assert found.negative == 0 and np.corrcoef(made[low], found.dex[low])[0, 1] > 0.8
    assert left[places[:, 2] > 300].std() == pytest.approx(0.03, abs=0.006)  # the simulated noise
    assert made[low].std() > 2 * left[low].std()


def test_slant_tec_of_the_truth_is_what_the_simulator_measured(of_month):
    observed, _, places, inversion, residual = of_month
    slant, outside = slant_tecu(inversion.curtains, residual)
    relative = slant.numpy() / observed.slant_tecu.values - 1
    assert abs(np.median(relative)) < 0.02 and np.quantile(abs(relative), 0.9) < 0.06
    assert 0 < outside.min() and outside[places[:, 2] < 300].max() < 0.4
    assert outside[places[:, 2] == 500].min() > outside[places[:, 2] == 300].mean()


def test_the_opposite_azimuth_sees_the_same(points, iri):
    turned = Inversion(replace(points, azimuth_deg=points.azimuth_deg + 180), iri).correction(nothing, LIMIT_DEX)
    straight = Inversion(points, iri).correction(nothing, LIMIT_DEX)
    assert torch.allclose(turned.dex, straight.dex, atol=1e-3) and straight.dex.abs().max() > 0.05


def test_profiles_without_azimuth_are_left_and_counted(points, iri):
    azimuth = points.azimuth_deg.clone()
    azimuth[points.profile < 15] = torch.nan
    some, every = (Inversion(p, iri) for p in (replace(points, azimuth_deg=azimuth), points))
    assert (some.curtains.number, some.curtains.without, every.curtains.without) == (25, 15, 0)
    found, whole = (x.correction(nothing, LIMIT_DEX) for x in (some, every))
    known = points.profile >= 15
    assert not found.dex[~known].any() and (found.weight()[~known] == 1).all()
    assert torch.equal(found.dex[known], whole.dex[known])
    assert slant_tecu(some.curtains, nothing)[0].isnan().equal(~known)
    none = Inversion(replace(points, azimuth_deg=None), iri)
    assert (none.curtains.number, none.curtains.without) == (0, 40) and not none.correction(
        nothing, LIMIT_DEX
    ).dex.any()


def test_parts_of_several_processes_make_the_whole(points, iri):
    inversion = Inversion(points, iri)
    whole = inversion.correction(nothing, LIMIT_DEX)
    parts = [inversion.correction(nothing, LIMIT_DEX, rank, 3) for rank in range(3)]
    assert torch.equal(sum(p.dex for p in parts), whole.dex) and sum(p.limited for p in parts) == whole.limited
    assert torch.equal(sum(p.sigma_dex for p in parts), whole.sigma_dex)


def test_a_residual_that_is_the_same_everywhere_corrects_nothing_more(points, iri):
    inversion = Inversion(points, iri)
    risen = inversion.correction(lambda coords: torch.full((len(coords),), 0.4), LIMIT_DEX)
    assert torch.allclose(risen.dex, inversion.correction(nothing, LIMIT_DEX).dex, atol=1e-5)


def test_corrections_keep_within_their_limit_and_large_ones_weigh_less(points, iri):
    inversion = Inversion(points, iri)
    free, bound = (inversion.correction(nothing, limit) for limit in (LIMIT_DEX, 0.05))
    assert bound.dex.abs().max() == pytest.approx(0.05) and bound.negative == free.negative > 0
    assert bound.limited + bound.negative == int((free.dex.abs() > 0.05).sum())
    weight, size = free.weight(), free.dex.abs()
    assert weight.max() <= 1 and weight[size > 0.2].mean() < weight[size < 0.02].mean()
    night_low = points.coords[:, 2] < 150
    assert free.sigma_dex[night_low].mean() > 2 * free.sigma_dex[points.coords[:, 2] > 300].mean()


def test_levels_outside_the_trained_range_take_the_residual_of_the_nearest(points, iri):
    """A residual at 500 km alone is that of all above: rays that see nothing else rise by as much."""
    inversion = Inversion(points, iri)
    raised = slant_tecu(inversion.curtains, lambda coords: 0.3 * (coords[:, 2] == 500.0).float())[0]
    plain = slant_tecu(inversion.curtains, nothing)[0]
    at_500 = points.coords[:, 2] == 500
    assert torch.allclose(raised[at_500] / plain[at_500], torch.tensor(10**0.3), rtol=1e-3)


def test_rays_of_a_batch_have_the_slant_tec_of_their_points(points, iri):
    """A residual raised by 0.1 everywhere raises each by as much; where none was measured nothing is asked for."""
    curtains = Inversion(points, iri).curtains
    some = replace(points, curtain=torch.from_numpy(curtains.row)).select([5, 700, 701])
    some = replace(some, slant_tecu=torch.tensor([50.0, torch.nan, 80.0]), curtain=some.curtain.clone())
    some.curtain[2] = -1
    rays = curtains.rays(some, torch.tensor([4, 7, 7]))
    assert set(rays.tec_indices.tolist()) == {4, 7} and len(rays.iri_dex) == 2
    residual = torch.full((len(rays.coords),), 0.1, requires_grad=True)
    found, plain = slant_of_rays(rays, residual), slant_tecu(curtains, nothing)[0][[5, 700]]
    assert torch.allclose(found[:2], plain * 10**0.1, rtol=1e-3) and found[2] == 0
    misfit, known = slant_misfit_dex(rays, residual)
    assert known.tolist() == [True, False, False] and misfit[0].item() == pytest.approx(np.log10(found[0].item() / 50))
    (slope,) = torch.autograd.grad(misfit.sum(), residual)
    assert slope.isfinite().all() and slope.sum().item() == pytest.approx(1.0, rel=1e-3)


def test_what_is_linear_along_and_up_is_spread_over_the_curtain_exactly():
    levels = np.clip(abel.SHELLS_KM, *NODES_KM[[0, -1]])
    nodes = torch.from_numpy(abel.COLUMNS_DEG[::2, None] + 0.1 * NODES_KM)
    whole = torch.from_numpy(abel.COLUMNS_DEG[:, None] + 0.1 * levels)
    assert torch.allclose(spread_over_curtain(nodes.flatten())[0], whole)
