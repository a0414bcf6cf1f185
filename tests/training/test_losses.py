"""The terms of the loss, on fields whose losses are known by hand."""

import math
from dataclasses import fields, replace
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rstmrf.config import RunConfig
from rstmrf.data.batch import Batch
from rstmrf.globe import cosine, metric, tec_gradient
from rstmrf.model.coordinates import ALT_HALF_RANGE_KM
from rstmrf.model.whole import RSTMRF
from rstmrf.presets import DOCUMENT_MODE
from rstmrf.training.direction_losses import altitude_weight, head_term, misfit
from rstmrf.training.losses import chapman_cost, chapman_term, data_term, epoch_shares, loss_terms, means, total_loss
from rstmrf.training.terms import Term, point_term

CONFIG, DOCUMENT = RunConfig(), RunConfig(**DOCUMENT_MODE)
angles, lengths = st.floats(-math.pi, math.pi), st.floats(1e-6, 1e3)


def vector(angle, length=1.0):
    return length * torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=torch.float64)


def double(batch):
    tensors = {f.name: getattr(batch, f.name) for f in fields(batch)}
    return replace(batch, **{k: v.double() for k, v in tensors.items() if v is not None and v.is_floating_point()})


def place(lat=0.0, alt=350.0):
    return torch.tensor([[lat, 30.0, alt, 5.0]], dtype=torch.float64)


def direction_loss(gradient, direction, coords, config):
    return point_term(misfit(gradient, direction, coords, config), altitude_weight(coords, config)).mean


def head_loss(field, maps, mode):
    return head_term(
        field, SimpleNamespace(target_tec_map=maps, window_share=None), RunConfig(direction_mode=mode)
    ).mean


def chapman_loss(curvature, config):
    return chapman_cost(curvature, config).mean()


def test_data_loss_is_the_mean_square():
    batch = whole_batch()
    found = data_term(batch, torch.tensor([[0.5, -0.1]]).repeat(1, 10))
    assert found.weight == 20 and found.mean.item() == pytest.approx((0.3**2 + 0.3**2) / 2, rel=1e-5)


def test_points_count_by_their_weight():
    batch = replace(whole_batch(), point_weight=torch.tensor([3.0, 1.0]).repeat(10))
    found = data_term(batch, torch.tensor([[0.5, 0.2]]).repeat(1, 10))
    assert found.weight == 40 and found.mean.item() == pytest.approx(0.75 * 0.3**2, rel=1e-5)


@given(length=st.floats(0.0, 1e-30))
def test_a_vector_near_zero_has_a_bounded_gradient(length):
    """So that half precision meets no overflow that the loss scale could not mend."""
    short = vector(0.4, length).requires_grad_()
    (gradient,) = torch.autograd.grad(cosine(short, vector(1.0)).sum(), short)
    assert torch.isfinite(gradient).all() and gradient.abs().max() <= 1.1e8


# Direction loss


@given(cos=st.floats(-1, 1), hinge=st.floats(0.05, 1.0))
def test_a_hinge_asks_for_no_more_than_its_cosine(cos, hinge):
    turned = math.acos(cos)
    config = RunConfig(direction_hinge=hinge)
    loss = direction_loss(vector(0.3 + turned, 1e-4), vector(0.3, 1e-3), place(), config).item()
    assert loss == pytest.approx(max(0.0, hinge - cos), abs=1e-6)


@given(angle=angles, length=lengths)
def test_parallel_costs_nothing_and_opposed_costs_two(angle, length):
    for config, at in ((CONFIG, place()), (DOCUMENT, place(alt=0.0))):
        turn = math.pi / 2 - angle if config is DOCUMENT else angle  # the document's members are north, then east
        losses = [direction_loss(vector(angle, length), vector(turn + x), at, config).item() for x in (0.0, math.pi)]
        assert losses == pytest.approx([0.0, 2.0], abs=1e-6)


@given(first=angles, second=angles, scale=lengths, other=lengths)
def test_direction_knows_no_magnitude(first, second, scale, other):
    """TEC never constrains how much density there is, only which way it climbs."""
    for config in (CONFIG, DOCUMENT):
        losses = [
            direction_loss(vector(first, a), vector(second, b), place(), config) for a, b in ((1, 1), (scale, other))
        ]
        assert losses[0].item() == pytest.approx(losses[1].item(), abs=1e-6)


def test_gradients_as_small_as_the_ionospheres_still_have_a_direction():
    tiny = 1e-6 * vector(0.3).float()
    assert cosine(tiny, tiny).item() == pytest.approx(1.0, abs=1e-5)
    assert cosine(0 * tiny, tiny).item() == 0.0


@pytest.mark.parametrize("lat", [86.0, -86.0, 90.0])
def test_the_poles_are_left_out(lat):
    gradient, direction = vector(0.0).repeat(2, 1), vector(math.pi / 2).repeat(2, 1)
    together = torch.cat([place(), place(lat)])
    direction[1] = -gradient[1]  # opposed at the pole
    assert direction_loss(gradient, direction, together, CONFIG).item() == pytest.approx(1.0)
    assert direction_loss(gradient[1:], direction[1:], place(lat), CONFIG).item() == 0.0


def test_it_weighs_most_at_the_peak():
    gradient, direction = vector(0.0).repeat(2, 1), torch.cat([vector(0.0), vector(math.pi)])
    opposed_aloft = direction_loss(gradient, direction, torch.cat([place(), place(alt=450.0)]), CONFIG).item()
    assert opposed_aloft == pytest.approx(2 * math.exp(-1) / (1 + math.exp(-1)))  # one e-folding width above 350 km


def test_document_form_differs_poleward_of_60_degrees():
    """A vector to the north-east in kilometres; in degrees the same vector leans to the east."""
    gradient = vector(math.pi / 4)
    for lat, differs in ((0.0, False), (60.0, True), (75.0, True)):
        loss = direction_loss(gradient, gradient.flip(1), place(lat), DOCUMENT).item()
        assert (loss > 0.03) == differs
        assert direction_loss(gradient, gradient, place(lat), CONFIG).item() == pytest.approx(0.0, abs=1e-12)
        east_km, north_km = metric(place(lat)[:, 0], place(lat)[:, 2])
        in_degrees = torch.stack([gradient[:, 1] * north_km, gradient[:, 0] * east_km], dim=1)
        assert direction_loss(gradient, in_degrees, place(lat), DOCUMENT).item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("config", [CONFIG, DOCUMENT], ids=["default", "document"])
def test_only_the_document_form_teaches_the_direction(config):
    gradient, direction = vector(0.0).requires_grad_(), vector(1.0).requires_grad_()
    direction_loss(gradient, direction, place(), config).backward()
    assert gradient.grad.norm() > 0
    taught = direction.grad is not None and direction.grad.norm() > 0
    assert taught == (config is DOCUMENT)


# The direction head's own supervision


def tec_maps():
    torch.manual_seed(2)
    maps = 20 + 5 * torch.randn(2, 1, 13, 24)
    return torch.cat([maps, maps[..., :1]], dim=-1)


@pytest.mark.parametrize("mode", ["metric", "document"])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 40.0])
def test_head_is_right_when_it_points_up_the_gradient(mode, scale):
    observed = tec_gradient(tec_maps(), mode)
    assert head_loss(scale * observed, tec_maps(), mode).item() == pytest.approx(0.0, abs=1e-5)
    assert head_loss(-scale * observed, tec_maps(), mode).item() == pytest.approx(2.0, abs=1e-5)
    assert head_loss(observed, scale * tec_maps(), mode).item() == pytest.approx(0.0, abs=1e-5)


def test_head_is_not_judged_at_the_poles():
    maps = tec_maps()
    field = tec_gradient(maps)
    wrong_at_poles = field.clone()
    wrong_at_poles[:, :, [0, -1]] *= -1
    assert head_loss(wrong_at_poles, maps, "metric").item() == pytest.approx(0.0, abs=1e-5)


# Curvature loss


def chapman_layer(alt_km, peak_km=300.0, scale_km=50.0):
    z = (alt_km - peak_km) / scale_km
    return 11.5 + 0.5 * (1 - z - torch.exp(-z)) * math.log10(math.e)


def test_a_chapman_layer_has_its_known_curvature():
    """∂²log₁₀N/∂h² = −½ e^(−z) log₁₀e / H²: at the peak, times H², −0.217."""
    alt = torch.linspace(200, 500, 7, dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(chapman_layer(alt).sum(), alt, create_graph=True)[0]
    curvature = torch.autograd.grad(slope.sum(), alt)[0]
    by_hand = (0.5 * math.log10(math.e) * torch.exp(-(alt.detach() - 300) / 50)).square()
    config = RunConfig(scale_height_km=50.0)
    assert chapman_loss(curvature, config).item() == pytest.approx(by_hand.mean().item(), rel=1e-9)
    at_peak = curvature[alt.detach() == 300]
    assert chapman_loss(at_peak, config).item() == pytest.approx(0.2171**2, rel=1e-3)


@given(height=st.floats(20, 200), curvature=st.floats(1e-6, 1e-2))
def test_both_forms_differ_by_the_fourth_power_of_their_lengths(height, curvature):
    values = torch.tensor([curvature], dtype=torch.float64)
    scaled, normalised = (
        chapman_loss(values, RunConfig(scale_height_km=height, chapman_mode=mode))
        for mode in ("scale-height", "document")
    )
    assert (scaled / normalised).item() == pytest.approx((height / ALT_HALF_RANGE_KM) ** 4, rel=1e-9)


# All terms together


def whole_batch(alt_curvature=1e-4):
    torch.manual_seed(1)
    coords = torch.rand(20, 4) * torch.tensor([120.0, 360.0, 380.0, 48.0]) + torch.tensor([-60.0, -180.0, 120.0, 0.0])
    background = torch.tensor([11.0, 1e-4, 2e-4, 5e-3, alt_curvature]).repeat(20, 1)
    maps = torch.stack([tec_maps(), tec_maps() + 1], dim=1)
    weather = torch.rand(2, 2, 2) * 9
    target = torch.full((20,), 11.2)
    return Batch(coords, target, background, torch.arange(20) % 2, weather, maps, maps[:, -1])


def test_smoothness_is_asked_of_the_residual_or_of_all():
    batch, flat = whole_batch(alt_curvature=1e-4), torch.zeros(5, 20)
    terms = {
        target: chapman_term(batch, flat, CONFIG.changed(chapman_target=target)).mean
        for target in ("residual", "fused")
    }
    assert terms["residual"] == 0
    assert terms["fused"].item() == pytest.approx((50.0**2 * 1e-4) ** 2, rel=1e-5)
    assert data_term(batch, flat).mean.item() == pytest.approx(0.04, rel=1e-4)


def test_terms_are_weighed_as_told():
    ones = {name: Term(torch.tensor(3.0), torch.tensor(3.0)) for name in ("data", "chapman", "tec_direction", "head")}
    config = CONFIG.changed(w_chapman=0.2, w_tec_direction=0.03, w_head=0.5)
    assert total_loss(ones, config).item() == pytest.approx(1.73)


@pytest.mark.parametrize("config", [CONFIG, DOCUMENT], ids=["default", "document"])
def test_which_part_learns_from_which_term(config):
    """Document: the direction loss alone teaches the direction head. Default: TEC alone does, never the density."""
    torch.manual_seed(0)
    config = config.changed(basis_dim=4, siren_hidden=8, siren_layers=1, lstm_layers=1, tec_feat_dim=2, seq_len=2)
    batch, model = whole_batch(), RSTMRF(config, 48.0)
    terms = means(loss_terms(batch, model, config))
    assert ("head" in terms) == (config.direction_mode == "metric")

    def learns(part, term):
        found = torch.autograd.grad(terms[term], list(part.parameters()), retain_graph=True, allow_unused=True)
        return any(g is not None and g.abs().max() > 0 for g in found)

    assert learns(model.residual_field, "tec_direction")
    assert learns(model.direction_field, "tec_direction") == (config.direction_mode == "document")
    for term in ("data", "chapman"):
        assert learns(model.residual_field, term) and not learns(model.direction_field, term)
    if "head" in terms:
        assert learns(model.direction_field, "head") and not learns(model.residual_field, "head")


@pytest.mark.parametrize("mode", ["metric", "document"])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_groups_of_windows_change_neither_terms_nor_gradients(mode, size):
    torch.manual_seed(0)
    tiny = dict(basis_dim=4, siren_hidden=8, siren_layers=1, lstm_layers=1, tec_feat_dim=2, seq_len=2)
    config = CONFIG.changed(**tiny, direction_mode=mode)
    maps = torch.stack([tec_maps() + k for k in range(4)], dim=1).flatten(0, 1).view(4, 2, 1, 13, 25)
    batch = whole_batch()  # of its four windows one has no point
    changes = {"unique_tec_map_seq": maps, "target_tec_map": maps[:, -1], "tec_indices": torch.arange(20) % 3}
    batch = double(replace(batch, **changes, unique_sw_seq=batch.unique_sw_seq.repeat(2, 1, 1)))
    model = RSTMRF(config, 48.0).double()
    found = []
    for group in ("all", size):
        changed = config.changed(window_group_size=group)
        terms = loss_terms(batch, model, changed)
        gradients = torch.autograd.grad(total_loss(terms, changed), list(model.parameters()))
        found.append(torch.cat([torch.stack(list(means(terms).values())), *(g.flatten() for g in gradients)]))
    assert (found[0] - found[1]).norm() < 1e-9 * found[0].norm()


def test_points_may_count_by_the_strength_of_the_gradient_of_tec():
    torch.manual_seed(0)
    tiny = dict(basis_dim=4, siren_hidden=8, siren_layers=1, lstm_layers=1, seq_len=2, direction_source="observed")
    batch = whole_batch()
    tec = batch.target_tec_map.clone()
    tec[..., : tec.shape[-2] // 2 + 2, :] = 10.0  # flat in the south
    maps = batch.unique_tec_map_seq.clone()
    maps[:, -1] = tec
    batch = replace(batch, target_tec_map=tec, unique_tec_map_seq=maps)
    south = batch.coords[:, 0] < 0
    assert 0 < south.sum() < len(south)

    def term(seen, by_strength):
        config = CONFIG.changed(**tiny, direction_by_strength=by_strength)
        torch.manual_seed(1)
        return means(loss_terms(seen, RSTMRF(config, 48.0), config))["tec_direction"].item()

    moved = batch.coords.clone()
    moved[south, 2] -= 100.0  # with other weights by altitude
    elsewhere = replace(batch, coords=moved)
    assert term(batch, True) == pytest.approx(term(elsewhere, True), rel=1e-5)
    assert term(batch, False) != pytest.approx(term(elsewhere, False), rel=1e-3)


def test_the_directions_weight_rises_over_its_ramp_and_sigma_waits():
    config = RunConfig(direction_ramp_epochs=4, sigma_warmup_epochs=2)
    shares = [epoch_shares(epoch, config) for epoch in range(6)]
    assert [share["tec_direction"] for share in shares] == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert [share["sigma"] for share in shares] == [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    assert epoch_shares(0, RunConfig())["tec_direction"] == 1.0
