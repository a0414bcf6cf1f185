"""Columns give the residual of the plain field, in both forms of coordinates and whatever the chunks."""

import pytest
import torch

from rstmrf.config import RunConfig
from rstmrf.model.columns import ColumnField
from rstmrf.model.field import ResidualField
from rstmrf.presets import DOCUMENT_MODE


@pytest.mark.parametrize("changes", [{}, DOCUMENT_MODE], ids=["default", "document"])
@pytest.mark.parametrize("n_alt", [1, 7, 3000])
def test_columns_are_the_points_of_the_field(changes, n_alt):
    torch.manual_seed(0)
    config = RunConfig(**changes, basis_dim=8, siren_hidden=16, siren_layers=2)
    field = ResidualField(config, 72.0).double()
    lat, lon = torch.rand(9).double() * 180 - 90, torch.rand(9).double() * 360 - 180
    alt_km, sw_seq = torch.linspace(100, 900, n_alt).double(), torch.rand(6, 2).double() * 9
    found = ColumnField(field)(lat, lon, alt_km, 17.3, sw_seq)
    points = torch.cartesian_prod(torch.arange(9.0).double(), alt_km)
    place = points[:, 0].long()
    coords = torch.stack([lat[place], lon[place], points[:, 1], torch.full_like(points[:, 1], 17.3)], dim=1)
    plain = field(coords, sw_seq[None], torch.zeros_like(place))[0]
    torch.testing.assert_close(found.flatten(), plain, rtol=1e-9, atol=1e-12)


def test_single_precision_columns_agree_within_rounding():
    torch.manual_seed(0)
    field = ResidualField(RunConfig(), 72.0)
    lat, lon, alt_km = torch.linspace(-90, 90, 40), torch.linspace(-180, 179, 40), torch.linspace(100, 900, 50)
    sw_seq = torch.rand(6, 2)
    found = ColumnField(field)(lat, lon, alt_km, 30.5, sw_seq)
    exact = ColumnField(field.double())(lat.double(), lon.double(), alt_km.double(), 30.5, sw_seq.double())
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=1e-5)
