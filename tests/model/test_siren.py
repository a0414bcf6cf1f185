"""The initialisation keeps activations alike through depth; a frequency belongs to each input."""

import pytest
import torch

from rstmrf.model import jets
from rstmrf.model.siren import Siren

WIDTH, DEPTH = 256, 6


@pytest.mark.parametrize("omega_0", [30.0, 2.0])
def test_activations_stay_alike_through_depth(omega_0):
    torch.manual_seed(0)
    siren = Siren(3, WIDTH, 8, DEPTH, omega_0)
    x, spread = torch.rand(4096, 3) * 2 - 1, []
    for layer in siren.layers():
        x = jets.activate(layer, x)
        spread.append(x.square().mean().sqrt().item())
    spread = spread[1:]
    assert all(0.5 < s < 0.8 for s in spread), spread  # the paper's arcsine law has 1/√2
    assert max(spread[-4:]) / min(spread[-4:]) < 1.1, spread


def test_wider_range_of_weights_would_not_keep_them():
    """Without the division by ω₀ hidden layers would see phases ω₀ times as large: the test above is not idle."""
    torch.manual_seed(0)
    siren = Siren(3, WIDTH, 8, 1, 30.0)
    assert siren.hidden[0].weight.abs().max() < (6 / WIDTH) ** 0.5 / 30.0 * (1 + 1e-6)
    assert siren.first.weight.abs().max() <= 1 / 3


def test_each_input_has_its_own_frequency():
    siren = Siren(2, 16, 4, 1, 30.0, input_omega=[30.0, 4.0]).double()
    x = torch.rand(8, 2, dtype=torch.float64)
    slower = Siren(2, 16, 4, 1, 30.0, input_omega=[30.0, 2.0]).double()
    slower.load_state_dict(siren.state_dict())
    assert torch.allclose(slower(x * torch.tensor([1.0, 2.0])), siren(x), rtol=1e-12, atol=1e-12)
    assert not torch.allclose(slower(x), siren(x), atol=1e-3)
