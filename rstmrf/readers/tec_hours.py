"""TEC maps at whole hours: interpolated in time, in the Sun-fixed frame or the Earth-fixed one."""

import numpy as np
import torch
import xarray as xr

from rstmrf.errors import InputError
from rstmrf.globe import turned_without_seam
from rstmrf.readers.tec_maps import columns_round_the_globe, maps_like, minute, parse_date

FRAMES = ("sun-fixed", "earth-fixed")
HOUR = np.timedelta64(3600 * 10**9, "ns")


def hourly(ds, start=None, end=None, frame="sun-fixed", max_gap_hours=4.0, gaps="error") -> xr.Dataset:
    """Interpolate `vtec_tecu` linearly in time to the whole hours from `start` to `end` (UT; by default all).

    With `frame="sun-fixed"` both neighbouring maps are first turned by 15° per hour to the wanted time, because TEC
    follows the Sun (the IONEX description recommends it); with "earth-fixed" they stay, as do the crests along the
    magnetic equator. Where maps of real days are left out and interpolated again, turning wins clearly once they are
    8 h apart, and loses at 2 h when the crests are strong (CODE, 2024-02-04). Maps of a whole hour come out unchanged.
    RMS maps stay behind: the error of an interpolated map is not the interpolated error.

    Hours in a gap above `max_gap_hours` [h] are an error that names them, or left out with `gaps="leave-out"`.

    Raises InputError: another `frame`, hours outside of the maps, a gap.
    """
    if frame not in FRAMES:
        raise InputError(f"frame is {frame!r}; accepted are {' and '.join(FRAMES)}.")
    time, hours = ds.time.values, _whole_hours(ds.time.values, start, end)
    right = np.searchsorted(time, hours)
    left = np.where(time[right] == hours, right, right - 1)
    wide = (time[right] - time[left]) / HOUR > max_gap_hours
    if wide.any():
        if gaps != "leave-out":
            _refuse_gaps(hours[wide], (time[right] - time[left]) / HOUR, max_gap_hours)
        hours, left, right = hours[~wide], left[~wide], right[~wide]
    if np.array_equal(left, right):
        return ds[["vtec_tecu"]].isel(time=_as_slice(right))
    columns, maps = columns_round_the_globe(ds.lon.values), ds.vtec_tecu.values
    out = np.empty((len(hours), *maps.shape[1:]), np.float32)
    for k, (i, j) in enumerate(zip(left, right, strict=True)):
        if i == j:
            out[k] = maps[i]
            continue
        since, until = (hours[k] - time[i]) / HOUR, (time[j] - hours[k]) / HOUR
        earlier, later = maps[i, :, :columns], maps[j, :, :columns]
        if frame == "sun-fixed":
            earlier, later = _turned(earlier, since), _turned(later, -until)
        out[k, :, :columns] = (until * earlier + since * later) / (since + until)
        out[k, :, columns:] = out[k, :, :1]
    n_made = int((left != right).sum())
    return maps_like(ds, out, time=hours, time_interpolation=frame, interpolated_hours=n_made)


def _whole_hours(time, start, end):
    first = time[0] if start is None else parse_date(start, "start")
    last = time[-1] if end is None else parse_date(end, "end")
    if first < time[0] or last > time[-1] or first > last:
        asked, held = f"{minute(first)} to {minute(last)}", f"{minute(time[0])} to {minute(time[-1])}"
        raise InputError(f"hours from {asked} are wanted; the maps go from {held}.")
    hours = np.arange(first.astype("M8[h]"), last.astype("M8[h]") + 1).astype("M8[ns]")
    hours = hours[hours >= first]
    if hours.size == 0:
        raise InputError(f"no whole hour lies between {minute(first)} and {minute(last)}; maps around one are needed.")
    return hours


def _refuse_gaps(hours, gap_hours, max_gap_hours):
    named = ", ".join(hours[:6].astype("M8[h]").astype(str)) + (f" and {hours.size - 6} more" if hours.size > 6 else "")
    raise InputError(
        f"no TEC for {hours.size} hours ({named}): maps are up to {gap_hours.max():g} h apart there, "
        f"at most {max_gap_hours:g} h are bridged; add the files of that time, raise max_gap_hours or leave gaps out."
    )


def _as_slice(indices):
    """Evenly spaced indices as a slice, which takes a view instead of a copy of all maps."""
    steps = np.unique(np.diff(indices))
    return slice(indices[0], indices[-1] + 1, steps[0] if steps.size else 1) if steps.size < 2 else indices


def _turned(values, hours):
    """Maps [lat, lon] turned westward by 15° an hour."""
    return turned_without_seam(torch.from_numpy(np.ascontiguousarray(values)), hours).numpy()
