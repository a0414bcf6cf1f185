"""What of space weather the model sees."""

import pytest
import torch

from rstmrf.model.drivers import SpaceWeatherEncoder


@pytest.mark.parametrize(("inputs", "sees"), [("both", (True, True)), ("kp", (True, False)), ("none", (False, False))])
def test_an_index_that_is_left_out_changes_nothing(inputs, sees):
    torch.manual_seed(0)
    encoder = SpaceWeatherEncoder(8, 2, inputs)
    window = torch.stack([torch.linspace(1, 6, 6), torch.full((6,), 180.0)], dim=-1)[None]
    for column, seen in enumerate(sees):
        other = window.clone()
        other[..., column] += 1.0
        assert torch.equal(encoder(window), encoder(other)) is not seen
