"""IRI's maps of single days, mixed from those of months when a day is asked for."""

from collections.abc import Sequence
from datetime import date
from threading import Lock

import torch
from jaxtyping import Float
from torch import Tensor

from rstmrf.background import maps, profile

#: of neighbouring columns that stand together in a table's row
FOUR = 4
_DAYS_KEPT = 4  # more than threads work on at a time; a month of days would be 150 MB


class DayMaps:
    """Tables of consecutive days; the last few are kept, for points come in order of time.

    Args:
        days: the dates; ig12, f107: their drivers, `[days]`.
        dtype: of the tables.
    """

    def __init__(self, days: Sequence[date], ig12, f107, dtype):
        months = sorted({(month.year, month.month) for day in days for month in maps.mid_months(day)[0]})
        self._months = {month: torch.from_numpy(maps.monthly_coefficients(*month)) for month in months}
        self._drivers, self._dtype = list(zip(days, ig12, f107, strict=True)), dtype
        self._tables, self._lock = {}, Lock()

    def __call__(self, number: int) -> Float[Tensor, "fours 20"]:
        """Table of a day by its number: rows are UT, latitude and four longitudes, columns longitude and parameter."""
        with self._lock:
            if number not in self._tables:
                while len(self._tables) >= _DAYS_KEPT:
                    self._tables.pop(next(iter(self._tables)))
                self._tables[number] = self._mixed(*self._drivers[number])
            return self._tables[number]

    def _mixed(self, day: date, ig12: float, f107: float) -> Tensor:
        """Each parameter is linear in its solar index: IG12 for foF2 and hmF2 (Shubin), R12 for the others."""
        r12 = float(profile.r12_from_f107(torch.tensor(f107, dtype=torch.float64)))
        index = torch.tensor(FOUR * [ig12, ig12, r12, r12, r12], dtype=torch.float64) / 100.0
        around, weight_after = maps.mid_months(day)
        table = 0.0
        for month, weight in zip(around, (1 - weight_after, weight_after), strict=True):
            low, high = self._months[month.year, month.month].view(2, -1, len(index))
            table = table + low * (weight * (1 - index)).float() + high * (weight * index).float()
        return table.to(self._dtype)
