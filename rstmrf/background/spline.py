"""A day's maps between their grid points: a cubic B-spline of 4 times, rows and columns."""

import torch
from jaxtyping import Float
from torch import Tensor

from rstmrf.background import maps
from rstmrf.background.days import FOUR
from rstmrf.units import wrap_longitude

_FOURS = maps.N_LON // FOUR


def interpolate(
    table: Float[Tensor, "lines numbers"], lat, lon, hour_of_day, dtype: torch.dtype, derivatives: bool = False
) -> tuple[Float[Tensor, "n maps"], ...]:
    """Maps at points, and where they are asked for, their derivatives ∂/∂lat and ∂/∂lon per degree.

    A read brings four neighbouring columns, 20 numbers in a row of memory. Times and rows are summed while reading, and
    the columns, which lie in two neighbouring fours, afterwards.

    Args:
        table: a day's maps, as `DayMaps` lays them out.
        lat, lon: degrees, `[n]`; any longitude.
        hour_of_day: h since the day's 00 UT, `[n]`.
        dtype: of the weights and the result.
    """
    row, *by_row = _taps((lat - maps.LAT_FIRST_ROW_DEG) / maps.GRID_STEP_DEG, dtype)
    column, *by_column = _taps((wrap_longitude(lon) + 180.0) / maps.GRID_STEP_DEG, dtype)
    time, by_time, _ = _taps(hour_of_day / maps.UT_STEP_HOURS, dtype)
    row = row.clamp(max=maps.N_LAT_PADDED - 1)  # the fourth tap at the north pole has no weight
    lines = (time[:, :, None] % maps.N_UT * maps.N_LAT_PADDED + row[:, None, :]).flatten(1) * _FOURS
    first = column[:, :1] % maps.N_LON
    left = first // FOUR
    fours = torch.stack([lines + left, lines + (left + 1) % _FOURS], dim=1).flatten(0, 1)
    within = first % FOUR + torch.arange(FOUR)
    by_column = [w.new_zeros(len(w), 1, 8).scatter_(2, within[:, None], w[:, None]) for w in by_column]
    at = _summed(table, fours, by_time, by_row[0])
    if not derivatives:
        return ((by_column[0] @ at)[:, 0],)
    value, by_lon = (torch.cat(by_column, dim=1) @ at).unbind(1)
    by_lat = (by_column[0] @ _summed(table, fours, by_time, by_row[1]))[:, 0]
    return value, by_lat / maps.GRID_STEP_DEG, by_lon / maps.GRID_STEP_DEG


def _summed(table, fours, by_time, by_row):
    """Maps at 8 columns `[n, 8, 5]`, summed over times and rows."""
    weights = (by_time[:, :, None] * by_row[:, None, :]).reshape(-1, 1, 16).expand(-1, 2, -1).flatten(0, 1)
    at = torch.nn.functional.embedding_bag(fours, table, per_sample_weights=weights, mode="sum")
    return at.view(-1, 2 * FOUR, len(maps.PARAMETERS))


def _taps(position, dtype):
    """Indices, weights and the weights' derivatives, each `[n, 4]`, of a cubic B-spline at grid positions `[n]`."""
    base = position.floor()
    f = (position - base).to(dtype)
    weights = torch.stack([(1 - f) ** 3, 4 - 6 * f**2 + 3 * f**3, 1 + 3 * f + 3 * f**2 - 3 * f**3, f**3], dim=1) / 6
    slopes = torch.stack([-((1 - f) ** 2), f * (3 * f - 4), 1 + 2 * f - 3 * f**2, f**2], dim=1) / 2
    return base.long()[:, None] + torch.arange(-1, 3), weights, slopes
